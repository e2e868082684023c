package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// way is one way to carry a session.
type way struct {
	name      string
	transport client.Transport
	format    protocol.Format
}

// ways are all of them: every transport passes the same tests.
func ways() []way {
	out := []way{{"websocket, protobuf", client.WebSocket, protocol.Binary}}
	for _, transport := range client.Transports() {
		out = append(out, way{string(transport), transport, protocol.JSON})
	}
	return out
}

// talker is a client without media that keeps what it hears.
type talker struct {
	*client.Link
	t      testing.TB
	id     string
	joined *protocol.Joined

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every message
	heard   []*protocol.ServerMessage
	onEach  func(n int) // after the n-th message
}

// roomFor names a room for one test: tests of all transports run beside each
// other.
func roomFor(t testing.TB) string {
	name := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '-'
	}, t.Name()))
	return string(name[max(0, len(name)-60):])
}

// talk opens a session and, unless it goes on with one, joins the test's room.
func talk(t testing.TB, url string, w way, change func(*client.Options)) *talker {
	t.Helper()
	p, err := tryTalk(t, url, w, change)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryTalk(t testing.TB, url string, w way, change func(*client.Options)) (*talker, error) {
	t.Helper()
	p := &talker{t: t, changed: make(chan struct{})}
	options := client.Options{URL: url, Transport: w.transport, Format: w.format, Handle: p.note}
	if change != nil {
		change(&options)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	if p.Link, err = client.Dial(ctx, options); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = p.Close() })
	if options.Ticket != nil {
		return p, nil
	}
	answer, err := p.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{
		Join: &protocol.Join{Room: roomFor(t), Name: w.name},
	}})
	if err != nil {
		return nil, err
	}
	p.joined = answer.GetJoined()
	p.id = p.joined.GetPeer()
	return p, nil
}

func (p *talker) note(m *protocol.ServerMessage) {
	p.mu.Lock()
	p.heard = append(p.heard, m)
	n, onEach := len(p.heard), p.onEach
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if onEach != nil {
		onEach(n)
	}
}

// say sends a text to everybody else.
func (p *talker) say(text string) {
	p.t.Helper()
	if err := p.Send(&protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
		Message: &protocol.Message{Text: text},
	}}); err != nil {
		p.t.Fatal(err)
	}
}

// hears waits until what was heard fits.
func (p *talker) hears(what string, fits func([]*protocol.ServerMessage) bool) {
	p.t.Helper()
	timeout := time.NewTimer(2 * patience)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		heard, changed := p.heard, p.changed
		p.mu.Unlock()
		ok, n := fits(heard), len(heard)
		if ok {
			return
		}
		select {
		case <-changed:
		case <-p.Done():
			p.t.Fatalf("the link ended (%v) while waiting for %s; %d messages were heard", p.Err(), what, n)
		case <-timeout.C:
			p.t.Fatalf("nothing came of %s; %d messages were heard", what, n)
		}
	}
}

// last is the latest message, nil when there is none.
func last(heard []*protocol.ServerMessage) *protocol.ServerMessage {
	if len(heard) == 0 {
		return nil
	}
	return heard[len(heard)-1]
}

// texts are the texts that peer said.
func texts(heard []*protocol.ServerMessage, peer string) (out []string) {
	for _, m := range heard {
		if said := m.GetMessage(); said.GetFrom() == peer {
			out = append(out, said.GetText())
		}
	}
	return out
}

// hearsAll waits for the numbers 0 to n-1 from a peer, and checks that each
// came once and in order.
func (p *talker) hearsAll(peer string, n int) {
	p.t.Helper()
	p.hears(fmt.Sprintf("%d texts", n), func(heard []*protocol.ServerMessage) bool { return len(texts(heard, peer)) >= n })
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, text := range texts(p.heard, peer) {
		if text != strconv.Itoa(i) {
			p.t.Fatalf("the text at place %d is %s: something was lost, doubled or out of order", i, text)
		}
	}
}

// count says the numbers 0 to n-1.
func (p *talker) count(n int, each func(i int)) {
	p.t.Helper()
	for i := range n {
		p.say(strconv.Itoa(i))
		if each != nil {
			each(i)
		}
	}
}

// generous is a server that lets a test say as much as it likes.
func generous(c *configs.Config) {
	c.Limits.MessagesPerSecond, c.Limits.RequestsPerSecond, c.Limits.JoinsPerMinute = 100_000, 100_000, 100_000
	c.Limits.OutboxMessages = 4096
}

var viaWebSocket = way{"websocket", client.WebSocket, protocol.JSON}

func TestEveryTransportCarriesASession(t *testing.T) {
	abreast(t)
	_, url := runServer(t, generous)
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			ann := talk(t, url, viaWebSocket, nil)
			bob := talk(t, url, w, nil)
			ann.hears("Bob's coming", func(heard []*protocol.ServerMessage) bool {
				return last(heard).GetPeerJoined().GetPeer().GetId() == bob.id
			})
			bob.say("0")
			ann.hearsAll(bob.id, 1)
			ann.say("0")
			bob.hearsAll(ann.id, 1)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := bob.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
				Message: &protocol.Message{To: []string{"ghost"}},
			}})
			var refusal *protocol.Error
			if !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_NO_SUCH_PEER {
				t.Fatalf("a message to nobody was answered %v", err)
			}
			if _, err := bob.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}}); err != nil {
				t.Fatal(err)
			}
			ann.hears("Bob's leaving", func(heard []*protocol.ServerMessage) bool {
				return last(heard).GetPeerLeft().GetReason() == protocol.PeerLeft_LEFT
			})
		})
	}
}

