package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// runServerOn is runServer on one address.
func runServerOn(t *testing.T, host netip.Addr) (url string) {
	t.Helper()
	s, _ := runServer(t, func(c *configs.Config) {
		overSFU(c)
		c.Host, c.Access = host, configs.AccessOpen
	})
	return "http://" + netip.AddrPortFrom(host, uint16(s.port.Port())).String()
}

// ownAddr is an address of this machine of the same family as one given, but
// not loopback. A machine that has none skips the test.
func ownAddr(t *testing.T, like netip.Addr) netip.Addr {
	t.Helper()
	for _, addr := range machineAddrs() {
		if addr.Is4() == like.Is4() {
			return addr
		}
	}
	t.Skipf("this machine has no address of the family of %v but that", like)
	return netip.Addr{}
}

// only is a client that has this kind of network and no other.
func only(t testing.TB, network webrtc.NetworkType) *webrtc.API {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{network})
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings))
}

// pair are the two ends of a client's media connection.
func (p *participant) pair() (own, server netip.Addr) {
	p.t.Helper()
	pair, err := p.PeerConnection().SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		p.t.Fatalf("the pair in use: %v, %v", pair, err)
	}
	if own, err = netip.ParseAddr(pair.Local.Address); err != nil {
		p.t.Fatal(err)
	}
	if server, err = netip.ParseAddr(pair.Remote.Address); err != nil {
		p.t.Fatal(err)
	}
	return own, server
}

// Signaling and media of a server that is found over IPv6 alone.
func TestMediaOverIPv6(t *testing.T) {
	abreast(t)
	for _, tc := range []struct {
		name    string
		network webrtc.NetworkType
		host    func(*testing.T) netip.Addr
	}{
		{"UDP on loopback", webrtc.NetworkTypeUDP6, func(*testing.T) netip.Addr { return netip.IPv6Loopback() }},
		{"UDP", webrtc.NetworkTypeUDP6, func(t *testing.T) netip.Addr { return ownAddr(t, netip.IPv6Loopback()) }},
		// The library names no TCP candidate on ::1.
		{"ICE-TCP", webrtc.NetworkTypeTCP6, func(t *testing.T) netip.Addr { return ownAddr(t, netip.IPv6Loopback()) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			host := tc.host(t)
			url := runServerOn(t, host)
			over := func(c *client.Config) { c.API = only(t, tc.network) }
			ann, bob := enter(t, url, "tea", over), enter(t, url, "tea", over)
			face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
			mid := bob.slotOf(ann.publish(face).GetId())
			bob.receives(20, mid, endsWith(face.body))
			for _, p := range []*participant{ann, bob} {
				if own, server := p.pair(); !own.Is6() || !server.Is6() || !host.IsLoopback() && server != host {
					t.Errorf("media goes from %v to %v", server, own)
				}
			}
		})
	}
}

// A browser whose page came over IPv6, and whose media has no other way.
func TestAPageOverIPv6(t *testing.T) {
	url := runServerOn(t, netip.IPv6Loopback())
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	for _, p := range []*tab{ann, bob} {
		evaluate[any](p, `(() => {
			const take = RTCPeerConnection.prototype.setRemoteDescription;
			RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
				return take.call(this, { type, sdp: sdp.replace(/^a=candidate:\S+ \d \S+ \d+ [\d.]+ .*\r\n/gm, '') });
			};
		})()`)
		p.join(p.name)
	}
	for _, p := range []*tab{ann, bob} {
		p.sees(1)
		ends := evaluate[[]string](p, `(async () => {
			const stats = await connections[0].getStats();
			for (const s of stats.values()) {
				if (s.type !== 'transport') continue;
				const pair = stats.get(s.selectedCandidatePairId);
				return [stats.get(pair.localCandidateId).address, stats.get(pair.remoteCandidateId).address];
			}
		})()`)
		if len(ends) != 2 || !strings.Contains(ends[0], ":") || !strings.Contains(ends[1], ":") {
			t.Errorf("%s's media goes between %q", p.name, ends)
		}
	}
}
