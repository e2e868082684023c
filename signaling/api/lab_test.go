package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

const secret = "0123456789abcdef0123456789abcdef"

// lab is a server with nothing but the API, on a network of its own, and the
// room "tea" with Ann in it. It may be in a bubble of synctest.
type lab struct {
	t        *testing.T
	api      *api.API
	rooms    *room.Rooms
	registry *prometheus.Registry
	signer   auth.Signer
	http     *http.Client
	network  *network
	ann      *member
	track    string // of Ann's

	mu     sync.Mutex // guards frames
	frames []frame
}

// frame is what was given to the DataChannels.
type frame struct {
	room, from string
	to         []string
	topic      string
	payload    string
	lossy      bool
}

// Send implements api.Data.
func (l *lab) Send(room, from string, to []string, topic string, payload []byte, lossy bool) error {
	if len(topic) > 64 {
		return errors.New("its topic is too long")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, frame{room, from, to, topic, string(payload), lossy})
	return nil
}

func newLab(t *testing.T, change func(*api.Config)) *lab {
	t.Helper()
	keys, err := auth.ParseKeys("main=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, registry: prometheus.NewRegistry(), network: newNetwork()}
	if l.signer, err = keys.Signer("main"); err != nil {
		t.Fatal(err)
	}
	l.rooms = room.NewRooms(room.Config{
		Limits:   room.Limits{Rooms: 300, PeersPerRoom: 10, TracksPerPeer: 3},
		Defaults: &protocol.RoomSettings{MaxPeers: 10, EmptySeconds: 60},
	})
	config := api.Config{
		Rooms: l.rooms, Keys: keys, Data: l, MessageBytes: 1000, RequestsPerSecond: 1000,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})), Registerer: l.registry,
	}
	if change != nil {
		change(&config)
	}
	l.api = api.New(config)
	mux := http.NewServeMux()
	l.api.Register(mux)
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	l.http = l.client(1)
	var loop sync.WaitGroup
	loop.Go(func() { _ = server.Serve(l.network) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := l.api.Close(ctx); err != nil {
			t.Error(err)
		}
		l.http.CloseIdleConnections()
		_ = server.Close()
		loop.Wait()
		l.rooms.Close()
	})
	l.ann = l.enter("tea", room.Identity{Name: "Ann", User: "ann"}, &protocol.TrackOffer{Mid: "0", Kind: protocol.Kind_AUDIO, Source: "microphone"})
	ann, refusal := l.ann.room.FindPeer(l.ann.ID())
	if refusal != nil {
		t.Fatal(refusal)
	}
	l.track = ann.GetTracks()[0].GetId()
	return l
}

// client speaks a major version of HTTP.
func (l *lab) client(version int) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.network.dial(ctx) },
		Protocols:   new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(version == 1)
	transport.Protocols.SetUnencryptedHTTP2(version == 2)
	l.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// token is for a room, good for an hour.
func (l *lab) token(room string, grants ...protocol.Grant) string {
	return l.sign(auth.Access{Room: room, Grants: auth.GrantsOf(grants...)}, time.Hour)
}

func (l *lab) sign(access auth.Access, ttl time.Duration) string {
	l.t.Helper()
	token, err := l.signer.Token(access, time.Now(), ttl)
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

// as is a client with a token, or none.
func (l *lab) as(token string, options ...connect.ClientOption) protocolconnect.RoomServiceClient {
	return l.over(l.http, token, options...)
}

func (l *lab) over(client *http.Client, token string, options ...connect.ClientOption) protocolconnect.RoomServiceClient {
	return protocolconnect.NewRoomServiceClient(client, "http://hiroba.test", append(options, connect.WithInterceptors(bearer(token)))...)
}

// admin may do everything.
func (l *lab) admin() protocolconnect.RoomServiceClient {
	return l.as(l.token(auth.EveryRoom, protocol.Grant_ADMIN))
}

// bearer sends an access token along with every call.
type bearer string

func (b bearer) set(h http.Header) {
	if b != "" {
		h.Set("Authorization", "Bearer "+string(b))
	}
}

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		b.set(request.Header())
		return next(ctx, request)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		b.set(conn.RequestHeader())
		return conn
	}
}

