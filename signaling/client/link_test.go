package client

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const heartbeat = 10 * time.Second

// taken is a connection that an upgrade can take over.
type taken struct {
	http.ResponseWriter
	conn net.Conn
}

func (c taken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c.conn, bufio.NewReadWriter(bufio.NewReader(c.conn), bufio.NewWriter(c.conn)), nil
}

// connect opens a link over a pipe to a server that says welcome and then does
// what the test wants. A pipe holds nothing: who does not read stops the other
// at once. Call it within a synctest bubble, where waiting takes no time.
func linked(t *testing.T) (*Link, *websocket.Conn) {
	t.Helper()
	here, there := net.Pipe()
	accepted := make(chan *websocket.Conn, 1)
	go func() {
		defer close(accepted)
		request, err := http.ReadRequest(bufio.NewReader(there))
		if err != nil {
			t.Error(err)
			return
		}
		var upgrader websocket.Upgrader
		conn, err := upgrader.Upgrade(taken{conn: there}, request, nil)
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- conn
		welcome := protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Welcome{
			Welcome: &protocol.Welcome{HeartbeatMs: uint32(heartbeat.Milliseconds())},
		}})
		if err := conn.WriteMessage(websocket.BinaryMessage, welcome.Append(nil, protocol.Binary, 0, "")); err != nil {
			t.Error(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil { // that the welcome came
			t.Error(err)
		}
	}()
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return here, nil }}
	conn, _, err := dialer.Dial("ws://server", nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(Options{NoReconnect: true})
	if err := l.greet(newSocket(conn, protocol.Binary, welcomeTimeout)); err != nil {
		t.Fatal(err)
	}
	l.start()
	server := <-accepted
	<-accepted // the welcome is out and answered
	t.Cleanup(func() { _ = l.Close(); _ = server.Close() })
	return l, server
}

// drain reads on for a server that does not care.
func drain(server *websocket.Conn) {
	for {
		if _, _, err := server.ReadMessage(); err != nil {
			return
		}
	}
}

// endsAfter waits for the end of the link and checks when and why it came.
func endsAfter(t *testing.T, l *Link, since time.Time, want time.Duration, why string) {
	t.Helper()
	select {
	case <-l.Done():
	case <-time.After(time.Hour):
		t.Fatal("the link goes on")
	}
	if got := time.Since(since); got != want {
		t.Errorf("the link ended after %v, want %v", got, want)
	}
	if err := l.Err(); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("the link ended with %v", err)
	}
}

func TestASilentServerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, server := linked(t)
		go drain(server)
		endsAfter(t, l, time.Now(), heartbeat*5/2, "the server was silent for too long (25s)")
	})
}

// A server that has nothing to say but WebSocket pings is there.
func TestPingsKeepALinkOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, server := linked(t)
		go drain(server)
		for range 10 {
			<-time.After(2 * heartbeat) // a step of the bubble's clock
			if err := server.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		endsAfter(t, l, time.Now(), heartbeat*5/2, "silent")
	})
}

func TestAServerThatDoesNotReadIsNoticed(t *testing.T) {
	t.Run("by a request", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, _ := linked(t)
			begin := time.Now()
			_, err := l.Request(t.Context(), &protocol.ClientMessage{
				Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}},
			})
			if err == nil || !strings.Contains(err.Error(), "closed pipe") {
				t.Errorf("the request ended with %v", err)
			}
			endsAfter(t, l, begin, writeTimeout, "closed pipe")
		})
	})
	t.Run("by a ping", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, _ := linked(t)
			endsAfter(t, l, time.Now(), heartbeat+writeTimeout, "closed pipe")
		})
	})
}

// A message that cannot be encoded is its sender's fault alone: nobody waits
// for it, and it leaves no gap in the numbers.
func TestAMessageThatDoesNotEncodeLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, server := linked(t)
		say := func(text string) error {
			return l.Send(&protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
				Message: &protocol.Message{Text: text},
			}})
		}
		if _, err := l.Request(t.Context(), &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{
			Message: &protocol.Message{Text: "\xff"},
		}}); err == nil {
			t.Fatal("text that is no UTF-8 was sent")
		}
		l.mu.Lock()
		if len(l.waiting) != 0 {
			t.Errorf("%d answers are waited for", len(l.waiting))
		}
		l.mu.Unlock()
		sent := make(chan error, 1)
		go func() { sent <- say("hello") }()
		_, data, err := server.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		got := &protocol.ClientMessage{}
		if err := protocol.Binary.Unmarshal(data, got); err != nil || got.GetSeq() != 1 {
			t.Fatalf("the next message came as %v, %v", got, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
}
