package room_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// read is what a watcher has to tell now.
func read(w *room.Watcher) (out []*protocol.RoomEvent) {
	for {
		select {
		case <-w.Ready():
			out = append(out, w.Read()...)
		default:
			return out
		}
	}
}

func TestFeed(t *testing.T) {
	// numberOf is the number of the latest event of a room.
	numberOf := func(rooms *room.Rooms) uint64 {
		w := rooms.Watch("tea", 0)
		defer w.Close()
		return read(w)[0].GetSnapshot().GetSeq()
	}
	for _, tc := range []struct {
		name string
		// before happens before somebody watches after the number it returns,
		// later while they do.
		before func(t *testing.T, rooms *room.Rooms) (after uint64)
		later  func(t *testing.T, rooms *room.Rooms)
		// snapshot says that the first event is one, and of a room that exists.
		snapshot, exists bool
		events           int // besides it
	}{
		{
			"a room that begins later",
			func(*testing.T, *room.Rooms) uint64 { return 0 },
			func(t *testing.T, rooms *room.Rooms) { enter(t, rooms, "tea") },
			true, false, 2,
		}, {
			"a room that is there",
			func(t *testing.T, rooms *room.Rooms) uint64 { enter(t, rooms, "tea"); return 0 },
			func(t *testing.T, rooms *room.Rooms) { enter(t, rooms, "tea") },
			true, true, 1,
		}, {
			"coming back",
			func(t *testing.T, rooms *room.Rooms) uint64 {
				enter(t, rooms, "tea")
				after := numberOf(rooms)
				enter(t, rooms, "tea")
				return after
			},
			func(t *testing.T, rooms *room.Rooms) { enter(t, rooms, "tea") },
			false, false, 2,
		}, {
			"coming back after too much",
			func(t *testing.T, rooms *room.Rooms) uint64 {
				ann := enter(t, rooms, "tea")
				after := numberOf(rooms)
				for i := range 400 {
					ann.room.SetAway(ann.Peer, i%2 == 0)
				}
				return after
			},
			func(t *testing.T, rooms *room.Rooms) { enter(t, rooms, "tea") },
			true, true, 1,
		}, {
			"coming back to another room of the same name",
			func(t *testing.T, rooms *room.Rooms) uint64 {
				ann := enter(t, rooms, "tea")
				after := numberOf(rooms)
				ann.room.Leave(ann.Peer, protocol.PeerLeft_LEFT)
				time.Sleep(time.Second) // of the test's own clock
				for range 5 {
					enter(t, rooms, "tea")
				}
				return after
			},
			func(*testing.T, *room.Rooms) {},
			true, true, 0,
		}, {
			"a number from the future",
			func(t *testing.T, rooms *room.Rooms) uint64 { enter(t, rooms, "tea"); return 1 << 63 },
			func(*testing.T, *room.Rooms) {},
			true, true, 0,
		}, {
			"a room that ended after much, and that somebody else watches",
			func(t *testing.T, rooms *room.Rooms) uint64 {
				t.Cleanup(rooms.Watch("tea", 0).Close)
				ann := enter(t, rooms, "tea")
				for i := range 400 {
					ann.room.SetAway(ann.Peer, i%2 == 0)
				}
				ann.room.Leave(ann.Peer, protocol.PeerLeft_LEFT)
				return 0
			},
			func(*testing.T, *room.Rooms) {},
			true, false, 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rooms := newRooms()
				w := rooms.Watch("tea", tc.before(t, rooms))
				defer w.Close()
				got := read(w)
				tc.later(t, rooms)
				got = append(got, read(w)...)
				if tc.snapshot {
					if len(got) == 0 || got[0].GetSnapshot() == nil || got[0].GetSnapshot().GetExists() != tc.exists {
						t.Fatalf("it began with %v", got)
					}
				}
				last, events := uint64(0), 0
				for _, e := range got {
					number := max(e.GetSeq(), e.GetSnapshot().GetSeq())
					if last != 0 && number != last+1 {
						t.Errorf("%d came after %d", number, last)
					}
					last = number
					if e.GetSnapshot() == nil {
						events++
					}
				}
				if events != tc.events || len(got)-events > 1 {
					t.Errorf("%d events came beside %d snapshots", events, len(got)-events)
				}
			})
		})
	}
}
