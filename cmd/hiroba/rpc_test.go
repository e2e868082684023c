package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// rpcPeer is a session over a stream of SignalService.
type rpcPeer struct {
	t       testing.TB
	receive func() (*protocol.ServerMessage, error)
	welcome *protocol.Welcome
	handled uint64
	left    []*protocol.PeerLeft
}

// http2Client speaks HTTP/2 without TLS and without being asked to.
func http2Client(t testing.TB) *http.Client {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &p}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// begin takes the welcome of a stream.
func (p *rpcPeer) begin() *rpcPeer {
	p.t.Helper()
	m, err := p.receive()
	if err != nil || m.GetWelcome() == nil {
		p.t.Fatalf("the first message is %v, %v", m, err)
	}
	p.welcome = m.GetWelcome()
	return p
}

// stream is a peer over Connect, which speaks by say.
func stream(t testing.TB, client *http.Client, url string, header http.Header) (p *rpcPeer, say func(*protocol.ClientMessage)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	// Nothing is compressed: some tests count bytes.
	s := protocolconnect.NewSignalServiceClient(client, url, connect.WithGRPC(), connect.WithAcceptCompression("gzip", nil, nil)).Connect(ctx)
	for name, values := range header {
		s.RequestHeader()[name] = values
	}
	if err := s.Send(nil); err != nil {
		t.Fatal(err)
	}
	seq := uint64(0)
	return &rpcPeer{t: t, receive: s.Receive}, func(m *protocol.ClientMessage) {
		t.Helper()
		seq++
		m.Seq = seq
		if err := s.Send(m); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *rpcPeer) next() *protocol.ServerMessage {
	p.t.Helper()
	m, err := p.receive()
	if err != nil {
		p.t.Fatal(err)
	}
	if m.GetSeq() != 0 {
		p.handled = m.GetSeq()
	}
	if left := m.GetPeerLeft(); left != nil {
		p.left = append(p.left, left)
	}
	return m
}

// hears waits for a text.
func (p *rpcPeer) hears(text string) {
	p.t.Helper()
	for p.next().GetMessage().GetText() != text {
		continue
	}
}

func joinRoom(room string) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: &protocol.Join{Room: room}}}
}

func chat(text string) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{Message: &protocol.Message{Topic: "chat", Text: text}}}
}

// One port speaks WebSocket, gRPC, gRPC-Web and, for curl, JSON; all meet in
// one room.
func TestRPCSharesThePort(t *testing.T) {
	_, url := runServer(t, nil)
	socket := dialRaw(t, url)
	socket.say(joinTea)
	for socket.next().GetJoined() == nil {
		continue
	}
	ann, say := stream(t, http2Client(t), url, nil)
	ann.begin()
	say(joinRoom("tea"))
	for ann.next().GetJoined() == nil {
		continue // what was said before is not for her
	}

	web := protocolconnect.NewSignalServiceClient(http.DefaultClient, url, connect.WithGRPCWeb())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	attached, err := web.Attach(ctx, connect.NewRequest(&protocol.AttachRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	bob := (&rpcPeer{t: t, receive: func() (*protocol.ServerMessage, error) {
		if !attached.Receive() {
			return nil, errors.Join(io.ErrUnexpectedEOF, attached.Err())
		}
		return attached.Msg(), nil
	}}).begin()

	// Bob's other half is what anybody can type.
	for i, body := range []string{`{"join":{"room":"tea"}}`, `{"message":{"topic":"chat","text":"typed"}}`} {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/hiroba.v1.SignalService/Send",
			strings.NewReader(fmt.Sprintf(`{"session":%q,"messages":[{"seq":"%d",%s]}`, bob.welcome.GetSession(), i+1, body[1:])))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+bob.welcome.GetResume())
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		var said struct{ Received string }
		if err != nil || json.Unmarshal(answer, &said) != nil || said.Received != strconv.Itoa(i+1) {
			t.Fatalf("answered %s %s, %v", response.Status, answer, err)
		}
	}
	ann.hears("typed")
	for socket.next().GetMessage().GetText() != "typed" {
		continue
	}
	say(chat("from gRPC"))
	bob.hears("from gRPC")
	socket.say(`{"seq":"2","message":{"topic":"chat","text":"from a socket"}}`)
	bob.hears("from a socket")
	ann.hears("from a socket")

	for _, name := range []string{"grpc", "grpc-web", "websocket"} {
		if got := metric(t, url, fmt.Sprintf(`hiroba_signaling_attachments_total{transport=%q}`, name)); got != 1 {
			t.Errorf("%v attachments by %s were counted", got, name)
		}
	}

	// Pages and the rest are there in HTTP/2, too.
	response, err := http2Client(t).Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
		t.Fatalf("/healthz was answered %s %s", response.Proto, response.Status)
	}
}

