package sfu

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

// The slots of a client share what their payload types mean, as far as they
// have the same.
func TestKnownTypes(t *testing.T) {
	codecs := func(pt webrtc.PayloadType, fmtp string) []webrtc.RTPCodecParameters {
		return []webrtc.RTPCodecParameters{{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: fmtp}, PayloadType: pt,
		}}
	}
	var known knownTypes
	first := known.of(codecs(98, "profile-id=0"))
	if known.of(codecs(98, "profile-id=0")) != first {
		t.Error("the same codecs are not shared")
	}
	for _, other := range [][]webrtc.RTPCodecParameters{
		codecs(99, "profile-id=0"), codecs(98, "profile-id=2"), append(codecs(98, "profile-id=0"), codecs(99, "profile-id=2")...), nil,
	} {
		if known.of(other) == first {
			t.Errorf("%v is taken for something else", other)
		}
	}
}
