package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// script is a media side whose legs fail when a test wants it, which a real
// one cannot be made to do. It notes what is asked of it.
type script struct {
	fails error // of the next offer
	calls []string

	mu        sync.Mutex // guards all below
	listener  Listener
	rights    Rights
	suspended bool
}

func (s *script) Open(_, _ string, listener Listener) (Leg, error) {
	s.calls = append(s.calls, "open")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.suspended = listener, false
	return s, nil
}

func (s *script) Offer(context.Context, string) (string, error) {
	s.calls = append(s.calls, "offer")
	return "answer", s.fails
}

func (s *script) Publish(tracks []*protocol.Track) {
	s.calls = append(s.calls, fmt.Sprintf("publish %d", len(tracks)))
}

func (s *script) View(view *protocol.View) {
	s.calls = append(s.calls, fmt.Sprintf("view %d", len(view.GetShown())))
}

func (s *script) Allow(rights Rights) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rights = rights
}

func (s *script) allowed() Rights {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rights
}

func (s *script) Suspend(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspended = on
}

func (s *script) isSuspended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.suspended
}

// Tell says something, as a real leg does.
func (s *script) Tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener.Slots([]*protocol.Slot{{Mid: "1"}})
	s.listener.Speakers([]string{"somebody"})
}

func (s *script) Candidate(*protocol.Candidate) error { return nil }
func (s *script) Mute(string, bool)                   {}
func (s *script) Close()                              { s.calls = append(s.calls, "close") }

// house is a service with its rooms and a media side, and keys to make tokens
// with.
type house struct {
	testing.TB
	*Service
	rooms *room.Rooms
	media *script
	keys  auth.Keys
}

// newHouse makes an open house, unless change says otherwise. It is closed with
// the test.
func newHouse(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	keys, err := auth.ParseKeys("old=0123456789abcdef0123456789abcdef, new=fedcba9876543210fedcba9876543210")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{TB: t, media: &script{}, keys: keys}
	h.rooms = room.NewRooms(room.Config{
		Limits: room.Limits{Rooms: 10, PeersPerRoom: 2000, TracksPerPeer: 8},
		Defaults: &protocol.RoomSettings{
			MaxPeers: 2000, HistoryMessages: 10, Topology: protocol.TopologyPolicy_TOPOLOGY_AUTO,
		},
		Cooldown: 10 * time.Second,
	})
	config := Config{
		Limits: Limits{
			Outbox:   session.Bounds{Messages: 1024, Bytes: 1 << 20},
			Sessions: 2000, SessionsPerAddress: 2000, SessionsPerUser: 2000, JoinsPerMinute: 2000, RequestsPerSecond: 1000,
			MessageBytes: 1 << 16, DescriptionBytes: 1 << 18, MessagesPerSecond: 50, Slots: 8,
		},
		Keys:       keys,
		Anonymous:  auth.DefaultGrants,
		Heartbeat:  25 * time.Second,
		Detached:   time.Minute,
		ICEServers: func(Caller, string) []*protocol.IceServer { return nil },
		Rooms:      h.rooms,
		Tracks:     8,
		Media:      h.media,
		Logger:     slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(),
	}
	for _, f := range change {
		f(&config)
	}
	h.Service = NewService(config)
	t.Cleanup(h.shut)
	return h
}

func (h *house) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Service.Close(ctx); err != nil {
		h.Error(err)
	}
}

// noAnonymous lets in nobody without a token.
func noAnonymous(c *Config) { c.Anonymous = 0 }

// token signs an access that ends after ttl.
func (h *house) token(access auth.Access, ttl time.Duration) string {
	h.Helper()
	signer, err := h.keys.Signer("old")
	if err != nil {
		h.Fatal(err)
	}
	if access.Room == "" {
		access.Room = auth.EveryRoom
	}
	token, err := signer.Token(access, time.Now(), ttl)
	if err != nil {
		h.Fatal(err)
	}
	return token
}

// refusals is how often something was refused with the code.
func (h *house) refusals(code protocol.Error_Code) int {
	return h.counted("hiroba_signaling_refusals_total", code.String())
}

