package sfu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// auditorium is a room in which everybody speaks, and hears a few of those who
// came just before.
type auditorium struct {
	*room
	now   time.Time
	seats []*Peer
	seq   uint16
}

const auditoriumSlots = 4

func newAuditorium(peers int) *auditorium {
	s := &SFU{metrics: newMetrics(prometheus.NewRegistry())}
	w := newWorker(0, nil, s.metrics)
	a := &auditorium{
		room: &room{sfu: s, peers: map[string]*Peer{}, byID: map[string]*track{}, voices: newVoices(6)}, now: time.Now(),
	}
	for i := range peers {
		p := &Peer{
			id: fmt.Sprint(i), room: a.room, sfu: s, worker: w, listener: &told{}, told: []Slot{}, connected: true, up: true,
		}
		t := &track{id: trackOf(i), kind: Audio, peer: p, source: newSource(uint64(i), Audio)}
		t.source.put(0, &incoming{rate: 48000})
		a.peers[p.id] = p
		a.add(t)
		for n := range auditoriumSlots {
			p.slots = append(p.slots, &slot{kind: Audio, out: &outgoing{}, track: trackOf((i + peers - 1 - n) % peers)})
		}
		a.seats = append(a.seats, p)
	}
	return a
}

func trackOf(i int) string { return fmt.Sprintf("t%d", i) }

// pass lets time pass in which everybody speaks, and all arrives but each other
// packet of one of them; -1 is nobody.
func (a *auditorium) pass(lossy int) {
	for range 50 {
		a.seq++
		for i, t := range a.tracks {
			if i != lossy || a.seq%2 == 0 {
				t.source.stream(0).arriving.add(a.now, a.seq, uint32(a.seq)*960, 48000)
			}
		}
		a.now = a.now.Add(20 * time.Millisecond)
	}
	a.now = a.now.Add(judgeInterval - time.Second)
	a.judge(a.now)
}

// heard is what those told anything were told last, by peer.
func (a *auditorium) heard() map[int][]PeerQuality {
	out := map[int][]PeerQuality{}
	for i, p := range a.seats {
		if list := p.listener.(*told).quality; list != nil {
			out[i] = list
		}
	}
	return out
}

func TestAThousandPeersAreToldOnlyOfWhatConcernsThem(t *testing.T) {
	const peers = 1000
	a := newAuditorium(peers)
	began := time.Now()
	for range 5 {
		a.pass(-1)
	}
	t.Logf("five looks at %d peers took %v", peers, time.Since(began))
	if got := a.heard(); len(got) != 0 {
		t.Fatalf("all is well, and %d were told: %v", len(got), got)
	}

	// The way from one of them to the server begins to lose packets.
	const weak = 10
	for range 5 {
		a.pass(weak)
	}
	var about []int
	for i, list := range a.heard() {
		about = append(about, i)
		if len(list) != 1 || list[0].Peer != "10" || list[0].Cause != Uplink || len(list[0].Tracks) != 1 || list[0].Tracks[0].Track != trackOf(weak) {
			t.Errorf("%d was told %v", i, list)
		}
	}
	slices.Sort(about)
	if want := []int{10, 11, 12, 13, 14}; !slices.Equal(about, want) {
		t.Errorf("%v were told, want %v: itself, and those who hear it", about, want)
	}

	// It gets well, and that is told to the same.
	for range 20 {
		a.pass(-1)
	}
	for i, list := range a.heard() {
		if len(list) != 0 {
			t.Errorf("%d was told last %v", i, list)
		}
	}
	if got := len(a.heard()); got != 5 {
		t.Errorf("%d were told anything", got)
	}
}

func TestAWeakDownlinkIsToldToItsOwnClientAlone(t *testing.T) {
	a := newAuditorium(10)
	a.seats[3].figures.Store(&downlinkFigures{lost: 0.3, rtt: 50 * time.Millisecond})
	for range 10 {
		a.pass(-1)
	}
	got := a.heard()
	if len(got) != 1 || len(got[3]) != 1+auditoriumSlots {
		t.Fatalf("told was %v", got)
	}
	for i, q := range got[3] {
		if (q.Peer == "3") != (i == 0) || q.Cause != Downlink {
			t.Errorf("told as number %d: %v", i, q)
		}
	}
	calls := a.seats[3].listener.(*told)
	calls.quality = nil
	for range 5 {
		a.pass(-1)
	}
	if calls.quality != nil {
		t.Errorf("nothing has changed, and it was told %v", calls.quality)
	}
}

// A video that is sent smaller than it is shown counts against its slot, not
// against its publisher.
func TestAStarvedSlotIsTold(t *testing.T) {
	a := newAuditorium(10)
	s := a.seats[3].slots[0]
	s.kind, s.load.source = Video, a.byID[s.track].source
	s.out.short.Store(uint32(shortOf(0, 1_000_000)))
	for range 5 {
		a.pass(-1)
	}
	got := a.heard()
	if len(got) != 1 || len(got[3]) != 1 || got[3][0].Peer != "2" || got[3][0].Cause != Downlink || got[3][0].Tracks[0].Track != s.track {
		t.Fatalf("told was %v", got)
	}
}

// Whoever cannot be reached has no way to the server.
func TestASilentPublisherIsTold(t *testing.T) {
	a := newAuditorium(10)
	a.seats[3].up = false
	a.pass(-1)
	a.pass(-1)
	got := a.heard()
	for _, i := range []int{4, 5, 6, 7} {
		if len(got[i]) != 1 || got[i][0].Peer != "3" || got[i][0].Cause != Uplink {
			t.Errorf("%d was told %v", i, got[i])
		}
	}
	// Media that two peers exchange directly is not the server's to judge.
	b := newAuditorium(2)
	for _, p := range b.seats {
		p.suspended = true
		p.figures.Store(&downlinkFigures{outage: true})
	}
	b.pass(0)
	b.pass(0)
	if got := b.heard(); len(got) != 0 {
		t.Errorf("of a direct connection was told %v", got)
	}
}
