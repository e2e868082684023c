package room_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// someone is a peer that keeps what it is told.
type someone struct {
	*room.Peer
	rooms     *room.Rooms
	room      *room.Room
	mu        sync.Mutex
	told      []*protocol.ServerMessage // guarded by mu
	removed   *protocol.Error
	admitted  bool
	grants    auth.Grants
	suspended bool
	publishes []*protocol.Track // as the media side was told
}

func (s *someone) Send(e *protocol.Event, _ string) {
	s.mu.Lock() // a room's clock tells things, too
	defer s.mu.Unlock()
	s.told = append(s.told, e.Message())
}
func (s *someone) Remove(reason *protocol.Error)    { s.removed = reason }
func (s *someone) Admit()                           { s.admitted = true }
func (s *someone) Grant(grants auth.Grants)         { s.grants = grants }
func (s *someone) Publish(tracks []*protocol.Track) { s.publishes = slices.Clone(tracks) }
func (s *someone) Mute(track string, muted bool) {
	for i, t := range s.publishes {
		if t.GetId() == track {
			s.publishes[i] = &protocol.Track{Id: track, Mid: t.GetMid(), Kind: t.GetKind(), Source: t.GetSource(), Muted: muted}
		}
	}
}
func (s *someone) Suspend(on bool) { s.suspended = on }

// newRooms are rooms whose empty ones end at once.
func newRooms(change ...func(*room.Config)) *room.Rooms {
	config := room.Config{
		Limits:   room.Limits{Rooms: 10, PeersPerRoom: 10, TracksPerPeer: 3},
		Defaults: &protocol.RoomSettings{MaxPeers: 10},
	}
	for _, f := range change {
		f(&config)
	}
	return room.NewRooms(config)
}

func newcomer(who room.Identity) *someone {
	s := &someone{}
	if who.Grants == 0 {
		who.Grants = auth.DefaultGrants
	}
	s.Peer = room.NewPeer(who, s)
	return s
}

func enter(t *testing.T, rooms *room.Rooms, name string, offers ...*protocol.TrackOffer) *someone {
	t.Helper()
	return enterAs(t, rooms, name, room.Identity{}, offers...)
}

func enterAs(t *testing.T, rooms *room.Rooms, name string, who room.Identity, offers ...*protocol.TrackOffer) *someone {
	t.Helper()
	s := newcomer(who)
	s.rooms = rooms
	tracks, refusal := rooms.Tracks(nil, offers)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if s.room, refusal = rooms.Enter(name, s.Peer, tracks, nil, ""); refusal != nil {
		t.Fatal(refusal)
	}
	return s
}

// news is what s was told since the last call.
func (s *someone) news() []*protocol.ServerMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.told
	s.told = nil
	return out
}

func audio(mid string) *protocol.TrackOffer {
	return &protocol.TrackOffer{Mid: mid, Kind: protocol.Kind_AUDIO, Source: "microphone"}
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		room, name string
		want       protocol.Error_Code
	}{
		{"tea", "Ann", 0},
		{"広場-1_b.c", "", 0},
		{"नमस्ते", "", 0},
		{strings.Repeat("x", 64), strings.Repeat("あ", 64), 0},
		{"", "", protocol.Error_BAD_ROOM_NAME},
		{strings.Repeat("x", 65), "", protocol.Error_BAD_ROOM_NAME},
		{".hidden", "", protocol.Error_BAD_ROOM_NAME},
		{"a b", "", protocol.Error_BAD_ROOM_NAME},
		{"a/b", "", protocol.Error_BAD_ROOM_NAME},
		{"tea", strings.Repeat("x", 65), protocol.Error_BAD_FIELD},
		{"tea", "a\x00b", protocol.Error_BAD_FIELD},
	} {
		if got := room.CheckJoin(&protocol.Join{Room: tc.room, Name: tc.name}).GetCode(); got != tc.want {
			t.Errorf("room %q, name %q: %v, want %v", tc.room, tc.name, got, tc.want)
		}
	}
}