// A cut of the network costs a gRPC client nothing.
func TestRPCResumes(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	client := http2Client(t)
	ann, say := stream(t, client, url, nil)
	ann.begin()
	say(joinRoom("tea"))
	one := chat("one")
	one.Id = "one"
	say(one)
	for ann.next().GetRe() != "one" {
		continue
	}
	bob, tell := stream(t, client, url, nil)
	bob.begin()
	tell(joinRoom("tea"))
	tell(chat("two"))
	again, _ := stream(t, http2Client(t), url, http.Header{
		"Authorization":  {"Bearer " + ann.welcome.GetResume()},
		"Hiroba-Session": {ann.welcome.GetSession()},
		"Hiroba-After":   {strconv.FormatUint(ann.handled, 10)},
	})
	again.begin()
	if !again.welcome.GetResumed() || again.welcome.GetReceived() != 2 {
		t.Fatalf("the welcome is %v", again.welcome)
	}
	again.hears("two")
	for {
		if _, err := ann.receive(); err != nil {
			if connect.CodeOf(err) != connect.CodeAborted {
				t.Fatalf("the first stream ended with %v", err)
			}
			return
		}
	}
}

// stuckConn is a connection whose owner stops reading when told to.
type stuckConn struct {
	net.Conn
	stop   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (c *stuckConn) Read(p []byte) (int, error) {
	select {
	case <-c.stop:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return c.Conn.Read(p)
	}
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// A client whose whole connection is stuck costs its outbox, and does not hold
// up the others, nor the end of the server.
func TestAStuckConnectionHoldsUpNobody(t *testing.T) {
	server, url := runServer(t, func(c *configs.Config) {
		c.Limits.MessagesPerSecond = 100_000
		c.Limits.OutboxBytes = 256 << 10
	})
	stop := make(chan struct{})
	var stuck *stuckConn
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols: &protocols,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			stuck = &stuckConn{Conn: conn, stop: stop, closed: make(chan struct{})}
			return stuck, nil
		},
	}
	slow, say := stream(t, &http.Client{Transport: transport}, url, nil)
	slow.begin()
	t.Cleanup(func() { _ = stuck.Close() })
	say(joinRoom("tea"))
	slow.next()
	close(stop)

	ann, speak := stream(t, http2Client(t), url, nil)
	ann.begin()
	speak(joinRoom("tea"))
	for ann.next().GetJoined() == nil {
		continue
	}
	bob, listen := stream(t, http2Client(t), url, nil)
	bob.begin()
	listen(joinRoom("tea"))
	for ann.next().GetPeerJoined() == nil {
		continue
	}
	var noise bytes.Buffer
	for noise.Len() < 60<<10 {
		noise.WriteString(rand.Text())
	}
	for n := 0; len(bob.left) == 0; n++ { // systems buffer some megabytes
		if n == 1000 {
			t.Fatal("the stuck client is still in the room")
		}
		text := strconv.Itoa(n) + noise.String()
		speak(chat(text))
		bob.hears(text)
		m := &protocol.ClientMessage{Ack: bob.handled, Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}}
		listen(m)
	}
	if reason := bob.left[0].GetReason(); reason != protocol.PeerLeft_CLOSED {
		t.Fatalf("it left: %v", reason)
	}
	begin := time.Now()
	speak(chat("last"))
	bob.hears("last")
	if took := time.Since(begin); took > patience/4 {
		t.Fatalf("the others waited for %v", took)
	}
	ctx, cancel := context.WithTimeout(context.Background(), configs.Default().ShutdownTimeout)
	defer cancel()
	if err := server.close(ctx); err != nil {
		t.Fatalf("the server did not end cleanly: %v", err)
	}
}
