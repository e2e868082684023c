package port

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/records"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// secureUDP is a socket that TURN alone reads, with DTLS.
func secureUDP(t testing.TB, limits dtlsTimeouts) (*UDP, *dtlsServer) {
	t.Helper()
	u, server, _ := readUDP(t, limits)
	return u, server
}

// readUDP is the same, with the records of its connections.
func readUDP(t testing.TB, limits dtlsTimeouts) (*UDP, *dtlsServer, <-chan []byte) {
	t.Helper()
	came := make(chan []byte, 100)
	socket, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	counts := newCounts(prometheus.NewRegistry(), nil)
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	server := newDTLS(socket.LocalAddr(), config, limits, counts, slog.New(slog.DiscardHandler))
	u := newUDP(socket, server, counts)
	_ = u.ICE().Close()
	var reading sync.WaitGroup
	reading.Go(func() {
		_ = u.TURN().Serve(func(datagrams []udp.Datagram) {
			for _, d := range datagrams {
				came <- bytes.Clone(d.Bytes)
			}
		})
	})
	t.Cleanup(func() {
		if err := errors.Join(server.close(), u.close()); err != nil {
			t.Error(err)
		}
		reading.Wait()
	})
	return u, server, came
}

// heard is the next message of a client, of the records that came before its
// connection was begun, or after. Alerts end it with io.EOF.
func heard(t testing.TB, conn *records.Conn, early *[][]byte, came <-chan []byte) ([]byte, error) {
	t.Helper()
	for {
		var datagram []byte
		if len(*early) > 0 {
			datagram, *early = (*early)[0], (*early)[1:]
		} else {
			select {
			case datagram = <-came:
			case <-time.After(10 * time.Second):
				t.Fatal("nothing came")
			}
		}
		for len(datagram) > 0 {
			message, rest, err := conn.Open(datagram)
			if message != nil || err != nil {
				return message, err
			}
			datagram = rest
		}
	}
}

// say sends a message to a client.
func say(t testing.TB, u *UDP, conn *records.Conn, message []byte) {
	t.Helper()
	b := u.TURN().NewBatch()
	room := b.Room(len(message) + records.Overhead)
	copy(room[records.Before:], message)
	if err := conn.Seal(room); err != nil {
		t.Fatal(err)
	}
	b.Add(len(room), conn.Remote())
	b.Flush()
}

var patientDTLS = dtlsTimeouts{10 * time.Second, 10 * time.Second}

// dialDTLS is a client of somebody else's making.
func dialDTLS(t testing.TB, to netip.AddrPort) *dtls.Conn {
	t.Helper()
	raw, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return dialDTLSFrom(t, raw, to)
}

