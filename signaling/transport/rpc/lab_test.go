package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport/rpc"
)

// base is where clients find the lab.
const base = "http://lab.test"

// window is how much a client lets the server send ahead of it, in bytes.
const window = 64 << 10

// lab is a server of this package alone, in a bubble of time of its own: its
// connections are pipes, in which nothing is buffered.
type lab struct {
	t       *testing.T
	service *signaling.Service
	handler *rpc.Handler
	metrics *prometheus.Registry
	pipes   *pipes
	http1   *http.Client
	http2   *http.Client
	keys    auth.Keys
}

// inLab runs a test in a fresh lab.
func inLab(t *testing.T, change func(*signaling.Config), test func(*testing.T, *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newLab(t, change)) })
}

// noMedia is a media side that nobody may come to.
type noMedia struct{}

func (noMedia) Open(string, string, signaling.Listener) (signaling.Leg, error) {
	panic("a test without media has come to the media side")
}

// newService is a service without media.
func newService(t *testing.T, registry *prometheus.Registry, change func(*signaling.Config)) *signaling.Service {
	config := signaling.Config{
		Limits: signaling.Limits{
			Outbox:   session.Bounds{Messages: 1024, Bytes: 1 << 20},
			Sessions: 50, SessionsPerAddress: 50, SessionsPerUser: 50, JoinsPerMinute: 1000, RequestsPerSecond: 1000,
			MessageBytes: 64 << 10, DescriptionBytes: 256 << 10, MessagesPerSecond: 1000, Slots: 8,
		},
		Anonymous:  auth.DefaultGrants,
		Heartbeat:  10 * time.Second,
		Detached:   time.Minute,
		ICEServers: func(signaling.Caller, string) []*protocol.IceServer { return nil },
		Rooms: room.NewRooms(room.Config{
			Limits:   room.Limits{Rooms: 5, PeersPerRoom: 50, TracksPerPeer: 8},
			Defaults: &protocol.RoomSettings{MaxPeers: 50},
		}),
		Media:      noMedia{},
		Logger:     slog.New(slog.NewTextHandler(t.Output(), nil)),
		Registerer: registry,
	}
	if change != nil {
		change(&config)
	}
	return signaling.NewService(config)
}

func newLab(t *testing.T, change func(*signaling.Config)) *lab {
	l := &lab{t: t, metrics: prometheus.NewRegistry(), pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
	l.service = newService(t, l.metrics, func(c *signaling.Config) {
		if change != nil {
			change(c)
		}
		l.keys = c.Keys
	})
	l.handler = rpc.New(l.service)
	mux := http.NewServeMux()
	mux.Handle(rpc.Path, l.handler)
	server := &http.Server{
		Handler: mux, Protocols: both(),
		ErrorLog: slog.NewLogLogger(slog.NewTextHandler(t.Output(), nil), slog.LevelInfo),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l.pipes)
	}()
	var one, two http.Protocols
	one.SetHTTP1(true)
	two.SetUnencryptedHTTP2(true)
	dial := func(context.Context, string, string) (net.Conn, error) { return l.pipes.dial() }
	l.http1 = &http.Client{Transport: &http.Transport{DialContext: dial, Protocols: &one}}
	l.http2 = &http.Client{Transport: &http.Transport{
		DialContext: dial, Protocols: &two, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: window},
	}}
	t.Cleanup(func() {
		if err := l.service.Close(context.Background()); err != nil {
			t.Error(err)
		}
		l.handler.Wait()
		l.http1.CloseIdleConnections()
		l.http2.CloseIdleConnections()
		server.Close()
		<-ended
		time.Sleep(time.Second) // the server's last words to connections that it closes
	})
	return l
}

func both() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// refusals is how often something was refused with the code.
func (l *lab) refusals(code protocol.Error_Code) float64 {
	l.t.Helper()
	families, err := l.metrics.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "hiroba_signaling_refusals_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetValue() == code.String() {
					return metric.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// pipes is a network without one.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

// client is the address that all clients have.
var client = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.7:1234"))

type pipe struct{ net.Conn }

func (pipe) RemoteAddr() net.Addr { return client }

func (p *pipes) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- pipe{far}:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.done)
	return nil
}

func (p *pipes) Addr() net.Addr { return client }

// way is one of the ways to call the service.
type way struct {
	name    string
	options []connect.ClientOption
	http1   bool
	// halves says that the session is read by Attach, and written by Send.
	halves bool
}

