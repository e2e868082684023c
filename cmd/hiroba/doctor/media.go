package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// goodbye is how long the end of a session may take.
const goodbye = 500 * time.Millisecond

// networks are what a media leg may use, as the library and as candidates name it.
var networks = map[Leg]struct {
	types     []webrtc.NetworkType
	candidate string
}{
	Media:  {[]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}, "udp"},
	ICETCP: {[]webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6}, "tcp"},
}

// media joins a room and opens a DataChannel to the SFU over UDP or TCP alone:
// that takes ICE, DTLS and SCTP, with packets both ways.
func (e *exam) media(ctx context.Context, transport client.Transport, leg Leg) {
	e.try(ctx, leg, "", func(ctx context.Context) (finding, error) {
		link, err := e.dial(ctx, transport)
		if err != nil {
			return finding{}, err
		}
		defer e.hangUp(ctx, link)
		call, err := newCall(leg, isNear(e.server.host))
		if err != nil {
			return finding{}, err
		}
		defer call.close()
		offer, err := call.offer()
		if err != nil {
			return finding{}, err
		}
		joined, err := link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: &protocol.Join{
			Room: e.room, Name: "hiroba doctor", Offer: &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: offer},
		}}})
		if err != nil {
			return finding{}, err
		}
		if joined.GetWaiting() != nil {
			return finding{}, &failure{Forbidden, fmt.Errorf("somebody has to let clients into the room %q; name another one", e.room)}
		}
		answer := joined.GetJoined().GetAnswer().GetSdp()
		if leg == Media {
			e.learn(func(f *facts) { f.candidates = candidatesIn(answer, "udp") })
		}
		if len(candidatesIn(answer, networks[leg].candidate)) == 0 {
			return finding{state: NotOffered, detail: "the server's answer has no " + networks[leg].candidate + " candidate"}, nil
		}
		return call.connect(ctx, only(answer, networks[leg].candidate))
	})
}

// isNear says whether a host is this machine by its name alone.
func isNear(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// call is a connection to the SFU with nothing but a DataChannel.
type call struct {
	pc      *webrtc.PeerConnection
	opened  chan struct{}
	reached chan struct{} // closed when ICE has found a way
}

func newCall(leg Leg, loopback bool) (*call, error) {
	var settings webrtc.SettingEngine
	settings.SetNetworkTypes(networks[leg].types)
	settings.SetIncludeLoopbackCandidate(loopback)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	c := &call{pc: pc, opened: make(chan struct{}), reached: make(chan struct{})}
	channel, err := pc.CreateDataChannel(client.Reliable, nil)
	if err != nil {
		c.close()
		return nil, err
	}
	channel.OnOpen(func() { close(c.opened) })
	reach := sync.OnceFunc(func() { close(c.reached) })
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		if state == webrtc.ICEConnectionStateConnected {
			reach()
		}
	})
	return c, nil
}

func (c *call) close() { _ = c.pc.GracefulClose() }

func (c *call) offer() (string, error) {
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	return offer.SDP, c.pc.SetLocalDescription(offer)
}

// connect applies an answer and waits until the channel is open.
func (c *call) connect(ctx context.Context, answer string) (finding, error) {
	began := time.Now()
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return finding{}, &failure{Answer, err}
	}
	select {
	case <-c.opened:
	case <-ctx.Done():
		select {
		case <-c.reached:
			return finding{}, &failure{Keys, errors.New("ICE found a way, and DTLS or SCTP did not get through on it")}
		default:
			return finding{}, &failure{Silent, ctx.Err()}
		}
	}
	detail := fmt.Sprintf("ICE, DTLS and a DataChannel in %v", time.Since(began).Round(time.Millisecond))
	if pair, err := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair(); err == nil && pair != nil {
		detail += fmt.Sprintf(", to %s", net.JoinHostPort(pair.Remote.Address, strconv.Itoa(int(pair.Remote.Port))))
	}
	return finding{detail: detail}, nil
}

// candidatesIn are the addresses of the candidates of one protocol in a
// description (RFC 8839, section 5.1), each once.
func candidatesIn(sdp, protocol string) (out []netip.AddrPort) {
	seen := map[netip.AddrPort]bool{}
	for line := range strings.Lines(sdp) {
		at, ok := candidateIn(line, protocol)
		if ok && !seen[at] {
			seen[at] = true
			out = append(out, at)
		}
	}
	return out
}

func candidateIn(line, protocol string) (at netip.AddrPort, ok bool) {
	value, is := strings.CutPrefix(strings.TrimSpace(line), "a=candidate:")
	fields := strings.Fields(value)
	if !is || len(fields) < 8 || !strings.EqualFold(fields[2], protocol) {
		return at, false
	}
	addr, err1 := netip.ParseAddr(fields[4])
	port, err2 := strconv.ParseUint(fields[5], 10, 16)
	return netip.AddrPortFrom(addr, uint16(port)), err1 == nil && err2 == nil
}

// only is a description without the candidates of other protocols.
func only(sdp, protocol string) string {
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		if _, ok := candidateIn(line, protocol); ok || !strings.HasPrefix(line, "a=candidate:") {
			out.WriteString(line)
		}
	}
	return out.String()
}
