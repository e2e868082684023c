package webhook

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	key   = []byte("sixteen letters!")
	quiet = slog.New(slog.DiscardHandler)
)

func event(room string, seq int) *protocol.RoomEvent {
	return &protocol.RoomEvent{
		Seq: uint64(seq), Room: room,
		Event: &protocol.RoomEvent_PeerJoined{PeerJoined: &protocol.Peer{Id: "p", Name: "Ann"}},
	}
}

// received is one request that a target got.
type received struct {
	ID      string            `json:"id"`
	Dropped int               `json:"dropped"`
	Raw     []json.RawMessage `json:"events"`

	Header http.Header
	Body   []byte
	Room   string
	Seqs   []int
}

func read(t *testing.T, r *http.Request) (got received) {
	t.Helper()
	var err error
	if got.Body, err = io.ReadAll(r.Body); err != nil {
		t.Errorf("reading a request: %v", err)
		return got
	}
	got.Header = r.Header.Clone()
	if err := json.Unmarshal(got.Body, &got); err != nil {
		t.Errorf("the body %q: %v", got.Body, err)
	}
	for _, raw := range got.Raw {
		var e protocol.RoomEvent
		if err := protojson.Unmarshal(raw, &e); err != nil {
			t.Errorf("the event %q: %v", raw, err)
		}
		got.Room = e.GetRoom()
		got.Seqs = append(got.Seqs, int(e.GetSeq()))
	}
	return got
}

// site is a target. It notes what comes and answers with what answer says; the
// numbers given to it count its requests from 1.
type site struct {
	t      *testing.T
	answer func(w http.ResponseWriter, r *http.Request, got received, number int)

	mu       sync.Mutex
	requests []received
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := read(s.t, r)
	s.mu.Lock()
	s.requests = append(s.requests, got)
	number := len(s.requests)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, r, got, number)
	}
}

func (s *site) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *site) seqs(room string) (seqs []int) {
	for _, r := range s.got() {
		if r.Room == room {
			seqs = append(seqs, r.Seqs...)
		}
	}
	return seqs
}

// status is an answer that is always the same.
func status(code int) func(http.ResponseWriter, *http.Request, received, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ received, _ int) { w.WriteHeader(code) }
}

// hang is an answer that never comes.
func hang(_ http.ResponseWriter, r *http.Request, _ received, _ int) { <-r.Context().Done() }

// pipes is a listener without a network, for synctest's bubbles.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// internet has a handler for each host; a nil one answers no connection.
type internet map[string]http.Handler

// serve starts all sites and gives the way to them.
func (i internet) serve(t *testing.T) dialFunc {
	listeners := make(map[string]*pipes)
	for host, handler := range i {
		if handler == nil {
			continue
		}
		l := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		listeners[host] = l
		server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		host, _, _ := strings.Cut(address, ":")
		l := listeners[host]
		if l == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		here, there := net.Pipe()
		select {
		case l.accept <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lab is a sender, its metrics and the sites it sends to.
type lab struct {
	*Sender
	t        *testing.T
	registry *prometheus.Registry
}

// open starts a sender to the sites of an internet, in a bubble.
func open(t *testing.T, sites internet, change ...func(*Config)) *lab {
	t.Helper()
	l := &lab{t: t, registry: prometheus.NewRegistry()}
	config := Config{Secret: key, Logger: quiet, Registerer: l.registry}
	for host := range sites {
		config.URLs = append(config.URLs, "http://"+host+"/hook")
	}
	for _, c := range change {
		c(&config)
	}
	s, err := newSender(config, sites.serve(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Sender = s
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx)
	})
	return l
}

// count is a metric's value; the label is "" when it has none.
func (l *lab) count(name, label string) int {
	l.t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	l.t.Fatalf("there is no metric %s with %q", name, label)
	return 0
}

func (l *lab) expect(counts map[string]int) {
	l.t.Helper()
	for name, want := range counts {
		metric, label, _ := strings.Cut(name, " ")
		if got := l.count("hiroba_webhook_"+metric, label); got != want {
			l.t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// pass lets a bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i+1)
	}
	return numbers
}
