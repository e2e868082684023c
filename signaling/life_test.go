package signaling

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// Times below are of the test's own clock.

func TestHowLongASessionLivesWithoutAConnection(t *testing.T) {
	for _, tc := range []struct {
		name  string
		do    func(t *testing.T, g *guest)
		lives bool
	}{
		{"59 s", func(_ *testing.T, g *guest) {
			g.a.Detach()
			time.Sleep(59 * time.Second)
		}, true},
		{"60 s", func(_ *testing.T, g *guest) {
			g.a.Detach()
			time.Sleep(60 * time.Second)
		}, false},
		{"attached for an hour", func(*testing.T, *guest) { time.Sleep(time.Hour) }, true},
		{"back after 59 s", func(t *testing.T, g *guest) {
			g.a.Detach()
			time.Sleep(59 * time.Second)
			comeBack(t, g)
			time.Sleep(time.Hour)
		}, true},
		{"back and away again", func(t *testing.T, g *guest) {
			g.a.Detach()
			time.Sleep(59 * time.Second)
			comeBack(t, g)
			g.a.Detach()
			time.Sleep(59 * time.Second)
		}, true},
		{"the connection before goes late", func(t *testing.T, g *guest) {
			before := g.a
			comeBack(t, g)
			before.Detach()
			time.Sleep(time.Hour)
		}, true},
		{"the connection before goes, and then the one after", func(t *testing.T, g *guest) {
			before := g.a
			comeBack(t, g)
			g.a.Detach()
			before.Detach()
			time.Sleep(60 * time.Second)
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				other := h.comeIn("tea", here(""))
				g := h.comeIn("tea", here(""))
				other.hear()
				tc.do(t, g)
				synctest.Wait()
				left := holds(other.hear(), func(m *protocol.ServerMessage) bool { return m.GetPeerLeft().GetReason() == protocol.PeerLeft_LOST })
				if left == tc.lives || g.v.session.Open() != tc.lives || h.counted("hiroba_signaling_endings_total", "LOST") == 1 == tc.lives {
					t.Fatalf("it has left: %v; the session goes on: %v", left, g.v.session.Open())
				}
				if err := g.back(here("")); (err == nil) != tc.lives || !tc.lives && err.GetCode() != protocol.Error_NO_SUCH_SESSION {
					t.Fatalf("coming back: %v", err)
				}
				// It has no last words, whatever was left unread: a client would
				// take them for the end that it wished for.
				token := g.welcome.GetResume()
				if v, err := h.Return(g.welcome.GetSession(), token, here("")); err == nil && !tc.lives {
					if _, err := v.Attach(Hold{Token: token, After: g.heard}); err == nil {
						t.Fatal("it reads on in a session that is over")
					}
				}
			})
		})
	}
}

func comeBack(t *testing.T, g *guest) {
	t.Helper()
	if err := g.back(here("")); err != nil {
		t.Fatal(err)
	}
}

// However connections come and go at once, a session that one holds goes on,
// and one that none holds ends.
func TestConnectionsThatComeAndGoAtOnce(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			g := h.comeIn("tea", here(""))
			before, token := g.a, g.welcome.GetResume()
			go before.Detach()
			a, err := g.v.Attach(Hold{Token: token})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if !g.v.session.Open() {
				t.Fatalf("the session that is held has ended: %v", g.v.session.Reason())
			}
			a.Detach()
			time.Sleep(time.Minute)
			synctest.Wait()
			if g.v.session.Open() {
				t.Fatal("the session that nobody holds goes on")
			}
		})
	}
}

// Who comes back in the very moment of the end is in, or out: never in a
// session that has ended without a word.
func TestComingBackInTheLastMoment(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			g := h.comeIn("tea", here(""))
			g.a.Detach()
			time.Sleep(60 * time.Second)
			err := g.back(here(""))
			synctest.Wait()
			if (err == nil) != g.v.session.Open() {
				t.Fatalf("it was answered %v, and the session goes on: %v", err, g.v.session.Open())
			}
		})
	}
}

