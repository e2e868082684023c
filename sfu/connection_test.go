package sfu

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// The client's certificate is the one that its description names, or nothing
// goes.
func TestAForeignCertificateEndsTheConnection(t *testing.T) {
	s := runSFU(t)
	told := &told{}
	p, err := s.Join("tea", "mal", told)
	if err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if _, err := pc.CreateDataChannel(labelLossy, nil); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	foreign := regexp.MustCompile(`sha-256 (\S+)`).ReplaceAllString(offer.SDP, "sha-256 "+strings.Repeat("AB:", 31)+"AB")
	answer, err := p.Offer(t.Context(), foreign)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	until(t, "the end", func() bool { return told.lost.Load() == 1 })
	if told.up.Load() {
		t.Error("it was up")
	}
}