// dialDTLSFrom is one with that socket.
func dialDTLSFrom(t testing.TB, raw net.PacketConn, to netip.AddrPort) *dtls.Conn {
	t.Helper()
	conn, err := dtls.ClientWithOptions(raw, net.UDPAddrFromAddrPort(to), dtls.WithInsecureSkipVerify(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestDTLSBothWays(t *testing.T) {
	u, server, came := readUDP(t, patientDTLS)
	client := dialDTLS(t, u.Addr())
	conn, err := server.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, want := conn.Remote().String(), client.LocalAddr().String(); got != want {
		t.Errorf("it is from %s, want %s", got, want)
	}
	if got, want := conn.Local(), u.Addr(); got != want {
		t.Errorf("it came to %s, want %s", got, want)
	}
	// What is said before somebody reads the connection is kept.
	sent := [][]byte{[]byte("one"), bytes.Repeat([]byte("two"), 400), []byte("three")}
	for _, b := range sent[:2] {
		if _, err := client.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	early := conn.Begin()
	if _, err := client.Write(sent[2]); err != nil {
		t.Fatal(err)
	}
	for _, want := range sent {
		if got, err := heard(t, conn, &early, came); err != nil || !bytes.Equal(got, want) {
			t.Errorf("heard %d bytes, %v; want %d", len(got), err, len(want))
		}
	}
	buf := make([]byte, 2048)
	for _, want := range sent {
		say(t, u, conn, want)
		if n, err := client.Read(buf); err != nil || !bytes.Equal(buf[:n], want) {
			t.Errorf("the client read %d bytes, %v; want %d", n, err, len(want))
		}
	}
	// A client that says goodbye is heard, and its address forgotten.
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := heard(t, conn, &early, came); !errors.Is(err, io.EOF) {
		t.Errorf("it ends with %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if len(server.links) != 0 {
		t.Errorf("%d links are left", len(server.links))
	}
}

// A client that has forgotten its connection, and begins another from the same
// address, gets it (RFC 6347, section 4.2.8). Until then the old one works,
// whoever says hello in its name.
func TestDTLSBeginsAnewFromTheSameAddress(t *testing.T) {
	u, server, came := readUDP(t, patientDTLS)
	raw, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	accept := func() (*records.Conn, [][]byte) {
		conn, err := server.listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return conn, conn.Begin()
	}
	wantHeard := func(client *dtls.Conn, conn *records.Conn, early [][]byte, text string) {
		t.Helper()
		if _, err := client.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := heard(t, conn, &early, came); err != nil || string(got) != text {
			t.Errorf("heard %q, %v; want %q", got, err, text)
		}
	}
	forgetful := &deaf{PacketConn: raw, left: make(chan struct{}), asked: make(chan struct{}, 1)}
	first := dialDTLSFrom(t, forgetful, u.Addr())
	old, early := accept()
	wantHeard(first, old, early, "one")
	<-forgetful.asked
	if _, err := raw.WriteTo(hello(t), net.UDPAddrFromAddrPort(u.Addr())); err != nil {
		t.Fatal(err)
	}
	wantHeard(first, old, nil, "two")
	<-forgetful.asked // for the cookie of that hello

	forgetful.gone.Store(true)
	if err := raw.SetReadDeadline(time.Unix(1, 0)); err != nil { // it reads no more
		t.Fatal(err)
	}
	<-forgetful.left
	if err := raw.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	second := dialDTLSFrom(t, raw, u.Addr())
	conn, early := accept()
	wantHeard(second, conn, early, "three")
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	wantHeard(second, conn, nil, "four")
	say(t, u, conn, []byte("welcome"))
	buf := make([]byte, 100)
	if n, err := second.Read(buf); err != nil || string(buf[:n]) != "welcome" {
		t.Errorf("the client read %q, %v", buf[:n], err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if len(server.links)+len(server.anew) != 0 {
		t.Errorf("%d links are left", len(server.links)+len(server.anew))
	}
}

// deaf is a socket whose user goes away without a word.
type deaf struct {
	net.PacketConn
	gone  atomic.Bool
	left  chan struct{}
	asked chan struct{} // for a cookie
}

func (d *deaf) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := d.PacketConn.ReadFrom(b)
	if d.gone.Load() {
		close(d.left)
		return 0, nil, net.ErrClosed
	}
	const helloVerifyRequest = 3
	if n > records.HeaderLen && b[0] == 22 && b[records.HeaderLen] == helloVerifyRequest {
		d.asked <- struct{}{}
	}
	return n, from, err
}

func (d *deaf) WriteTo(b []byte, to net.Addr) (int, error) {
	if d.gone.Load() {
		return len(b), nil
	}
	return d.PacketConn.WriteTo(b, to)
}

// A connection that is closed here tells the client.
func TestDTLSEndsFromHere(t *testing.T) {
	u, server := secureUDP(t, patientDTLS)
	client := dialDTLS(t, u.Addr())
	conn, err := server.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("the client hears %v", err)
	}
}

// The end of the handshake is lost on its way to the client, which says its own
// again: it gets the same once more, and the connection works.
func TestDTLSLastFlightIsLost(t *testing.T) {
	u, server, came := readUDP(t, patientDTLS)
	raw, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	lossy := &losesTheEnd{PacketConn: raw}
	client, err := dtls.ClientWithOptions(lossy, net.UDPAddrFromAddrPort(u.Addr()),
		dtls.WithInsecureSkipVerify(true), dtls.WithFlightInterval(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	over := make(chan struct{}) // a goodbye may be heard before what was said last
	defer close(over)
	serving.Go(func() {
		conn, err := server.listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		early := conn.Begin()
		if got, err := heard(t, conn, &early, came); err != nil || string(got) != "here I am" {
			t.Errorf("heard %q, %v", got, err)
		}
		say(t, u, conn, []byte("welcome"))
		<-over
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := client.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if lossy.lost != 2 {
		t.Errorf("%d datagrams were lost, want 2", lossy.lost)
	}
	if _, err := client.Write([]byte("here I am")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "welcome" {
		t.Errorf("the client read %q, %v", buf[:n], err)
	}
}

// losesTheEnd loses what begins a new epoch, twice.
type losesTheEnd struct {
	net.PacketConn
	lost int
}

func (l *losesTheEnd) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(b)
		if err == nil && n > 0 && b[0] == 20 && l.lost < 2 {
			l.lost++
			continue
		}
		return n, from, err
	}
}

// hello is what a client says first.
func hello(t testing.TB) []byte {
	t.Helper()
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	raw, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	conn, err := dtls.ClientWithOptions(raw, u.LocalAddr(), dtls.WithInsecureSkipVerify(true))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var shaking sync.WaitGroup
	shaking.Go(func() { _ = conn.HandshakeContext(ctx) })
	buf := make([]byte, 2048)
	n, err := u.Read(buf)
	cancel()
	shaking.Wait()
	conn.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// An address that may be invented is sent no more than came from it, and is
// forgotten soon.
func TestDTLSIsNoAmplifier(t *testing.T) {
	u, server := secureUDP(t, dtlsTimeouts{handshake: 10 * time.Second, prove: 1500 * time.Millisecond})
	client, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(u.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	first := hello(t)
	if _, err := client.Write(first); err != nil {
		t.Fatal(err)
	}
	if err := client.SetReadDeadline(time.Now().Add(2500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	got, buf := 0, make([]byte, 2048)
	for {
		n, err := client.Read(buf)
		if err != nil {
			break
		}
		got += n
	}
	t.Logf("%d bytes for %d", got, len(first))
	if got == 0 || got > len(first) {
		t.Errorf("%d bytes were answered with %d", len(first), got)
	}
	reaches(t, server.counts.dtls.WithLabelValues(dtlsUnproved), 1)
}

// Hellos from ever new addresses hold a bounded number of places, and leave
// room for who is there.
func TestDTLSFloodOfHellos(t *testing.T) {
	u, server, came := readUDP(t, dtlsTimeouts{handshake: 10 * time.Second, prove: 10 * time.Second})
	first := hello(t)
	before := runtime.NumGoroutine()
	const flood = 20_000
	most := 0
	for i := range flood {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)}), 9)
		if server.take(u, first, from) == dtlsNobody {
			t.Fatal("a hello is nobody's")
		}
		server.mu.Lock()
		most = max(most, server.unproved.Len())
		server.mu.Unlock()
	}
	t.Logf("%d hellos: at most %d unproved, %d goroutines more", flood, most, runtime.NumGoroutine()-before)
	if most > maxUnproved {
		t.Errorf("%d unproved, want at most %d", most, maxUnproved)
	}
	if rate := value(t, server.counts.dtls.WithLabelValues(dtlsRate)); rate < flood/2 {
		t.Errorf("%v were refused for their rate", rate)
	}
	server.mu.Lock()
	server.hellos = limit.NewRate(hellosPerSecond, hellosPerSecond) // as a moment later
	server.mu.Unlock()
	client := dialDTLS(t, u.Addr())
	conn, err := server.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := client.Write([]byte("I am here")); err != nil {
		t.Fatal(err)
	}
	early := conn.Begin()
	if got, err := heard(t, conn, &early, came); err != nil || string(got) != "I am here" {
		t.Errorf("heard %q, %v", got, err)
	}
}

// What is no first hello begins nothing.
func TestDTLSStrays(t *testing.T) {
	u, server := secureUDP(t, patientDTLS)
	first := hello(t)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(first)
		b[at] = to
		return b
	}
	from := netip.MustParseAddrPort("127.0.0.9:9")
	for name, b := range map[string][]byte{
		"data":              change(0, 23),
		"an alert":          {21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40},
		"a later epoch":     change(4, 1),
		"TLS":               change(1, 3),
		"a server's hello":  change(13, 2),
		"a second hello":    change(18, 1),
		"a later fragment":  change(21, 1),
		"cut short":         first[:40],
		"a length too long": change(11, 0xFF),
	} {
		t.Run(name, func(t *testing.T) {
			if server.take(u, b, from) != dtlsNobody {
				t.Error("it was somebody's")
			}
		})
	}
	if len(server.links) != 0 {
		t.Errorf("%d links", len(server.links))
	}
}

// A handshake that stops in the middle ends in time, and is counted.
func TestDTLSHandshakeThatStops(t *testing.T) {
	u, server := secureUDP(t, dtlsTimeouts{handshake: 300 * time.Millisecond, prove: time.Minute})
	client, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(u.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write(hello(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 2048)); err != nil {
		t.Fatal(err)
	}
	reaches(t, server.counts.dtls.WithLabelValues(dtlsTimeoutReason), 1)
}

// FuzzHello holds that what begins a connection is a hello in the clear, whole
// enough to be answered.
func FuzzHello(f *testing.F) {
	f.Add(hello(f))
	f.Add([]byte{22, 0xFE, 0xFD, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := helloNumber(b); ok && (len(b) < 13+12+42 || b[0] != 22 || b[13] != 1) {
			t.Fatalf("%x is a hello", b)
		}
	})
}
