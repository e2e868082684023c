package rpc_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// isOver says that a stream ended with the status OK.
func isOver(err error) bool { return err == nil || errors.Is(err, io.EOF) }

func TestMessagesGoBothWaysInEveryWay(t *testing.T) {
	inEveryWay(t, nil, func(t *testing.T, l *lab, w way) {
		ann, bob := l.enter(w), l.enter(viaGRPC)
		for i := range 100 {
			ann.say(text(fmt.Sprintf("a%d", i)))
			bob.say(text(fmt.Sprintf("b%d", i)))
		}
		for i := range 100 {
			ann.hears(fmt.Sprintf("b%d", i))
			bob.hears(fmt.Sprintf("a%d", i))
		}
		// One that is worth compressing, both ways.
		long := strings.Repeat("long ", 2000)
		ann.say(text(long))
		bob.hears(long)
		bob.say(text(long))
		ann.hears(long)

		ann.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
		pong := &protocol.ServerMessage{}
		if ann.bidi == nil {
			pong = ann.pongs[0]
		} else if pong, _ = ann.receive(); pong == nil {
			t.Fatal("no pong came")
		}
		if pong.GetPong().GetReceived() != ann.seq || pong.GetPong().GetSent() != ann.handled || pong.GetSeq() != 0 {
			t.Fatalf("the pong is %v", pong)
		}

		ann.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
		if last, err := ann.ends(); last != nil || !isOver(err) {
			t.Fatalf("after leave the stream ended with %v, %v", last, err)
		}
		for {
			if left := bob.next().GetPeerLeft(); left != nil {
				if left.GetReason() != protocol.PeerLeft_LEFT {
					t.Fatalf("Ann left: %v", left)
				}
				return
			}
		}
	})
}

// What is said while a client is away waits for it, and what it says again is
// not carried out again.
func TestACutLosesAndDoublesNothing(t *testing.T) {
	inEveryWay(t, nil, func(t *testing.T, l *lab, w way) {
		ann, bob := l.enter(w), l.enter(viaGRPC)
		for round := range 10 {
			ann.say(text(fmt.Sprintf("a%d", round)))
			bob.hears(fmt.Sprintf("a%d", round))
			bob.say(text(fmt.Sprintf("b%d", round)))
			if round%3 == 0 {
				ann.hears(fmt.Sprintf("b%d", round))
			}
			ann.cut()
			bob.say(text(fmt.Sprintf("c%d", round)))

			again := l.come(w, ann.back())
			welcome := again.welcome()
			if !welcome.GetResumed() || welcome.GetReceived() != ann.seq || welcome.GetSession() != ann.session {
				t.Fatalf("the welcome is %v", welcome)
			}
			again.seq = ann.seq
			repeated := text(fmt.Sprintf("a%d", round))
			repeated.Seq = ann.seq
			if err := again.put(repeated); err != nil {
				t.Fatal(err)
			}
			if round%3 != 0 {
				again.hears(fmt.Sprintf("b%d", round))
			}
			again.hears(fmt.Sprintf("c%d", round))
			ann = again
		}
		ann.say(text("end"))
		bob.hears("end")
	})
}

// A session goes on over whatever its client comes back with.
func TestASessionChangesItsWay(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(viaGRPC), l.enter(viaGRPC)
		for i, w := range ways {
			next := l.come(w, ann.back())
			next.welcome()
			next.seq = ann.seq
			last, err := ann.ends()
			if last != nil {
				t.Fatalf("%s: a session that goes on said %v", w.name, last)
			}
			refused(t, err, connect.CodeAborted, protocol.Error_FENCED)
			ann = next
			ann.say(text(fmt.Sprint(i)))
			bob.hears(fmt.Sprint(i))
		}
	})
}

// What is missing from the outbox is made up for by a snapshot.
func TestAClientThatWasAwayTooLongBeginsAnew(t *testing.T) {
	inEveryWay(t, func(c *signaling.Config) { c.Limits.Outbox = session.Bounds{Messages: 5, Bytes: 1 << 20} }, func(t *testing.T, l *lab, w way) {
		ann, bob := l.enter(w), l.enter(viaGRPC)
		ann.cut()
		synctest.Wait()
		for range 10 {
			bob.ask(text("x"))
		}
		again := l.come(w, ann.back())
		again.welcome()
		m, err := again.receive()
		if err != nil || !m.GetJoined().GetSnapshot() || len(m.GetJoined().GetPeers()) == 0 {
			t.Fatalf("got %v, %v", m, err)
		}
	})
}

