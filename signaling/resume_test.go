package signaling

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

func TestWhoComesBack(t *testing.T) {
	for _, tc := range []struct {
		name string
		// hold is what somebody comes with, to which session.
		hold func(t *testing.T, h *house, g *guest) (id string, hold Hold)
		want protocol.Error_Code
		// still says that the client can still come back itself.
		still bool
	}{
		{"the client", func(_ *testing.T, _ *house, g *guest) (string, Hold) {
			return g.welcome.GetSession(), Hold{Token: g.welcome.GetResume(), After: g.heard}
		}, 0, true},
		{"nobody's session", func(_ *testing.T, _ *house, g *guest) (string, Hold) {
			return "ghost", Hold{Token: g.welcome.GetResume()}
		}, protocol.Error_NO_SUCH_SESSION, true},
		{"without a token", func(_ *testing.T, _ *house, g *guest) (string, Hold) {
			return g.welcome.GetSession(), Hold{}
		}, protocol.Error_NO_SUCH_SESSION, true},
		{"with a guess", func(_ *testing.T, _ *house, g *guest) (string, Hold) {
			return g.welcome.GetSession(), Hold{Token: strings.Repeat("A", 26)}
		}, protocol.Error_NO_SUCH_SESSION, true},
		{"with another session's token", func(_ *testing.T, h *house, g *guest) (string, Hold) {
			return g.welcome.GetSession(), Hold{Token: h.comeIn("tea", here("")).welcome.GetResume()}
		}, protocol.Error_NO_SUCH_SESSION, true},
		{"with a token that was used, before the next one was", func(t *testing.T, _ *house, g *guest) (string, Hold) {
			used := g.welcome.GetResume()
			comeBack(t, g)
			return g.welcome.GetSession(), Hold{Token: used, After: g.heard}
		}, 0, true},
		{"with a token that was used, after the next one was shown", func(t *testing.T, _ *house, g *guest) (string, Hold) {
			used := g.welcome.GetResume()
			comeBack(t, g)
			g.ask(chat("it is me"))
			return g.welcome.GetSession(), Hold{Token: used, After: g.heard}
		}, protocol.Error_NO_SUCH_SESSION, true},
		{"with a token that was used twice ago", func(t *testing.T, _ *house, g *guest) (string, Hold) {
			used := g.welcome.GetResume()
			comeBack(t, g)
			comeBack(t, g)
			return g.welcome.GetSession(), Hold{Token: used, After: g.heard}
		}, protocol.Error_NO_SUCH_SESSION, true},
		{"after a number from the future", func(_ *testing.T, _ *house, g *guest) (string, Hold) {
			return g.welcome.GetSession(), Hold{Token: g.welcome.GetResume(), After: g.heard + 1}
		}, protocol.Error_BAD_FIELD, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t)
			g := h.comeIn("tea", here(""))
			id, hold := tc.hold(t, h, g)
			before := h.refusals(tc.want)
			v, err := h.Resume(id, hold.Token, here(""))
			if err == nil {
				_, err = v.Attach(hold)
			}
			if err.GetCode() != tc.want || tc.want != 0 && h.refusals(tc.want) != before+1 {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err := g.back(here("")); (err == nil) != tc.still {
				t.Fatalf("then the client itself: %v", err)
			}
		})
	}
}

// A connection that is set up slowly does not take the session from a later
// one that the client is using already.
func TestALateConnectionTakesNothingOver(t *testing.T) {
	h := newHouse(t)
	g := h.comeIn("tea", here(""))
	used := g.welcome.GetResume()
	late, err := h.Resume(g.welcome.GetSession(), used, here(""))
	if err != nil {
		t.Fatal(err)
	}
	comeBack(t, g)
	g.ask(chat("it is me"))
	if _, err := late.Attach(Hold{Token: used, After: g.heard}); err.GetCode() != protocol.Error_NO_SUCH_SESSION {
		t.Fatalf("the late one attached: %v", err)
	}
	if answer := g.ask(chat("still me")); answer.GetDone() == nil {
		t.Fatalf("answered %v", answer)
	}
}

