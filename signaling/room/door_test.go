package room_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// host moderates.
var host = room.Identity{Name: "host", User: "host", Grants: auth.DefaultGrants.With(protocol.Grant_ADMIN)}

// settle changes settings as the server.
func settle(t *testing.T, r *room.Room, change *protocol.RoomChange) {
	t.Helper()
	if err := r.Change(nil, change); err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

// at is somebody at an address.
func at(addr string, who room.Identity) room.Identity {
	who.Addr = netip.MustParseAddr(addr)
	return who
}

func TestWhoMayComeIn(t *testing.T) {
	locked := &protocol.RoomChange{Locked: ptr(true)}
	lobby := &protocol.RoomChange{Lobby: ptr(true)}
	kick := func(who room.Identity, seconds uint32) func(*testing.T, *room.Rooms, *room.Room) {
		return func(t *testing.T, rooms *room.Rooms, r *room.Room) {
			victim := enterAs(t, rooms, "tea", who)
			if err := r.Kick(nil, victim.ID(), seconds); err != nil {
				t.Fatal(err)
			}
			if victim.removed.GetCode() != protocol.Error_REMOVED {
				t.Fatalf("who was kicked was told %v", victim.removed)
			}
			r.Leave(victim.Peer, protocol.PeerLeft_REMOVED)
		}
	}
	nothing := func(*testing.T, *room.Rooms, *room.Room) {}
	for _, tc := range []struct {
		name   string
		change *protocol.RoomChange
		before func(*testing.T, *room.Rooms, *room.Room)
		who    room.Identity
		wait   bool
		want   protocol.Error_Code
	}{
		{"anybody", nil, nothing, room.Identity{}, false, 0},
		{"locked", locked, nothing, room.Identity{}, false, protocol.Error_ROOM_LOCKED},
		{"locked, a moderator", locked, nothing, host, false, 0},
		{"lobby", lobby, nothing, room.Identity{}, true, 0},
		{"lobby, a moderator", lobby, nothing, host, false, 0},
		{"full", &protocol.RoomChange{MaxPeers: ptr(uint32(1))}, nothing, host, false, protocol.Error_ROOM_FULL},
		{"two are there, P2P only", &protocol.RoomChange{Topology: ptr(protocol.TopologyPolicy_TOPOLOGY_P2P)},
			func(t *testing.T, rooms *room.Rooms, _ *room.Room) { enter(t, rooms, "tea") }, host, false, protocol.Error_ROOM_FULL},
		{"kicked", nil, kick(room.Identity{User: "bob"}, 0), room.Identity{User: "bob"}, false, 0},
		{"banned", nil, kick(room.Identity{User: "bob"}, 60), room.Identity{User: "bob"}, false, protocol.Error_BANNED},
		{"banned, by another name and address", nil, kick(at("192.0.2.1", room.Identity{User: "bob"}), 60),
			at("192.0.2.2", room.Identity{User: "bob", Name: "Robert"}), false, protocol.Error_BANNED},
		{"banned, without the token", nil, kick(at("192.0.2.1", room.Identity{User: "bob"}), 60),
			at("192.0.2.1", room.Identity{}), false, protocol.Error_BANNED},
		{"banned, another user at the address", nil, kick(at("192.0.2.1", room.Identity{User: "bob"}), 60),
			at("192.0.2.1", room.Identity{User: "ann"}), false, 0},
		{"banned by address", nil, kick(at("192.0.2.1", room.Identity{}), 60),
			at("192.0.2.1", room.Identity{Name: "somebody else"}), false, protocol.Error_BANNED},
		{"banned by address, another one", nil, kick(at("192.0.2.1", room.Identity{}), 60), at("192.0.2.2", room.Identity{}), false, 0},
		{"banned without any address", nil, kick(room.Identity{}, 60), room.Identity{}, false, 0},
		{"the ban is over", nil, func(t *testing.T, rooms *room.Rooms, r *room.Room) {
			kick(room.Identity{User: "bob"}, 60)(t, rooms, r)
			time.Sleep(time.Minute) // of the test's own clock
		}, room.Identity{User: "bob"}, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rooms := newRooms()
				r := enterAs(t, rooms, "tea", host).room
				settle(t, r, tc.change)
				tc.before(t, rooms, r)
				s := newcomer(tc.who)
				wait, err := rooms.Knock("tea", s.Peer)
				if wait != tc.wait || err.GetCode() != tc.want {
					t.Fatalf("Knock = %v, %v; want %v, %v", wait, err, tc.wait, tc.want)
				}
				// Who does not knock gets in no more easily.
				_, err = rooms.Enter("tea", newcomer(tc.who).Peer, nil, nil, "")
				if (err != nil) != (tc.wait || tc.want != 0) {
					t.Fatalf("Enter = %v", err)
				}
			})
		})
	}
}

