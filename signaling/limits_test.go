package signaling

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestHowManySessions(t *testing.T) {
	type caller struct{ addr, user string }
	for _, tc := range []struct {
		name    string
		limits  func(*Limits)
		callers []caller // the last one is refused
		limit   string   // as the metrics call it
	}{
		{"in all", func(l *Limits) { l.Sessions = 2 },
			[]caller{{"192.0.2.1", ""}, {"192.0.2.2", ""}, {"192.0.2.3", ""}}, "sessions"},
		{"of one address", func(l *Limits) { l.SessionsPerAddress = 2 },
			[]caller{{"192.0.2.1", ""}, {"192.0.2.2", ""}, {"192.0.2.1", ""}, {"192.0.2.1", ""}}, "sessions_per_address"},
		{"of one IPv6 network", func(l *Limits) { l.SessionsPerAddress = 2 },
			[]caller{{"2001:db8::1", ""}, {"2001:db8::2", ""}, {"2001:db8::3", ""}}, "sessions_per_address"},
		{"of one user", func(l *Limits) { l.SessionsPerUser = 2 },
			[]caller{{"192.0.2.1", "ann"}, {"192.0.2.2", "ann"}, {"192.0.2.3", "bob"}, {"192.0.2.4", "ann"}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, func(c *Config) { tc.limits(&c.Limits) })
				open := func(c caller) (*Visitor, *protocol.Error) {
					out := Caller{Addr: netip.MustParseAddr(c.addr)}
					if c.user != "" {
						out.Token = h.token(auth.Access{User: c.user}, time.Hour)
					}
					return h.Open(out, false)
				}
				last := len(tc.callers) - 1
				var first *Visitor
				for _, c := range tc.callers[:last] {
					v, err := open(c)
					if err != nil {
						t.Fatal(err)
					}
					if first == nil {
						first = v
					}
				}
				if _, err := open(tc.callers[last]); err.GetCode() != protocol.Error_TOO_MANY_SESSIONS {
					t.Fatalf("one too many: %v", err)
				}
				if h.refusals(protocol.Error_TOO_MANY_SESSIONS) != 1 || tc.limit != "" && h.counted("hiroba_signaling_sessions_refused_total", tc.limit) != 1 {
					t.Error("it was not counted")
				}
				// Whatever was refused left nothing behind, and who goes makes room.
				first.Close(nil)
				if _, err := open(tc.callers[last]); err != nil {
					t.Fatalf("after one has gone: %v", err)
				}
			})
		})
	}
}

// A user who comes in by a message is counted as well, once, and given back.
func TestUsersAreCountedWhereverTheyShowTheirToken(t *testing.T) {
	h := newHouse(t, noAnonymous, func(c *Config) { c.Limits.SessionsPerUser = 1 })
	token := h.token(auth.Access{User: "ann"}, time.Hour)
	a, b := h.come(here("")), h.come(here(""))
	say := func(g *guest) {
		m := authenticate(token)
		g.seq++
		m.Seq = g.seq
		g.a.Receive(t.Context(), m, 1)
	}
	say(a)
	say(a)
	say(b)
	if got := codes(b.hear()); len(got) != 1 || got[0] != protocol.Error_TOO_MANY_SESSIONS || b.v.session.Open() {
		t.Fatalf("the second session: %v", got)
	}
	a.v.Close(nil)
	c := h.come(here(""))
	say(c)
	if !c.v.session.Open() {
		t.Fatalf("after the first has gone: %v", c.v.session.Reason())
	}
}

func TestHowOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(c *Config) { c.Limits.JoinsPerMinute, c.Limits.RequestsPerSecond = 3, 2 })
		tooMany := func() bool {
			g, err := h.Open(here(""), false)
			if err == nil {
				g.Close(nil)
			}
			return err.GetCode() == protocol.Error_TOO_MANY_MESSAGES
		}
		for i := range 8 {
			if tooMany() {
				t.Fatalf("request %d was one too many", i)
			}
		}
		if !tooMany() || h.refusals(protocol.Error_TOO_MANY_MESSAGES) != 1 {
			t.Fatal("the ninth at once was not refused")
		}
		// Coming back costs as much as coming.
		if _, err := h.Resume("x", "y", here("")); err.GetCode() != protocol.Error_TOO_MANY_MESSAGES {
			t.Fatalf("coming back: %v", err)
		}
		if _, err := h.Open(Caller{Addr: netip.MustParseAddr("192.0.2.1")}, false); err != nil {
			t.Fatalf("somebody else: %v", err)
		}

		time.Sleep(10 * time.Second) // of the test's own clock
		g := h.come(here(""))
		for i := range 3 {
			if answer := g.ask(joinWith(&protocol.Join{Room: "tea", Offer: &protocol.Description{Type: protocol.Description_ANSWER}})); answer.GetError().GetCode() != protocol.Error_BAD_DESCRIPTION {
				t.Fatalf("join %d: %v", i, answer)
			}
		}
		if answer := g.ask(join("tea")); answer.GetError().GetCode() != protocol.Error_TOO_MANY_MESSAGES {
			t.Fatalf("the fourth join in a minute: %v", answer)
		}
		time.Sleep(20 * time.Second)
		if answer := g.ask(join("tea")); answer.GetJoined() == nil {
			t.Fatalf("after a while: %v", answer)
		}
	})
}