// Of two that attach at once with one token the later one holds the session;
// the other is fenced, and is not heard.
func TestTwoConnectionsRace(t *testing.T) {
	h := newHouse(t)
	other := h.comeIn("tea", here(""))
	g := h.comeIn("tea", here(""))
	token := g.welcome.GetResume()
	first, err := h.Resume(g.welcome.GetSession(), token, here(""))
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.Resume(g.welcome.GetSession(), token, here(""))
	if err != nil {
		t.Fatal(err)
	}
	a, err := first.Attach(Hold{Token: token, After: g.heard})
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.Attach(Hold{Token: token, After: g.heard})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(nil); !errors.Is(err, session.ErrFenced) {
		t.Fatalf("the first one reads: %v", err)
	}
	other.hear()
	for i, each := range []*Attachment{a, b} {
		message := chat(string(rune('a' + i)))
		message.Seq = 2
		each.Receive(t.Context(), message, 1)
	}
	if news := other.hear(); len(news) != 1 || news[0].GetMessage().GetText() != "b" {
		t.Fatalf("others heard %v", news)
	}
	if !b.resumed || b.Welcome().Message().GetWelcome().GetReceived() != 2 {
		t.Fatalf("the welcome is %v", b.Welcome().Message())
	}
}

// What the client sent before the cut and sends again after it is carried out
// once and answered once.
func TestWhatIsSentAgainIsCarriedOutOnce(t *testing.T) {
	h := newHouse(t)
	other := h.comeIn("tea", here(""))
	g := h.comeIn("tea", here(""))
	other.hear()
	id := g.say(chat("once"))
	comeBack(t, g) // nothing of it was heard
	if g.welcome.GetReceived() != 2 || !g.welcome.GetResumed() {
		t.Fatalf("the welcome is %v", g.welcome)
	}
	again := chat("once")
	again.Seq, again.Id = g.seq, id
	g.a.Receive(t.Context(), again, 1)
	if answers := g.hear(); len(answers) != 1 || answers[0].GetRe() != id || answers[0].GetDone() == nil {
		t.Fatalf("answered %v", answers)
	}
	if news := other.hear(); len(news) != 1 {
		t.Fatalf("others heard %v", news)
	}
	// A client that sends again too fast is told so, but the answer is not one
	// to what has its answer.
	for range 120 {
		g.a.Receive(t.Context(), again, 1)
	}
	for _, m := range g.hear() {
		if m.GetRe() != "" {
			t.Fatalf("answered a second time: %v", m)
		}
	}
}