var (
	viaGRPC = way{name: "gRPC", options: []connect.ClientOption{connect.WithGRPC()}}
	viaWeb  = way{name: "gRPC-Web over HTTP/1.1", options: []connect.ClientOption{connect.WithGRPCWeb()}, http1: true, halves: true}
	ways    = []way{
		viaGRPC, viaWeb,
		{name: "gRPC in JSON, compressed", options: []connect.ClientOption{connect.WithGRPC(), connect.WithProtoJSON(), connect.WithSendGzip()}},
		{name: "gRPC-Web over HTTP/2", options: []connect.ClientOption{connect.WithGRPCWeb()}},
		{name: "Connect", options: nil},
		{name: "halves of gRPC", options: []connect.ClientOption{connect.WithGRPC()}, halves: true},
		{name: "halves of gRPC-Web over HTTP/2", options: []connect.ClientOption{connect.WithGRPCWeb()}, halves: true},
		{name: "halves of Connect in JSON over HTTP/1.1", options: []connect.ClientOption{connect.WithProtoJSON()}, http1: true, halves: true},
	}
)

// inEveryWay runs a test in a lab for each way.
func inEveryWay(t *testing.T, change func(*signaling.Config), test func(*testing.T, *lab, way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			inLab(t, change, func(t *testing.T, l *lab) { test(t, l, w) })
		})
	}
}

// place is how a client comes: with an access token, or back to a session.
type place struct {
	access  string
	session string
	resume  string
	after   uint64
}

// visitor is a client of the service over one stream.
type visitor struct {
	t       *testing.T
	service protocolconnect.SignalServiceClient
	receive func() (*protocol.ServerMessage, error)
	bidi    *connect.BidiStreamForClient[protocol.ClientMessage, protocol.ServerMessage]
	cancel  context.CancelFunc
	seq     uint64
	handled uint64
	session string
	resume  string
	pongs   []*protocol.ServerMessage // the answers of Send
	left    []*protocol.PeerLeft      // who left, as the visitor was told
}

// come opens a stream; what it was answered shows when it is read.
func (l *lab) come(w way, p place) *visitor {
	l.t.Helper()
	client := l.http2
	if w.http1 {
		client = l.http1
	}
	return comeTo(l.t, protocolconnect.NewSignalServiceClient(client, base, w.options...), w.halves, p)
}

func comeTo(t *testing.T, service protocolconnect.SignalServiceClient, halves bool, p place) *visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	v := &visitor{t: t, service: service, cancel: cancel, session: p.session, resume: p.resume, handled: p.after}
	if halves {
		r := connect.NewRequest(&protocol.AttachRequest{Session: p.session, After: p.after})
		p.head(r.Header())
		stream, err := v.service.Attach(ctx, r)
		v.receive = func() (*protocol.ServerMessage, error) {
			switch {
			case err != nil:
				return nil, err
			case stream.Receive():
				return stream.Msg(), nil
			}
			return nil, stream.Err()
		}
		return v
	}
	v.bidi = v.service.Connect(ctx)
	p.head(v.bidi.RequestHeader())
	if p.session != "" {
		v.bidi.RequestHeader().Set("Hiroba-Session", p.session)
		v.bidi.RequestHeader().Set("Hiroba-After", strconv.FormatUint(p.after, 10))
	}
	if err := v.bidi.Send(nil); err != nil {
		t.Fatal(err)
	}
	v.receive = v.bidi.Receive
	return v
}

func (p place) head(h http.Header) {
	switch {
	case p.session != "":
		h.Set("Authorization", "Bearer "+p.resume)
		if p.access != "" {
			h.Set("Hiroba-Access", p.access)
		}
	case p.access != "":
		h.Set("Authorization", "Bearer "+p.access)
	}
}

// cut ends the stream without a word.
func (v *visitor) cut() {
	v.cancel()
	if v.bidi != nil {
		// Go's client of HTTP/2 notices the end of its context only when there is
		// something to write.
		_ = v.bidi.CloseRequest()
	}
}

// back is where the visitor goes on, over another stream.
func (v *visitor) back() place { return place{session: v.session, resume: v.resume, after: v.handled} }

// enter opens a session and joins the room "tea".
func (l *lab) enter(w way) *visitor {
	l.t.Helper()
	v := l.come(w, place{})
	v.welcome()
	v.ask(&protocol.ClientMessage{Body: join})
	return v
}