func TestARoomBeginsWithItsFirstPeerAndEndsWithItsLast(t *testing.T) {
	rooms := newRooms()
	ann, bob := enter(t, rooms, "tea"), enter(t, rooms, "tea")
	if ann.room != bob.room || rooms.Count() != 1 {
		t.Fatal("they are not in one room")
	}
	ann.room.Leave(ann.Peer, protocol.PeerLeft_LEFT)
	ann.room.Leave(ann.Peer, protocol.PeerLeft_LEFT)
	bob.room.Leave(bob.Peer, protocol.PeerLeft_LEFT)
	if rooms.Count() != 0 {
		t.Fatal("an empty room is left over")
	}
}

func TestPublishTellsWhatChanged(t *testing.T) {
	rooms := newRooms()
	ann, bob := enter(t, rooms, "tea", audio("0")), enter(t, rooms, "tea")
	bob.news()
	first := ann.told[0].GetJoined().GetTracks()[0].GetId()
	video := &protocol.TrackOffer{Mid: "1", Kind: protocol.Kind_VIDEO, Source: "camera"}

	tracks, err := ann.room.Publish(ann.Peer, []*protocol.TrackOffer{video, audio("0")})
	if err != nil {
		t.Fatal(err)
	}
	if tracks[1].GetId() != first || tracks[0].GetMid() != "1" {
		t.Fatalf("the tracks are %v", tracks)
	}
	news := bob.news()
	if len(news) != 1 || news[0].GetTrackPublished().GetTrack().GetId() != tracks[0].GetId() {
		t.Fatalf("a new track: told %v", news)
	}
	if news[0].GetTrackPublished().GetTrack().GetMid() != "" {
		t.Fatal("the publisher's mid was told to somebody else")
	}

	muted := audio("0")
	muted.Muted = true
	if _, err := ann.room.Publish(ann.Peer, []*protocol.TrackOffer{video, muted}); err != nil {
		t.Fatal(err)
	}
	if news := bob.news(); len(news) != 1 || !news[0].GetTrackUpdated().GetTrack().GetMuted() {
		t.Fatalf("a changed track: told %v", news)
	}

	// The mid is used again for something else: another track.
	again := &protocol.TrackOffer{Mid: "0", Kind: protocol.Kind_VIDEO}
	if tracks, err = ann.room.Publish(ann.Peer, []*protocol.TrackOffer{again}); err != nil || tracks[0].GetId() == first {
		t.Fatalf("%v, %v", tracks, err)
	}
	if news := bob.news(); len(news) != 3 || news[0].GetTrackPublished() == nil || news[1].GetTrackRemoved() == nil || news[2].GetTrackRemoved() == nil {
		t.Fatalf("all replaced: told %v", news)
	}
}

func TestAMessageForSomebodyMissingReachesNobody(t *testing.T) {
	rooms := newRooms()
	ann, bob := enter(t, rooms, "tea"), enter(t, rooms, "tea")
	bob.news()
	err := ann.room.Say(ann.Peer, &protocol.Message{To: []string{bob.ID(), "ghost"}})
	if err.GetCode() != protocol.Error_NO_SUCH_PEER {
		t.Fatalf("got %v", err)
	}
	if err := ann.room.Say(ann.Peer, &protocol.Message{To: []string{ann.ID()}}); err.GetCode() != protocol.Error_NO_SUCH_PEER {
		t.Fatalf("a message to oneself: %v", err)
	}
	if news := bob.news(); len(news) != 0 {
		t.Fatalf("Bob was told %v", news)
	}
	if err := ann.room.Say(ann.Peer, &protocol.Message{To: []string{bob.ID(), bob.ID()}}); err != nil {
		t.Fatal(err)
	}
	if news := bob.news(); len(news) != 1 {
		t.Fatalf("named twice, told %d times", len(news))
	}
}
