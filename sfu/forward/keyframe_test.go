package forward_test

import (
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

func TestKeyframes(t *testing.T) {
	for _, tc := range []struct {
		name    string
		codec   forward.Codec
		payload []byte
		want    bool
	}{
		{"audio starts anywhere", forward.Other, []byte{1, 2}, true},
		{"vp8 keyframe", forward.VP8, []byte{0x10, 0x50, 0, 0}, true},
		{"vp8 delta frame", forward.VP8, []byte{0x10, 0x51, 0, 0}, false},
		{"vp8 later packet of a keyframe", forward.VP8, []byte{0x00, 0x50}, false},
		{"vp8 second partition", forward.VP8, []byte{0x11, 0x50}, false},
		{"vp8 short picture id", forward.VP8, []byte{0x90, 0x80, 0x05, 0x50}, true},
		{"vp8 long picture id, TL0PICIDX, TID", forward.VP8, []byte{0x90, 0xe0, 0x85, 0x01, 0x07, 0x20, 0x50}, true},
		{"vp8 the same, delta", forward.VP8, []byte{0x90, 0xe0, 0x85, 0x01, 0x07, 0x20, 0x51}, false},
		{"vp8 cut short", forward.VP8, []byte{0x90, 0xe0, 0x85, 0x01}, false},
		{"vp9 keyframe, no layers", forward.VP9, []byte{0x88, 0x01, 0}, true},
		{"vp9 predicted", forward.VP9, []byte{0xc8, 0x01, 0}, false},
		{"vp9 keyframe, base layer", forward.VP9, []byte{0xa8, 0x81, 0x01, 0x00, 0}, true},
		{"vp9 keyframe, upper spatial layer", forward.VP9, []byte{0xa8, 0x81, 0x01, 0x02, 0}, false},
		{"vp9 cut short", forward.VP9, []byte{0xa8}, false},
		{"h264 IDR", forward.H264, []byte{0x65, 0}, true},
		{"h264 SPS", forward.H264, []byte{0x67, 0}, true},
		{"h264 delta slice", forward.H264, []byte{0x41, 0}, false},
		{"h264 STAP-A with SPS", forward.H264, []byte{0x78, 0, 2, 0x67, 0, 0, 2, 0x68, 0}, true},
		{"h264 STAP-A with SEI, then IDR", forward.H264, []byte{0x78, 0, 2, 0x06, 0, 0, 2, 0x65, 0}, true},
		{"h264 STAP-A of deltas", forward.H264, []byte{0x78, 0, 2, 0x41, 0}, false},
		{"h264 STAP-A with a length beyond its end", forward.H264, []byte{0x78, 0xff, 0xff, 0x41, 0}, false},
		{"h264 FU-A start of IDR", forward.H264, []byte{0x7c, 0x85, 0}, true},
		{"h264 FU-A middle of IDR", forward.H264, []byte{0x7c, 0x05, 0}, false},
		{"av1 new sequence", forward.AV1, []byte{0x18, 0x0a}, true},
		{"av1 going on", forward.AV1, []byte{0x10, 0x30}, false},
		{"empty vp8", forward.VP8, nil, false},
		{"empty vp9", forward.VP9, nil, false},
		{"empty h264", forward.H264, nil, false},
		{"empty av1", forward.AV1, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var reader forward.Reader
			var f forward.Frame
			reader.Read(tc.codec, 1, 0, false, tc.payload, nil, &f)
			if got := f.Opens(); got != tc.want {
				t.Fatalf("got %v", got)
			}
		})
	}
}
