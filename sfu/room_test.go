package sfu

import (
	"slices"
	"testing"
	"time"
)

// talk is a listener that keeps who was said to speak.
type talk struct {
	told
	speakers [][]string
}

func (l *talk) Speakers(peers []string) { l.speakers = append(l.speakers, peers) }

func TestANewcomerIsToldWhoSpeaks(t *testing.T) {
	s := runSFU(t)
	ann, err := s.Join("tea", "ann", &told{})
	if err != nil {
		t.Fatal(err)
	}
	ann.room.mu.Lock()
	ann.room.speakers.told = []string{"ann"}
	ann.room.mu.Unlock()
	heard := &talk{}
	cat, err := s.Join("tea", "cat", heard)
	if err != nil {
		t.Fatal(err)
	}
	cat.View(nil)
	if len(heard.speakers) != 1 || !slices.Equal(heard.speakers[0], []string{"ann"}) {
		t.Fatalf("was told %v", heard.speakers)
	}
}

// All that may come at any time may come after Close, too.
func TestNothingIsToldAfterClose(t *testing.T) {
	s := runSFU(t)
	heard := &told{}
	p, err := s.Join("tea", "ann", heard)
	if err != nil {
		t.Fatal(err)
	}
	p.View(nil)
	p.Close()
	slots, speakers := heard.slots.Load(), heard.speakers.Load()
	p.Allow(Rights{})
	p.Suspend(true)
	p.Tell()
	if heard.slots.Load() != slots || heard.speakers.Load() != speakers {
		t.Fatal("something was told after Close")
	}
}

// A client to which messages were lost is told all there is, once more.
func TestTell(t *testing.T) {
	s := runSFU(t)
	film(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	bob.sees(t, 10)
	slots, speakers, last := bob.told.slots.Load(), bob.told.speakers.Load(), bob.told.lastSlots()
	bob.peer.Tell()
	if bob.told.slots.Load() != slots+1 || bob.told.speakers.Load() != speakers+1 || !slices.Equal(bob.told.lastSlots(), last) {
		t.Fatalf("told %v", bob.told.lastSlots())
	}
	early, err := s.Join("tea", "cat", &told{})
	if err != nil {
		t.Fatal(err)
	}
	early.Tell()
	if n := early.listener.(*told).slots.Load(); n != 0 {
		t.Fatalf("%d slots messages before View", n)
	}
}

// With more voices than slots, who speaks comes first and who is muted last.
func TestVoicesThatSpeakComeFirst(t *testing.T) {
	r := &room{peers: map[string]*Peer{}, byID: map[string]*track{}, voices: newVoices(6), sfu: &SFU{config: Config{Voices: 6}}}
	for _, id := range []string{"muted", "silent", "speaking"} {
		p := &Peer{id: id, room: r}
		r.peers[id] = p
		r.add(&track{id: id + "'s", kind: Audio, peer: p, muted: id == "muted", source: newSource(1, Audio)})
	}
	r.listen(time.Now())
	r.speakers.told = []string{"speaking"}
	var got []string
	for _, g := range r.guests(&Peer{id: "listener", room: r}, Audio, r.audible(), 3) {
		got = append(got, g.peer)
	}
	if want := []string{"speaking", "silent", "muted"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestPlaces(t *testing.T) {
	view := View{{Track: "a"}, {Track: "b", Priority: 2}, {Track: "c", Paused: true}, {Track: "a", Priority: 1}, {Track: "late", Priority: 9}}
	got := newPlaces(view, 4)
	want := places{"b": {rank: 0, priority: 2}, "a": {rank: 1, priority: 1}, "c": {rank: 3, paused: true}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for track, place := range want {
		if got[track] != place {
			t.Errorf("%s is at %v, want %v", track, got[track], place)
		}
	}
	if newPlaces(nil, 4) != nil || newPlaces(View{}, 4) == nil {
		t.Error("no view shows everything, an empty one nothing")
	}
	if got := newPlaces(view, 4).ranked(); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("they rank %v", got)
	}
	if n := len(newPlaces(make(View, 32_000), 128)); n > 128 {
		t.Errorf("%d places are kept", n)
	}
}

func TestPlacesOfSpeakers(t *testing.T) {
	view := View{{Speaker: true, Width: 1280}, {Track: "b"}, {Speaker: true, Width: 320}, {Speaker: true}}
	got := view.resolve([]string{"a", "b", "c"})
	want := View{{Track: "a", Speaker: true, Width: 1280}, {Track: "b"}, {Track: "c", Speaker: true, Width: 320}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
