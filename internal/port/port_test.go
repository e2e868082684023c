package port_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/internal/port"
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

// dial connects to the port; whatever the test waits for on the connection, it
// waits ten seconds at most.
func dial(t testing.TB, p *port.Port) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", netip.AddrPortFrom(loopback, uint16(p.Port())).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// accept waits for a connection ten seconds at most.
func accept(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	giveUp := time.AfterFunc(10*time.Second, func() { l.Close() })
	defer giveUp.Stop()
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("no connection arrived: %v", err)
	}
	return conn
}

// wantClosed waits for the server to close the connection without a word.
func wantClosed(t testing.TB, conn net.Conn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	if n != 0 || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the connection is not closed: read %d bytes, error %v", n, err)
	}
}

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

func TestHTTP(t *testing.T) {
	p, _ := open(t)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello from ", r.URL.Path)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(p.HTTP()) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving ended with %v", err)
		}
	})

	conn := dial(t, p)
	for _, c := range []byte("GET /page HTTP/1.0\r\n\r\n") { // byte by byte
		send(t, conn, []byte{c})
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(got), "hello from /page") {
		t.Fatalf("got %q, error %v", got, err)
	}
}

func TestStreamsArriveWhole(t *testing.T) {
	p, _ := open(t)
	framedCheck := append([]byte{0, byte(len(check))}, check...)
	cases := map[string]struct {
		listener net.Listener
		sent     []byte
	}{
		"HTTP":         {p.HTTP(), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		"ICE-TCP":      {p.ICETCP(), framedCheck},
		"TURN":         {p.TURNTCP(), binding},
		"STUN in bits": {p.TURNTCP(), binding[:8]},
	}
	for name, c := range cases {
		for how, read := range map[string]func(net.Conn) ([]byte, error){
			"read": func(conn net.Conn) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{conn}) },
			"copied": func(conn net.Conn) ([]byte, error) {
				var b bytes.Buffer
				_, err := io.Copy(&b, conn)
				return b.Bytes(), err
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				conn := dial(t, p)
				send(t, conn, c.sent)
				accepted := accept(t, c.listener)
				defer accepted.Close()
				if accepted.RemoteAddr().String() != conn.LocalAddr().String() {
					t.Errorf("accepted from %v, want %v", accepted.RemoteAddr(), conn.LocalAddr())
				}
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if got, err := read(accepted); err != nil || !bytes.Equal(got, c.sent) {
					t.Fatalf("got %q, error %v; want %q", got, err, c.sent)
				}
				send(t, accepted, []byte("answer"))
				got := make([]byte, 6)
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != "answer" {
					t.Fatalf("the answer is %q, error %v", got, err)
				}
			})
		}
	}
}

func TestStrangersAreRefusedAndCounted(t *testing.T) {
	p, registry := open(t)
	cases := map[string]struct {
		sent   []byte
		reason string
	}{
		"TLS":         {[]byte{0x16, 3, 1, 2, 0}, "tls"},
		"SSH":         {[]byte("ssh-2.0"), "unknown"},
		"zeros":       {make([]byte, 10), "unknown"},
		"ChannelData": {[]byte{0x60, 0, 0xFF, 0xFC}, "unknown"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := count(t, registry, refusals, c.reason)
			conn := dial(t, p)
			send(t, conn, c.sent)
			wantClosed(t, conn)
			if got := count(t, registry, refusals, c.reason) - before; got != 1 {
				t.Errorf("counted %d times as %s, want once", got, c.reason)
			}
		})
	}
}

// Connections that say nothing fill the room of their address, and no more:
// those over it are closed at once, and room comes back.
func TestSilentConnectionsAreBounded(t *testing.T) {
	p, registry := open(t)
	var silent []net.Conn
	for range 64 {
		silent = append(silent, dial(t, p))
	}
	// The connections are accepted in order, so the 65th finds the room full.
	wantClosed(t, dial(t, p))
	if got := count(t, registry, refusals, "waiting_per_source"); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	send(t, silent[0], []byte("GET / HTTP/1.1\r\n"))
	accept(t, p.HTTP()).Close()
	send(t, dial(t, p), []byte("GET / HTTP/1.1\r\n")) // in the place of the first
	accept(t, p.HTTP()).Close()
}

// Strangers cannot fill the memory of the ICE-TCP mux: one address has its
// share, and what is closed comes back.
func TestICETCPConnectionsAreBounded(t *testing.T) {
	p, registry := open(t)
	framedCheck := append([]byte{0, byte(len(check))}, check...)
	var accepted []net.Conn
	for range 256 {
		send(t, dial(t, p), framedCheck)
		conn := accept(t, p.ICETCP())
		defer conn.Close()
		accepted = append(accepted, conn)
	}
	over := dial(t, p)
	send(t, over, framedCheck)
	wantClosed(t, over)
	if got := count(t, registry, refusals, "ice_per_source"); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	accepted[0].Close()
	accepted[0].Close() // twice is once
	send(t, dial(t, p), framedCheck)
	accept(t, p.ICETCP()).Close()
}

