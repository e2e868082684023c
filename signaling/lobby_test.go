package signaling

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// lobby is a house where a guest waits at the door of a room.
func lobby(t *testing.T) (h *house, host, g *guest) {
	t.Helper()
	h = newHouse(t, noAnonymous)
	host = h.comeIn("tea", here(h.token(auth.Access{Grants: auth.AllGrants}, time.Hour)))
	if err := host.v.room.Change(nil, &protocol.RoomChange{Lobby: new(true)}); err != nil {
		t.Fatal(err)
	}
	g = h.come(here(h.token(auth.Access{Grants: auth.DefaultGrants}, time.Hour)))
	if answer := g.ask(joinWith(&protocol.Join{Room: "tea", Offer: offerToSFU(), Tracks: microphone()})); answer.GetWaiting() == nil {
		t.Fatalf("join was answered %v", answer)
	}
	host.hear()
	return h, host, g
}

func admit(id string) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: &protocol.Moderate{Action: &protocol.Moderate_Admit{Admit: id}}}}
}

func TestWaitingAtTheDoor(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, h *house, host, g *guest)
		// what the client hears at last: joined, or the error.
		joined bool
		want   protocol.Error_Code
		over   bool // the host hears that it waits no longer
	}{
		{"it is let in", func(_ *testing.T, _ *house, host, g *guest) { host.say(admit(g.v.peer.ID())) }, true, 0, true},
		{"it is turned away", func(_ *testing.T, _ *house, host, g *guest) {
			host.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: &protocol.Moderate{
				Action: &protocol.Moderate_Refuse{Refuse: g.v.peer.ID()},
			}}})
		}, false, protocol.Error_REFUSED, true},
		{"it is let in to a media side that fails", func(_ *testing.T, h *house, host, g *guest) {
			h.media.fails = ErrNoCommonCodec
			host.say(admit(g.v.peer.ID()))
		}, false, protocol.Error_NO_COMMON_CODEC, true},
		{"the room is ended", func(_ *testing.T, _ *house, host, _ *guest) {
			host.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: &protocol.Moderate{
				Action: &protocol.Moderate_End_{End: &protocol.Moderate_End{}},
			}}})
		}, false, protocol.Error_ROOM_ENDED, false},
		{"everybody leaves", func(_ *testing.T, _ *house, host, _ *guest) { host.v.Close(nil) }, false, protocol.Error_ROOM_ENDED, false},
		{"it leaves", func(_ *testing.T, _ *house, _, g *guest) {
			g.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
		}, false, 0, true},
		{"it is cut and does not come back", func(_ *testing.T, _ *house, _, g *guest) {
			g.a.Detach()
			time.Sleep(time.Minute) // of the test's own clock
		}, false, 0, true},
		{"it is cut and comes back", func(t *testing.T, _ *house, host, g *guest) {
			g.a.Detach()
			time.Sleep(30 * time.Second)
			comeBack(t, g)
			host.say(admit(g.v.peer.ID()))
		}, true, 0, true},
		{"it is cut and let in and comes back", func(t *testing.T, _ *house, host, g *guest) {
			g.a.Detach()
			time.Sleep(30 * time.Second)
			host.say(admit(g.v.peer.ID()))
			synctest.Wait()
			comeBack(t, g)
		}, true, 0, true},
		{"it comes back to before it waited", func(t *testing.T, _ *house, host, g *guest) {
			g.say(&protocol.ClientMessage{Ack: g.heard, Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
			g.hear()
			g.heard = 0
			comeBack(t, g)
			if news := g.hear(); len(news) != 1 || news[0].GetWaiting() == nil {
				t.Fatalf("it heard %v", news)
			}
			host.say(admit(g.v.peer.ID()))
		}, true, 0, true},
		{"it sends candidates, and more that is too early", func(t *testing.T, h *house, host, g *guest) {
			candidate := &protocol.ClientMessage{Body: &protocol.ClientMessage_Candidate{Candidate: &protocol.Candidate{To: protocol.SFU}}}
			if answer := g.ask(candidate); answer.GetDone() == nil {
				t.Errorf("a candidate was answered %v", answer)
			}
			for _, m := range []*protocol.ClientMessage{chat("hello"), {Body: &protocol.ClientMessage_Description{Description: offerToSFU()}}} {
				if e := g.ask(m).GetError(); e.GetCode() != protocol.Error_JOIN_FIRST || e.GetFatal() {
					t.Errorf("%s was answered %v", kind(m), e)
				}
			}
			if e := g.ask(join("coffee")).GetError(); e.GetCode() != protocol.Error_ALREADY_JOINED {
				t.Errorf("a second join was answered %v", e)
			}
			if len(h.media.calls) != 0 {
				t.Errorf("the media side was asked for %v", h.media.calls)
			}
			host.say(admit(g.v.peer.ID()))
		}, true, 0, true},
		{"its token is renewed for less", func(t *testing.T, h *house, host, g *guest) {
			g.ask(authenticate(h.token(auth.Access{}, time.Hour)))
			synctest.Wait()
			host.say(admit(g.v.peer.ID()))
		}, false, protocol.Error_NOT_GRANTED, true},
		{"its token is renewed for another room", func(t *testing.T, h *house, host, g *guest) {
			if e := g.ask(authenticate(h.token(auth.Access{Room: "coffee"}, time.Hour))).GetError(); e.GetCode() != protocol.Error_ACCESS_DENIED {
				t.Errorf("answered %v", e)
			}
			host.say(admit(g.v.peer.ID()))
		}, true, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, host, g := lobby(t)
				tc.do(t, h, host, g)
				synctest.Wait()
				news := g.hear()
				joined := holds(news, func(m *protocol.ServerMessage) bool {
					return m.GetJoined() != nil && m.GetRe() == "" && m.GetJoined().GetAnswer().GetSdp() == "answer" && len(m.GetJoined().GetTracks()) == 1
				})
				if got := codes(news); joined != tc.joined || tc.want != 0 && (len(got) != 1 || got[0] != tc.want) {
					t.Fatalf("it heard %v", news)
				}
				if g.v.session.Open() != tc.joined {
					t.Errorf("its session goes on: %v", g.v.session.Open())
				}
				if over := holds(host.hear(), func(m *protocol.ServerMessage) bool { return m.GetKnock().GetOver() }); over != tc.over {
					t.Errorf("the host heard that it waits no longer: %v", over)
				}
				if h.rooms.Find("tea") != nil {
					if _, waiting := h.rooms.Find("tea").Peers(); len(waiting) != 0 {
						t.Errorf("%v still wait", waiting)
					}
				}
			})
		})
	}
}

