package doctor

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/turn"
)

// socket is one of a server's, with nobody else at it.
type socket struct {
	*udp.Socket
	reader *udp.Reader
}

func (s socket) Serve(take func([]udp.Datagram)) error {
	for {
		datagrams, err := s.reader.Read()
		if err != nil {
			return err
		}
		take(datagrams)
	}
}

// stunServer is a STUN server at two addresses and two ports, or at one of each;
// the first of its sockets.
func stunServer(t *testing.T, addrs ...string) netip.AddrPort {
	t.Helper()
	config := turn.Config{Credentials: turn.Credentials{Secrets: [][]byte{[]byte("of the tests")}}, Logger: slog.New(slog.DiscardHandler)}
	ports := [2]uint16{}
	for _, addr := range addrs {
		for i := range ports {
			s, err := udp.Listen(netip.AddrPortFrom(netip.MustParseAddr(addr), ports[i]))
			if err != nil {
				t.Skipf("this machine has no %s, or it is taken: %v", addr, err)
			}
			ports[i] = s.Addr().Port()
			config.UDP = append(config.UDP, socket{s, s.NewReader()})
		}
	}
	server, err := turn.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return config.UDP[0].Addr()
}

// nat is one before a client: a socket for each mapping, and what comes back is
// filtered. Its rules are those of RFC 4787.
type nat struct {
	maps, filters behaviour

	mu       sync.Mutex // guards the fields below
	mappings map[netip.AddrPort]*net.UDPConn
	sent     map[netip.AddrPort]bool
	deadline time.Time

	loops sync.WaitGroup
	in    chan datagram
}

type datagram struct {
	bytes []byte
	from  netip.AddrPort
}

func newNAT(t *testing.T, maps, filters behaviour) *nat {
	n := &nat{maps: maps, filters: filters, mappings: map[netip.AddrPort]*net.UDPConn{}, sent: map[netip.AddrPort]bool{}, in: make(chan datagram, 64)}
	t.Cleanup(func() {
		n.mu.Lock()
		for _, conn := range n.mappings {
			_ = conn.Close()
		}
		n.mu.Unlock()
		n.loops.Wait()
	})
	return n
}

// part is what a rule looks at of an address.
func (b behaviour) part(at netip.AddrPort) netip.AddrPort {
	switch b {
	case independent:
		return netip.AddrPort{}
	case address:
		return netip.AddrPortFrom(at.Addr(), 0)
	}
	return at
}

func (n *nat) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent[n.filters.part(to)] = true
	key := n.maps.part(to)
	conn := n.mappings[key]
	if conn == nil {
		var err error
		if conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return 0, err
		}
		n.mappings[key] = conn
		n.loops.Go(func() { n.read(conn) })
	}
	return conn.WriteToUDPAddrPort(b, to)
}

func (n *nat) read(conn *net.UDPConn) {
	for {
		buf := make([]byte, 1500)
		size, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		through := n.sent[n.filters.part(from)]
		n.mu.Unlock()
		if through {
			n.in <- datagram{buf[:size], from}
		}
	}
}

func (n *nat) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n.mu.Lock()
	wait := time.Until(n.deadline)
	n.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case d := <-n.in:
		return copy(b, d.bytes), d.from, nil
	case <-timer.C:
		return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
	}
}

func (n *nat) SetReadDeadline(at time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deadline = at
	return nil
}

func (n *nat) Close() error { return nil }

// Each kind of NAT is known by how it treats packets of a real server.
func TestNATsAreToldApart(t *testing.T) {
	at := stunServer(t, "127.0.0.1", "127.0.0.2")
	for _, maps := range []behaviour{independent, address, both} {
		for _, filters := range []behaviour{independent, address, both} {
			t.Run(string(maps)+", "+string(filters), func(t *testing.T) {
				t.Parallel()
				p := &prober{newNAT(t, maps, filters), netip.MustParseAddrPort("192.168.1.2:5000")}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				first, err := p.ask(ctx, at, 0)
				if err != nil {
					t.Fatal(err)
				}
				found, err := p.nat(ctx, at, first)
				want := describe(maps, filters)
				if err != nil || found.state != "" || found.detail != want {
					t.Errorf("%+v, %v; %q was expected", found, err, want)
				}
			})
		}
	}
}

func TestANATBeforeAServerWithOneAddress(t *testing.T) {
	at := stunServer(t, "127.0.0.1")
	p := &prober{newNAT(t, independent, both), netip.MustParseAddrPort("192.168.1.2:5000")}
	first, err := p.ask(t.Context(), at, 0)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := p.nat(t.Context(), at, first); err != nil || found.state != NotOffered || !strings.Contains(found.detail, "single address") {
		t.Errorf("%+v, %v", found, err)
	}
}