// knocking is a room with a lobby, its moderator and somebody who waits.
func knocking(t *testing.T, rooms *room.Rooms) (ann, bob *someone) {
	t.Helper()
	ann = enterAs(t, rooms, "tea", host)
	settle(t, ann.room, &protocol.RoomChange{Lobby: ptr(true)})
	bob = newcomer(room.Identity{Name: "Bob"})
	if wait, err := rooms.Knock("tea", bob.Peer); !wait || err != nil {
		t.Fatalf("Knock = %v, %v", wait, err)
	}
	return ann, bob
}

func TestLobby(t *testing.T) {
	for _, tc := range []struct {
		name     string
		do       func(*testing.T, *room.Rooms, *someone, *someone)
		over     bool // the moderator is told that the knock is
		admitted bool
		enters   bool
		removed  protocol.Error_Code
	}{
		{"nothing happens", func(*testing.T, *room.Rooms, *someone, *someone) {}, false, false, false, 0},
		{"admitted", func(t *testing.T, _ *room.Rooms, ann, bob *someone) {
			if err := ann.room.Admit(ann.Peer, bob.ID()); err != nil {
				t.Fatal(err)
			}
		}, true, true, true, 0},
		{"refused", func(t *testing.T, _ *room.Rooms, ann, bob *someone) {
			if err := ann.room.Refuse(ann.Peer, bob.ID()); err != nil {
				t.Fatal(err)
			}
		}, true, false, false, protocol.Error_REFUSED},
		{"gone", func(_ *testing.T, rooms *room.Rooms, ann, bob *someone) { rooms.Unknock("tea", bob.Peer) }, true, false, false, 0},
		{"admitted and gone", func(_ *testing.T, rooms *room.Rooms, ann, bob *someone) {
			ann.room.Admit(ann.Peer, bob.ID())
			rooms.Unknock("tea", bob.Peer)
		}, true, true, false, 0},
		{"the lobby is closed", func(t *testing.T, _ *room.Rooms, ann, bob *someone) {
			settle(t, ann.room, &protocol.RoomChange{Lobby: ptr(false)})
		}, true, true, true, 0},
		{"the lobby is closed and opened again", func(t *testing.T, _ *room.Rooms, ann, bob *someone) {
			settle(t, ann.room, &protocol.RoomChange{Lobby: ptr(false)})
			settle(t, ann.room, &protocol.RoomChange{Lobby: ptr(true)})
		}, true, true, true, 0},
		{"admitted, then locked", func(t *testing.T, _ *room.Rooms, ann, bob *someone) {
			ann.room.Admit(ann.Peer, bob.ID())
			settle(t, ann.room, &protocol.RoomChange{Locked: ptr(true)})
		}, true, true, false, 0},
		{"the room is ended", func(t *testing.T, _ *room.Rooms, ann, bob *someone) {
			if err := ann.room.End(ann.Peer); err != nil {
				t.Fatal(err)
			}
			ann.room.Leave(ann.Peer, protocol.PeerLeft_CLOSED)
		}, false, false, true, protocol.Error_ROOM_ENDED},
		{"everybody leaves", func(_ *testing.T, _ *room.Rooms, ann, _ *someone) {
			ann.room.Leave(ann.Peer, protocol.PeerLeft_LEFT)
		}, false, false, true, protocol.Error_ROOM_ENDED},
		{"a fresh token makes a moderator", func(_ *testing.T, rooms *room.Rooms, _, bob *someone) {
			rooms.Vouch("tea", bob.Peer, room.Vouched{Grants: host.Grants})
		}, true, true, true, 0},
		{"somebody else is admitted", func(t *testing.T, _ *room.Rooms, ann, _ *someone) {
			if err := ann.room.Admit(ann.Peer, "ghost"); err.GetCode() != protocol.Error_NO_SUCH_PEER {
				t.Fatalf("admitted a ghost: %v", err)
			}
		}, false, false, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rooms := newRooms()
			ann, bob := knocking(t, rooms)
			news := ann.news()
			if k := news[len(news)-1].GetKnock(); k.GetPeer() != bob.ID() || k.GetName() != "Bob" || k.GetOver() {
				t.Fatalf("the moderator was told %v", news)
			}
			tc.do(t, rooms, ann, bob)
			over := false
			for _, m := range ann.news() {
				over = over || m.GetKnock().GetPeer() == bob.ID() && m.GetKnock().GetOver()
			}
			if over != tc.over || bob.admitted != tc.admitted || bob.removed.GetCode() != tc.removed {
				t.Errorf("over %v, admitted %v, removed %v", over, bob.admitted, bob.removed)
			}
			if _, err := rooms.Enter("tea", bob.Peer, nil, nil, ""); (err == nil) != tc.enters {
				t.Errorf("Enter = %v", err)
			}
		})
	}
}

