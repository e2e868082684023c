package main

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// endsWith fits packets by what their source put at the end.
func endsWith(body []byte) func(*rtp.Packet) bool {
	return func(p *rtp.Packet) bool { return bytes.HasSuffix(p.Payload, body) }
}

func TestTwoPeersHearAndSeeEachOther(t *testing.T) {
	abreast(t)
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeVP9, webrtc.MimeTypeH264, webrtc.MimeTypeAV1} {
		t.Run(mime, func(t *testing.T) {
			_, url := runServer(t, nil)
			voice := newSource(t, webrtc.MimeTypeOpus, []byte("ann speaks"))
			face := newSource(t, mime, []byte("ann looks"))
			ann := enter(t, url, "tea", func(c *client.Config) {
				c.Name = "Ann"
				c.Tracks = []client.LocalTrack{{Track: voice.track, Source: "microphone"}, {Track: face.track, Source: "camera"}}
			})
			bob := enter(t, url, "tea", func(c *client.Config) { c.Format = protocol.Binary })

			peers := bob.Joined().GetPeers()
			if len(peers) != 1 || peers[0].GetName() != "Ann" || len(peers[0].GetTracks()) != 2 {
				t.Fatalf("Bob found %v", peers)
			}
			for i, body := range [][]byte{voice.body, face.body} {
				track := peers[0].GetTracks()[i]
				if want := ann.Joined().GetTracks()[i].GetId(); track.GetId() != want {
					t.Fatalf("track %d has the id %s here and %s there", i, track.GetId(), want)
				}
				bob.receives(100, bob.slotOf(track.GetId()), endsWith(body))
			}
			ann.hears("Bob's coming", func(m *protocol.ServerMessage) bool {
				return m.GetPeerJoined().GetPeer().GetId() == bob.ID()
			})
		})
	}
}

func TestMessagesReachWhoTheyAreFor(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob, cat := enter(t, url, "tea", nil), enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	other := enter(t, url, "coffee", nil)
	ctx := context.Background()
	if err := ann.Say(ctx, "chat", "hello all"); err != nil {
		t.Fatal(err)
	}
	if err := ann.Say(ctx, "chat", "hello Bob", bob.ID()); err != nil {
		t.Fatal(err)
	}
	if err := ann.Say(ctx, "chat", "bye all"); err != nil {
		t.Fatal(err)
	}
	texts := func(p *participant) (out []string) {
		for _, m := range p.heard {
			if m.GetMessage().GetFrom() == ann.ID() {
				out = append(out, m.GetMessage().GetText())
			}
		}
		return out
	}
	bob.until("three messages", func() bool { return len(texts(bob)) == 3 })
	cat.until("two messages", func() bool {
		got := texts(cat)
		return len(got) == 2 && got[1] == "bye all"
	})
	ann.mu.Lock()
	defer ann.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	if len(texts(ann)) != 0 || len(texts(other)) != 0 {
		t.Fatal("a message came back, or crossed into another room")
	}
}

// reaches sends frames to another one until one has come: what is for somebody
// whose channel is not open yet is lost.
func (p *participant) reaches(ctx context.Context, other *participant) {
	p.t.Helper()
	came := func() bool {
		other.mu.Lock()
		defer other.mu.Unlock()
		return slices.ContainsFunc(other.frames, func(f *dataframe.DataFrame) bool { return f.GetFrom() == p.ID() })
	}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !came() {
		if err := p.SendData(ctx, client.Reliable, "hi", []byte(p.ID()), other.ID()); err != nil {
			p.t.Fatal(err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			p.t.Fatalf("nothing that %s sends reaches %s", p.ID(), other.ID())
		}
	}
}

func TestDataReachesWhoItIsFor(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob, cat := enter(t, url, "tea", nil), enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, p := range []*participant{bob, cat} { // their channels are open then
		p.reaches(ctx, ann)
	}
	if err := ann.SendData(ctx, client.Reliable, "all", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := ann.SendData(ctx, client.Reliable, "one", []byte("y"), cat.ID()); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[*participant]int{bob: 1, cat: 2} {
		p.until("frames", func() bool {
			for _, f := range p.frames {
				if f.GetFrom() != ann.ID() {
					t.Errorf("a frame says that it is from %q", f.GetFrom())
				}
			}
			return len(p.frames) == want
		})
	}
	// A lossy frame may be lost, but not all of fifty on this machine.
	for range 50 {
		if err := ann.SendData(ctx, client.Lossy, "lossy", []byte("z"), bob.ID()); err != nil {
			t.Fatal(err)
		}
	}
	bob.until("a lossy frame", func() bool { return bob.frames[len(bob.frames)-1].GetTopic() == "lossy" })
}

func TestMuteStopsAndStarts(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
	})
	bob := enter(t, url, "tea", nil)
	track := ann.Joined().GetTracks()[0].GetId()
	mid := bob.slotOf(track)
	bob.receives(10, mid, endsWith(face.body))

	if err := ann.Mute(t.Context(), track, true); err != nil {
		t.Fatal(err)
	}
	bob.hears("that the track is muted", func(m *protocol.ServerMessage) bool {
		return m.GetTrackUpdated().GetTrack().GetMuted()
	})
	bob.hears("that the slot is silent for that reason", func(m *protocol.ServerMessage) bool {
		for _, s := range m.GetSlots().GetSlots() {
			if s.GetTrack() == track && s.GetWhy() == protocol.Slot_MUTED {
				return true
			}
		}
		return false
	})
	if err := ann.Mute(t.Context(), track, false); err != nil {
		t.Fatal(err)
	}
	before := 0
	bob.until("now", func() bool { before = len(bob.packets[mid]); return true })
	bob.receives(before+20, mid, endsWith(face.body))

	// No gap where it was muted.
	bob.unbroken(mid)
}

func TestAViewDecidesWhatIsSent(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	first, second := newSource(t, webrtc.MimeTypeVP8, []byte("first")), newSource(t, webrtc.MimeTypeVP8, []byte("second"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: first.track, Source: "camera"}, {Track: second.track, Source: "screen"}}
	})
	bob := enter(t, url, "tea", func(c *client.Config) { c.VideoSlots = 1 })
	tracks := ann.Joined().GetTracks()
	mid := bob.slotOf(tracks[0].GetId())
	bob.receives(10, mid, endsWith(first.body))

	if err := bob.View(t.Context(), &protocol.Shown{Track: tracks[1].GetId(), Width: 640, Height: 360}); err != nil {
		t.Fatal(err)
	}
	if got := bob.slotOf(tracks[1].GetId()); got != mid {
		t.Fatalf("the other track came in slot %s, not %s", got, mid)
	}
	bob.receives(10, mid, endsWith(second.body))
}

func TestWhoLeavesIsGone(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Session.Detached = time.Second })
	for _, tc := range []struct {
		name string
		go_  func(*participant)
		want protocol.PeerLeft_Reason
	}{
		{"with a word", func(p *participant) { _ = p.Leave(context.Background()) }, protocol.PeerLeft_LEFT},
		{"without a word", func(p *participant) { _ = p.Drop() }, protocol.PeerLeft_LOST},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
			tc.go_(bob)
			ann.hears("Bob's leaving", func(m *protocol.ServerMessage) bool {
				left := m.GetPeerLeft()
				return left.GetPeer() == bob.ID() && left.GetReason() == tc.want
			})
		})
	}
}
