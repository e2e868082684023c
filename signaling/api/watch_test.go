package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// watching is a stream of a room's events.
type watching struct {
	t      *testing.T
	stream *connect.ServerStreamForClient[protocol.RoomEvent]
	last   uint64
}

func (l *lab) watch(version int, token string, after uint64, options ...connect.ClientOption) *watching {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	stream, err := l.over(l.client(version), token, options...).WatchRoom(ctx, connect.NewRequest(&protocol.WatchRoomRequest{Room: "tea", After: after}))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { cancel(); _ = stream.Close() })
	return &watching{l.t, stream, after}
}

// next is the next event, which has the next number or is a snapshot.
func (w *watching) next() *protocol.RoomEvent {
	w.t.Helper()
	if !w.stream.Receive() {
		w.t.Fatalf("the stream ended: %v", w.stream.Err())
	}
	e := w.stream.Msg()
	if s := e.GetSnapshot(); s != nil {
		w.last = s.GetSeq()
	} else if w.last++; e.GetSeq() != w.last {
		w.t.Fatalf("%v came where %d was due", e, w.last)
	}
	if e.GetRoom() != "tea" {
		w.t.Errorf("it is about %q", e.GetRoom())
	}
	return e
}

func TestWatching(t *testing.T) {
	for _, p := range []struct {
		name    string
		version int
		options []connect.ClientOption
	}{
		{"JSON over HTTP/1.1", 1, []connect.ClientOption{connect.WithProtoJSON()}},
		{"gRPC", 2, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web", 1, []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		t.Run(p.name, func(t *testing.T) {
			l := newLab(t, nil)
			token := l.token("tea", protocol.Grant_ADMIN)
			w := l.watch(p.version, token, 0, p.options...)
			s := w.next().GetSnapshot()
			if !s.GetExists() || s.GetRoom().GetName() != "tea" || len(s.GetPeers()) != 1 || len(s.GetPeers()[0].GetTracks()) != 1 {
				t.Fatalf("it began with %v", s)
			}
			bob := l.enter("tea", room.Identity{Name: "Bob"})
			if e := w.next(); e.GetPeerJoined().GetName() != "Bob" || e.GetAtMs() == 0 {
				t.Errorf("then came %v", e)
			}
			seen := w.last
			bob.room.Leave(bob.Peer, protocol.PeerLeft_LEFT)
			if e := w.next(); e.GetPeerLeft().GetPeer() != bob.ID() {
				t.Errorf("then came %v", e)
			}
			// Coming back after Bob was seen.
			if e := l.watch(p.version, token, seen, p.options...).next(); e.GetPeerLeft().GetPeer() != bob.ID() {
				t.Errorf("on coming back, %v came", e)
			}
			// Much later.
			for i := range 300 {
				l.ann.room.SetAway(l.ann.Peer, i%2 == 0)
			}
			if e := l.watch(p.version, token, seen, p.options...).next(); e.GetSnapshot() == nil {
				t.Errorf("on coming back too late, %v came", e)
			}
		})
	}
}

// The room need not be there, and a watch outlives it.
func TestWatchingARoomThatComesAndGoes(t *testing.T) {
	l := newLab(t, nil)
	l.ann.room.Leave(l.ann.Peer, protocol.PeerLeft_LEFT)
	if err := l.ann.room.End(nil); err != nil {
		t.Fatal(err)
	}
	w := l.watch(1, l.token("tea", protocol.Grant_ADMIN), 0)
	if s := w.next().GetSnapshot(); s == nil || s.GetExists() {
		t.Fatalf("it began with %v", s)
	}
	for range 2 {
		bob := l.enter("tea", room.Identity{Name: "Bob"})
		if err := bob.room.End(nil); err != nil {
			t.Fatal(err)
		}
		bob.room.Leave(bob.Peer, protocol.PeerLeft_REMOVED)
		for i, is := range []func(*protocol.RoomEvent) bool{
			func(e *protocol.RoomEvent) bool { return e.GetRoomStarted().GetName() == "tea" },
			func(e *protocol.RoomEvent) bool { return e.GetPeerJoined() != nil },
			func(e *protocol.RoomEvent) bool { return e.GetPeerLeft() != nil },
			func(e *protocol.RoomEvent) bool { return e.GetRoomEnded().GetReason() == protocol.RoomEnded_ENDED },
		} {
			if e := w.next(); !is(e) {
				t.Errorf("event %d is %v", i, e)
			}
		}
	}
}

// The headers come at once, however long nothing happens, and the watch ends
// with the token, or with the server.
func TestWatchingEnds(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, tc := range []struct {
			name string
			stop bool
			code connect.Code
		}{
			{"with the token", false, connect.CodeUnauthenticated},
			{"with the server", true, connect.CodeUnavailable},
		} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, nil)
					s := l.rooms.Watch("tea", 0)
					now := s.Read()[0].GetSnapshot().GetSeq()
					s.Close()
					w := l.watch(version, l.sign(auth.Access{Room: "tea", Grants: auth.AllGrants}, time.Hour), now)
					time.Sleep(time.Hour - time.Second)
					l.ann.room.SetAway(l.ann.Peer, true)
					if e := w.next(); !e.GetPeerUpdated().GetAway() {
						t.Errorf("after a long silence came %v", e)
					}
					closed := make(chan error, 1)
					if tc.stop {
						go func() { closed <- l.api.Close(t.Context()) }()
					} else {
						closed <- nil
					}
					if w.stream.Receive() {
						t.Fatalf("%v came at the end", w.stream.Msg())
					}
					refusal(t, w.stream.Err(), tc.code)
					if err := <-closed; err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// Who reads slowly gets a snapshot for what it missed; who does not read is
// cut off. Nobody else notices.
func TestSlowWatchers(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, nil)
				token := l.token("tea", protocol.Grant_ADMIN)
				slow, dead, quick := l.watch(version, token, 0), l.watch(version, token, 0), l.watch(version, token, 0)
				for _, w := range []*watching{slow, dead, quick} {
					w.next()
				}
				// More than all buffers on the way hold.
				for i := range 6000 {
					name := fmt.Sprint(i)
					metadata := strings.Repeat("x", 4000)
					if _, err := l.ann.room.UpdatePeer(nil, l.ann.ID(), room.Update{Name: &name, Metadata: &metadata}); err != nil {
						t.Fatal(err)
					}
					if e := quick.next(); e.GetPeerUpdated().GetName() != name {
						t.Fatalf("the quick one was told %v", e)
					}
				}
				snapshots := 0
				for name := ""; name != "5999"; {
					switch e := slow.next(); {
					case e.GetSnapshot() != nil:
						snapshots++
						name = e.GetSnapshot().GetPeers()[0].GetName()
					default:
						name = e.GetPeerUpdated().GetName()
					}
				}
				if snapshots == 0 {
					t.Error("the slow one was told everything")
				}
				time.Sleep(time.Minute)
				if n := l.counted("WatchRoom", "deadline_exceeded"); n != 1 {
					t.Errorf("%v watchers were cut off", n)
				}
				l.ann.room.SetAway(l.ann.Peer, true)
				for _, w := range []*watching{slow, quick} {
					if e := w.next(); !e.GetPeerUpdated().GetAway() {
						t.Errorf("then came %v", e)
					}
				}
			})
		})
	}
}