// counted is the value of a metric, of the one with the label when it is not
// "".
func (h *house) counted(name, label string) int {
	h.Helper()
	families, err := h.Service.config.Registerer.(prometheus.Gatherer).Gather()
	if err != nil {
		h.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	return 0
}

// here is a caller at an address of the machine itself.
func here(token string) Caller {
	return Caller{Addr: netip.IPv6Loopback(), Token: token, Transport: "test"}
}

// guest is a client: it numbers what it says and remembers what it has heard.
type guest struct {
	house   *house
	v       *Visitor
	a       *Attachment
	welcome *protocol.Welcome // the last one
	seq     uint64            // of what it said last
	heard   uint64            // of what it heard last
}

// come opens a session and attaches to it, as over a WebSocket.
func (h *house) come(caller Caller) *guest {
	h.Helper()
	v, err := h.Open(caller, true)
	if err != nil {
		h.Fatal(err)
	}
	g := &guest{house: h, v: v}
	if err := g.attach(Hold{}); err != nil {
		h.Fatal(err)
	}
	return g
}

// comeIn is come, and joins a room.
func (h *house) comeIn(name string, caller Caller) *guest {
	h.Helper()
	g := h.come(caller)
	if answer := g.ask(join(name)); answer.GetJoined() == nil {
		h.Fatalf("join was answered %v", answer)
	}
	return g
}

func (g *guest) attach(hold Hold) *protocol.Error {
	a, err := g.v.Attach(hold)
	if err != nil {
		return err
	}
	g.a = a
	if welcome := a.Welcome(); welcome != nil {
		g.welcome = welcome.Message().GetWelcome()
	}
	return nil
}

// back comes back with the resume token, after what was heard last.
func (g *guest) back(caller Caller) *protocol.Error {
	token := g.welcome.GetResume()
	v, err := g.house.Resume(g.welcome.GetSession(), token, caller)
	if err != nil {
		return err
	}
	g.v = v
	return g.attach(Hold{Token: token, After: g.heard, Transport: "test"})
}

// say says something, with an id made of its number.
func (g *guest) say(message *protocol.ClientMessage) (id string) {
	g.seq++
	message.Seq, message.Id = g.seq, "id-"+strconv.FormatUint(g.seq, 10)
	g.a.Receive(context.Background(), message, 1)
	return message.GetId()
}

// hear is all that has come since the last time.
func (g *guest) hear() (out []*protocol.ServerMessage) {
	g.house.Helper()
	for {
		entries, err := g.a.Read(nil)
		for _, e := range entries {
			if e.Seq != g.heard+1 && e.Event.Message().GetJoined() == nil && g.heard != 0 {
				g.house.Errorf("%d came after %d", e.Seq, g.heard)
			}
			g.heard = e.Seq
			out = append(out, &protocol.ServerMessage{Seq: e.Seq, Re: e.Re, Body: e.Event.Message().GetBody()})
		}
		if err != nil || len(entries) == 0 {
			return out
		}
	}
}

// ask says something and returns the answer; what else has come is dropped.
func (g *guest) ask(message *protocol.ClientMessage) (answer *protocol.ServerMessage) {
	g.house.Helper()
	id := g.say(message)
	for _, m := range g.hear() {
		if m.GetRe() == id {
			if answer != nil {
				g.house.Errorf("two answers to one message: %v and %v", answer, m)
			}
			answer = m
		}
	}
	if answer == nil {
		g.house.Fatalf("no answer to %v; the session ended for %v", message, g.v.session.Reason())
	}
	return answer
}

// codes are those of the errors among what came.
func codes(messages []*protocol.ServerMessage) (out []protocol.Error_Code) {
	for _, m := range messages {
		if m.GetError() != nil {
			out = append(out, m.GetError().GetCode())
		}
	}
	return out
}

// holds says whether one of the messages is such.
func holds(messages []*protocol.ServerMessage, such func(*protocol.ServerMessage) bool) bool {
	return slices.ContainsFunc(messages, such)
}

func join(name string) *protocol.ClientMessage { return joinWith(&protocol.Join{Room: name}) }

func joinWith(join *protocol.Join) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: join}}
}

func chat(text string) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{Message: &protocol.Message{Topic: "chat", Text: text}}}
}

func authenticate(token string) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Authenticate{Authenticate: &protocol.Authenticate{Token: token}}}
}

func offerToSFU() *protocol.Description {
	return &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER}
}