// Who may not come in with what it brings learns so before it waits.
func TestNobodyWaitsForARefusal(t *testing.T) {
	_, host, _ := lobby(t)
	h := host.house
	g := h.come(here(h.token(auth.Access{}, time.Hour)))
	if e := g.ask(joinWith(&protocol.Join{Room: "tea", Tracks: microphone()})).GetError(); e.GetCode() != protocol.Error_NOT_GRANTED {
		t.Fatalf("answered %v", e)
	}
	if news := host.hear(); len(news) != 0 {
		t.Fatalf("the host heard %v", news)
	}
	// It may still come in without.
	if answer := g.ask(join("tea")); answer.GetWaiting() == nil {
		t.Fatalf("answered %v", answer)
	}
}

// Somebody let in while it is gone is told to the others as away.
func TestLetInWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, host, g := lobby(t)
		g.a.Detach()
		time.Sleep(10 * time.Second) // of the test's own clock
		host.say(admit(g.v.peer.ID()))
		synctest.Wait()
		if news := host.hear(); !holds(news, func(m *protocol.ServerMessage) bool { return m.GetPeerUpdated().GetPeer().GetAway() }) {
			t.Fatalf("the host heard %v", news)
		}
	})
}

// A token for more than the one before opens the door to a moderator.
func TestAModeratorDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, g := lobby(t)
		g.say(authenticate(h.token(auth.Access{Grants: auth.AllGrants}, time.Hour)))
		synctest.Wait() // the answer and the room come each by itself
		if news := g.hear(); !holds(news, func(m *protocol.ServerMessage) bool { return m.GetJoined() != nil }) {
			t.Fatalf("it heard %v", news)
		}
		if p, _ := g.v.room.FindPeer(g.v.peer.ID()); !auth.GrantsOf(p.GetGrants()...).Has(protocol.Grant_ADMIN) {
			t.Fatalf("the room knows %v", p)
		}
	})
}