func TestAnOwnerThatDoesNotAcceptBlocksNobody(t *testing.T) {
	p, registry := open(t)
	framedCheck := append([]byte{0, byte(len(check))}, check...)
	// Fill the queue of ICE-TCP. A connection over it is closed.
	for i := 0; count(t, registry, refusals, "not_accepted") == 0; i++ {
		if i > 1000 {
			t.Fatal("a thousand connections wait to be accepted and none was refused")
		}
		conn := dial(t, p)
		send(t, conn, framedCheck)
	}
	conn := dial(t, p)
	send(t, conn, []byte("GET / HTTP/1.1\r\n"))
	accept(t, p.HTTP()).Close()
}

func TestClosingOneListenerLeavesTheOthers(t *testing.T) {
	p, registry := open(t)
	if err := p.TURNTCP().Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.TURNTCP().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of a closed listener returns %v, want net.ErrClosed", err)
	}
	conn := dial(t, p)
	send(t, conn, binding)
	wantClosed(t, conn)
	if got := count(t, registry, refusals, "not_accepted"); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	conn = dial(t, p)
	send(t, conn, []byte("GET / HTTP/1.1\r\n"))
	accept(t, p.HTTP()).Close()
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

// pion's ICE takes its view of the socket as it is, without the allocations
// of net.Addr, and can go without taking TURN along.
func TestPionUsesTheICESide(t *testing.T) {
	p, _ := open(t)
	u := p.UDP()[0]
	var _ ice.AddrPortReaderWriter = u.ICE()
	var _ ice.AddrPortReaderWriter = u.TURN()
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: u.ICE()})
	conn, err := mux.GetConn("server", u.ICE().LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	client := dialUDP(t, u.Addr())
	toServer := slices.Concat([]byte{0, 1, 0, 12}, cookie, id, []byte{0, 6, 0, 8}, []byte("server:c"))
	send(t, client, toServer)
	buf := make([]byte, 1500)
	if n, _, err := conn.ReadFrom(buf); err != nil || !bytes.Equal(buf[:n], toServer) {
		t.Fatalf("the check arrived as %x, error %v", buf[:n], err)
	}
	if err := errors.Join(conn.Close(), mux.Close()); err != nil {
		t.Fatal(err)
	}
	send(t, client, binding)
	if n, _, err := u.TURN().ReadFrom(buf); err != nil || !bytes.Equal(buf[:n], binding) {
		t.Fatalf("after ICE is closed TURN reads %x, error %v", buf[:n], err)
	}
}

func dialUDP(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// read returns what the next ReadFrom of conn gives, within ten seconds.
func read(t testing.TB, conn net.PacketConn) []byte {
	t.Helper()
	giveUp := time.AfterFunc(10*time.Second, func() { conn.Close() })
	defer giveUp.Stop()
	buf := make([]byte, 4096)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatalf("nothing arrived: %v", err)
	}
	return buf[:n]
}

