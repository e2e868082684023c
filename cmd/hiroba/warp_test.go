package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/pion/rtp"
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

// The Go client as it comes, with what it does to be quick, has media and data,
// and has them again on another path.
func TestTheGoClientAsItComes(t *testing.T) {
	_, url := runServer(t, overSFU)
	voice := newSource(t, webrtc.MimeTypeOpus, []byte("voice"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.API, c.Tracks = nil, []client.LocalTrack{{Track: voice.track, Source: "microphone"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) { c.API = nil })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	hears := func(packets int) {
		t.Helper()
		bob.until("sound", func() bool {
			for _, slot := range bob.packets {
				if len(slot) >= packets {
					return true
				}
			}
			return false
		})
	}
	hears(1)
	for n := range 2 {
		if err := bob.SendData(ctx, client.Reliable, fmt.Sprint(n), nil); err != nil {
			t.Fatal(err)
		}
		ann.until("a frame", func() bool { return len(ann.frames) == n+1 })
		if n == 1 {
			break
		}
		before := bob.PeerConnection().RemoteDescription().SDP
		if err := bob.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if lineOf(before, "ice-pwd") == lineOf(bob.PeerConnection().RemoteDescription().SDP, "ice-pwd") {
			t.Error("it was no restart")
		}
		bob.mu.Lock()
		bob.packets = map[string][]*rtp.Packet{}
		bob.mu.Unlock()
		hears(20)
	}
}
