package main

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// A publisher's audio level reaches receivers, under the id that each of them
// negotiated; its transport-wide sequence number does not: each receiver has
// numbers of its own.
func TestExtensionsAreThoseOfTheReceiver(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	voice, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "t", "s")
	if err != nil {
		t.Fatal(err)
	}
	extended := func(uris ...string) *webrtc.API {
		var media webrtc.MediaEngine
		if err := media.RegisterDefaultCodecs(); err != nil {
			t.Fatal(err)
		}
		for _, uri := range uris {
			if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeAudio); err != nil {
				t.Fatal(err)
			}
		}
		var settings webrtc.SettingEngine
		settings.SetIncludeLoopbackCandidate(true)
		return webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
	}
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.API = extended(sdp.AudioLevelURI, sdp.TransportCCURI) // ids 1 and 2
		c.Tracks = []client.LocalTrack{{Track: voice, Source: "microphone"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) {
		c.API = extended(sdp.TransportCCURI, sdp.AudioLevelURI) // the other way round
	})
	speak(t, voice, func(p *rtp.Packet) {
		_ = p.SetExtension(1, []byte{33})
		_ = p.SetExtension(2, []byte{1, 2})
	})
	mid := bob.slotOf(ann.Joined().GetTracks()[0].GetId())
	bob.receives(10, mid, func(p *rtp.Packet) bool {
		level := p.GetExtension(2)
		return len(level) == 1 && level[0] == 33 && !bytes.Equal(p.GetExtension(1), []byte{1, 2})
	})
}
