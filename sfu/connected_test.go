package sfu

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// link is a UDP path between one client and the SFU that can be cut.
type link struct {
	conn *net.UDPConn // towards the client
	cut  atomic.Bool
}

// newLink carries datagrams to the SFU's first socket and back until the test
// ends.
func newLink(t *testing.T, s *SFU) *link {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(s.config.UDP[0].Addr()))
	if err != nil {
		t.Fatal(err)
	}
	l := &link{conn: conn}
	var client atomic.Pointer[net.UDPAddr]
	var loops sync.WaitGroup
	loops.Go(func() {
		buf := make([]byte, packetBytes)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			client.Store(from)
			if !l.cut.Load() {
				_, _ = server.Write(buf[:n])
			}
		}
	})
	loops.Go(func() {
		buf := make([]byte, packetBytes)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if !l.cut.Load() {
				_, _ = conn.WriteToUDP(buf[:n], client.Load())
			}
		}
	})
	t.Cleanup(func() { conn.Close(); server.Close(); loops.Wait() })
	return l
}

func port(addr net.Addr) string { return strconv.Itoa(addr.(*net.UDPAddr).Port) }

// reroute puts the link into an answer.
func (l *link) reroute(s *SFU) func(string) string {
	return func(answer string) string {
		return strings.ReplaceAll(answer,
			" "+strconv.Itoa(int(s.config.UDP[0].Addr().Port()))+" typ host", " "+port(l.conn.LocalAddr())+" typ host")
	}
}

// Each change of the connection is told, and nothing else.
func TestConnected(t *testing.T) {
	s := runSFU(t)
	l := newLink(t, s)
	g := arrive(t, s, "tea", "ann", webrtc.NetworkTypeUDP4, withSlots(1), l.reroute(s))
	until(t, "up", g.told.up.Load)

	l.cut.Store(true)
	vanished := time.Now()
	until(t, "down", func() bool { return !g.told.up.Load() })
	took := time.Since(vanished).Round(100 * time.Millisecond)
	t.Logf("told %v after the client vanished", took)
	if took > disconnectedAfter+2*time.Second {
		t.Errorf("it was told after %v only", took)
	}
	if g.told.lost.Load() != 0 {
		t.Fatal("it was taken for lost at once")
	}

	l.cut.Store(false)
	back := time.Now()
	until(t, "up again", g.told.up.Load)
	t.Logf("told %v after it was back", time.Since(back).Round(100*time.Millisecond))
	if n := g.told.changes.Load(); n != 3 {
		t.Fatalf("%d changes were told", n)
	}
}

// A client that closes its connection is not waited for.
func TestAClosedConnectionIsDown(t *testing.T) {
	s := runSFU(t)
	g := arrive(t, s, "tea", "ann", webrtc.NetworkTypeUDP4, withSlots(1), nil)
	until(t, "up", g.told.up.Load)
	closed := time.Now()
	if err := g.pc.GracefulClose(); err != nil {
		t.Fatal(err)
	}
	until(t, "down", func() bool { return !g.told.up.Load() })
	if took := time.Since(closed); took > disconnectedAfter {
		t.Fatalf("it took %v", took)
	}
	if n := g.told.changes.Load(); n != 2 {
		t.Fatalf("%d changes were told", n)
	}
}
