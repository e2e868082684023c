package client

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

func TestLayers(t *testing.T) {
	track := func(mime string) webrtc.TrackLocal {
		out, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, "t", "s")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	video, other, voice := track(webrtc.MimeTypeVP8), track(webrtc.MimeTypeH264), track(webrtc.MimeTypeOpus)
	for _, tc := range []struct {
		name  string
		track LocalTrack
		want  int // 0: refused
	}{
		{"a track", LocalTrack{Track: voice}, 1},
		{"one layer", LocalTrack{Layers: []LocalLayer{{Track: video, Width: 640, Height: 360}}}, 1},
		{"two", LocalTrack{Layers: []LocalLayer{{RID: "q", Track: video}, {RID: "f", Track: video}}}, 2},
		{"nothing", LocalTrack{}, 0},
		{"both", LocalTrack{Track: video, Layers: []LocalLayer{{Track: video}}}, 0},
		{"one without a rid", LocalTrack{Layers: []LocalLayer{{RID: "q", Track: video}, {Track: video}}}, 0},
		{"one rid twice", LocalTrack{Layers: []LocalLayer{{RID: "q", Track: video}, {RID: "q", Track: video}}}, 0},
		{"one without a track", LocalTrack{Layers: []LocalLayer{{RID: "q", Track: video}, {RID: "f"}}}, 0},
		{"two codecs", LocalTrack{Layers: []LocalLayer{{RID: "q", Track: video}, {RID: "f", Track: other}}}, 0},
		{"voices", LocalTrack{Layers: []LocalLayer{{RID: "q", Track: voice}, {RID: "f", Track: voice}}}, 0},
	} {
		if got, err := tc.track.layers(); len(got) != tc.want || (err != nil) != (tc.want == 0) {
			t.Errorf("%s: %d layers, %v; want %d", tc.name, len(got), err, tc.want)
		}
	}
}
