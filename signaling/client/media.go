package client

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// openMedia makes the PeerConnection and its DataChannels.
func (r *Room) openMedia() error {
	api := r.config.API
	if api == nil {
		api = r.defaultAPI()
	}
	settings := webrtc.Configuration{ICETransportPolicy: r.config.TransportPolicy}
	for _, s := range r.link.Welcome().GetIceServers() {
		server := webrtc.ICEServer{Username: s.GetUsername(), Credential: s.GetCredential()}
		for _, url := range s.GetUrls() {
			if wantsServer(url, r.config.TransportPolicy) {
				server.URLs = append(server.URLs, url)
			}
		}
		if len(server.URLs) > 0 {
			settings.ICEServers = append(settings.ICEServers, server)
		}
	}
	var err error
	if r.pc, err = api.NewPeerConnection(settings); err != nil {
		return fmt.Errorf("client: making a PeerConnection: %w", err)
	}
	r.trickle = newTrickle(r.link)
	r.pc.OnICECandidate(r.trickle.found)
	r.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { r.mediaChanged() })
	r.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		for _, t := range r.pc.GetTransceivers() {
			if t.Receiver() == receiver && r.config.OnTrack != nil {
				r.config.OnTrack(t.Mid(), track)
			}
		}
	})
	unordered, never := false, uint16(0)
	for label, init := range map[string]*webrtc.DataChannelInit{
		Reliable: nil,
		Lossy:    {Ordered: &unordered, MaxRetransmits: &never},
	} {
		if err := r.openChannel(label, init); err != nil {
			return err
		}
	}
	return nil
}

// defaultAPI is pion's, but for handshakes that it does without; and reaches a
// server on this machine also without a network.
func (r *Room) defaultAPI() *webrtc.API {
	var settings webrtc.SettingEngine
	host := r.link.place.base.Hostname()
	addr, err := netip.ParseAddr(host)
	settings.SetIncludeLoopbackCandidate(host == "localhost" || (err == nil && addr.IsLoopback()))
	settings.SetDTLSInsecureSkipHelloVerify(true) // ICE has made sure of the address (RFC 8842, 5.1)
	settings.EnableSctpSnap(true)
	r.prompt = promptly(&settings)
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings))
}

// wantsServer says whether an ICE server is of use on the connection to the
// SFU. STUN, TURN and the SFU are one UDP socket: who reaches TURN over UDP
// there reaches the SFU itself, and a browser would not even hear it (see
// docs/protocol.md). Only who wants a relay gets one over UDP.
func wantsServer(url string, policy webrtc.ICETransportPolicy) bool {
	if policy == webrtc.ICETransportPolicyRelay {
		return strings.HasPrefix(url, "turn")
	}
	return strings.HasPrefix(url, "turn") && strings.HasSuffix(url, "transport=tcp")
}

// addSlots adds receiving sections for the next offer.
func (r *Room) addSlots(audio, video int) (added []*webrtc.RTPTransceiver, err error) {
	for _, wanted := range []struct {
		kind webrtc.RTPCodecType
		n    int
	}{{webrtc.RTPCodecTypeAudio, audio}, {webrtc.RTPCodecTypeVideo, video}} {
		for range wanted.n {
			t, err := r.pc.AddTransceiverFromKind(wanted.kind, webrtc.RTPTransceiverInit{
				Direction: webrtc.RTPTransceiverDirectionRecvonly,
			})
			if err != nil {
				return added, fmt.Errorf("client: opening a slot: %w", err)
			}
			added = append(added, t)
		}
	}
	return added, nil
}

// kindOf is a media kind in the protocol's words.
func kindOf(kind webrtc.RTPCodecType) protocol.Kind {
	if kind == webrtc.RTPCodecTypeVideo {
		return protocol.Kind_VIDEO
	}
	return protocol.Kind_AUDIO
}
