package signaling

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestWhoIsLetIn(t *testing.T) {
	open := func(*Config) {}
	rotated := func(c *Config) {
		c.Anonymous = 0
		c.Keys, _ = auth.ParseKeys("new=fedcba9876543210fedcba9876543210")
	}
	none := func(*house) string { return "" }
	good := func(h *house) string { return h.token(auth.Access{User: "ann"}, time.Hour) }
	for _, tc := range []struct {
		name   string
		config func(*Config)
		token  func(*house) string
		later  bool
		want   protocol.Error_Code
	}{
		{"an open server", open, none, false, 0},
		{"an open server, a token", open, good, false, 0},
		{"an open server, a bad token", open, func(h *house) string { return good(h) + "x" }, false, protocol.Error_ACCESS_DENIED},
		{"no token", noAnonymous, none, false, protocol.Error_ACCESS_REQUIRED},
		{"no token yet", noAnonymous, none, true, 0},
		{"a token", noAnonymous, good, true, 0},
		{"nonsense", noAnonymous, func(*house) string { return "nonsense" }, true, protocol.Error_ACCESS_DENIED},
		{"a token that has expired", noAnonymous, func(h *house) string {
			token := h.token(auth.Access{User: "ann"}, time.Second)
			time.Sleep(2 * time.Second) // of the test's own clock
			return token
		}, true, protocol.Error_ACCESS_EXPIRED},
		{"a token of a key that was taken out", rotated, good, true, protocol.Error_ACCESS_DENIED},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, tc.config)
				_, err := h.Open(here(tc.token(h)), tc.later)
				if err.GetCode() != tc.want {
					t.Fatalf("got %v, want %v", err, tc.want)
				}
				if tc.want != 0 && h.refusals(tc.want) != 1 {
					t.Error("the refusal was not counted")
				}
			})
		})
	}
}

// A client that cannot send a token in its handshake sends it in a message,
// and can do nothing before.
func TestATokenInAMessage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		first   func(h *house) *protocol.ClientMessage
		want    protocol.Error_Code
		welcome bool
	}{
		{"a good one", func(h *house) *protocol.ClientMessage {
			return authenticate(h.token(auth.Access{User: "ann"}, time.Hour))
		}, 0, true},
		{"a bad one", func(*house) *protocol.ClientMessage { return authenticate("nonsense") }, protocol.Error_ACCESS_DENIED, false},
		{"an empty one", func(*house) *protocol.ClientMessage { return authenticate("") }, protocol.Error_ACCESS_REQUIRED, false},
		{"join", func(*house) *protocol.ClientMessage { return join("tea") }, protocol.Error_ACCESS_REQUIRED, false},
		{"leave", func(*house) *protocol.ClientMessage {
			return &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}}
		}, protocol.Error_ACCESS_REQUIRED, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, noAnonymous)
			g := h.come(here(""))
			if g.welcome != nil {
				t.Fatal("a welcome before the token")
			}
			message := tc.first(h)
			message.Seq, message.Id = 1, "x"
			g.seq = 1
			welcome := g.a.Receive(t.Context(), message, 1)
			if (welcome != nil) != tc.welcome || tc.welcome && welcome.Message().GetWelcome().GetResume() == "" {
				t.Fatalf("the welcome is %v", welcome)
			}
			answers := g.hear()
			if len(answers) != 1 || answers[0].GetRe() != "x" || answers[0].GetError().GetCode() != tc.want {
				t.Fatalf("answered %v, want %v", answers, tc.want)
			}
			if tc.want != 0 {
				if !answers[0].GetError().GetFatal() || g.v.session.Open() || h.refusals(tc.want) != 1 {
					t.Fatalf("the session goes on after %v", answers[0])
				}
				return
			}
			if answer := g.ask(join("tea")); answer.GetJoined().GetSelf().GetUser() != "ann" {
				t.Fatalf("join was answered %v", answer)
			}
		})
	}
}

