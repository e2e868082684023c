package sfu

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// attribute is the first one of a name in a description.
func attribute(description *webrtc.SessionDescription, name string) string {
	_, after, _ := strings.Cut(description.SDP, "\na="+name+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

// checkFrom sends one check of the client's from a port of its own, and waits
// for the answer for so long.
func (g *stranger) checkFrom(s *SFU, patience time.Duration) bool {
	g.t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(s.config.UDP[0].Addr()))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	check, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(attribute(g.pc.RemoteDescription(), "ice-ufrag")+":"+attribute(g.pc.LocalDescription(), "ice-ufrag")),
		ice.PriorityAttr(1), ice.AttrControlling(1),
		stun.NewShortTermIntegrity(attribute(g.pc.RemoteDescription(), "ice-pwd")), stun.Fingerprint)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := conn.Write(check.Raw); err != nil {
		g.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 1500))
	return err == nil
}

// A client that sends checks from one port after the other is answered, and
// keeps its connection; that the addresses do not pile up is ICE's to see to.
func TestChecksFromEverywhereHurtNobody(t *testing.T) {
	s := runSFU(t)
	g := arrive(t, s, "tea", "ann", webrtc.NetworkTypeUDP4, withSlots(1), nil)
	for n := range 300 {
		if !g.checkFrom(s, soon) {
			t.Fatalf("check %d was not answered", n)
		}
	}
	if !g.told.up.Load() || g.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Fatal("the connection is gone")
	}
	g.again(&webrtc.OfferOptions{ICERestart: true})
	until(t, "an address that is taken after an ICE restart", func() bool { return g.checkFrom(s, 100*time.Millisecond) })
}
