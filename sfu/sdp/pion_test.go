package sdp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// client is a PeerConnection whose offers are answered.
type client struct {
	*webrtc.PeerConnection
	t      *testing.T
	last   *Offer
	rounds uint64
}

func newClient(t *testing.T) *client {
	t.Helper()
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(&media); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(&media, &interceptor.Registry{}); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return &client{PeerConnection: pc, t: t}
}

// round offers, and takes the answer.
func (c *client) round() *Offer {
	c.t.Helper()
	offer, err := c.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	c.last = mustRead(c.t, c.LocalDescription().SDP, c.last)
	c.rounds++
	l := server
	l.Version, l.Slots = c.rounds, map[string]SlotIDs{}
	for i, s := range c.last.Sections {
		if s.Role == Receiving {
			stream := fmt.Sprintf("slot-%d", i)
			l.Slots[s.Mid] = SlotIDs{SSRC: uint32(1000 + i), RTX: uint32(2000 + i), Stream: stream, Track: stream + "-track"}
		}
	}
	answer := Answer(c.last, l)
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		c.t.Fatalf("%v:\n%s", err, answer)
	}
	return c.last
}

// directions are those that were agreed on, by mid.
func (c *client) directions() map[string]string {
	out := map[string]string{}
	for _, m := range parse(c.t, c.CurrentRemoteDescription().SDP).MediaDescriptions {
		mid, _ := m.Attribute("mid")
		for _, direction := range []string{"sendonly", "recvonly", "inactive"} {
			if _, ok := m.Attribute(direction); ok {
				out[mid] = direction
			}
		}
		if m.MediaName.Port.Value == 0 {
			out[mid] = "rejected"
		}
	}
	return out
}

func (c *client) track(rid string) *webrtc.TrackLocalStaticRTP {
	c.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "camera", "face", webrtc.WithRTPStreamID(rid))
	if err != nil {
		c.t.Fatal(err)
	}
	return track
}

func (c *client) add(kind webrtc.RTPCodecType, direction webrtc.RTPTransceiverDirection) *webrtc.RTPTransceiver {
	c.t.Helper()
	transceiver, err := c.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		c.t.Fatal(err)
	}
	return transceiver
}

// A client with pion/webrtc takes the answers: with slots, DataChannels and a
// track in sizes; with more of them; and with a track that goes and comes back.
func TestPionTakesTheAnswers(t *testing.T) {
	c := newClient(t)
	if _, err := c.CreateDataChannel("data", nil); err != nil {
		t.Fatal(err)
	}
	c.add(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionRecvonly)
	c.add(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly)
	camera, err := c.AddTransceiverFromTrack(c.track("q"), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	for _, rid := range []string{"h", "f"} {
		if err := camera.Sender().AddEncoding(c.track(rid)); err != nil {
			t.Fatal(err)
		}
	}

	o := c.round()
	if got := c.directions(); fmt.Sprint(got) != "map[0:sendonly 1:sendonly 2:recvonly]" {
		t.Errorf("the directions are %v", got)
	}
	if rids := o.Section("2").RIDs; !slices.Equal(rids, []string{"q", "h", "f"}) {
		t.Errorf("the sizes are %q", rids)
	}
	parameters := camera.Sender().GetParameters()
	if len(parameters.Encodings) != 3 || parameters.Codecs[0].MimeType != webrtc.MimeTypeVP8 {
		t.Errorf("it sends %+v", parameters)
	}
	for _, uri := range []string{URIMid, URIStreamID, URIRepairedStreamID, URITransportCC} {
		if !slices.ContainsFunc(parameters.HeaderExtensions, func(e webrtc.RTPHeaderExtensionParameter) bool {
			return e.URI == uri && uint8(e.ID) == o.Section("2").ExtensionID(uri)
		}) {
			t.Errorf("it sends %+v without %s", parameters.HeaderExtensions, uri)
		}
	}

	screen, err := c.AddTransceiverFromTrack(c.track(""), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	c.add(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly)
	o = c.round()
	const all = "map[0:sendonly 1:sendonly 2:recvonly 4:recvonly 5:sendonly]"
	if got := c.directions(); fmt.Sprint(got) != all {
		t.Errorf("with more the directions are %v", got)
	}
	encoding := screen.Sender().GetParameters().Encodings[0]
	if want := (StreamIDs{uint32(encoding.SSRC), uint32(encoding.RTX.SSRC)}); len(o.Section("4").SSRCs) != 1 || o.Section("4").SSRCs[0] != want || want.RTX == 0 {
		t.Errorf("it sends %+v, and the offer has %+v", want, o.Section("4").SSRCs)
	}

	sender := screen.Sender()
	for range 2 {
		if err := screen.SetSender(sender, nil); err != nil {
			t.Fatal(err)
		}
		o = c.round()
		if got := c.directions(); fmt.Sprint(got) != strings.Replace(all, "4:recvonly", "4:inactive", 1) || o.Section("4").Rejected {
			t.Errorf("without it the directions are %v", got)
		}
		if err := screen.SetSender(sender, c.track("")); err != nil {
			t.Fatal(err)
		}
		if o = c.round(); fmt.Sprint(c.directions()) != all || len(o.Sections) != 6 {
			t.Errorf("with it again the directions are %v", c.directions())
		}
	}

	if restarting, err := c.CreateOffer(&webrtc.OfferOptions{ICERestart: true}); err != nil {
		t.Fatal(err)
	} else if fresh := mustRead(t, restarting.SDP, o); fresh.Ufrag == o.Ufrag || fresh.Active != o.Active {
		t.Errorf("an ICE restart is %+v after %+v", fresh, o)
	}
}
