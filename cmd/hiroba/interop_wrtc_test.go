package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// envInterop switches on the tests with clients that `make test` does not set
// up: see `make interop`.
const envInterop = "HIROBA_INTEROP"

func needInterop(t *testing.T) {
	t.Helper()
	if os.Getenv(envInterop) == "" {
		t.Skip("this needs more than make test sets up: run make interop")
	}
}

// mirror is a client that publishes what it receives, so that a real decoder
// gets something to decode from it.
type mirror struct {
	*participant
	video, audio               *webrtc.TrackLocalStaticRTP
	videoPackets, audioPackets atomic.Int64
	source                     atomic.Uint32 // the SSRC of the video that is mirrored
}

func enterMirror(t *testing.T, url, room string) *mirror {
	t.Helper()
	m := &mirror{}
	var err error
	if m.video, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "mirror"); err != nil {
		t.Fatal(err)
	}
	if m.audio, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "mirror"); err != nil {
		t.Fatal(err)
	}
	keyframe := make(chan struct{}, 1)
	m.participant = enter(t, url, room, func(c *client.Config) {
		c.Tracks = []client.LocalTrack{
			{Track: m.audio, Source: "microphone"},
			{Track: m.video, Source: "camera", OnKeyframe: func() {
				select {
				case keyframe <- struct{}{}:
				default:
				}
			}},
		}
		c.AudioSlots, c.VideoSlots = 1, 1
		c.OnTrack = func(_ string, track *webrtc.TrackRemote) {
			to, count := m.audio, &m.audioPackets
			if track.Kind() == webrtc.RTPCodecTypeVideo {
				to, count = m.video, &m.videoPackets
				m.source.Store(uint32(track.SSRC()))
			}
			for {
				packet, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				packet.Extension, packet.Extensions = false, nil // their ids are those of this client's slot
				count.Add(1)
				_ = to.WriteRTP(packet) // nobody may want it yet
			}
		}
	})
	go func() {
		for {
			select {
			case <-keyframe:
				_ = m.PeerConnection().WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: m.source.Load()}})
			case <-m.Done():
				return
			}
		}
	}()
	return m
}

// A native libwebrtc client and a Go client: the one sends picture and sound,
// the other sends them back, and what comes is decoded as what was sent.
func TestNativeClient(t *testing.T) {
	needInterop(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v: run make interop", err)
	}
	_, url := runServer(t, nil)
	m := enterMirror(t, url, "tea")
	native := runExample(t, node, filepath.Join("..", "..", "web", "interop", "peer.js"), url, "tea")
	frames, loud := 0, 0
	for frames < 30 || loud < 100 {
		line, more := <-native.lines
		if !more {
			t.Fatalf("it ended after %d pictures and %d pieces of sound; this client got %d packets of video and %d of audio",
				frames, loud, m.videoPackets.Load(), m.audioPackets.Load())
		}
		var said struct {
			Peer, Kind, Error string
			N, Width, Height  int
			Bright            float64
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("it says %q: %v", line, err)
		}
		switch {
		case said.Error != "":
			t.Errorf("it says: %s", said.Error)
		case said.Kind == "audio":
			loud = said.N
		case said.Kind == "video":
			// A bar of 16 in 320 columns; the encoder may scale the picture down.
			if frames = said.N; said.Peer != m.ID() || said.Width*240 != said.Height*320 || said.Bright < 0.02 || said.Bright > 0.1 {
				t.Fatalf("it decoded %+v", said)
			}
		}
	}
	t.Logf("%d pictures and %d pieces of sound went there and back", frames, loud)
	if err := native.in.Close(); err != nil {
		t.Fatal(err)
	}
	native.ends()
	m.until("the native client's going", func() bool { return len(m.Peers()) == 0 })
}