func TestWhoIsAway(t *testing.T) {
	for _, tc := range []struct {
		name  string
		media bool // is up
		do    func(t *testing.T, g *guest, media Listener)
		want  []bool // what others are told
	}{
		{"cut for a moment", false, func(t *testing.T, g *guest, _ Listener) {
			g.a.Detach()
			time.Sleep(2 * time.Second)
			comeBack(t, g)
			time.Sleep(time.Minute)
		}, nil},
		{"cut for longer", false, func(_ *testing.T, g *guest, _ Listener) {
			g.a.Detach()
			time.Sleep(4 * time.Second)
		}, []bool{true}},
		{"cut for longer, and back", false, func(t *testing.T, g *guest, _ Listener) {
			g.a.Detach()
			time.Sleep(4 * time.Second)
			comeBack(t, g)
		}, []bool{true, false}},
		{"cut for longer, with media", true, func(_ *testing.T, g *guest, _ Listener) {
			g.a.Detach()
			time.Sleep(59 * time.Second)
		}, nil},
		{"cut, and then the media", true, func(_ *testing.T, g *guest, media Listener) {
			g.a.Detach()
			time.Sleep(30 * time.Second)
			media.Connected(false)
		}, []bool{true}},
		{"cut, and the media goes and comes", true, func(_ *testing.T, g *guest, media Listener) {
			g.a.Detach()
			time.Sleep(30 * time.Second)
			media.Connected(false)
			synctest.Wait()
			media.Connected(true)
		}, []bool{true, false}},
		{"the media alone", true, func(_ *testing.T, g *guest, media Listener) {
			media.Connected(false)
			time.Sleep(time.Minute)
		}, nil},
		{"cut, and the media has to be made anew", true, func(t *testing.T, g *guest, _ Listener) {
			g.house.media.fails = ErrLegLost
			g.ask(&protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: offerToSFU()}})
			g.a.Detach()
			time.Sleep(4 * time.Second)
		}, []bool{true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				other := h.comeIn("tea", here(""))
				g := h.come(here(""))
				g.ask(joinWith(&protocol.Join{Room: "tea", Offer: offerToSFU()}))
				h.media.listener.Connected(tc.media)
				other.hear()
				tc.do(t, g, h.media.listener)
				synctest.Wait()
				var told []bool
				for _, m := range other.hear() {
					if p := m.GetPeerUpdated().GetPeer(); p != nil {
						told = append(told, p.GetAway())
					}
				}
				if len(told) != len(tc.want) || len(told) > 0 && told[0] != tc.want[0] {
					t.Fatalf("others are told away: %v, want %v", told, tc.want)
				}
			})
		})
	}
}

func TestWhoNeverJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		g := h.come(here(""))
		time.Sleep(h.SilenceAfter())
		synctest.Wait()
		if got := codes(g.hear()); len(got) != 1 || got[0] != protocol.Error_SILENT {
			t.Fatalf("told %v", got)
		}
	})
}

// A peer that comes back with a fresh connection to the SFU while it is direct
// with the other one is not sent everything twice.
func TestAFreshLegOfADirectPeerIsSuspended(t *testing.T) {
	h := newHouse(t)
	a, b := h.come(here("")), h.come(here(""))
	a.ask(joinWith(&protocol.Join{Room: "tea", Direct: true, Offer: offerToSFU()}))
	b.ask(joinWith(&protocol.Join{Room: "tea", Direct: true}))
	for _, g := range []*guest{a, b} {
		g.ask(&protocol.ClientMessage{Body: &protocol.ClientMessage_Direct{
			Direct: &protocol.Direct{Epoch: 1, State: protocol.Direct_RECEIVED},
		}})
	}
	if !h.media.isSuspended() {
		t.Fatal("nothing is suspended")
	}
	description := &protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: offerToSFU()}}
	h.media.fails = ErrLegLost
	a.ask(description)
	h.media.fails = nil
	a.ask(description)
	if !h.media.isSuspended() {
		t.Fatal("the fresh leg is not suspended")
	}
	b.v.Close(nil)
	if h.media.isSuspended() {
		t.Fatal("it is still suspended when the other one has left")
	}
}

