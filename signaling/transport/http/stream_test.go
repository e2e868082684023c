package http

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestAnEventStream(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		ann.after = 0
		resume := ann.resume
		e := ann.stream("Accept-Encoding", "gzip")
		for header, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Content-Encoding": "",
		} {
			if got := e.Header.Get(header); got != want {
				t.Errorf("%s is %q", header, got)
			}
		}
		if first := e.next(); first.id != "" || !first.message.GetWelcome().GetResumed() || first.message.GetWelcome().GetResume() == resume {
			t.Fatalf("the first event is %v", first)
		}
		if e := e.next(); e.id != "1" || e.message.GetSeq() != 1 || e.message.GetJoined() == nil {
			t.Fatalf("then came %v", e)
		}
		if e := e.next(); e.id != "2" || e.message.GetPeerJoined().GetPeer().GetId() != bob.peer {
			t.Fatalf("then came %v", e)
		}
		// Text of any kind stays on its line.
		bob.say(`"message":{"text":"a\nb\r\nc\u2028d\n\nevent: x"}`)
		if e := e.next(); e.message.GetMessage().GetText() != "a\nb\r\nc\u2028d\n\nevent: x" {
			t.Fatalf("then came %v", e)
		}
		begin := time.Now()
		for i := range 3 {
			next := e.next()
			if next.message.GetPeerUpdated().GetPeer().GetAway() {
				next = e.next() // that was about Bob, who reads no more
			}
			if e := next; e.comment != "ping" || e.message != nil {
				t.Fatalf("in the silence came %v", e)
			}
			if since := time.Since(begin); since != time.Duration(i+1)*commentEvery {
				t.Fatalf("a comment after %v", since)
			}
		}
		// A stream that nobody sends pings along lives as long as it is read.
		for time.Since(begin) < 10*time.Minute {
			e.next()
		}
		if got := ann.say(`"id":"m","message":{"text":"still here"}`); got.Received != "2" {
			t.Fatalf("ten minutes later: %v", got)
		}
		if e := e.next(); e.message.GetDone() == nil || e.message.GetRe() != "m" {
			t.Fatalf("answered by %v", e)
		}
		bob = l.enter() // again: nobody has heard of him for minutes
		if e := e.next(); e.message.GetPeerJoined().GetPeer().GetId() != bob.peer {
			t.Fatalf("of Bob's coming back came %v", e)
		}
		// Cut and back: what came meanwhile, and nothing twice.
		e.stop()
		synctest.Wait()
		bob.say(`"message":{"text":"meanwhile"}`)
		after := ann.after
		ann.after = 1
		e = ann.stream("Last-Event-ID", fmt.Sprint(after))
		e.next()
		if e := e.next(); e.message.GetMessage().GetText() != "meanwhile" || e.message.GetSeq() != after+1 {
			t.Fatalf("back again it was told %v", e)
		}
	})
}

func TestWhoWantsEvents(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/event-stream": true, "Text/Event-Stream; charset=utf-8": true, "application/json, text/event-stream;q=0.5": true,
		"": false, "*/*": false, "application/json": false, "text/event-stream;q=0": false, "text/event-streams": false, ";;,": false,
	} {
		if got := wantsEvents(&nethttp.Request{Header: nethttp.Header{"Accept": {accept}}}); got != want {
			t.Errorf("Accept: %s: %v", accept, got)
		}
	}
}

// Of two that read a session, the later one has it, and the other is told.
func TestTheLaterOneReads(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		fenced := func(e *events) {
			t.Helper()
			for {
				got := e.next()
				if got.kind == "end" && got.id == "" && got.message.GetError().GetCode() == protocol.Error_FENCED {
					break
				}
				if got.kind != "" {
					t.Fatalf("the end is told as %v", got)
				}
			}
			if got, err := e.tryNext(); !errors.Is(err, io.EOF) {
				t.Fatalf("after the end came %v, %v", got, err)
			}
		}
		ann := l.enter()
		one := ann.stream()
		one.next()
		two := ann.stream()
		fenced(one)
		two.next()
		ann.poll("0")
		fenced(two)
		waiting := ann.pollLater("25s")
		three := ann.stream()
		three.next()
		answer := <-waiting
		l.refused("a poll that was taken over", 409, protocol.Error_FENCED, answer.Response, answer.body)
		// Two that race: one of them wins.
		waiting = ann.pollLater("20s") // takes over from the stream
		fenced(three)
		other := ann.pollLater("20s")
		answer = <-waiting
		// The first of these has brought a new token; the token of before is good still.
		if answer.StatusCode == 200 {
			ann.told(answer.body)
		}
		ann.told((<-other).body)
		if got := ann.poll("0"); len(got) != 0 {
			t.Fatalf("then it was told %v", got)
		}
	})
}