// A client may say all it has to say and close its half: the answers come, and
// the session waits for it to come back.
func TestAHalfClosedStreamIsAnsweredToItsEnd(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.come(viaGRPC, place{})
		ann.welcome()
		ann.say(&protocol.ClientMessage{Id: "j", Body: join}, text("one"), &protocol.ClientMessage{
			Id: "p", Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}},
		})
		if err := ann.bidi.CloseRequest(); err != nil {
			t.Fatal(err)
		}
		if got := ann.next(); got.GetRe() != "j" || got.GetJoined() == nil {
			t.Fatalf("got %v", got)
		}
		if got := ann.next(); got.GetRe() != "p" {
			t.Fatalf("got %v", got)
		}
		if last, err := ann.ends(); last != nil || !isOver(err) {
			t.Fatalf("the stream ended with %v, %v", last, err)
		}
		again := l.come(viaWeb, ann.back())
		if welcome := again.welcome(); !welcome.GetResumed() || welcome.GetReceived() != 2 {
			t.Fatalf("the welcome is %v", welcome)
		}
	})
}

// The end of the service is told to everybody, and everybody is waited for.
func TestTheEndIsToldInEveryWay(t *testing.T) {
	inEveryWay(t, nil, func(t *testing.T, l *lab, w way) {
		ann := l.enter(w)
		var last *protocol.Error
		var err error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			last, err = ann.ends()
		}()
		if err := l.service.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.handler.Wait()
		<-ended
		if last.GetCode() != protocol.Error_SHUTTING_DOWN || !isOver(err) {
			t.Fatalf("the stream ended with %v, %v", last, err)
		}
		_, err = l.come(w, place{}).ends()
		refused(t, err, connect.CodeUnavailable, protocol.Error_SHUTTING_DOWN)
	})
}

// A client that says nothing for too long loses its stream, and keeps its
// session.
func TestASilentClientIsLetGo(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, start := l.enter(viaGRPC), time.Now()
		_, err := ann.ends()
		refused(t, err, connect.CodeDeadlineExceeded, protocol.Error_SILENT)
		if took := time.Since(start); took != l.service.SilenceAfter() {
			t.Fatalf("it took %v", took)
		}
		again := l.come(viaGRPC, ann.back())
		if !again.welcome().GetResumed() {
			t.Fatal("the session did not wait")
		}
		for range 5 { // one that pings is not silent
			time.Sleep(l.service.Heartbeat())
			again.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
		}
		again.seq = ann.seq
		again.ask(text("still here"))
	})
}

// A stream of Attach tells of itself, and of what was received by Send.
func TestAttachBeats(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, start := l.enter(viaWeb), time.Now()
		for range 3 {
			m, err := ann.receive()
			if err != nil || m.GetPong().GetReceived() != 1 || m.GetPong().GetSent() != ann.handled || m.GetSeq() != 0 {
				t.Fatalf("got %v, %v", m, err)
			}
		}
		if took := time.Since(start); took != 3*l.service.Heartbeat() {
			t.Fatalf("three beats took %v", took)
		}
	})
}

// noise is a text that cannot be compressed to less than half.
func noise(length int) string {
	var out strings.Builder
	for out.Len() < length {
		out.WriteString(rand.Text())
	}
	return out.String()
}

// A client that stops reading costs its outbox. Its session ends as SLOW, and
// what was being written to it is given up; nobody else notices.
func TestASlowReaderEndsAlone(t *testing.T) {
	for _, w := range []way{viaGRPC, viaWeb} {
		t.Run(w.name, func(t *testing.T) {
			inLab(t, func(c *signaling.Config) { c.Limits.Outbox = session.Bounds{Messages: 50, Bytes: 1 << 20} }, func(t *testing.T, l *lab) {
				slow := l.enter(w)
				ann, bob := l.enter(viaGRPC), l.enter(viaGRPC)
				long := noise(10_000)
				start := time.Now()
				for i := range 100 {
					ann.say(text(fmt.Sprint(i) + long))
					ann.say(&protocol.ClientMessage{Ack: ann.handled, Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
					bob.hears(fmt.Sprint(i) + long)
					bob.say(&protocol.ClientMessage{Ack: bob.handled, Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
				}
				if took := time.Since(start); took != 0 {
					t.Fatalf("the others waited for %v", took)
				}
				for len(bob.left) == 0 {
					bob.next()
				}
				if len(bob.left) != 1 || bob.left[0].GetReason() != protocol.PeerLeft_CLOSED {
					t.Fatalf("Bob was told that %v left", bob.left)
				}
				time.Sleep(2 * time.Second) // of the bubble
				synctest.Wait()
				if _, err := slow.ends(); err == nil {
					t.Fatal("the stream has a happy end")
				}
				_, err := l.come(w, slow.back()).ends()
				refused(t, err, connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION)
			})
		})
	}
}

// A client that reads nothing for a while loses its stream alone.
func TestAStuckWriteCostsTheStream(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		slow, ann := l.enter(viaGRPC), l.enter(viaGRPC)
		long := noise(10_000)
		for range 20 {
			ann.ask(text(long))
		}
		for range 2 { // it pings, but does not read
			time.Sleep(8 * time.Second)
			_ = slow.put(&protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
		}
		synctest.Wait()
		again := l.come(viaGRPC, slow.back())
		again.welcome()
		for range 20 {
			again.hears(long)
		}
	})
}
