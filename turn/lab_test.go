package turn

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/turn/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/internal/pionlog"
	"github.com/hiroba-rtc/hiroba/internal/port"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what it wants to see.
const patience = 10 * time.Second

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	secret   = []byte("a secret of the tests")
	quiet    = slog.New(slog.DiscardHandler)
)

func quietLibrary() logging.LoggerFactory { return pionlog.Factory{Logger: quiet} }

// lab is a whole server: a port with everything on it, TURN, and an SFU that
// sends back what it receives.
type lab struct {
	*Server
	port     *port.Port
	registry *prometheus.Registry
	ahead    atomic.Int64 // how far the server's clock is ahead of ours
}

// newLab starts a lab with a changed Config.
func newLab(t testing.TB, change func(*Config), more ...func(*port.Port, *Config)) *lab {
	t.Helper()
	return newLabWithTimeouts(t, linkTimeouts{allocateWithin, silence, writeWithin}, change, more...)
}

func newLabWithTimeouts(t testing.TB, timeouts linkTimeouts, change func(*Config), more ...func(*port.Port, *Config)) *lab {
	t.Helper()
	l := &lab{registry: prometheus.NewRegistry()}
	var err error
	secure := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	if l.port, err = port.Listen(port.Config{Host: loopback, Logger: quiet, Registerer: l.registry, TLS: secure}); err != nil {
		t.Fatal(err)
	}
	config := Config{Listeners: []Listener{{l.port.TURNTCP(), TCP}, {l.port.TURNTLS(), TLS}}, DTLS: l.port.TURNDTLS(), Credentials: Credentials{Secrets: [][]byte{secret}}, Logger: quiet, Registerer: l.registry}
	var sfu sync.WaitGroup
	for _, u := range l.port.UDP() {
		config.UDP = append(config.UDP, u.TURN())
		config.Self = append(config.Self, u.Addr())
		sfu.Go(func() { echo(u.ICE()) })
	}
	if change != nil {
		change(&config)
	}
	for _, change := range more {
		change(l.port, &config)
	}
	now := func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }
	if l.Server, err = start(config, timeouts, now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Server.Close(); err != nil {
			t.Errorf("closing the TURN server: %v", err)
		}
		if err := l.port.Close(); err != nil {
			t.Errorf("closing the port: %v", err)
		}
		sfu.Wait()
	})
	return l
}

// echo sends each datagram back until the socket is closed, but for those that
// are for others than the SFU.
func echo(conn net.PacketConn) {
	shared, isShared := conn.(*port.ICEConn)
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if !isShared || !shared.Stray(buf[:n], addrPort(from)) {
			_, _ = conn.WriteTo(buf[:n], from)
		}
	}
}

// at is the server's address, for TCP and UDP alike.
func (l *lab) at(addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, uint16(l.port.Port()))
}

// addresses are where the lab can be reached by UDP.
func (l *lab) addresses() (addrs []netip.Addr) {
	for _, u := range l.port.UDP() {
		addrs = append(addrs, u.Addr().Addr())
	}
	return addrs
}

// machineAddress is an IPv4 address other than loopback.
func (l *lab) machineAddress(t *testing.T) netip.Addr {
	t.Helper()
	i := slices.IndexFunc(l.addresses(), func(a netip.Addr) bool { return a.Is4() && !a.IsLoopback() })
	if i < 0 {
		t.Skip("this machine has no IPv4 address but loopback")
	}
	return l.addresses()[i]
}

// metric is the value of a metric, of one label value if it has a label.
func (l *lab) metric(t testing.TB, name, label string) int {
	t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); len(labels) == 0 || labels[0].GetValue() == label {
				return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	t.Fatalf("there is no metric %s with %q", name, label)
	return 0
}

func (l *lab) refused(t testing.TB, reason string) int {
	t.Helper()
	return l.metric(t, "hiroba_turn_refusals_total", reason)
}

func (l *lab) dropped(t testing.TB, cause drop) int {
	t.Helper()
	return l.metric(t, "hiroba_turn_drops_total", dropNames[cause])
}

// login is a credential for a user that expires after a while.
func login(user string, after time.Duration) (username, credential string) {
	username = fmt.Sprintf("%d:%s", time.Now().Add(after).Unix(), user)
	return username, password(secret, username)
}

// connect opens a client's socket toward the server.
func connect(t testing.TB, network string, server netip.AddrPort) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	if network == "tcp" {
		stream, err := net.Dial("tcp", server.String())
		if err != nil {
			t.Fatal(err)
		}
		conn = pion.NewSTUNConn(stream)
	} else {
		socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(server.Addr(), 0)))
		if err != nil {
			t.Fatal(err)
		}
		conn = socket
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// clientWith is pion's TURN client with a login.
func clientWith(t testing.TB, network string, server netip.AddrPort, username, credential string) *pion.Client {
	t.Helper()
	client, err := pion.NewClient(&pion.ClientConfig{
		TURNServerAddr: server.String(), STUNServerAddr: server.String(),
		Username: username, Password: credential,
		Conn: connect(t, network, server), LoggerFactory: quietLibrary(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// newClient is pion's TURN client with a good login.
func newClient(t testing.TB, network string, server netip.AddrPort) *pion.Client {
	t.Helper()
	username, credential := login("ann", time.Hour)
	return clientWith(t, network, server, username, credential)
}

// allocate gets a client its relayed address.
func allocate(t testing.TB, client *pion.Client) net.PacketConn {
	t.Helper()
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatalf("no allocation: %v", err)
	}
	t.Cleanup(func() { relayed.Close() })
	if err := relayed.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return relayed
}

// media is a payload that the port takes for RTP, and so gives to the SFU.
func media(text string) []byte { return append([]byte{0x80, 96}, text...) }

// wantEcho sends through a relay and waits for the same from the same peer.
func wantEcho(t testing.TB, relayed net.PacketConn, peer netip.AddrPort, payload []byte) {
	t.Helper()
	if _, err := relayed.WriteTo(payload, net.UDPAddrFromAddrPort(peer)); err != nil {
		t.Fatalf("sending to %v: %v", peer, err)
	}
	buf := make([]byte, 4096)
	n, from, err := relayed.ReadFrom(buf)
	if err != nil {
		t.Fatalf("no answer from %v: %v", peer, err)
	}
	if string(buf[:n]) != string(payload) || addrPort(from) != peer {
		t.Fatalf("got %q from %v, want %q from %v", buf[:n], from, payload, peer)
	}
}

// wantSilence checks that nothing has come to a socket so far.
func wantSilence(t testing.TB, conn net.PacketConn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if n, from, err := conn.ReadFrom(buf); err == nil {
		t.Errorf("got %q from %v, want nothing", buf[:n], from)
	}
}

// listenUDP is a peer's socket.
func listenUDP(t testing.TB, addr netip.Addr) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// eventually waits until a condition holds that the test is not told of.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	giveUp := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatalf("still not so: %s", what)
		}
	}
}
