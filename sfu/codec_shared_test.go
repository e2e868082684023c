package sfu

import (
	"runtime"
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// Media sections share what their payload types mean, as far as they have the
// same, and nothing stays of those that are gone.
func TestSharedTypes(t *testing.T) {
	codecs := func(pt uint8, fmtp string) []sdp.Codec {
		return []sdp.Codec{{
			MimeType: "video/VP9", ClockRate: 90000, Fmtp: fmtp, PayloadType: pt,
		}}
	}
	var shared sharedTypes
	first := shared.of(codecs(98, "profile-id=0"))
	if shared.of(codecs(98, "profile-id=0")) != first {
		t.Error("the same codecs are not shared")
	}
	for _, other := range [][]sdp.Codec{
		codecs(99, "profile-id=0"), codecs(98, "profile-id=2"), append(codecs(98, "profile-id=0"), codecs(99, "profile-id=2")...), nil,
	} {
		if shared.of(other) == first {
			t.Errorf("%v is taken for something else", other)
		}
	}
	runtime.KeepAlive(first)
	until(t, "all to be forgotten", func() bool {
		runtime.GC()
		shared.mu.Lock()
		defer shared.mu.Unlock()
		return len(shared.known) == 0
	})
}
