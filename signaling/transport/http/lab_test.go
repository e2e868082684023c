package http

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// lab is a server of this package alone, in a bubble of time of its own: its
// connections are pipes, in which nothing is buffered.
type lab struct {
	t       *testing.T
	service *signaling.Service
	handler *Handler
	pipes   *pipes
	client  *nethttp.Client
}

// inLab runs a test over HTTP/1.1 and over HTTP/2, each in a fresh lab.
func inLab(t *testing.T, change func(*signaling.Config), test func(*testing.T, *lab)) {
	t.Helper()
	for _, name := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newLab(t, name == "HTTP/2", change)) })
		})
	}
}

// noMedia is a media side that nobody may come to.
type noMedia struct{}

func (noMedia) Open(string, string, signaling.Listener) (signaling.Leg, error) {
	panic("a test without media has come to the media side")
}

func newLab(t *testing.T, over2 bool, change func(*signaling.Config)) *lab {
	config := signaling.Config{
		Limits: signaling.Limits{
			Outbox:   session.Bounds{Messages: 1024, Bytes: 1 << 20},
			Sessions: 50, SessionsPerAddress: 50, SessionsPerUser: 50, JoinsPerMinute: 1000, RequestsPerSecond: 1000,
			MessageBytes: 64 << 10, DescriptionBytes: 256 << 10, MessagesPerSecond: 1000, Slots: 8,
		},
		Anonymous: auth.DefaultGrants,
		Heartbeat: 10 * time.Second,
		Detached:  time.Minute,
		ICEServers: func(caller signaling.Caller, _ string) []*protocol.IceServer {
			return []*protocol.IceServer{{Urls: []string{"stun:" + caller.Host}}}
		},
		Rooms: room.NewRooms(room.Config{
			Limits:   room.Limits{Rooms: 5, PeersPerRoom: 50, TracksPerPeer: 8},
			Defaults: &protocol.RoomSettings{MaxPeers: 50},
		}),
		Media:      noMedia{},
		Logger:     slog.New(slog.NewTextHandler(t.Output(), nil)),
		Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&config)
	}
	l := &lab{t: t, service: signaling.NewService(config), pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
	l.handler = New(l.service, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.WriteHeader(nethttp.StatusTeapot) // here would be WebSocket
	}))
	mux := nethttp.NewServeMux()
	mux.Handle("/v1/signal", l.handler)
	mux.Handle("/v1/signal/{session}", l.handler)
	var protocols nethttp.Protocols
	protocols.SetHTTP1(!over2)
	protocols.SetUnencryptedHTTP2(over2)
	server := &nethttp.Server{Handler: mux, Protocols: &protocols, ErrorLog: slog.NewLogLogger(config.Logger.Handler(), slog.LevelInfo)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l.pipes)
	}()
	carrier := &nethttp.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return l.pipes.dial() },
		Protocols:          &protocols,
		DisableCompression: true,
	}
	l.client = &nethttp.Client{Transport: carrier}
	t.Cleanup(func() {
		if err := l.service.Close(context.Background()); err != nil {
			t.Error(err)
		}
		l.handler.Wait()
		if len(l.handler.busy) > 0 {
			t.Errorf("%d requests were not let go", len(l.handler.busy))
		}
		carrier.CloseIdleConnections()
		server.Close()
		<-ended
		pass(time.Second) // net/http waits a little before it closes a connection
	})
	return l
}

// pass steps the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

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

// call is one request; headers come in pairs.
func (l *lab) call(ctx context.Context, method, path, body string, headers ...string) *nethttp.Response {
	l.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := nethttp.NewRequestWithContext(ctx, method, "http://hiroba.example"+path, reader)
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := l.client.Do(r)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response
}

// ask is a call whose answer is read.
func (l *lab) ask(method, path, body string, headers ...string) (*nethttp.Response, []byte) {
	l.t.Helper()
	response := l.call(l.t.Context(), method, path, body, headers...)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatalf("%s %s: the answer breaks off: %v", method, path, err)
	}
	return response, data
}

// refused expects an answer that refuses what was tried.
func (l *lab) refused(what string, status int, code protocol.Error_Code, response *nethttp.Response, body []byte) {
	l.t.Helper()
	message := &protocol.ServerMessage{}
	if err := protocol.JSON.Unmarshal(body, message); err != nil {
		l.t.Errorf("%s: %s %s: %v", what, response.Status, body, err)
	}
	if response.StatusCode != status || message.GetError().GetCode() != code || message.GetError().GetMessage() == "" {
		l.t.Errorf("%s: got %s %s, want %d %v", what, response.Status, body, status, code)
	}
}

// guest is a client with a session.
type guest struct {
	*lab
	path   string
	id     string
	resume string
	seq    int
	after  uint64 // the last number that it was told
	peer   string
}

// open opens a session.
func (l *lab) open(headers ...string) *guest {
	l.t.Helper()
	response, body := l.ask("POST", "/v1/signal", "", headers...)
	message := &protocol.ServerMessage{}
	if err := protocol.JSON.Unmarshal(body, message); err != nil || response.StatusCode != nethttp.StatusCreated {
		l.t.Fatalf("opening: %s %s (%v)", response.Status, body, err)
	}
	g := &guest{lab: l, path: response.Header.Get("Location"), id: message.GetWelcome().GetSession()}
	g.note(message)
	return g
}

