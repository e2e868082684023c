package signaling

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// hall is a media side that, like the real one, has one lock for a room and
// tells all listeners under it.
type hall struct {
	mu        sync.Mutex // guards listeners
	listeners map[*stand]Listener
}

// stand is one leg of it.
type stand struct{ hall *hall }

func (h *hall) Open(_, _ string, listener Listener) (Leg, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &stand{h}
	h.listeners[s] = listener
	return s, nil
}

func (s *stand) tell() {
	s.hall.mu.Lock()
	defer s.hall.mu.Unlock()
	for _, listener := range s.hall.listeners {
		listener.Slots(nil)
		listener.Connected(rand.IntN(2) == 0)
		listener.Lost("nothing in particular")
	}
}

func (s *stand) Offer(context.Context, string) (string, error) {
	s.tell()
	if rand.IntN(4) == 0 {
		return "", ErrLegLost
	}
	return "answer", nil
}

func (s *stand) Candidate(*protocol.Candidate) error { s.tell(); return nil }
func (s *stand) Publish([]*protocol.Track)           { s.tell() }
func (s *stand) Mute(string, bool)                   { s.tell() }
func (s *stand) Allow(Rights)                        { s.tell() }
func (s *stand) Suspend(bool)                        { s.tell() }
func (s *stand) Tell()                               { s.tell() }
func (s *stand) View(*protocol.View)                 { s.tell() }
func (s *stand) Close() {
	s.tell()
	s.hall.mu.Lock()
	defer s.hall.mu.Unlock()
	delete(s.hall.listeners, s)
}

// Whatever clients, moderators, the server API, the media side and the clocks
// do at once, nobody waits for anybody for ever, and nothing is left over.
func TestEverythingAtOnce(t *testing.T) {
	h := newHouse(t, noAnonymous, func(c *Config) {
		c.Media = &hall{listeners: map[*stand]Listener{}}
		c.Detached = 2 * time.Millisecond
		c.Limits.MessagesPerSecond = 1e6
		c.Limits.JoinsPerMinute, c.Limits.RequestsPerSecond = 1e6, 1e6
		c.Limits.Outbox.Messages = 32
	})
	moderate := func(m *protocol.Moderate) *protocol.ClientMessage {
		return &protocol.ClientMessage{Body: &protocol.ClientMessage_Moderate{Moderate: m}}
	}
	access := auth.Access{Grants: auth.AllGrants}
	tokens := []string{h.token(access, time.Hour), h.token(auth.Access{Grants: auth.DefaultGrants}, time.Hour)}
	names := []string{"tea", "coffee"}
	client := func(random *rand.Rand) {
		v, err := h.Open(here(tokens[random.IntN(2)]), true)
		if err != nil {
			t.Error(err)
			return
		}
		g := &guest{house: h, v: v}
		if g.attach(Hold{}) != nil {
			return
		}
		g.say(joinWith(&protocol.Join{Room: names[random.IntN(2)], Direct: true, Offer: offerToSFU(), Tracks: microphone()}))
		for range 40 {
			whom := ""
			if r := h.rooms.Find(names[random.IntN(2)]); r != nil {
				inside, waiting := r.Peers()
				if len(inside) > 0 {
					whom = inside[random.IntN(len(inside))].GetId()
				}
				if len(waiting) > 0 && random.IntN(2) == 0 {
					_ = r.Admit(nil, waiting[0].GetPeer())
				}
			}
			switch random.IntN(14) {
			case 0:
				g.say(chat("x"))
			case 1:
				g.say(moderate(&protocol.Moderate{Action: &protocol.Moderate_Grants{Grants: &protocol.Moderate_Change{
					Peer: whom, Grants: []protocol.Grant{protocol.Grant(random.IntN(6)), protocol.Grant(random.IntN(6))},
				}}}))
			case 2:
				g.say(moderate(&protocol.Moderate{Action: &protocol.Moderate_Kick_{Kick: &protocol.Moderate_Kick{Peer: whom}}}))
			case 3:
				g.say(moderate(&protocol.Moderate{Action: &protocol.Moderate_Room{Room: &protocol.RoomChange{Lobby: new(random.IntN(2) == 0)}}}))
			case 4:
				if random.IntN(5) == 0 {
					g.say(moderate(&protocol.Moderate{Action: &protocol.Moderate_End_{End: &protocol.Moderate_End{}}}))
				}
			case 5:
				g.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Description{Description: offerToSFU()}})
			case 6:
				g.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Publish{Publish: &protocol.Publish{Tracks: microphone()}}})
			case 7:
				g.say(authenticate(tokens[random.IntN(2)]))
			case 8:
				g.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Direct{Direct: &protocol.Direct{
					Epoch: uint64(random.IntN(5)), State: protocol.Direct_State(random.IntN(3)),
				}}})
			case 9:
				g.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Metadata{Metadata: &protocol.Metadata{Metadata: whom}}})
			case 10:
				_, _ = g.a.Read(nil)
			case 11:
				go g.a.Detach()
			default:
				go g.a.Detach()
				if g.welcome == nil || g.back(here("")) != nil {
					return
				}
			}
		}
		if random.IntN(2) == 0 {
			g.v.Close(nil)
		}
	}
	var clients sync.WaitGroup
	for i := range 16 {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		clients.Go(func() {
			for range 10 {
				client(random)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		clients.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("somebody waits for ever")
	}
	h.shut()
	if n := h.counted("hiroba_signaling_peers", ""); n != 0 || h.rooms.Count() != 0 {
		t.Fatalf("%d peers and %d rooms are left", n, h.rooms.Count())
	}
	if left := h.counted("hiroba_signaling_sessions", ""); left != 0 {
		t.Fatalf("%d sessions are left", left)
	}
}