func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// refusal holds an error to a code, and to saying why in words and as a
// detail.
func refusal(t *testing.T, err error, code connect.Code) *protocol.Error {
	t.Helper()
	var failure *connect.Error
	if !errors.As(err, &failure) || failure.Code() != code {
		t.Fatalf("it ended with %v, want %v", err, code)
	}
	for _, detail := range failure.Details() {
		if value, err := detail.Value(); err == nil {
			if reason, ok := value.(*protocol.Error); ok {
				if reason.GetMessage() != failure.Message() || reason.GetMessage() == "" {
					t.Fatalf("it says %q here and %q there", failure.Message(), reason.GetMessage())
				}
				return reason
			}
		}
	}
	t.Fatalf("%v has no detail", err)
	return nil
}

// member is a peer in a room, whose client leaves when it is told to.
type member struct {
	*room.Peer
	room *room.Room

	mu      sync.Mutex // guards all below
	told    []*protocol.ServerMessage
	removed *protocol.Error
	let     bool
}

// enter brings somebody into a room.
func (l *lab) enter(name string, who room.Identity, offers ...*protocol.TrackOffer) *member {
	l.t.Helper()
	m := newMember(who)
	tracks, refusal := l.rooms.Tracks(nil, offers)
	if refusal == nil {
		m.room, refusal = l.rooms.Enter(name, m.Peer, tracks, nil, "")
	}
	if refusal != nil {
		l.t.Fatal(refusal)
	}
	l.t.Cleanup(func() { m.room.Leave(m.Peer, protocol.PeerLeft_LEFT) })
	return m
}

func newMember(who room.Identity) *member {
	m := &member{}
	who.Grants = auth.DefaultGrants
	m.Peer = room.NewPeer(who, m)
	return m
}

func (m *member) note(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *member) Send(e *protocol.Event, _ string) {
	m.note(func() { m.told = append(m.told, e.Message()) })
}
func (m *member) Remove(reason *protocol.Error) { m.note(func() { m.removed = reason }) }
func (m *member) Admit()                        { m.note(func() { m.let = true }) }
func (m *member) Grant(auth.Grants)             {}
func (m *member) Publish([]*protocol.Track)     {}
func (m *member) Mute(string, bool)             {}
func (m *member) Suspend(bool)                  {}

// heard is whether it was told something that fits.
func (m *member) heard(fits func(*protocol.ServerMessage) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range m.told {
		if fits(message) {
			return true
		}
	}
	return false
}

// counted is how many calls of a method ended with a code.
func (l *lab) counted(method, code string) (n float64) {
	families, err := l.registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := ""
			for _, pair := range metric.GetLabel() {
				labels += pair.GetName() + "=" + pair.GetValue() + " "
			}
			if family.GetName() == "hiroba_api_calls_total" && labels == "code="+code+" method="+method+" " {
				n += metric.GetCounter().GetValue()
			}
		}
	}
	return n
}

// network is a listener, and what dials it. Nothing is kept between its ends:
// what one does not read, the other cannot write.
type network struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex // guards from
	from string
}

func newNetwork() *network {
	return &network{conns: make(chan net.Conn), closed: make(chan struct{}), from: "198.51.100.1:1"}
}

// callFrom says where those who dial from now on are.
func (n *network) callFrom(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.from = addr
}

func (n *network) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	n.mu.Lock()
	from := n.from
	n.mu.Unlock()
	select {
	case n.conns <- placed{far, net.TCPAddrFromAddrPort(mustParse(from))}:
		return near, nil
	case <-n.closed:
	case <-ctx.Done():
	}
	return nil, errors.New("nobody listens")
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { n.once.Do(func() { close(n.closed) }); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

// placed is a connection from somewhere.
type placed struct {
	net.Conn
	from net.Addr
}

func (p placed) RemoteAddr() net.Addr { return p.from }

// jsonLines are the data lines of server-sent events, decoded.
func decoded(t *testing.T, data string) *protocol.RoomEvent {
	t.Helper()
	event := &protocol.RoomEvent{}
	if err := protocol.JSON.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), event); err != nil {
		t.Fatal(err)
	}
	return event
}
