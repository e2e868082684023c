package main

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Media finds its way whatever the network leaves open.
func TestMediaOverEveryRoute(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
	})
	track := ann.Joined().GetTracks()[0].GetId()
	ann.sends() // and takes what others send
	for _, tc := range []struct {
		name   string
		change func(*client.Config)
		// want are the type and protocol of the client's own candidate.
		want string
	}{
		{"UDP", func(*client.Config) {}, "udp"},
		{"ICE-TCP", func(c *client.Config) { c.API = tcpOnly(t) }, "tcp"},
		{"TURN", func(c *client.Config) { c.TransportPolicy = webrtc.ICETransportPolicyRelay }, "relay"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bob := enter(t, url, "tea", tc.change)
			bob.receives(20, bob.slotOf(track), endsWith(face.body))
			pair, err := bob.PeerConnection().SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			if err != nil || pair == nil {
				t.Fatalf("the pair in use: %v, %v", pair, err)
			}
			if got := strings.ToLower(pair.Local.String()); !strings.Contains(got, tc.want) {
				t.Fatalf("media goes over %s", got)
			}
			// Data goes the same way, both ways.
			if err := bob.SendData(t.Context(), client.Reliable, "hi", []byte(tc.name), ann.ID()); err != nil {
				t.Fatal(err)
			}
			ann.until("a frame of "+tc.name, func() bool {
				return len(ann.frames) > 0 && string(ann.frames[len(ann.frames)-1].GetPayload()) == tc.name
			})
		})
	}
}

// tcpOnly is a client whose network lets no UDP through.
func tcpOnly(t *testing.T) *webrtc.API {
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	return webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
}

// Descriptions and candidates travel between peers as they do to the SFU, with
// the sender's name on them and nothing else changed.
func TestPeersNegotiateWithEachOther(t *testing.T) {
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	for _, message := range []*protocol.ClientMessage{
		{Body: &protocol.ClientMessage_Description{Description: &protocol.Description{
			To: bob.ID(), From: "somebody else", Type: protocol.Description_OFFER, Sdp: "v=0 from Ann",
		}}},
		{Body: &protocol.ClientMessage_Candidate{Candidate: &protocol.Candidate{
			To: bob.ID(), Candidate: "candidate:1", SdpMid: "0", SdpMLineIndex: 3, UsernameFragment: "u",
		}}},
	} {
		if _, err := ann.Link().Request(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	bob.hears("Ann's description", func(m *protocol.ServerMessage) bool {
		d := m.GetDescription()
		return d.GetFrom() == ann.ID() && d.GetTo() == "" && d.GetType() == protocol.Description_OFFER && d.GetSdp() == "v=0 from Ann"
	})
	bob.hears("Ann's candidate", func(m *protocol.ServerMessage) bool {
		c := m.GetCandidate()
		return c.GetFrom() == ann.ID() && c.GetCandidate() == "candidate:1" && c.GetSdpMid() == "0" &&
			c.GetSdpMLineIndex() == 3 && c.GetUsernameFragment() == "u"
	})
}

// A client offers again to publish more and to open more slots; a section that
// it stops is a slot no more.
func TestOfferingAgain(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newSource(t, webrtc.MimeTypeVP8, []byte("second"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: first.track, Source: "camera"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) { c.VideoSlots = 1 })
	bob.receives(5, bob.slotOf(ann.Joined().GetTracks()[0].GetId()), endsWith(first.body))

	// Ann shares a screen.
	transceiver, err := ann.PeerConnection().AddTransceiverFromTrack(second.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	ann.offerAgain()
	answer, err := ann.Link().Request(t.Context(), &protocol.ClientMessage{Body: &protocol.ClientMessage_Publish{Publish: &protocol.Publish{
		Tracks: []*protocol.TrackOffer{
			{Mid: ann.Joined().GetTracks()[0].GetMid(), Kind: protocol.Kind_VIDEO, Source: "camera"},
			{Mid: transceiver.Mid(), Kind: protocol.Kind_VIDEO, Source: "screen"},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	screen := answer.GetPublished().GetTracks()[1].GetId()
	bob.hears("the screen's coming", func(m *protocol.ServerMessage) bool {
		return m.GetTrackPublished().GetTrack().GetId() == screen
	})

	// Bob has one slot, which is taken; he opens another.
	if _, err := bob.PeerConnection().AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	bob.offerAgain()
	bob.receives(20, bob.slotOf(screen), endsWith(second.body))
}

// offerAgain negotiates what was added to the PeerConnection.
func (p *participant) offerAgain() {
	p.t.Helper()
	offer, err := p.PeerConnection().CreateOffer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.PeerConnection().SetLocalDescription(offer); err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.Link().Request(p.t.Context(), &protocol.ClientMessage{Body: &protocol.ClientMessage_Description{
		Description: &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: offer.SDP},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.PeerConnection().SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeAnswer, SDP: answer.GetDescription().GetSdp(),
	}); err != nil {
		p.t.Fatal(err)
	}
}
