package turn

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// tcpRelay is what pion's client has of a relayed address for TCP.
type tcpRelay interface {
	net.Listener
	Dial(network, address string) (net.Conn, error)
}

// allocateTCP gets a client a relayed address for TCP.
func allocateTCP(t *testing.T, l *lab) tcpRelay {
	t.Helper()
	relayed, err := newClient(t, "tcp", l.at(loopback)).AllocateTCP()
	if err != nil {
		t.Fatalf("no allocation: %v", err)
	}
	t.Cleanup(func() { relayed.Close() })
	return relayed
}

// wantConversation sends something each way.
func wantConversation(t *testing.T, a, b net.Conn) {
	t.Helper()
	for _, say := range []struct{ from, to net.Conn }{{a, b}, {b, a}} {
		if err := say.to.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := say.from.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		if _, err := io.ReadFull(say.to, buf); err != nil || string(buf) != "hello" {
			t.Fatalf("got %q, error %v", buf, err)
		}
	}
}

// A client connects to a peer, and a peer to a client (RFC 6062).
func TestTCPToPeers(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Rules.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	relayed := allocateTCP(t, l)
	conn, err := relayed.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	wantConversation(t, conn, peer)

	called, err := net.Dial("tcp", relayed.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer called.Close()
	accepted, err := relayed.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	wantConversation(t, called, accepted)
	eventually(t, "ten bytes each way are counted", func() bool {
		got := l.Allocations()[0]
		return got.ToPeers.Bytes == 10 && got.FromPeers.Bytes == 10
	})

	// Denied now, what runs ends.
	l.SetRules(Rules{})
	wantClosed(t, conn)
	wantClosed(t, accepted)
}

// The server connects to nothing of its own network, and lets nobody in whom
// the client did not permit.
func TestTCPToDeniedPeers(t *testing.T) {
	l := newLab(t, nil)
	relayed := allocateTCP(t, l)
	for _, denied := range []string{"127.0.0.1:22", "10.0.0.1:80", "169.254.169.254:80"} {
		if _, err := relayed.Dial("tcp", denied); err == nil {
			t.Errorf("connected to %s", denied)
		}
	}
	stranger, err := net.Dial("tcp", relayed.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := stranger.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, stranger)
}

// What is no connection of the user's cannot be had by its number.
func TestConnectionBindOfNothing(t *testing.T) {
	l := newLab(t, nil)
	c := &rawClient{t: t, conn: &streamConn{dial(t, l)}}
	c.logIn("ann")
	wantCode(t, c.request(stun.MethodConnectionBind, connectionID(7)), stun.CodeBadRequest)
	wantCode(t, c.request(stun.MethodConnect, peer(l.at(loopback))), stun.CodeAllocMismatch)
}
