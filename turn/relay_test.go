package turn

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	pion "github.com/pion/turn/v5"
)

// A client reaches the SFU by every address of the machine, over UDP and TCP,
// and its relay sits at the address that it reached.
func TestRelayToTheSFU(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		l := newLab(t, nil)
		for _, addr := range l.addresses() {
			if network == "tcp" && addr != loopback {
				continue // this port's TCP is on loopback only
			}
			t.Run(network+"/"+addr.String(), func(t *testing.T) {
				relayed := allocate(t, newClient(t, network, l.at(addr)))
				if got := addrPort(relayed.LocalAddr()); got.Addr() != addr {
					t.Errorf("the relayed address is %v, want one at %v", got, addr)
				}
				for range 3 { // the first by Send indication, then by channel
					wantEcho(t, relayed, l.at(addr), media("to the SFU and back"))
				}
				if got := l.metric(t, "hiroba_turn_allocations", network); got != 1 {
					t.Errorf("%d allocations are counted over %s, want 1", got, network)
				}
				if err := relayed.Close(); err != nil {
					t.Error(err)
				}
				eventually(t, "the allocation is gone", func() bool {
					return l.metric(t, "hiroba_turn_allocations", network) == 0
				})
			})
		}
		if got, want := l.metric(t, "hiroba_turn_relayed_bytes_total", "to_peer"), l.metric(t, "hiroba_turn_relayed_bytes_total", "from_peer"); got == 0 || got != want {
			t.Errorf("%d bytes to peers and %d from peers are counted, want the same and some", got, want)
		}
	}
}

// The SFU's addresses are the exception; nothing beside them is.
func TestDeniedPeers(t *testing.T) {
	l := newLab(t, nil)
	relayed := allocate(t, newClient(t, "udp", l.at(loopback)))

	for _, denied := range []string{"169.254.169.254:80", "10.0.0.1:5000", "127.0.0.2:5000", "192.168.1.1:53", "100.64.0.1:1",
		"224.0.0.251:5353", "255.255.255.255:9", "0.0.0.0:8080"} {
		before := l.refused(t, refusedPeer)
		if _, err := relayed.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(denied))); err == nil {
			t.Errorf("%s: sent, want the permission to be denied", denied)
		}
		if l.refused(t, refusedPeer) == before {
			t.Errorf("%s: not counted", denied)
		}
	}

	// Another port of the SFU's address has a permission, as that names no
	// port. It gets nothing all the same, and nothing of it gets through.
	other := listenUDP(t, loopback)
	otherAddr := addrPort(other.LocalAddr())
	for _, form := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		peer := netip.AddrPortFrom(netip.MustParseAddr(form), otherAddr.Port())
		if _, err := relayed.WriteTo([]byte("secrets, please"), net.UDPAddrFromAddrPort(peer)); err != nil {
			t.Fatalf("%v: %v", peer, err)
		}
	}
	if _, err := other.WriteTo([]byte("here they are"), relayed.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	// What was sent before this has arrived before it, had it been let through.
	wantEcho(t, relayed, l.at(loopback), media("to the SFU and back"))
	wantSilence(t, other)
	wantSilence(t, relayed)
	if out, in := l.dropped(t, dropPeerOut), l.dropped(t, dropPeerIn); out < 2 || in != 1 {
		t.Errorf("%d datagrams to denied peers and %d from them are counted, want 2 or more and 1", out, in)
	}
}

func TestAllowedNetwork(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Rules.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	relayed := allocate(t, newClient(t, "udp", l.at(loopback)))
	peer := listenUDP(t, loopback)
	go echo(peer)
	wantEcho(t, relayed, addrPort(peer.LocalAddr()), []byte("hello"))
}

// Two clients of one server reach each other by their relayed addresses.
func TestRelayToRelay(t *testing.T) {
	l := newLab(t, nil)
	wantToReachEachOther(t, newClient(t, "udp", l.at(loopback)), newClient(t, "tcp", l.at(loopback)))
}

func wantToReachEachOther(t *testing.T, a, b *pion.Client) {
	t.Helper()
	ann, bob := allocate(t, a), allocate(t, b)
	if err := errors.Join(a.CreatePermission(bob.LocalAddr()), b.CreatePermission(ann.LocalAddr())); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for _, say := range []struct{ from, to net.PacketConn }{{ann, bob}, {bob, ann}} {
		if _, err := say.from.WriteTo([]byte("hello"), say.to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		n, from, err := say.to.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hello" || addrPort(from) != addrPort(say.from.LocalAddr()) {
			t.Fatalf("got %q from %v, error %v; want hello from %v", buf[:n], from, err, say.from.LocalAddr())
		}
	}
}

// Behind a NAT of its own the server announces addresses that may not lead
// back to it. Clients use them as they are, and see answers come from there.
func TestAdvertisedAddress(t *testing.T) {
	public := netip.MustParseAddr("198.51.100.7") // nobody is there
	l := newLab(t, func(c *Config) { c.Advertise = []netip.Addr{public} })
	machine := l.machineAddress(t)
	ann := allocate(t, newClient(t, "udp", l.at(machine)))
	if got := addrPort(ann.LocalAddr()); got.Addr() != public {
		t.Fatalf("the relayed address is %v, want one at %v", got, public)
	}
	wantEcho(t, ann, l.at(public), media("to the SFU as the world knows it"))

	wantToReachEachOther(t, newClient(t, "udp", l.at(machine)), newClient(t, "udp", l.at(machine)))

	local := allocate(t, newClient(t, "udp", l.at(loopback)))
	if got := addrPort(local.LocalAddr()); got.Addr() != loopback {
		t.Errorf("a client on loopback has the relayed address %v, want one on loopback", got)
	}
}

func TestRelayPorts(t *testing.T) {
	// Ports that were free a moment ago.
	first := listenUDP(t, loopback)
	low := addrPort(first.LocalAddr()).Port()
	first.Close()
	l := newLab(t, func(c *Config) { c.RelayPortLow, c.RelayPortHigh = low, low })
	relayed := allocate(t, newClient(t, "udp", l.at(loopback)))
	if got := addrPort(relayed.LocalAddr()).Port(); got != low {
		t.Errorf("the relayed port is %d, want %d", got, low)
	}
	if _, err := newClient(t, "udp", l.at(loopback)).Allocate(); err == nil {
		t.Error("a second allocation was made from a range of one port")
	}
	if got := l.refused(t, refusedNoSocket); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
}

// What fits into a datagram fits through the relay.
func TestLargeDatagrams(t *testing.T) {
	l := newLab(t, nil)
	relayed := allocate(t, newClient(t, "udp", l.at(loopback)))
	for _, size := range []int{1, 1200, 1472, 1800} {
		wantEcho(t, relayed, l.at(loopback), media(string(make([]byte, size))))
	}
}