// enter opens a session and joins the room tea.
func (l *lab) enter() *guest {
	l.t.Helper()
	g := l.open()
	g.say(`"id":"j","join":{"room":"tea"}`)
	for _, message := range g.poll("") {
		if joined := message.GetJoined(); joined != nil {
			g.peer = joined.GetPeer()
		}
	}
	if g.peer == "" {
		l.t.Fatal("join was not answered by joined")
	}
	return g
}

// note remembers what a message means for the next request.
func (g *guest) note(message *protocol.ServerMessage) {
	if resume := message.GetWelcome().GetResume(); resume != "" {
		g.resume = resume
	}
	g.after = max(g.after, message.GetSeq())
}

// with is what identifies a request, and further headers.
func (g *guest) with(headers ...string) []string {
	return append([]string{"Authorization", "Bearer " + g.resume}, headers...)
}

// numbered writes messages with the next numbers.
func (g *guest) numbered(bodies ...string) string {
	var text strings.Builder
	for _, body := range bodies {
		g.seq++
		fmt.Fprintf(&text, "{\"seq\":\"%d\",%s}\n", g.seq, body)
	}
	return text.String()
}

// taken is the answer to a POST.
type taken struct {
	Received string            `json:"received"`
	Messages []json.RawMessage `json:"messages"`
}

// post sends a body that has to be taken.
func (g *guest) post(body string) (answer taken) {
	g.t.Helper()
	response, data := g.ask("POST", g.path, body, g.with()...)
	if response.StatusCode != nethttp.StatusOK {
		g.t.Fatalf("posting: %s %s", response.Status, data)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		g.t.Fatal(err)
	}
	return answer
}

// say sends messages, numbered.
func (g *guest) say(bodies ...string) taken {
	g.t.Helper()
	return g.post(g.numbered(bodies...))
}

// poll reads, by a request that must succeed.
func (g *guest) poll(wait string, headers ...string) []*protocol.ServerMessage {
	g.t.Helper()
	response, body := g.ask("GET", fmt.Sprintf("%s?after=%d&wait=%s", g.path, g.after, wait), "", g.with(headers...)...)
	if response.StatusCode != nethttp.StatusOK {
		g.t.Fatalf("polling: %s %s", response.Status, body)
	}
	return g.told(body)
}

// told decodes a poll's answer.
func (g *guest) told(body []byte) []*protocol.ServerMessage {
	g.t.Helper()
	var answer struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Messages == nil {
		g.t.Fatalf("no poll's answer: %s (%v)", body, err)
	}
	messages := make([]*protocol.ServerMessage, len(answer.Messages))
	for i, data := range answer.Messages {
		messages[i] = &protocol.ServerMessage{}
		if err := protocol.JSON.Unmarshal(data, messages[i]); err != nil {
			g.t.Fatal(err)
		}
		g.note(messages[i])
	}
	return messages
}

// pollLater polls in the background.
func (g *guest) pollLater(wait string) <-chan answered {
	done := make(chan answered, 1)
	path, headers := fmt.Sprintf("%s?after=%d&wait=%s", g.path, g.after, wait), g.with()
	go func() {
		response, body := g.ask("GET", path, "", headers...)
		done <- answered{response, body}
	}()
	synctest.Wait()
	return done
}

// answered is an answer that was read.
type answered struct {
	*nethttp.Response
	body []byte
}

// events is a stream that is read.
type events struct {
	*guest
	*nethttp.Response
	lines *bufio.Reader
	stop  context.CancelFunc
}

// stream begins to read events.
func (g *guest) stream(headers ...string) *events {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	response := g.call(ctx, "GET", fmt.Sprintf("%s?after=%d", g.path, g.after), "",
		g.with(append(headers, "Accept", "text/event-stream")...)...)
	g.t.Cleanup(cancel)
	return &events{g, response, bufio.NewReader(response.Body), cancel}
}

// event is one event, or comment, as it came.
type event struct {
	id, kind, comment string
	message           *protocol.ServerMessage
}

// next reads one event. It fails at the end of the stream.
func (e *events) next() event {
	e.t.Helper()
	got, err := e.tryNext()
	if err != nil {
		e.t.Fatal(err)
	}
	return got
}

func (e *events) tryNext() (got event, err error) {
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return got, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			got.id = value
		case "event":
			got.kind = value
		case "data":
			got.message = &protocol.ServerMessage{}
			if err := protocol.JSON.Unmarshal([]byte(value), got.message); err != nil {
				return got, err
			}
			e.note(got.message)
		case "":
			if value != "" {
				got.comment = value
				continue
			}
			return got, nil
		default:
			return got, fmt.Errorf("a line of no known kind: %q", line)
		}
	}
}

// texts are the messages among what was told.
func texts(messages []*protocol.ServerMessage) (out []string) {
	for _, message := range messages {
		if m := message.GetMessage(); m != nil {
			out = append(out, m.GetText())
		}
	}
	return out
}
