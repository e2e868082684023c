package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// A client has media and a DataChannel after as many turns as what it speaks
// makes of them, in one room with those that speak less.
func TestWARP(t *testing.T) {
	_, url := runServer(t, overSFU)
	voice := newSource(t, webrtc.MimeTypeOpus, []byte("voice"))
	ann := enter(t, url, "warp", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: voice.track, Source: "microphone"}}
	})
	for _, tc := range []struct {
		sped, snap bool
		media      int // turns before the first packet
		data       int // turns from there to the first frame
	}{
		{true, true, 2, 0},
		{true, false, 2, 2},
		{false, true, 3, 0},
		{false, false, 3, 2},
	} {
		name := fmt.Sprintf("DTLS in STUN %v, SNAP %v", tc.sped, tc.snap)
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			w := &warpClient{sped: tc.sped, snap: tc.snap}
			if err := w.join(ctx, url, "warp", name, false); err != nil {
				t.Fatal(err)
			}
			ann.until("its frame", func() bool {
				for _, f := range ann.frames {
					if f.GetTopic() == name {
						return true
					}
				}
				return false
			})
			if w.at.mediaTurns > tc.media || w.at.saidTurns-w.at.mediaTurns > tc.data {
				t.Errorf("media after %d turns, a frame after %d more; want %d and %d",
					w.at.mediaTurns, w.at.saidTurns-w.at.mediaTurns, tc.media, tc.data)
			}
			if err := w.leave(); err != nil {
				t.Error(err)
			}
		})
	}
}
