package room_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// topologies are what s was told of the topology since the last call.
func (s *someone) topologies() (out []*protocol.Topology) {
	for _, m := range s.news() {
		if m.GetTopology() != nil {
			out = append(out, m.GetTopology())
		}
	}
	return out
}

// pair is a room of two whose media has moved to a direct connection.
func pair(t *testing.T) (rooms *room.Rooms, ann, bob *someone) {
	t.Helper()
	rooms = newRooms(func(c *room.Config) {
		c.Cooldown = 10 * time.Second
		c.Defaults.Topology = protocol.TopologyPolicy_TOPOLOGY_AUTO
	})
	who := room.Identity{Direct: true}
	ann, bob = enterAs(t, rooms, "tea", who), enterAs(t, rooms, "tea", who)
	a, b := ann.topologies(), bob.topologies()
	if len(a) != 1 || a[0].GetPeer() != bob.ID() || a[0].GetPolite() || len(b) != 1 || b[0].GetPeer() != ann.ID() || !b[0].GetPolite() ||
		a[0].GetEpoch() != b[0].GetEpoch() {
		t.Fatalf("they were told %v and %v", a, b)
	}
	for _, s := range []*someone{ann, bob} {
		if s.suspended {
			t.Fatal("suspended before the media has moved")
		}
		s.room.Direct(s.Peer, &protocol.Direct{Epoch: a[0].GetEpoch(), State: protocol.Direct_RECEIVED})
	}
	a = ann.topologies()
	if len(a) != 1 || !a[0].GetMoved() || !ann.suspended || !bob.suspended {
		t.Fatalf("moved: told %v, suspended %v and %v", a, ann.suspended, bob.suspended)
	}
	bob.news()
	return rooms, ann, bob
}

func TestWhatEndsADirectConnection(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, rooms *room.Rooms, ann, bob *someone)
		// again says that the two are direct once more after a minute.
		ends, again bool
	}{
		{"nothing", func(*testing.T, *room.Rooms, *someone, *someone) {}, false, false},
		{"a third peer", func(t *testing.T, rooms *room.Rooms, _, _ *someone) { enter(t, rooms, "tea") }, true, false},
		{"a third peer that leaves", func(t *testing.T, rooms *room.Rooms, _, _ *someone) {
			cat := enter(t, rooms, "tea")
			cat.room.Leave(cat.Peer, protocol.PeerLeft_LEFT)
		}, true, true},
		{"one is away", func(_ *testing.T, _ *room.Rooms, ann, _ *someone) { ann.room.SetAway(ann.Peer, true) }, true, false},
		{"one was away", func(_ *testing.T, _ *room.Rooms, ann, _ *someone) {
			ann.room.SetAway(ann.Peer, true)
			ann.room.SetAway(ann.Peer, false)
		}, true, true},
		{"one says that it broke", func(_ *testing.T, _ *room.Rooms, ann, _ *someone) {
			ann.room.Direct(ann.Peer, &protocol.Direct{Epoch: 1, State: protocol.Direct_FAILED})
		}, true, true},
		{"one says so of another epoch", func(_ *testing.T, _ *room.Rooms, ann, _ *someone) {
			ann.room.Direct(ann.Peer, &protocol.Direct{Epoch: 3, State: protocol.Direct_FAILED})
		}, false, false},
		{"one may not publish any more", func(_ *testing.T, _ *room.Rooms, ann, _ *someone) {
			ann.room.UpdatePeer(nil, ann.ID(), room.Update{Grants: grants(subscribe)})
		}, true, false},
		{"the settings say so", func(t *testing.T, _ *room.Rooms, ann, _ *someone) {
			settle(t, ann.room, &protocol.RoomChange{Topology: ptr(protocol.TopologyPolicy_TOPOLOGY_SFU)})
		}, true, false},
		{"addresses are to be hidden", func(t *testing.T, _ *room.Rooms, ann, _ *someone) {
			settle(t, ann.room, &protocol.RoomChange{RelayOnly: ptr(true)})
		}, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rooms, ann, bob := pair(t)
				tc.do(t, rooms, ann, bob)
				told := bob.topologies()
				ended := len(told) > 0 && told[0].GetMode() == protocol.Topology_SFU && told[0].GetEpoch() == 2
				if ended != tc.ends || ann.suspended == tc.ends || bob.suspended == tc.ends {
					t.Fatalf("told %v; suspended %v and %v", told, ann.suspended, bob.suspended)
				}
				time.Sleep(15 * time.Second) // of the test's own clock
				synctest.Wait()
				told = bob.topologies()
				again := len(told) > 0 && told[len(told)-1].GetMode() == protocol.Topology_P2P && told[len(told)-1].GetEpoch() == 3
				if again != tc.again {
					t.Fatalf("after the cool-down told %v", told)
				}
				for _, s := range []*someone{ann, bob} {
					s.room.Leave(s.Peer, protocol.PeerLeft_LEFT)
				}
			})
		})
	}
}

// The SFU has to hold back what it would send over a connection that is made
// while the two are direct, and who comes back has to learn that they are.
func TestWhatALateComerToADirectRoomLearns(t *testing.T) {
	_, ann, _ := pair(t)
	ann.suspended = false
	ann.room.Brief(ann.Peer)
	if !ann.suspended {
		t.Error("a fresh leg gets everything twice")
	}
	var joined *protocol.Joined
	err := ann.room.Snapshot(ann.Peer, func(e *protocol.Event) error {
		joined = e.Message().GetJoined()
		return nil
	})
	if err != nil || !joined.GetSnapshot() || !joined.GetTopology().GetMoved() || joined.GetTopology().GetEpoch() != 1 {
		t.Errorf("the snapshot is %v, %v", joined, err)
	}
}

func TestWhichMessagesPassBetweenPeers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		epoch   uint64
		to      string
		want    protocol.Error_Code
		arrives bool
	}{
		{"of this connection", 1, "bob", 0, true},
		{"of an earlier or later one", 2, "bob", 0, false},
		{"of none", 0, "bob", 0, true},
		{"to nobody", 1, "ghost", protocol.Error_NO_SUCH_PEER, false},
		{"to oneself", 0, "ann", protocol.Error_NO_SUCH_PEER, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, ann, bob := pair(t)
			ids := map[string]string{"ann": ann.ID(), "bob": bob.ID(), "ghost": "ghost"}
			err := ann.room.Relay(ann.Peer, ids[tc.to], &protocol.ServerMessage{
				Body: &protocol.ServerMessage_Candidate{Candidate: &protocol.Candidate{Epoch: tc.epoch}},
			}, tc.epoch)
			if err.GetCode() != tc.want || (len(bob.news()) == 1) != tc.arrives {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// An old client in the room is no end of a direct connection.
func TestOnlySuitedPeersAreDirect(t *testing.T) {
	for name, who := range map[string]room.Identity{
		"a client that cannot":            {},
		"one that may not publish":        {Direct: true, Grants: auth.GrantsOf(subscribe)},
		"one that may not get the others": {Direct: true, Grants: auth.GrantsOf(publish)},
	} {
		rooms := newRooms(func(c *room.Config) { c.Defaults.Topology = protocol.TopologyPolicy_TOPOLOGY_AUTO })
		ann := enterAs(t, rooms, "tea", room.Identity{Direct: true})
		enterAs(t, rooms, "tea", who)
		if told := ann.topologies(); len(told) != 0 {
			t.Errorf("%s: told %v", name, told)
		}
	}
}
