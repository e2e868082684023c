package main

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestAClientPublishesOnceItIsThere(t *testing.T) {
	abreast(t)
	for _, transport := range client.Transports() {
		t.Run(string(transport), func(t *testing.T) {
			_, url := runServer(t, nil)
			over := func(c *client.Config) { c.Transport = transport }
			ann, bob := enter(t, url, "tea", over), enter(t, url, "tea", over)
			face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
			track := ann.publish(face)
			bob.receives(20, bob.slotOf(track.GetId()), endsWith(face.body))
			if peers := bob.Peers(); len(peers) != 1 || peers[0].GetId() != ann.ID() || len(peers[0].GetTracks()) != 1 {
				t.Errorf("Bob sees %v", peers)
			}
			ann.sends() // and takes what others send
			if err := bob.SendData(bounded(t), client.Reliable, "hi", []byte("data")); err != nil {
				t.Fatal(err)
			}
			ann.until("Bob's data", func() bool { return len(ann.frames) == 1 && ann.frames[0].GetFrom() == bob.ID() })
			if err := ann.Leave(bounded(t)); err != nil {
				t.Errorf("leaving: %v", err)
			}
		})
	}
}

func TestAnUnpublishedTrackIsGoneAndItsSectionUsedAgain(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newFarSource(t, 40000, []byte("second"))
	var sections []int
	for range 3 {
		for _, s := range []*source{first, second} {
			track := ann.publish(s)
			mid := bob.slotOf(track.GetId())
			before := bob.count(mid, endsWith(s.body))
			bob.receives(before+5, mid, endsWith(s.body))
			if err := ann.Unpublish(bounded(t), track.GetId()); err != nil {
				t.Fatal(err)
			}
			bob.hears("the track's end", func(m *protocol.ServerMessage) bool {
				return m.GetTrackRemoved().GetTrack() == track.GetId()
			})
			bob.until("empty slots", func() bool {
				for _, slot := range bob.Slots() {
					if slot.GetTrack() != "" {
						return false
					}
				}
				return len(bob.Peers()[0].GetTracks()) == 0
			})
			sections = append(sections, strings.Count(ann.PeerConnection().LocalDescription().SDP, "m=video"))
		}
	}
	if sections[0] != sections[len(sections)-1] {
		t.Errorf("the offers had %v video sections", sections)
	}
	if err := ann.Unpublish(bounded(t), "ghost"); err == nil {
		t.Error("a track that is not there was unpublished")
	}
	if got := ann.Tracks(); len(got) != 0 {
		t.Errorf("Ann still publishes %v", got)
	}
}

// Sources that know nothing of each other's numbers leave as one stream.
func TestReplaceGoesOnWithoutAGap(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newFarSource(t, 40000, []byte("second"))
	track := ann.publish(first)
	mid := bob.slotOf(track.GetId())
	bob.receives(20, mid, endsWith(first.body))
	for _, s := range []*source{second, first, second} {
		before := bob.count(mid, endsWith(s.body))
		if err := ann.Replace(track.GetId(), s.track); err != nil {
			t.Fatal(err)
		}
		bob.receives(before+20, mid, endsWith(s.body))
	}
	bob.unbroken(mid)

	voice := newSource(t, webrtc.MimeTypeOpus, nil)
	if err := ann.Replace(track.GetId(), voice.track); err == nil {
		t.Error("a voice took the place of a face")
	}
}

func TestSamplesArePublished(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	var wanted atomic.Bool // a keyframe is
	frames := newSamples(t, webrtc.MimeTypeVP8, func() []byte {
		if wanted.Swap(false) {
			return append([]byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}, "frame"...)
		}
		return append([]byte{0x11, 0x02, 0x00}, "frame"...)
	})
	track, err := ann.Publish(bounded(t), client.LocalTrack{Track: frames, Source: "camera", OnKeyframe: func() { wanted.Store(true) }})
	if err != nil {
		t.Fatal(err)
	}
	bob.receives(20, bob.slotOf(track.GetId()), endsWith([]byte("frame")))
	// Who comes later needs a keyframe, too, and the publisher hears of it.
	cat := enter(t, url, "tea", nil)
	cat.receives(5, cat.slotOf(track.GetId()), endsWith([]byte("frame")))
}

func TestSlotsOpenedLaterAreFilled(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face, voice := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks")), newSource(t, webrtc.MimeTypeOpus, []byte("ann speaks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}, {Track: voice.track, Source: "microphone"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) { c.AudioSlots, c.VideoSlots = 0, 0 })
	if got := len(bob.Slots()); got != 0 {
		t.Fatalf("Bob has %d slots", got)
	}
	// Several at once wait for each other.
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if err := bob.OpenSlots(bounded(t), 1, 1); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, s := range []*source{face, voice} {
		bob.receives(10, bob.slotOf(ann.Tracks()[i].GetId()), endsWith(s.body))
	}
	if got := len(bob.Slots()); got != 4 {
		t.Errorf("Bob has %d slots", got)
	}
	if err := bob.OpenSlots(bounded(t), 1000, 0); err == nil {
		t.Error("a thousand slots were opened")
	}
}

// What is refused is taken back, and does no harm to what comes later.
func TestARefusedOfferIsTakenBack(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Limits.Tracks = 1 })
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newSource(t, webrtc.MimeTypeVP8, []byte("second"))
	track := ann.publish(first)
	_, err := ann.Publish(bounded(t), client.LocalTrack{Track: second.track, Source: "screen"})
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.GetCode() != protocol.Error_TOO_MANY_TRACKS {
		t.Fatalf("a second track was answered %v", err)
	}
	mid := bob.slotOf(track.GetId())
	bob.receives(20, mid, endsWith(first.body))
	if err := ann.Unpublish(bounded(t), track.GetId()); err != nil {
		t.Fatal(err)
	}
	track = ann.publish(second)
	bob.receives(20, bob.slotOf(track.GetId()), endsWith(second.body))
}

// A moderator's doing is known to who it was done to.
func TestOwnTracksFollowTheModerator(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	boss, ann := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newSource(t, webrtc.MimeTypeVP8, []byte("second"))
	track := ann.publish(first)
	boss.receives(5, boss.slotOf(track.GetId()), endsWith(first.body))
	of := &protocol.Moderate_TrackOf{Peer: ann.ID(), Track: track.GetId()}
	if err := boss.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Mute{Mute: of}}); err != nil {
		t.Fatal(err)
	}
	ann.until("being muted", func() bool { return len(ann.Tracks()) == 1 && ann.Tracks()[0].GetMuted() })
	if err := boss.Moderate(bounded(t), &protocol.Moderate{Action: &protocol.Moderate_Stop{Stop: of}}); err != nil {
		t.Fatal(err)
	}
	ann.until("being stopped", func() bool { return len(ann.Tracks()) == 0 })
	if err := ann.Replace(track.GetId(), second.track); err == nil {
		t.Error("a track that was ended goes on")
	}
	// What was ended does not come back with what is published next.
	track = ann.publish(second)
	boss.receives(5, boss.slotOf(track.GetId()), endsWith(second.body))
	boss.until("one track", func() bool { return len(boss.Peers()[0].GetTracks()) == 1 })
}