func TestHowSessionsEnd(t *testing.T) {
	moderate := func(m *protocol.Moderate) *protocol.ClientMessage {
		return &protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: m}}
	}
	for _, tc := range []struct {
		name string
		do   func(h *house, host, g *guest)
		// tells is the last thing that the client hears, others what they do.
		tells  protocol.Error_Code
		others protocol.PeerLeft_Reason
		ending string
	}{
		{"it leaves", func(_ *house, _, g *guest) {
			g.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
		}, 0, protocol.PeerLeft_LEFT, "LEFT"},
		{"it is removed", func(_ *house, host, g *guest) {
			host.ask(moderate(&protocol.Moderate{Action: &protocol.Moderate_Kick_{Kick: &protocol.Moderate_Kick{Peer: g.v.peer.ID()}}}))
		}, protocol.Error_REMOVED, protocol.PeerLeft_REMOVED, "REMOVED"},
		{"it is removed while away", func(_ *house, host, g *guest) {
			g.a.Detach()
			host.ask(moderate(&protocol.Moderate{Action: &protocol.Moderate_Kick_{Kick: &protocol.Moderate_Kick{Peer: g.v.peer.ID(), BanSeconds: 60}}}))
		}, 0, protocol.PeerLeft_REMOVED, "REMOVED"},
		{"the room is ended", func(_ *house, host, g *guest) {
			host.say(moderate(&protocol.Moderate{Action: &protocol.Moderate_End_{End: &protocol.Moderate_End{}}}))
		}, protocol.Error_ROOM_ENDED, 0, "ROOM_ENDED"},
		{"it sends too much", func(_ *house, _, g *guest) {
			for range 300 {
				g.say(chat("x"))
			}
		}, protocol.Error_TOO_MANY_MESSAGES, protocol.PeerLeft_CLOSED, "TOO_MANY_MESSAGES"},
		{"the server stops", func(h *house, _, _ *guest) { h.shut() }, protocol.Error_SHUTTING_DOWN, 0, "SHUTTING_DOWN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, noAnonymous)
				host := h.comeIn("tea", here(h.token(auth.Access{Grants: auth.AllGrants}, time.Hour)))
				g := h.comeIn("tea", here(h.token(auth.Access{User: "bob", Grants: auth.DefaultGrants}, time.Hour)))
				host.hear()
				tc.do(h, host, g)
				synctest.Wait()
				if tc.tells != 0 {
					heard := g.hear()
					last := heard[len(heard)-1].GetError()
					if last.GetCode() != tc.tells || !last.GetFatal() {
						t.Errorf("the last it heard is %v", heard[len(heard)-1])
					}
					if h.refusals(tc.tells) == 0 && tc.tells != protocol.Error_SHUTTING_DOWN {
						t.Error("it was not counted")
					}
				}
				if h.counted("hiroba_signaling_endings_total", tc.ending) == 0 {
					t.Error("its end was not counted")
				}
				var reason protocol.PeerLeft_Reason
				for _, m := range host.hear() {
					reason = max(reason, m.GetPeerLeft().GetReason())
				}
				if reason != tc.others {
					t.Errorf("others heard %v, want %v", reason, tc.others)
				}
				// It says nothing more, and does not come back.
				before := h.counted("hiroba_signaling_messages_received_total", "message")
				g.say(chat("still here"))
				if h.counted("hiroba_signaling_messages_received_total", "message") != before {
					t.Error("it is heard after its end")
				}
				if err := g.back(here("")); err.GetCode() != protocol.Error_NO_SUCH_SESSION {
					t.Errorf("it came back: %v", err)
				}
			})
		})
	}
}

// With nobody left, nothing is left: rooms that wait empty go with the house.
func TestCloseWithRoomsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(c *Config) {
			c.Rooms = room.NewRooms(room.Config{
				Limits: room.Limits{Rooms: 10, PeersPerRoom: 10}, Defaults: &protocol.RoomSettings{MaxPeers: 10, EmptySeconds: 600},
			})
		})
		rooms := h.Service.config.Rooms
		h.comeIn("tea", here("")).v.Close(nil)
		h.comeIn("coffee", here("")).a.Detach()
		h.come(here("")).a.Detach()
		waits := h.come(here(""))
		rooms.Find("coffee").Change(nil, &protocol.RoomChange{Lobby: new(true)})
		waits.ask(join("coffee"))
		h.shut()
		if rooms.Count() != 0 {
			t.Fatalf("%d rooms are left", rooms.Count())
		}
		if _, err := h.Open(here(""), true); err.GetCode() != protocol.Error_SHUTTING_DOWN {
			t.Fatalf("somebody comes: %v", err)
		}
	})
}