// Who was let in once knocks again after leaving.
func TestALetInPeerIsLetInOnce(t *testing.T) {
	rooms := newRooms()
	ann, bob := knocking(t, rooms)
	ann.room.Admit(ann.Peer, bob.ID())
	r, err := rooms.Enter("tea", bob.Peer, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	r.Leave(bob.Peer, protocol.PeerLeft_LEFT)
	if wait, err := rooms.Knock("tea", bob.Peer); !wait || err != nil {
		t.Fatalf("Knock = %v, %v", wait, err)
	}
}

func TestOnlyModeratorsHearOfKnocks(t *testing.T) {
	rooms := newRooms()
	ann := enterAs(t, rooms, "tea", host)
	cat := enter(t, rooms, "tea")
	settle(t, ann.room, &protocol.RoomChange{Lobby: ptr(true)})
	cat.news()
	bob := newcomer(room.Identity{Name: "Bob"})
	if _, err := rooms.Knock("tea", bob.Peer); err != nil {
		t.Fatal(err)
	}
	if news := cat.news(); len(news) != 0 {
		t.Fatalf("somebody who may not let in was told %v", news)
	}
	if err := ann.room.Admit(cat.Peer, bob.ID()); err.GetCode() != protocol.Error_NOT_GRANTED {
		t.Fatalf("somebody else lets in: %v", err)
	}
	// Who becomes a moderator learns who waits, and so does one who comes.
	grants := host.Grants
	if _, err := ann.room.UpdatePeer(ann.Peer, cat.ID(), room.Update{Grants: &grants}); err != nil {
		t.Fatal(err)
	}
	if news := cat.news(); news[len(news)-1].GetKnock().GetPeer() != bob.ID() {
		t.Fatalf("a new moderator was told %v", news)
	}
	dan := enterAs(t, rooms, "tea", host)
	if knocks := dan.told[0].GetJoined().GetKnocks(); len(knocks) != 1 || knocks[0].GetPeer() != bob.ID() {
		t.Fatalf("a moderator who comes was told of %v", knocks)
	}
}

func TestADoorHoldsAHundred(t *testing.T) {
	rooms := newRooms()
	knocking(t, rooms)
	var err *protocol.Error
	n := 1
	for ; err == nil && n < 200; n++ {
		_, err = rooms.Knock("tea", newcomer(room.Identity{}).Peer)
	}
	if n != 101 || err.GetCode() != protocol.Error_ROOM_FULL {
		t.Fatalf("%d knocked, then: %v", n, err)
	}
}
