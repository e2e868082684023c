package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// rude makes connections and later drops them all without a word: to the
// server they are reset.
type rude struct {
	mu    sync.Mutex // guards conns
	conns []net.Conn
}

func (r *rude) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.conns = append(r.conns, conn)
	}
	return conn, err
}

func (r *rude) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	r.conns = nil
}

// Three hundred sessions over each transport, some with a connection for media,
// all gone from one moment to the next: once their time is over, nothing is
// left of them.
func TestRudeClientsLeaveNothingBehind(t *testing.T) {
	s, url := runServer(t, func(c *configs.Config) {
		generous(c)
		c.Limits.SessionsPerAddress, c.Session.Detached, c.Rooms.Empty = 2000, 2*time.Second, 0
	})
	offer, err := protocol.JSON.Marshal(&protocol.Description{Type: protocol.Description_OFFER, Sdp: oneVideoSlot(t)})
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	before, files := goleak.IgnoreCurrent(), openFiles(t)
	const sessions = 300
	for _, tc := range []struct {
		name string
		open func(t *testing.T, r *rude, i int, join string)
	}{
		{"websocket", func(t *testing.T, r *rude, i int, join string) {
			dialer := websocket.Dialer{NetDialContext: r.dial, Subprotocols: []string{protocol.JSON.Subprotocol()}}
			conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/v1/signal", nil)
			if err != nil {
				t.Fatal(err)
			}
			socket := &raw{conn, t}
			socket.next()
			if i%10 == 0 { // with media
				join = strings.Replace(join, `{"room"`, `{"offer":`+string(offer)+`,"room"`, 1)
			}
			socket.say(join)
			if m := socket.next(); m.GetJoined() == nil {
				t.Fatalf("joining was answered %v", m)
			}
		}},
		{"sse", func(t *testing.T, r *rude, _ int, join string) {
			r.read(t, s, openWith(t, url, join), "Accept: text/event-stream\r\n", "")
		}},
		{"poll", func(t *testing.T, r *rude, i int, join string) {
			// In rooms of their own, so that nobody's coming ends the wait.
			join = strings.Replace(join, `"room-`, fmt.Sprintf(`"room-%d-`, i), 1)
			r.read(t, s, openWith(t, url, join), "", "&wait=25s")
		}},
		{"grpc", func(t *testing.T, r *rude, _ int, join string) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			call := protocolconnect.NewSignalServiceClient(r.http2(), url, connect.WithGRPC()).Connect(ctx)
			message := &protocol.ClientMessage{}
			if err := protocol.JSON.Unmarshal([]byte(join), message); err != nil {
				t.Fatal(err)
			}
			if err := call.Send(message); err != nil {
				t.Fatal(err)
			}
			for joined := false; !joined; {
				m, err := call.Receive()
				if err != nil {
					t.Fatal(err)
				}
				joined = m.GetJoined() != nil
			}
		}},
		{"grpc-web", func(t *testing.T, r *rude, _ int, join string) {
			p := openWith(t, url, join)
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			request := connect.NewRequest(&protocol.AttachRequest{Session: p.id, After: p.after})
			request.Header().Set("Authorization", "Bearer "+p.resume)
			attached, err := protocolconnect.NewSignalServiceClient(r.http1(), url, connect.WithGRPCWeb()).Attach(ctx, request)
			if err != nil {
				t.Fatal(err)
			}
			if !attached.Receive() {
				t.Fatal(attached.Err())
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r rude
			defer r.drop()
			for i := range sessions {
				tc.open(t, &r, i, fmt.Sprintf(`{"seq":"1","id":"j","join":{"room":"room-%d"}}`, i%20))
			}
			// Those of the transport before may be there still.
			if n := metric(t, url, "hiroba_signaling_sessions"); n < sessions {
				t.Errorf("%v sessions are open", n)
			}
		})
	}
	for _, series := range []string{"hiroba_signaling_sessions", "hiroba_signaling_peers", "hiroba_signaling_rooms"} {
		eventually(t, series+" to be 0", func() bool { return metric(t, url, series) == 0 })
	}
	http.DefaultClient.CloseIdleConnections()
	noneLeft(t, before)
	eventually(t, fmt.Sprintf("no more than %d files to be open", files), func() bool {
		http.DefaultClient.CloseIdleConnections()
		return openFiles(t) <= files
	})
}

// openWith opens a session by request and joins.
func openWith(t *testing.T, url, join string) *poller {
	t.Helper()
	p := openByRequest(t, url, "")
	if response, body := p.ask("POST", "", join); response.StatusCode != http.StatusOK {
		t.Fatalf("joining: %s %s", response.Status, body)
	}
	response, body := p.ask("GET", "", "")
	var answer struct{ Messages []json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Messages) < 2 {
		t.Fatalf("joining: %s %s", response.Status, body)
	}
	for _, data := range answer.Messages {
		m := &protocol.ServerMessage{}
		if err := protocol.JSON.Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
		p.note(m)
	}
	if p.peer == "" {
		t.Fatalf("joining: %s", body)
	}
	return p
}

// read leaves a request to read a session hanging. What a stream says first has
// come.
func (r *rude) read(t *testing.T, s *server, p *poller, header, query string) {
	t.Helper()
	conn, err := r.dial(t.Context(), "tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/signal/%s?after=%d%s HTTP/1.1\r\nHost: localhost\r\n%sAuthorization: Bearer %s\r\n\r\n", p.id, p.after, query, header, p.resume)
	if header == "" {
		return
	}
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("reading: %v, %v", response, err)
	}
}

// http1 and http2 make their connections the rude way.
func (r *rude) http1() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true}}
}

func (r *rude) http2() *http.Client {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{DialContext: r.dial, Protocols: &p}}
}

// openFiles is how many this process has; 0 where that cannot be told.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