var join = &protocol.ClientMessage_Join{Join: &protocol.Join{Room: "tea", Name: "Ann"}}

func text(s string) *protocol.ClientMessage {
	return &protocol.ClientMessage{Body: &protocol.ClientMessage_Message{Message: &protocol.Message{Topic: "chat", Text: s}}}
}

// say numbers messages and sends them.
func (v *visitor) say(messages ...*protocol.ClientMessage) {
	v.t.Helper()
	for _, m := range messages {
		if m.GetPing() == nil {
			v.seq++
			m.Seq = v.seq
		}
	}
	if err := v.put(messages...); err != nil {
		v.t.Fatal(err)
	}
}

// put sends messages as they are.
func (v *visitor) put(messages ...*protocol.ClientMessage) error {
	if v.bidi != nil {
		for _, m := range messages {
			if err := v.bidi.Send(m); err != nil {
				return err
			}
		}
		return nil
	}
	r := connect.NewRequest(&protocol.SendRequest{Session: v.session, Messages: messages})
	r.Header().Set("Authorization", "Bearer "+v.resume)
	answer, err := v.service.Send(context.Background(), r)
	if err != nil {
		return err
	}
	if got := answer.Msg.GetReceived(); got != v.seq {
		return fmt.Errorf("the server has received %d messages, want %d", got, v.seq)
	}
	v.pongs = append(v.pongs, answer.Msg.GetMessages()...)
	return nil
}

// next waits for a message that is not about the stream alone.
func (v *visitor) next() *protocol.ServerMessage {
	v.t.Helper()
	for {
		m, err := v.receive()
		if err != nil {
			v.t.Fatal(err)
		}
		if m.GetSeq() == 0 && m.GetPong() != nil {
			continue
		}
		if seq := m.GetSeq(); seq != 0 {
			if seq != v.handled+1 {
				v.t.Fatalf("message %d came after %d", seq, v.handled)
			}
			v.handled = seq
		}
		if left := m.GetPeerLeft(); left != nil {
			v.left = append(v.left, left)
		}
		return m
	}
}

func (v *visitor) welcome() *protocol.Welcome {
	v.t.Helper()
	m := v.next()
	w := m.GetWelcome()
	if w == nil || m.GetSeq() != 0 {
		v.t.Fatalf("the first message is %v", m)
	}
	v.session, v.resume = w.GetSession(), w.GetResume()
	return w
}

// ask says one message and waits for its answer.
func (v *visitor) ask(m *protocol.ClientMessage) *protocol.ServerMessage {
	v.t.Helper()
	m.Id = fmt.Sprintf("ask-%d", v.seq)
	v.say(m)
	for {
		if answer := v.next(); answer.GetRe() == m.GetId() {
			return answer
		}
	}
}

// hears waits for texts, in this order and with no other between them.
func (v *visitor) hears(want ...string) {
	v.t.Helper()
	for _, s := range want {
		for {
			m := v.next().GetMessage()
			if m == nil {
				continue
			}
			if m.GetText() != s {
				v.t.Fatalf("heard %q, want %q", m.GetText(), s)
			}
			break
		}
	}
}

// ends reads on to the end of the stream, and returns its status and the fatal
// error before it.
func (v *visitor) ends() (last *protocol.Error, err error) {
	for {
		m, err := v.receive()
		if err != nil {
			return last, err
		}
		if m == nil { // a stream of Attach without an error
			return last, nil
		}
		if m.GetError().GetFatal() {
			last = m.GetError()
		}
	}
}

// reason is the protocol's error in that of a call.
func reason(err error) *protocol.Error {
	var failed *connect.Error
	if errors.As(err, &failed) {
		for _, detail := range failed.Details() {
			if value, err := detail.Value(); err == nil {
				if e, ok := value.(*protocol.Error); ok {
					return e
				}
			}
		}
	}
	return nil
}

// refused checks how a call ended.
func refused(t *testing.T, err error, status connect.Code, code protocol.Error_Code) {
	t.Helper()
	if err == nil || connect.CodeOf(err) != status || reason(err).GetCode() != code {
		t.Fatalf("it ended with %v (%v), want %v and %v", err, reason(err).GetCode(), status, code)
	}
	if reason(err).GetMessage() == "" {
		t.Fatalf("%v says nothing to a person", err)
	}
}
