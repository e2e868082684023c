package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// mapped is the UDP socket of a client for which one public address leads to
// the server's own, and nothing else leads anywhere.
type mapped struct {
	net.PacketConn
	public, own netip.AddrPort
}

// WriteTo implements net.PacketConn.
func (m mapped) WriteTo(data []byte, to net.Addr) (int, error) {
	if addr := to.(*net.UDPAddr).AddrPort(); netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()) != m.public {
		return len(data), nil
	}
	return m.PacketConn.WriteTo(data, net.UDPAddrFromAddrPort(m.own))
}

// ReadFrom implements net.PacketConn.
func (m mapped) ReadFrom(data []byte) (int, net.Addr, error) {
	for {
		n, from, err := m.PacketConn.ReadFrom(data)
		if err != nil {
			return n, from, err
		}
		if addr := from.(*net.UDPAddr).AddrPort(); netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()) == m.own {
			return n, net.UDPAddrFromAddrPort(m.public), nil
		}
	}
}

// candidates counts a client's answer's candidates for RTP, by protocol,
// address and port.
func (p *participant) candidates() map[string]int {
	found := map[string]int{}
	for line := range strings.SplitSeq(p.Joined().GetAnswer().GetSdp(), "\r\n") {
		if fields := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && fields[1] == "1" {
			found[strings.Join([]string{fields[2], fields[4], fields[5]}, " ")]++
		}
	}
	return found
}

// A server behind two public addresses per family names each of them once for
// each protocol, and is reached by any one of them.
func TestSeveralAdvertisedAddresses(t *testing.T) {
	abreast(t)
	own := ownAddr(t, netip.MustParseAddr("127.0.0.1"))
	public := []string{"203.0.113.7", "203.0.113.8", "2001:db8::7", "2001:db8::8"}
	s, url := runServer(t, func(c *configs.Config) {
		overSFU(c)
		c.Host, c.Access = netip.IPv4Unspecified(), configs.AccessOpen
		for _, addr := range public {
			c.Advertise = append(c.Advertise, netip.MustParseAddr(addr))
		}
	})
	number := uint16(s.port.Port())
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", nil)
	track := ann.publish(face).GetId()

	hasV6 := slices.ContainsFunc(machineAddrs(), netip.Addr.Is6)
	candidates := ann.candidates()
	for _, addr := range public {
		for _, protocol := range []string{"udp", "tcp"} {
			want := 1
			if strings.Contains(addr, ":") && !hasV6 {
				want = 0 // there is nothing behind it
			}
			if got := candidates[fmt.Sprintf("%s %s %d", protocol, addr, number)]; got != want {
				t.Errorf("the answer names %s %s %d times, not %d: %v", protocol, addr, got, want, candidates)
			}
		}
	}
	for candidate, n := range candidates {
		if n != 1 {
			t.Errorf("the answer names %s %d times", candidate, n)
		}
	}

	for _, addr := range public[:2] {
		t.Run("only by "+addr, func(t *testing.T) {
			conn, err := net.ListenUDP("udp4", nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			var settings webrtc.SettingEngine
			mux := webrtc.NewICEUDPMux(nil, mapped{
				conn, netip.AddrPortFrom(netip.MustParseAddr(addr), number), netip.AddrPortFrom(own, number),
			})
			t.Cleanup(func() { _ = mux.Close() })
			settings.SetICEUDPMux(mux)
			settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
			bob := enter(t, url, "tea", func(c *client.Config) {
				c.API = webrtc.NewAPI(webrtc.WithSettingEngine(settings))
			})
			bob.receives(20, bob.slotOf(track), endsWith(face.body))
			if _, server := bob.pair(); server.String() != addr {
				t.Errorf("media comes from %v", server)
			}
		})
	}
}