func TestTheEndOfASession(t *testing.T) {
	lastOf := func(e *events) (last event) {
		for {
			got, err := e.tryNext()
			if err != nil {
				return last
			}
			last = got
		}
	}
	inLab(t, nil, func(t *testing.T, l *lab) {
		witness := l.enter()
		left := func(g *guest) protocol.PeerLeft_Reason {
			t.Helper()
			for {
				for _, message := range witness.poll("5") {
					if left := message.GetPeerLeft(); left.GetPeer() == g.peer {
						return left.GetReason()
					}
				}
			}
		}
		for name, leave := range map[string]func(*guest){
			"by DELETE": func(g *guest) {
				response, body := g.ask("DELETE", g.path, "", g.with()...)
				if response.StatusCode != 204 || len(body) > 0 {
					t.Fatalf("%s %s", response.Status, body)
				}
			},
			"by a message": func(g *guest) {
				// What comes after it comes too late.
				if got := g.say(`"leave":{}`, `"message":{"text":"and another thing"}`); got.Received != "2" {
					t.Fatalf("answered %v", got)
				}
			},
		} {
			ann := l.enter()
			e := ann.stream()
			e.next()
			leave(ann)
			if last := lastOf(e); last.message != nil {
				t.Errorf("%s: the stream's end is told as %v", name, last)
			}
			if why := left(ann); why != protocol.PeerLeft_LEFT {
				t.Errorf("%s: others were told %v", name, why)
			}
			for _, method := range []string{"GET", "POST", "DELETE"} {
				response, body := ann.ask(method, ann.path, "", ann.with()...)
				l.refused(method+" after the end", 410, protocol.Error_NO_SUCH_SESSION, response, body)
			}
		}
		// A poll that waits hears of it too.
		ann := l.enter()
		waiting := ann.pollLater("25s")
		ann.ask("DELETE", ann.path, "", ann.with()...)
		answer := <-waiting
		l.refused("a poll at the end", 410, protocol.Error_NO_SUCH_SESSION, answer.Response, answer.body)

		// The server's own end comes with its reason, to whoever reads.
		bob, cat := l.enter(), l.enter()
		e := bob.stream()
		e.next()
		cat.poll("")
		waiting = cat.pollLater("25s")
		closed := make(chan error, 1)
		go func() { closed <- l.service.Close(t.Context()) }()
		if last := lastOf(e); last.message.GetError().GetCode() != protocol.Error_SHUTTING_DOWN || !last.message.GetError().GetFatal() || last.kind != "" {
			t.Errorf("the stream's end is told as %v", last)
		}
		if got := cat.told((<-waiting).body); got[len(got)-1].GetError().GetCode() != protocol.Error_SHUTTING_DOWN {
			t.Errorf("the poll was told %v", got)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		l.handler.Wait()
		response, body := l.ask("POST", "/v1/signal", "")
		l.refused("a new session", 503, protocol.Error_SHUTTING_DOWN, response, body)
	})
}

// dialStream begins a stream over a connection of its own, from which nothing
// is read after the welcome.
func (g *guest) dialStream() net.Conn {
	g.t.Helper()
	conn, err := g.pipes.dial()
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET %s?after=%d HTTP/1.1\r\nHost: hiroba.example\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n", g.path, g.after, g.resume)
	// No more than comes with the first write.
	lines := bufio.NewReaderSize(conn, 16)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			g.t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			return conn
		}
	}
}

// A client that stops reading costs no more than its outbox: the others go on,
// and it is let go of.
func TestAStreamThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, false, nil)
		for _, tc := range []struct {
			name string
			say  int // messages of 60 KiB
			why  protocol.PeerLeft_Reason
			stay time.Duration // how long it is there still
		}{
			{"much is said", 30, protocol.PeerLeft_CLOSED, 0},
			{"little is said", 1, protocol.PeerLeft_LOST, writeTimeout + time.Minute},
		} {
			bob := l.enter()
			ann := l.enter()
			ann.dialStream()
			begin := time.Now()
			for range tc.say {
				bob.say(`"message":{"text":"` + strings.Repeat("x", 60<<10) + `"}`)
			}
			if time.Since(begin) != 0 {
				t.Errorf("%s: others waited for %v", tc.name, time.Since(begin))
			}
			var left *protocol.PeerLeft
			for left == nil {
				for _, message := range bob.poll("25") {
					if m := message.GetPeerLeft(); m.GetPeer() == ann.peer {
						left = m
					}
				}
			}
			if left.GetReason() != tc.why || time.Since(begin) != tc.stay {
				t.Errorf("%s: after %v, others were told %v", tc.name, time.Since(begin), left)
			}
			pass(hurryTimeout)
			synctest.Wait()
			l.handler.mu.Lock()
			if n := len(l.handler.busy); n != 0 {
				t.Errorf("%s: %d requests stay", tc.name, n)
			}
			l.handler.mu.Unlock()
			bob.ask("DELETE", bob.path, "", bob.with()...)
		}
	})
}

// Whoever leaves streams or polls hanging and comes again has one of them.
func TestRequestsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, false, nil)
		ann, bob := l.enter(), l.enter()
		for range 3 {
			ann.dialStream()
			bob.say(`"message":{"text":"` + strings.Repeat("x", 60<<10) + `"}`)
			synctest.Wait() // the stream's goroutine is stuck in a write
		}
		pass(hurryTimeout)
		l.handler.mu.Lock()
		defer l.handler.mu.Unlock()
		if n := len(l.handler.busy); n != 1 {
			t.Fatalf("%d requests are at work", n)
		}
	})
}
