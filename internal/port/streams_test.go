package port_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/port"
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
