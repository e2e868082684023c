package room_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

func TestSettings(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change *protocol.RoomChange
		want   protocol.Error_Code
		told   bool
	}{
		{"nothing", nil, 0, false},
		{"what is so already", &protocol.RoomChange{Locked: ptr(false), MaxPeers: ptr(uint32(10))}, 0, false},
		{"locked", &protocol.RoomChange{Locked: ptr(true)}, 0, true},
		{"4 KiB of metadata", &protocol.RoomChange{Metadata: ptr(strings.Repeat("x", 4096))}, 0, true},
		{"more metadata", &protocol.RoomChange{Metadata: ptr(strings.Repeat("x", 4097))}, protocol.Error_BAD_FIELD, false},
		{"fewer peers", &protocol.RoomChange{MaxPeers: ptr(uint32(1))}, 0, true},
		{"as many peers as there may be", &protocol.RoomChange{MaxPeers: ptr(uint32(0))}, 0, false},
		{"more peers than there may be", &protocol.RoomChange{MaxPeers: ptr(uint32(11))}, protocol.Error_BAD_FIELD, false},
		{"a history", &protocol.RoomChange{HistoryMessages: ptr(uint32(1000)), HistorySeconds: ptr(uint32(604800))}, 0, true},
		{"too long a history", &protocol.RoomChange{HistoryMessages: ptr(uint32(1001))}, protocol.Error_BAD_FIELD, false},
		{"too old a history", &protocol.RoomChange{HistorySeconds: ptr(uint32(604801))}, protocol.Error_BAD_FIELD, false},
		{"empty for too long", &protocol.RoomChange{EmptySeconds: ptr(uint32(604801))}, protocol.Error_BAD_FIELD, false},
		{"a topology", &protocol.RoomChange{Topology: ptr(protocol.TopologyPolicy_TOPOLOGY_SFU)}, 0, true},
		{"an unknown topology", &protocol.RoomChange{Topology: ptr(protocol.TopologyPolicy(9))}, protocol.Error_BAD_FIELD, false},
		{"one of two is wrong", &protocol.RoomChange{Locked: ptr(true), MaxPeers: ptr(uint32(11))}, protocol.Error_BAD_FIELD, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rooms := newRooms()
			ann, bob := enterAs(t, rooms, "tea", host), enter(t, rooms, "tea")
			bob.news()
			if err := ann.room.Change(ann.Peer, tc.change); err.GetCode() != tc.want {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			news := bob.news()
			if (len(news) == 1) != tc.told || len(news) > 1 {
				t.Fatalf("told %v", news)
			}
			if err := ann.room.Change(bob.Peer, tc.change); err.GetCode() != protocol.Error_NOT_GRANTED {
				t.Fatalf("by no moderator: %v", err)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	const kib = 1 << 10
	for _, tc := range []struct {
		name   string
		change *protocol.RoomChange
		say    func(t *testing.T, ann *someone)
		want   string
	}{
		{"none", nil, words("a", "b"), ""},
		{"all", &protocol.RoomChange{HistoryMessages: ptr(uint32(3))}, words("a", "b"), "ab"},
		{"the latest", &protocol.RoomChange{HistoryMessages: ptr(uint32(3))}, words("a", "b", "c", "d"), "bcd"},
		{"to everybody only", &protocol.RoomChange{HistoryMessages: ptr(uint32(3))}, func(t *testing.T, ann *someone) {
			bob := enter(t, ann.rooms, "tea")
			words("a")(t, ann)
			if err := ann.room.Say(ann.Peer, &protocol.Message{To: []string{bob.ID()}, Text: "b"}); err != nil {
				t.Fatal(err)
			}
		}, "a"},
		{"the server's words too", &protocol.RoomChange{HistoryMessages: ptr(uint32(3))}, func(t *testing.T, ann *someone) {
			if err := ann.room.Say(nil, &protocol.Message{Text: "s"}); err != nil {
				t.Fatal(err)
			}
		}, "s"},
		{"by age", &protocol.RoomChange{HistoryMessages: ptr(uint32(3)), HistorySeconds: ptr(uint32(10))}, func(t *testing.T, ann *someone) {
			words("a")(t, ann)
			time.Sleep(6 * time.Second) // of the test's own clock
			words("b")(t, ann)
			time.Sleep(6 * time.Second)
		}, "b"},
		{"all too old", &protocol.RoomChange{HistoryMessages: ptr(uint32(3)), HistorySeconds: ptr(uint32(10))}, func(t *testing.T, ann *someone) {
			words("a", "b")(t, ann)
			time.Sleep(time.Minute)
		}, ""},
		{"by bytes", &protocol.RoomChange{HistoryMessages: ptr(uint32(9))},
			words(strings.Repeat("a", 60*kib), strings.Repeat("b", 60*kib), strings.Repeat("c", 60*kib), "d"),
			strings.Repeat("b", 60*kib) + strings.Repeat("c", 60*kib) + "d"},
		{"shortened", &protocol.RoomChange{HistoryMessages: ptr(uint32(9))}, func(t *testing.T, ann *someone) {
			words("a", "b", "c")(t, ann)
			settle(t, ann.room, &protocol.RoomChange{HistoryMessages: ptr(uint32(1))})
		}, "c"},
		{"switched off", &protocol.RoomChange{HistoryMessages: ptr(uint32(9))}, func(t *testing.T, ann *someone) {
			words("a", "b", "c")(t, ann)
			settle(t, ann.room, &protocol.RoomChange{HistoryMessages: ptr(uint32(0))})
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rooms := newRooms()
				ann := enterAs(t, rooms, "tea", host)
				settle(t, ann.room, tc.change)
				tc.say(t, ann)
				got := ""
				for _, m := range enter(t, rooms, "tea").told[0].GetJoined().GetHistory() {
					got += m.GetText()
				}
				if got != tc.want {
					t.Fatalf("a newcomer gets %.20q (%d bytes), want %.20q (%d bytes)", got, len(got), tc.want, len(tc.want))
				}
			})
		})
	}
}

// words says some.
func words(texts ...string) func(*testing.T, *someone) {
	return func(t *testing.T, ann *someone) {
		t.Helper()
		for _, text := range texts {
			if err := ann.room.Say(ann.Peer, &protocol.Message{Text: text}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAnEmptyRoomWaits(t *testing.T) {
	leave := func(s *someone) { s.room.Leave(s.Peer, protocol.PeerLeft_LEFT) }
	for _, tc := range []struct {
		name  string
		empty uint32
		do    func(*testing.T, *room.Rooms)
		there bool
	}{
		{"not at all", 0, func(t *testing.T, rooms *room.Rooms) { leave(enter(t, rooms, "tea")) }, false},
		{"for its time", 60, func(t *testing.T, rooms *room.Rooms) {
			leave(enter(t, rooms, "tea"))
			time.Sleep(59 * time.Second) // of the test's own clock
		}, true},
		{"and no longer", 60, func(t *testing.T, rooms *room.Rooms) {
			leave(enter(t, rooms, "tea"))
			time.Sleep(60 * time.Second)
		}, false},
		{"anew after somebody was there", 60, func(t *testing.T, rooms *room.Rooms) {
			leave(enter(t, rooms, "tea"))
			time.Sleep(59 * time.Second)
			bob := enter(t, rooms, "tea")
			time.Sleep(time.Hour)
			leave(bob)
			time.Sleep(59 * time.Second)
		}, true},
		{"by other settings", 60, func(t *testing.T, rooms *room.Rooms) {
			leave(enter(t, rooms, "tea"))
			settle(t, rooms.Find("tea"), &protocol.RoomChange{EmptySeconds: ptr(uint32(600))})
			time.Sleep(599 * time.Second)
		}, true},
		{"no longer by other settings", 60, func(t *testing.T, rooms *room.Rooms) {
			leave(enter(t, rooms, "tea"))
			settle(t, rooms.Find("tea"), &protocol.RoomChange{EmptySeconds: ptr(uint32(0))})
		}, false},
		{"made for somebody who comes", 60, func(t *testing.T, rooms *room.Rooms) {
			if _, fresh, err := rooms.Create("tea", nil); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
			time.Sleep(59 * time.Second)
		}, true},
		{"made, and nobody comes", 60, func(t *testing.T, rooms *room.Rooms) {
			if _, _, err := rooms.Create("tea", nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(61 * time.Second)
		}, false},
		{"made on what is there", 60, func(t *testing.T, rooms *room.Rooms) {
			enter(t, rooms, "tea")
			if _, fresh, err := rooms.Create("tea", nil); fresh || err != nil {
				t.Fatal(fresh, err)
			}
			time.Sleep(61 * time.Second)
		}, true},
		{"nobody is there but at the door", 60, func(t *testing.T, rooms *room.Rooms) {
			ann, bob := knocking(t, rooms)
			leave(ann)
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if bob.removed.GetCode() != protocol.Error_ROOM_ENDED {
				t.Errorf("who waits is told %v", bob.removed)
			}
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rooms := newRooms(func(c *room.Config) { c.Defaults.EmptySeconds = tc.empty })
				defer rooms.Close()
				tc.do(t, rooms)
				synctest.Wait()
				if there := rooms.Find("tea") != nil; there != tc.there {
					t.Fatalf("the room is there: %v, want %v", there, tc.there)
				}
			})
		})
	}
}

// The room that has been empty for longest makes way for one that is wanted.
func TestEmptyRoomsMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := newRooms(func(c *room.Config) { c.Limits.Rooms, c.Defaults.EmptySeconds = 3, 600 })
		defer rooms.Close()
		for _, name := range []string{"old", "young"} {
			s := enter(t, rooms, name)
			s.room.Leave(s.Peer, protocol.PeerLeft_LEFT)
			time.Sleep(time.Second)
		}
		if _, _, err := rooms.Create("made", nil); err != nil {
			t.Fatal(err)
		}
		// To ask is not yet to enter.
		if wait, err := rooms.Knock("new", newcomer(room.Identity{}).Peer); wait || err != nil || rooms.Find("old") == nil {
			t.Fatalf("Knock = %v, %v", wait, err)
		}
		enter(t, rooms, "new")
		if rooms.Find("old") != nil || rooms.Find("young") == nil {
			t.Error("the wrong room made way")
		}
		enter(t, rooms, "newer")
		_, err := rooms.Enter("newest", newcomer(room.Identity{}).Peer, nil, nil, "")
		if err.GetCode() != protocol.Error_TOO_MANY_ROOMS || rooms.Find("made") == nil {
			t.Errorf("one more than there may be: %v", err)
		}
	})
}
