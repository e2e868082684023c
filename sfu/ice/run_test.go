package ice

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	pion "github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/internal/port"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

var _ Socket = (*port.ICEConn)(nil)

// soon is how long a test waits for what must happen.
const soon = 15 * time.Second

// alone is a socket with nobody else on it.
type alone struct {
	*udp.Socket
	reader *udp.Reader
}

func (a alone) ReadBatch() ([]udp.Datagram, error) { return a.reader.Read() }

// run starts a Mux on loopback, UDP over both families and TCP, and ends it
// with the test.
func run(t testing.TB) *Mux {
	t.Helper()
	before := goleak.IgnoreCurrent()
	var sockets []Socket
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		socket, err := udp.Listen(netip.MustParseAddrPort(addr))
		if err != nil {
			t.Logf("without %s: %v", addr, err)
			continue
		}
		sockets = append(sockets, alone{socket, socket.NewReader()})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMux(Config{Sockets: sockets, TCP: listener, Registerer: prometheus.NewRegistry()})
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return m
}

// ear is a Handler that keeps what comes.
type ear struct {
	heard    chan string
	selected chan struct{}
	say      func(in Embedded, room int) Embedded
}

func newEar() *ear { return &ear{heard: make(chan string, 1000), selected: make(chan struct{}, 1000)} }

func (e *ear) Datagram(_ time.Time, b []byte) {
	select {
	case e.heard <- string(b):
	default:
	}
}

func (e *ear) Selected(time.Time) { e.selected <- struct{}{} }

// Embedded hears what comes, and returns what say says.
func (e *ear) Embedded(now time.Time, in Embedded, room int) Embedded {
	if in.Data != nil {
		e.Datagram(now, in.Data)
	}
	if e.say == nil {
		return Embedded{}
	}
	return e.say(in, room)
}

// hears waits for a packet, and drops those before it.
func (e *ear) hears(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(soon)
	for {
		select {
		case got := <-e.heard:
			if got == want {
				return
			}
		case <-timeout:
			t.Fatalf("%q did not come", want)
		}
	}
}

// chosen waits until a pair is selected, or another one.
func (e *ear) chosen(t *testing.T) {
	t.Helper()
	select {
	case <-e.selected:
	case <-time.After(soon):
		t.Fatal("nothing was selected")
	}
}

// media is what begins like RTP.
func media(text string) string { return "\x80" + text }

// until waits for what comes of itself.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(soon)
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func count(t *testing.T, c prometheus.Counter) int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].GetMetric()[0].GetCounter().GetValue())
}

// kept is how many addresses are in all tables.
func (m *Mux) kept() (sum int) {
	for _, table := range m.tables {
		table.mu.RLock()
		sum += len(table.by)
		table.mu.RUnlock()
	}
	return sum
}

// client is a full agent of pion's, controlling, as a browser is.
type client struct {
	*pion.Agent
	conn *pion.Conn
}

// connect lets a client that uses one kind of network connect to a Transport.
// The candidates go through alter, which may be nil.
func connect(t *testing.T, to *Transport, network pion.NetworkType, alter func(pion.Candidate) pion.Candidate) *client {
	t.Helper()
	options := []pion.AgentOption{
		pion.WithNetworkTypes([]pion.NetworkType{network}), pion.WithIncludeLoopback(), pion.WithIPFilter(net.IP.IsLoopback),
		pion.WithMulticastDNSMode(pion.MulticastDNSModeDisabled), pion.WithKeepaliveInterval(100 * time.Millisecond),
	}
	if network == pion.NetworkTypeUDP6 { // pion passes over ::1 unless it is told
		socket, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
		if err != nil {
			t.Fatal(err)
		}
		mux := pion.NewUDPMuxDefault(pion.UDPMuxParams{UDPConn: socket})
		t.Cleanup(func() { mux.Close(); socket.Close() })
		options = append(options, pion.WithUDPMux(mux))
	}
	agent, err := pion.NewAgentWithOptions(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.GracefulClose() })
	c := &client{Agent: agent}
	if err := agent.SetRemoteICELite(true); err != nil {
		t.Fatal(err)
	}
	ufrag, pwd := c.gather(t)
	if to.SetRemote(ufrag, pwd) {
		t.Fatal("the first credentials are a restart")
	}
	c.learn(t, to, alter)
	ours, secret := to.Credentials()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if c.conn, err = agent.Dial(ctx, ours, secret); err != nil {
		t.Fatal(err)
	}
	return c
}

