package main

import (
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// A Go client publishes three sizes: a receiver gets the one that it shows, and
// the publisher is told which that is.
func TestGoClientPublishesLayers(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	sizes := map[string]*source{}
	camera := client.LocalTrack{Source: "camera"}
	for i, rid := range []string{"q", "h", "f"} {
		sizes[rid] = newSource(t, webrtc.MimeTypeVP8, []byte("size "+rid))
		camera.Layers = append(camera.Layers, client.LocalLayer{RID: rid, Track: sizes[rid].track, Width: 320 << i, Height: 180 << i})
	}
	ann := enter(t, url, "tea", func(c *client.Config) { c.Tracks = []client.LocalTrack{camera} })
	bob := enter(t, url, "tea", nil)
	track := ann.Joined().GetTracks()[0]
	if got := track.GetEncodings(); len(got) != 3 || got[2].GetRid() != "f" || got[2].GetWidth() != 1280 {
		t.Errorf("the server knows of the encodings %v", got)
	}
	show := func(track *protocol.Track, width, height uint32) {
		t.Helper()
		if err := bob.View(t.Context(), &protocol.Shown{Track: track.GetId(), Width: width, Height: height}); err != nil {
			t.Fatal(err)
		}
	}

	mid := bob.slotOf(track.GetId())
	show(track, 1280, 720)
	bob.receives(20, mid, endsWith(sizes["f"].body))
	show(track, 320, 180)
	bob.receives(20, mid, endsWith(sizes["q"].body))
	ann.hears("that one size is enough", func(m *protocol.ServerMessage) bool {
		d := m.GetTrackDemand()
		return d.GetTrack() == track.GetId() && !d.GetPaused() && slices.Equal(d.GetRids(), []string{"q"})
	})

	ctx := bounded(t)
	if err := ann.Unpublish(ctx, track.GetId()); err != nil {
		t.Fatal(err)
	}
	// The section cannot be used again; another one is.
	again, err := ann.Publish(ctx, camera)
	if err != nil {
		t.Fatal(err)
	}
	show(again, 640, 360)
	bob.receives(20, bob.slotOf(again.GetId()), endsWith(sizes["h"].body))
}
