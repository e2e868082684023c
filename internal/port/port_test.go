package port_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/internal/port"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

// open starts a port on loopback with metrics of its own.
func open(t testing.TB) (*port.Port, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	p, err := port.Listen(port.Config{Host: loopback, Registerer: registry, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing the port: %v", err)
		}
	})
	return p, registry
}

// count is the value of one counter with one label.
func count(t testing.TB, registry *prometheus.Registry, name, label string) int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == label {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	t.Fatalf("there is no metric %s with %q", name, label)
	return 0
}

const (
	refusals = "hiroba_port_tcp_refusals_total"
	drops    = "hiroba_port_udp_drops_total"
)

func send(t testing.TB, conn io.Writer, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

var (
	cookie  = []byte{0x21, 0x12, 0xA4, 0x42}
	id      = []byte("transaction1")
	binding = slices.Concat([]byte{0, 1, 0, 0}, cookie, id)
	check   = slices.Concat([]byte{0, 1, 0, 8}, cookie, id, []byte{0, 6, 0, 3, 'a', ':', 'b', 0})
	answer  = slices.Concat([]byte{1, 1, 0, 0}, cookie, id)
	rtp     = append([]byte{0x80, 96}, make([]byte, 100)...)
	channel = []byte{0x40, 0, 0, 4, 1, 2, 3, 4}
)

func TestOneNumberForEverything(t *testing.T) {
	p, _ := open(t)
	if p.Port() == 0 {
		t.Fatal("the port has no number")
	}
	for _, l := range []net.Listener{p.HTTP(), p.ICETCP(), p.TURNTCP()} {
		if got := l.Addr().(*net.TCPAddr); got.Port != p.Port() || !got.IP.IsLoopback() {
			t.Errorf("a listener is at %v, want loopback and port %d", got, p.Port())
		}
	}
	var at []netip.Addr
	for _, u := range p.UDP() {
		if int(u.Addr().Port()) != p.Port() {
			t.Errorf("a socket is at %v, want port %d", u.Addr(), p.Port())
		}
		at = append(at, u.Addr().Addr())
	}
	// Browsers that pair no loopback candidate need the others, too.
	if want := addresses(t); !slices.Equal(sorted(at), sorted(want)) {
		t.Errorf("UDP is at %v, want every address of the machine: %v", at, want)
	}
}

// addresses lists what the system says, in another way than the port does.
func addresses(t *testing.T) []netip.Addr {
	listed, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var addrs []netip.Addr
	for _, a := range listed {
		if addr := netip.MustParsePrefix(a.String()).Addr(); !addr.IsLinkLocalUnicast() {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

func sorted(addrs []netip.Addr) []netip.Addr {
	return slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare)
}

func TestListenErrorsSayWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tcpPort := taken.Addr().(*net.TCPAddr).Port

	// A number that is free for TCP, as a port just had it, but not for UDP.
	free, err := port.Listen(port.Config{Host: loopback})
	if err != nil {
		t.Fatal(err)
	}
	udpPort := free.Port()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	takenUDP, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: udpPort})
	if err != nil {
		t.Fatal(err)
	}
	defer takenUDP.Close()

	cases := map[string]struct {
		config port.Config
		want   []string
	}{
		"TCP port taken": {port.Config{Host: loopback, Port: tcpPort},
			[]string{fmt.Sprintf("TCP 127.0.0.1:%d", tcpPort), `set "port"`}},
		"UDP port taken": {port.Config{Host: loopback, Port: udpPort},
			[]string{fmt.Sprintf("UDP 127.0.0.1:%d", udpPort), `set "port"`}},
		"not an address of this machine": {port.Config{Host: netip.MustParseAddr("198.51.100.7")},
			[]string{"198.51.100.7", `set "host"`}},
		"no port number": {port.Config{Host: loopback, Port: 65536}, []string{"65536", `set "port"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.config.Logger = slog.New(slog.DiscardHandler)
			p, err := port.Listen(c.config)
			if err == nil {
				p.Close()
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

// A specific address is the only one that gets a socket.
func TestASpecificHost(t *testing.T) {
	for _, addr := range addresses(t) {
		if addr.IsLoopback() {
			continue
		}
		p, err := port.Listen(port.Config{Host: addr, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if u := p.UDP(); len(u) != 1 || u[0].Addr().Addr() != addr {
			t.Errorf("host %v has %d sockets, the first at %v", addr, len(u), u[0].Addr())
		}
	}
}

// Whoever waits when the port closes is told; goleak sees that nobody stays.
func TestCloseEndsEverybodyWhoWaits(t *testing.T) {
	p, err := port.Listen(port.Config{Host: loopback, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ends := make(chan error, 100)
	waiting := 0
	wait := func(f func() error) { waiting++; go func() { ends <- f() }() }
	for _, l := range []net.Listener{p.HTTP(), p.ICETCP(), p.TURNTCP()} {
		wait(func() error { _, err := l.Accept(); return err })
	}
	for i, u := range p.UDP() {
		wait(func() error { return u.TURN().Serve(func([]udp.Datagram) {}) })
		if i%2 == 0 {
			wait(func() error { _, _, err := u.ICE().ReadFrom(make([]byte, 1500)); return err })
		} else {
			u.ICE().Close()
		}
	}
	silent := dial(t, p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for range waiting {
		if err := <-ends; !errors.Is(err, net.ErrClosed) {
			t.Errorf("somebody who waited was told %v, want net.ErrClosed", err)
		}
	}
	wantClosed(t, silent)
}