// gather returns the client's credentials, once it has gathered.
func (c *client) gather(t *testing.T) (ufrag, pwd string) {
	t.Helper()
	done := make(chan struct{})
	if err := c.OnCandidate(func(candidate pion.Candidate) {
		if candidate == nil {
			close(done)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	<-done
	ufrag, pwd, err := c.GetLocalUserCredentials()
	if err != nil {
		t.Fatal(err)
	}
	return ufrag, pwd
}

// learn tells the client our candidates.
func (c *client) learn(t *testing.T, of *Transport, alter func(pion.Candidate) pion.Candidate) {
	t.Helper()
	for _, value := range of.mux.Candidates() {
		candidate, err := pion.UnmarshalCandidate("candidate:" + value)
		if err != nil {
			t.Fatal(err)
		}
		if alter != nil {
			candidate = alter(candidate)
		}
		if err := c.AddRemoteCandidate(candidate); err != nil {
			t.Fatal(err)
		}
	}
}

// talks holds that packets go both ways.
func (c *client) talks(t *testing.T, with *Transport, e *ear, text string) {
	t.Helper()
	if _, err := c.conn.Write([]byte(media(text))); err != nil {
		t.Fatal(err)
	}
	e.hears(t, media(text))
	if err := with.Send([]byte(media("re: " + text))); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, maxDatagram)
	_ = c.conn.SetReadDeadline(time.Now().Add(soon))
	for {
		n, err := c.conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[:n]) == media("re: "+text) {
			return
		}
	}
}

// raw is a client that makes its checks by hand, on a socket or a connection
// of its own.
type raw struct {
	t    *testing.T
	conn net.Conn
	buf  []byte
}

// dial connects to the first UDP socket, or over TCP.
func dial(t *testing.T, m *Mux, network string) *raw {
	t.Helper()
	to := m.sockets[0].Addr().String()
	if network == "tcp" {
		to = m.tcp.Addr().String()
	}
	conn, err := net.Dial(network, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{t: t, conn: conn, buf: make([]byte, frameHeader+maxFrame)}
}

// send sends one packet.
func (r *raw) send(b []byte) {
	r.t.Helper()
	if r.conn.LocalAddr().Network() == "tcp" {
		b = framed(b)
	}
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// next receives one packet over UDP.
func (r *raw) next(patience time.Duration) ([]byte, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	n, err := r.conn.Read(r.buf)
	return r.buf[:n], err
}

// checks sends a check to the Transport as one who knows its credentials, and
// waits for the answer; what comes before it over UDP is dropped.
func (r *raw) checks(to *Transport, setters ...stun.Setter) *stun.Message {
	r.t.Helper()
	ufrag, pwd := to.Credentials()
	r.send(checkOf(r.t, ufrag+":them", pwd, setters...))
	return r.answer()
}

// answer waits for a STUN message.
func (r *raw) answer() *stun.Message {
	r.t.Helper()
	for {
		b, err := r.packet()
		if err != nil {
			r.t.Fatal(err)
		}
		if stun.IsMessage(b) {
			m := new(stun.Message)
			if err := stun.Decode(b, m); err != nil {
				r.t.Fatal(err)
			}
			return m
		}
	}
}

// packet receives one packet, over UDP or TCP.
func (r *raw) packet() ([]byte, error) {
	if r.conn.LocalAddr().Network() != "tcp" {
		return r.next(soon)
	}
	_ = r.conn.SetReadDeadline(time.Now().Add(soon))
	var f frames
	f.buf = r.buf
	for {
		if frame, ok, err := f.next(); ok || err != nil {
			return frame, err
		}
		n, err := r.conn.Read(r.buf[f.end:][:1])
		if err != nil {
			return nil, err
		}
		f.filled(n)
	}
}