func TestDatagramsAreToldApart(t *testing.T) {
	p, registry := open(t)
	for _, u := range p.UDP() {
		client := dialUDP(t, u.Addr())
		for _, datagram := range [][]byte{rtp, binding, {255, 1, 2}, check, channel, answer} {
			send(t, client, datagram)
		}
		for _, want := range [][]byte{rtp, check, answer} {
			if got := read(t, u.ICE()); !bytes.Equal(got, want) {
				t.Fatalf("%v: ICE got %x, want %x", u.Addr(), got, want)
			}
		}
		for _, want := range [][]byte{binding, channel} {
			if got := read(t, u.TURN()); !bytes.Equal(got, want) {
				t.Fatalf("%v: TURN got %x, want %x", u.Addr(), got, want)
			}
		}
		for name, side := range map[string]net.PacketConn{"ICE": u.ICE(), "TURN": u.TURN()} {
			if _, err := side.WriteTo([]byte(name), client.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			if n, err := client.Read(buf); err != nil || string(buf[:n]) != name {
				t.Fatalf("%v: the client got %q, error %v; want %q", u.Addr(), buf[:n], err, name)
			}
		}
	}
	if got := count(t, registry, drops, "unknown"); got != len(p.UDP()) {
		t.Errorf("%d unknown datagrams were counted, want %d", got, len(p.UDP()))
	}
}

// TURN falling behind, or sending what is too large, costs TURN datagrams and
// nothing else.
func TestTURNFallingBehind(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	client := dialUDP(t, u.Addr())
	for sent := 0; count(t, registry, drops, "queue") == 0; sent++ {
		if sent > 5000 {
			t.Fatal("five thousand datagrams wait for TURN and none was dropped")
		}
		send(t, client, channel)
		send(t, client, rtp)
		if got := read(t, u.ICE()); !bytes.Equal(got, rtp) {
			t.Fatalf("ICE got %x", got)
		}
	}
	send(t, client, append(channel, make([]byte, 3000)...))
	send(t, client, rtp)
	read(t, u.ICE())
	if got := count(t, registry, drops, "queue") + count(t, registry, drops, "too_large"); got != 2 {
		t.Errorf("%d datagrams were counted as dropped, want 2", got)
	}
	if got := read(t, u.TURN()); !bytes.Equal(got, channel) {
		t.Errorf("TURN got %x", got)
	}
}

func TestTURNReadsOnWhenICECloses(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	iceEnded := make(chan error, 1)
	go func() { _, _, err := u.ICE().ReadFrom(make([]byte, 1500)); iceEnded <- err }()
	turnGot := make(chan []byte, 1)
	go func() {
		buf := make([]byte, 1500)
		n, _, _ := u.TURN().ReadFrom(buf)
		turnGot <- buf[:n]
	}()
	if err := errors.Join(u.ICE().Close(), u.ICE().Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-iceEnded; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ICE's read ended with %v, want net.ErrClosed", err)
	}
	client := dialUDP(t, u.Addr())
	send(t, client, rtp)
	send(t, client, channel)
	if got := <-turnGot; !bytes.Equal(got, channel) {
		t.Errorf("TURN got %x, want %x", got, channel)
	}
	if got := count(t, registry, drops, "no_owner"); got != 1 {
		t.Errorf("%d datagrams without an owner were counted, want 1", got)
	}
	if _, _, err := u.ICE().ReadFrom(make([]byte, 1500)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed ICE side gives %v, want net.ErrClosed", err)
	}
}

func TestICEReadsOnWhenTURNCloses(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	if err := u.TURN().Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.TURN().ReadFrom(make([]byte, 1500)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed TURN side gives %v, want net.ErrClosed", err)
	}
	client := dialUDP(t, u.Addr())
	send(t, client, channel)
	send(t, client, rtp)
	if got := read(t, u.ICE()); !bytes.Equal(got, rtp) {
		t.Errorf("ICE got %x", got)
	}
	if got := count(t, registry, drops, "no_owner"); got != 1 {
		t.Errorf("%d datagrams without an owner were counted, want 1", got)
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
		wait(func() error { _, _, err := u.TURN().ReadFrom(make([]byte, 1500)); return err })
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

// A batch is ICE's alone, in the order in which it came; TURN misses nothing.
func TestICEReadsInBatches(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	client := dialUDP(t, u.Addr())
	const each = 50
	channelData := []byte{0x40, 0, 0, 0}
	for i := range each {
		for _, payload := range [][]byte{{0x80, 96, byte(i)}, channelData, {0xff}} {
			if _, err := client.Write(payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	for got := 0; got < each; {
		datagrams, err := u.ICE().ReadBatch()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range datagrams {
			if want := []byte{0x80, 96, byte(got)}; !bytes.Equal(d.Bytes, want) || d.From.String() != client.LocalAddr().String() {
				t.Fatalf("got %x from %v, want %x from %v", d.Bytes, d.From, want, client.LocalAddr())
			}
			got++
		}
	}
	// What came behind the last of them is perhaps not read yet.
	if _, err := client.Write([]byte{0x80, 96, each}); err != nil {
		t.Fatal(err)
	}
	read(t, u.ICE())
	for range each {
		if got := read(t, u.TURN()); !bytes.Equal(got, channelData) {
			t.Fatalf("TURN got %x, want %x", got, channelData)
		}
	}
	if got := count(t, registry, drops, "unknown"); got != each {
		t.Errorf("%d unknown datagrams were counted, want %d", got, each)
	}
	if got := count(t, registry, "hiroba_port_udp_datagrams_total", "in"); got != 3*each+1 {
		t.Errorf("%d datagrams were counted in all, want %d", got, 3*each+1)
	}
}

// What one datagram of media costs on its way to ICE, above the bare socket.
func BenchmarkReadMedia(b *testing.B) {
	p, _ := open(b)
	u := p.UDP()[0]
	client := dialUDP(b, u.Addr())
	_ = client.SetDeadline(time.Time{})
	media := append([]byte{0x80, 96}, make([]byte, 1198)...)
	buf := make([]byte, 1500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(media); err != nil {
			b.Fatal(err)
		}
		if _, _, err := u.ICE().ReadFromAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}