// A client that has missed too much learns all that there is.
func TestASnapshotIsComplete(t *testing.T) {
	h := newHouse(t, noAnonymous, func(c *Config) { c.Limits.Outbox.Messages = 8 })
	admin := here(h.token(auth.Access{User: "ann", Grants: auth.AllGrants}, time.Hour))
	other := h.come(admin)
	other.ask(joinWith(&protocol.Join{Room: "tea", Name: "Bob", Metadata: "m", Tracks: microphone()}))
	g := h.come(admin)
	joined := g.ask(joinWith(&protocol.Join{Room: "tea", Offer: offerToSFU(), Tracks: microphone()})).GetJoined()
	g.a.Detach()
	other.ask(&protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: &protocol.Moderate{
		Action: &protocol.Moderate_Room{Room: &protocol.RoomChange{Lobby: new(true)}},
	}}})
	h.come(here(h.token(auth.Access{Grants: auth.DefaultGrants}, time.Hour))).ask(join("tea"))
	for range 20 {
		other.ask(chat("missed"))
	}
	comeBack(t, g)
	if !g.welcome.GetResumed() || h.counted("hiroba_signaling_snapshots_total", "") != 1 {
		t.Fatalf("the welcome is %v", g.welcome)
	}
	news := g.hear()
	s := news[0].GetJoined()
	if !s.GetSnapshot() || s.GetPeer() != joined.GetPeer() || s.GetRoom() != "tea" {
		t.Fatalf("first came %v", news[0])
	}
	if p := s.GetPeers(); len(p) != 1 || p[0].GetName() != "Bob" || p[0].GetMetadata() != "m" || len(p[0].GetTracks()) != 1 || p[0].GetTracks()[0].GetMid() != "" {
		t.Errorf("others are %v", p)
	}
	if own := s.GetTracks(); len(own) != 1 || own[0].GetId() != joined.GetTracks()[0].GetId() || own[0].GetMid() != "0" {
		t.Errorf("its own tracks are %v", own)
	}
	if len(s.GetHistory()) != 10 || !s.GetSettings().GetLobby() || len(s.GetKnocks()) != 1 || s.GetTopology().GetMode() != protocol.Topology_SFU || s.GetSelf().GetUser() != "ann" {
		t.Errorf("the rest is %v", s)
	}
	if len(news) != 3 || news[1].GetSlots() == nil || news[2].GetSpeakers() == nil {
		t.Errorf("then came %v", news[1:])
	}
	if answer := g.ask(chat("back")); answer.GetDone() == nil {
		t.Errorf("speaking was answered %v", answer)
	}
}

// The whole of a large room is more than an outbox holds; neither who comes nor
// who comes back loses its session by the words that follow.
func TestALargeRoomIsNoSlowReader(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Limits.Outbox.Bytes = 64 << 10 })
	for range 50 {
		other := h.come(here(""))
		other.ask(joinWith(&protocol.Join{Room: "tea", Metadata: strings.Repeat("x", 4<<10)}))
		other.a.Detach() // who does not read all that follows
	}
	g := h.come(here(""))
	id := g.say(joinWith(&protocol.Join{Room: "tea", Offer: offerToSFU()}))
	for range 3 {
		g.say(chat("before it has read anything"))
	}
	if news := g.hear(); len(news) == 0 || news[0].GetRe() != id || len(news[0].GetJoined().GetPeers()) != 50 {
		t.Fatalf("the session ended for %v", g.v.session.Reason())
	}
	g.a.Detach()
	for range 100 {
		g.v.room.Say(nil, &protocol.Message{Text: strings.Repeat("x", 4<<10)})
	}
	comeBack(t, g)
	if news := g.hear(); len(news) != 3 || len(news[0].GetJoined().GetPeers()) != 50 {
		t.Fatalf("%d messages; the session ended for %v", len(news), g.v.session.Reason())
	}
}

// One who polls needs a token for all of its polls; the first that is shown
// again after a newer one is too late.
func TestPolls(t *testing.T) {
	h := newHouse(t)
	g := h.comeIn("tea", here(""))
	poll := func(token string) (*Attachment, *protocol.Error) {
		v, err := h.Resume(g.welcome.GetSession(), token, here(""))
		if err != nil {
			return nil, err
		}
		return v.Attach(Hold{Token: token, After: g.heard, Poll: true})
	}
	first := g.welcome.GetResume()
	a, err := poll(first)
	if err != nil || a.Welcome() == nil {
		t.Fatal(err)
	}
	token := a.Welcome().Message().GetWelcome().GetResume()
	a.Detach()
	for range 3 {
		a, err := poll(token)
		if err != nil || a.Welcome() != nil {
			t.Fatalf("a further poll: %v, %v", a, err)
		}
		a.Detach()
	}
	if _, err := poll(first); err.GetCode() != protocol.Error_NO_SUCH_SESSION {
		t.Fatalf("the first token again: %v", err)
	}
	if n := h.counted("hiroba_signaling_attachments_total", ""); n != 2 {
		t.Errorf("the first connection and the polls after it were counted as %d", n)
	}
}