// What a token says of somebody goes before what the client says.
func TestWhoATokenSaysOneIs(t *testing.T) {
	for _, tc := range []struct {
		name     string
		access   auth.Access
		join     *protocol.Join
		want     protocol.Error_Code
		wantPeer *protocol.Peer
	}{
		{"nothing", auth.Access{}, &protocol.Join{Room: "tea", Name: "Ann", Metadata: "m"}, 0, &protocol.Peer{Name: "Ann", Metadata: "m"}},
		{"everything", auth.Access{User: "u", Name: "Ann", Role: "r", Metadata: "n"}, &protocol.Join{Room: "tea", Name: "Eve", Metadata: "m"}, 0,
			&protocol.Peer{Name: "Ann", Metadata: "n", User: "u", Role: "r"}},
		{"this room", auth.Access{Room: "tea"}, &protocol.Join{Room: "tea"}, 0, &protocol.Peer{}},
		{"another room", auth.Access{Room: "coffee"}, &protocol.Join{Room: "tea"}, protocol.Error_ACCESS_DENIED, nil},
		{"a room of a like name", auth.Access{Room: "tea"}, &protocol.Join{Room: "Tea"}, protocol.Error_ACCESS_DENIED, nil},
		{"tracks", auth.Access{}, &protocol.Join{Room: "tea", Tracks: microphone()}, 0, &protocol.Peer{}},
		{"tracks, and may not publish", auth.Access{Grants: auth.GrantsOf(protocol.Grant_SUBSCRIBE)},
			&protocol.Join{Room: "tea", Tracks: microphone()}, protocol.Error_NOT_GRANTED, nil},
		{"tracks, of another source", auth.Access{Sources: []string{"camera"}},
			&protocol.Join{Room: "tea", Tracks: microphone()}, protocol.Error_NOT_GRANTED, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, noAnonymous)
			if tc.access.Grants == 0 {
				tc.access.Grants = auth.DefaultGrants
			}
			other := h.comeIn("tea", here(h.token(auth.Access{Grants: auth.DefaultGrants}, time.Hour)))
			g := h.come(here(h.token(tc.access, time.Hour)))
			answer := g.ask(joinWith(tc.join))
			if answer.GetError().GetCode() != tc.want {
				t.Fatalf("answered %v, want %v", answer, tc.want)
			}
			news := other.hear()
			if tc.want != 0 {
				if len(news) != 0 || h.refusals(tc.want) != 1 || len(h.media.calls) != 0 {
					t.Fatalf("refused, and others heard %v; %d were counted", news, h.refusals(tc.want))
				}
				return
			}
			p, want := news[0].GetPeerJoined().GetPeer(), tc.wantPeer
			if p.GetName() != want.GetName() || p.GetUser() != want.GetUser() || p.GetRole() != want.GetRole() || p.GetMetadata() != want.GetMetadata() {
				t.Fatalf("others see %v, want %v", p, want)
			}
		})
	}
}

func microphone() []*protocol.TrackOffer {
	return []*protocol.TrackOffer{{Mid: "0", Kind: protocol.Kind_AUDIO, Source: "microphone"}}
}

func TestAccessRunsOut(t *testing.T) {
	access := auth.Access{User: "ann", Grants: auth.DefaultGrants}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, h *house, g *guest)
		goes bool // the session goes on after its token's end
		want protocol.Error_Code
	}{
		{"while attached", func(*testing.T, *house, *guest) {}, false, protocol.Error_ACCESS_EXPIRED},
		{"while detached", func(_ *testing.T, _ *house, g *guest) {
			time.Sleep(9*time.Minute + 30*time.Second) // of the test's own clock
			g.a.Detach()
		}, false, protocol.Error_ACCESS_EXPIRED},
		{"refreshed by a message", func(t *testing.T, h *house, g *guest) {
			time.Sleep(9*time.Minute + 30*time.Second)
			if answer := g.ask(authenticate(h.token(access, time.Hour))); answer.GetDone() == nil {
				t.Fatalf("answered %v", answer)
			}
		}, true, 0},
		{"refreshed at the last moment", func(t *testing.T, h *house, g *guest) {
			time.Sleep(10*time.Minute - time.Nanosecond)
			g.ask(authenticate(h.token(access, time.Hour)))
		}, true, 0},
		{"refreshed on the way back", func(t *testing.T, h *house, g *guest) {
			time.Sleep(9*time.Minute + 30*time.Second)
			g.a.Detach()
			if err := g.back(here(h.token(access, time.Hour))); err != nil {
				t.Fatal(err)
			}
		}, true, 0},
		{"a bad one on the way back", func(t *testing.T, h *house, g *guest) {
			time.Sleep(9 * time.Minute)
			if err := g.back(here("nonsense")); err.GetCode() != protocol.Error_ACCESS_DENIED {
				t.Fatalf("came back: %v", err)
			}
		}, false, protocol.Error_ACCESS_EXPIRED},
		{"refreshed by one that ends sooner", func(_ *testing.T, h *house, g *guest) {
			g.ask(authenticate(h.token(access, time.Minute)))
			time.Sleep(2 * time.Minute)
		}, false, protocol.Error_ACCESS_EXPIRED},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, noAnonymous)
				began := time.Now()
				g := h.comeIn("tea", here(h.token(access, 10*time.Minute)))
				tc.do(t, h, g)
				time.Sleep(time.Until(began.Add(10*time.Minute + time.Second)))
				synctest.Wait()
				if g.v.session.Open() != tc.goes || g.v.session.Reason().GetCode() != tc.want {
					t.Fatalf("it goes on: %v, %v", g.v.session.Open(), g.v.session.Reason())
				}
				if !tc.goes {
					if err := g.back(here("")); err.GetCode() != protocol.Error_NO_SUCH_SESSION {
						t.Fatalf("it came back: %v", err)
					}
					if h.counted("hiroba_signaling_peers", "") != 0 || h.refusals(tc.want) != 1 {
						t.Fatalf("%d peers; %d refusals", h.counted("hiroba_signaling_peers", ""), h.refusals(tc.want))
					}
				}
			})
		})
	}
}

func TestAFreshTokenIsAskedForInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, noAnonymous, func(c *Config) { c.Limits.Outbox.Messages = 4 })
		g := h.comeIn("tea", here(h.token(auth.Access{Grants: auth.DefaultGrants}, 10*time.Minute)))
		time.Sleep(9*time.Minute - time.Second) // of the test's own clock
		synctest.Wait()
		if news := g.hear(); len(news) != 0 {
			t.Fatalf("too early: %v", news)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		news := g.hear()
		if len(news) != 1 || news[0].GetAccessExpiring().GetExpiresMs() != time.Now().Add(time.Minute).UnixMilli() {
			t.Fatalf("a minute before: %v", news)
		}
		// A client that loses messages may have lost this one.
		g.a.Detach()
		for range 9 {
			g.v.room.Say(nil, &protocol.Message{Text: "x"})
		}
		if err := g.back(here("")); err != nil {
			t.Fatal(err)
		}
		if news = g.hear(); !holds(news, func(m *protocol.ServerMessage) bool { return m.GetAccessExpiring() != nil }) {
			t.Fatalf("with a snapshot came %v", news)
		}
	})
}

func TestWhichFreshTokensAreTaken(t *testing.T) {
	all := auth.DefaultGrants
	for _, tc := range []struct {
		name          string
		first         *auth.Access // nil: none
		joined        bool
		fresh         auth.Access
		want          protocol.Error_Code
		speaksAfter   bool // may send messages then
		userWhoJoined string
	}{
		{"the same", &auth.Access{User: "ann", Grants: all}, true, auth.Access{User: "ann", Grants: all}, 0, true, "ann"},
		{"less", &auth.Access{User: "ann", Grants: all}, true, auth.Access{User: "ann"}, 0, false, "ann"},
		{"more", &auth.Access{User: "ann"}, true, auth.Access{User: "ann", Grants: all}, 0, true, "ann"},
		{"another user", &auth.Access{User: "ann", Grants: all}, true, auth.Access{User: "bob"}, protocol.Error_ACCESS_DENIED, true, "ann"},
		{"another user, not joined yet", &auth.Access{User: "ann", Grants: all}, false, auth.Access{User: "bob"}, protocol.Error_ACCESS_DENIED, true, "ann"},
		{"another room", &auth.Access{Room: "tea", Grants: all}, true, auth.Access{Room: "coffee"}, protocol.Error_ACCESS_DENIED, true, ""},
		{"this room instead of all", &auth.Access{Grants: all}, true, auth.Access{Room: "tea", Grants: all}, 0, true, ""},
		{"all rooms instead of this", &auth.Access{Room: "tea", Grants: all}, true, auth.Access{Grants: all}, 0, true, ""},
		{"another room, not joined yet", &auth.Access{Room: "coffee"}, false, auth.Access{Room: "tea", Grants: all}, 0, true, ""},
		{"a user after nobody", nil, false, auth.Access{User: "ann", Grants: all}, 0, true, "ann"},
		{"a user after nobody who has joined", nil, true, auth.Access{User: "ann"}, protocol.Error_ACCESS_DENIED, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				token := ""
				if tc.first != nil {
					token = h.token(*tc.first, time.Hour)
				}
				g := h.come(here(token))
				if tc.joined {
					g.ask(join("tea"))
				}
				if answer := g.ask(authenticate(h.token(tc.fresh, time.Hour))); answer.GetError().GetCode() != tc.want || answer.GetError().GetFatal() {
					t.Fatalf("answered %v, want %v", answer, tc.want)
				}
				synctest.Wait()
				if !tc.joined {
					g.ask(join("tea"))
				}
				if answer := g.ask(chat("hello")); (answer.GetDone() != nil) != tc.speaksAfter {
					t.Errorf("speaking was answered %v", answer)
				}
				if p, _ := g.v.room.FindPeer(g.v.peer.ID()); p.GetUser() != tc.userWhoJoined {
					t.Errorf("the room knows %v", p)
				}
			})
		})
	}
}

// On a server that is open to all, going on without a token is no way to keep
// a session whose token runs out, or was for less.
func TestATokenIsNotReplacedByNone(t *testing.T) {
	h := newHouse(t)
	g := h.comeIn("tea", here(h.token(auth.Access{}, time.Hour)))
	if answer := g.ask(authenticate("")); answer.GetError().GetCode() != protocol.Error_ACCESS_REQUIRED {
		t.Fatalf("answered %v", answer)
	}
	if answer := g.ask(chat("hello")); answer.GetError().GetCode() != protocol.Error_NOT_GRANTED {
		t.Fatalf("speaking was answered %v", answer)
	}
}

// Whoever comes back is judged again.
func TestAKeyIsTakenOut(t *testing.T) {
	h := newHouse(t, noAnonymous)
	g := h.comeIn("tea", here(h.token(auth.Access{}, time.Hour)))
	g.a.Detach()
	h.Service.config.Keys, _ = auth.ParseKeys("new=fedcba9876543210fedcba9876543210")
	if err := g.back(here("")); err.GetCode() != protocol.Error_ACCESS_DENIED || h.refusals(protocol.Error_ACCESS_DENIED) != 1 {
		t.Fatalf("came back: %v", err)
	}
}