func TestAThousandBroadcastsComeInOrder(t *testing.T) {
	_, url := runServer(t, generous)
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			ann, bob := talk(t, url, viaWebSocket, nil), talk(t, url, w, nil)
			ann.count(1000, nil)
			bob.hearsAll(ann.id, 1000)
		})
	}
}

// Every third message the connection is cut, somewhere between.
func TestCutsLoseNothing(t *testing.T) {
	abreast(t)
	_, url := runServer(t, generous)
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			const messages = 60
			ann, bob := talk(t, url, viaWebSocket, nil), talk(t, url, w, nil)
			bob.mu.Lock()
			bob.onEach = func(n int) {
				if n%3 == 0 {
					bob.Interrupt()
				}
			}
			bob.mu.Unlock()
			var both sync.WaitGroup
			both.Go(func() {
				ann.count(messages, func(i int) {
					// A pause of up to 20 ms: cuts fall between messages, into them
					// and into attaching.
					<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
				})
			})
			both.Go(func() {
				bob.count(messages, func(i int) {
					if i%3 == 0 {
						bob.Interrupt()
					}
					<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
				})
			})
			both.Wait()
			bob.hearsAll(ann.id, messages)
			ann.hearsAll(bob.id, messages)
		})
	}
}

// The transport changes in the middle of a stream, to every other one.
func TestTransportsChangeInMidStream(t *testing.T) {
	abreast(t)
	_, url := runServer(t, generous)
	for _, w := range ways() {
		t.Run("from "+w.name, func(t *testing.T) {
			t.Parallel()
			const each = 20
			ann, bob := talk(t, url, viaWebSocket, nil), talk(t, url, w, nil)
			all := client.Transports()
			messages := each * (len(all) + 1)
			for i := range messages {
				if i%each == each/2 {
					if err := bob.Switch(all[(i/each)%len(all)]); err != nil {
						t.Fatal(err)
					}
				}
				ann.say(strconv.Itoa(i))
				bob.say(strconv.Itoa(i))
			}
			bob.hearsAll(ann.id, messages)
			ann.hearsAll(bob.id, messages)
		})
	}
}

// Of two that go on with one session, one is told that it is over; the other
// goes on. That is the one that came later, unless the first was just between
// two polls and came once more.
func TestANewConnectionFencesTheOld(t *testing.T) {
	abreast(t)
	_, url := runServer(t, generous)
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			ann, bob := talk(t, url, viaWebSocket, nil), talk(t, url, w, nil)
			ticket := bob.Ticket()
			again := talk(t, url, viaWebSocket, func(o *client.Options) { o.Ticket = &ticket })
			loser, winner := bob, again
			between := again.Done()
			if w.transport != client.Poll && w.transport != client.PlainPoll {
				between = nil
			}
			select {
			case <-bob.Done():
			case <-between:
				loser, winner = again, bob
			case <-time.After(2 * patience):
				t.Fatal("both go on")
			}
			var reason *protocol.Error
			if !errors.As(loser.Err(), &reason) || reason.GetCode() != protocol.Error_FENCED && reason.GetCode() != protocol.Error_NO_SUCH_SESSION {
				t.Fatalf("the one that lost ended with %v", loser.Err())
			}
			ann.say("0")
			winner.hearsAll(ann.id, 1)
		})
	}
}

func TestASessionEndsWhenNobodyComesBack(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) {
		generous(c)
		c.Session.Detached = time.Second
	})
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			ann, bob := talk(t, url, viaWebSocket, nil), talk(t, url, w, nil)
			ticket := bob.Ticket()
			_ = bob.Close()
			ann.hears("Bob's loss", func(heard []*protocol.ServerMessage) bool {
				left := last(heard).GetPeerLeft()
				return left.GetPeer() == bob.id && left.GetReason() == protocol.PeerLeft_LOST
			})
			_, err := tryTalk(t, url, w, func(o *client.Options) { o.Ticket = &ticket })
			var reason *protocol.Error
			if !errors.As(err, &reason) || reason.GetCode() != protocol.Error_NO_SUCH_SESSION {
				t.Fatalf("coming back too late was answered %v", err)
			}
		})
	}
}

// Who was away for more than the server keeps gets all there is now.
func TestAGapTooOldIsASnapshot(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) {
		generous(c)
		c.Limits.OutboxMessages = 16
	})
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			ann, bob := talk(t, url, viaWebSocket, nil), talk(t, url, w, nil)
			ticket := bob.Ticket()
			_ = bob.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for range 30 {
				if _, err := ann.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
					Message: &protocol.Message{Text: "missed"},
				}}); err != nil {
					t.Fatal(err)
				}
			}
			again := talk(t, url, w, func(o *client.Options) { o.Ticket = &ticket })
			ann.say("0")
			again.hears("what was said after a snapshot", func(heard []*protocol.ServerMessage) bool { return len(texts(heard, ann.id)) > 0 })
			again.mu.Lock()
			defer again.mu.Unlock()
			joined := again.heard[0].GetJoined()
			if !joined.GetSnapshot() || joined.GetPeer() != bob.id || len(joined.GetPeers()) == 0 {
				t.Fatalf("first came %v", again.heard[0])
			}
			if got := texts(again.heard, ann.id); len(got) != 1 || got[0] != "0" {
				t.Fatalf("after the snapshot came %q", got)
			}
		})
	}
}
