package sfu

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// sizes are what a simulcast publisher of these tests sends: bytes a packet,
// of which there are 50 a second, and pictures of this size.
var sizes = []struct {
	Encoding
	bytes int
}{
	{Encoding{"q", 320, 180}, 200}, // 80 kbit/s
	{Encoding{"h", 640, 360}, 500},
	{Encoding{"f", 1280, 720}, 1000},
}

// simulcaster publishes one picture in three sizes, each with a keyframe where
// one was asked for and nowhere else. The second byte of the VP8 frame says
// which size it is.
type simulcaster struct {
	*stranger
	asked [3]atomic.Int64
	muted [3]atomic.Bool // as if the encoding was inactive
}

func simulcast(t *testing.T, s *SFU, room, id string) *simulcaster {
	t.Helper()
	c := &simulcaster{}
	c.start(t, s, room, id)
	return c
}

// start joins, and sends until the test ends.
func (c *simulcaster) start(t *testing.T, s *SFU, room, id string) {
	t.Helper()
	var tracks []*webrtc.TrackLocalStaticRTP
	for _, size := range sizes {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "camera", webrtc.WithRTPStreamID(size.RID))
		if err != nil {
			t.Fatal(err)
		}
		tracks = append(tracks, track)
	}
	var sender *webrtc.RTPSender
	c.stranger = arrive(t, s, room, id, webrtc.NetworkTypeUDP4, func(pc *webrtc.PeerConnection) {
		transceiver, err := pc.AddTransceiverFromTrack(tracks[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			t.Fatal(err)
		}
		sender = transceiver.Sender()
		for _, track := range tracks[1:] {
			if err := sender.AddEncoding(track); err != nil {
				t.Fatal(err)
			}
		}
	}, nil)
	var encodings []Encoding
	for _, size := range sizes {
		encodings = append(encodings, size.Encoding)
	}
	c.peer.Publish([]Track{{ID: "track of " + id, Mid: "0", Kind: Video, Encodings: encodings}})

	var asking, sending sync.WaitGroup
	parameters := sender.GetParameters()
	for i, size := range sizes {
		asking.Go(func() {
			for {
				packets, _, err := sender.ReadSimulcastRTCP(size.RID)
				if err != nil {
					return
				}
				for _, p := range packets {
					if p, ok := p.(*rtcp.PictureLossIndication); ok && webrtc.SSRC(p.MediaSSRC) == parameters.Encodings[i].SSRC {
						c.asked[i].Add(1)
					}
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		sending.Wait()
		_ = c.pc.GracefulClose()
		asking.Wait()
	})
	ids := map[string]uint8{}
	for _, e := range parameters.HeaderExtensions {
		ids[e.URI] = uint8(e.ID)
	}
	sending.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		var answered [3]int64
		for n := uint32(0); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for i, track := range tracks {
				if c.muted[i].Load() {
					continue
				}
				payload := make([]byte, sizes[i].bytes)
				copy(payload, []byte{0x90, 0x80, byte(n & 0x7f), 0x51, byte(i)}) // X, I: a picture id
				if asked := c.asked[i].Load(); asked > answered[i] {
					answered[i], payload[3] = asked, 0x50
				}
				p := &rtp.Packet{
					Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(i)<<28 + n*1800, Marker: true},
					Payload: payload,
				}
				_ = p.SetExtension(ids[sdp.SDESMidURI], []byte("0"))
				_ = p.SetExtension(ids[sdp.SDESRTPStreamIDURI], []byte(sizes[i].RID))
				_ = track.WriteRTP(p)
			}
			if n%10 == 0 {
				c.report(parameters, n)
			}
		}
	})
}

// report tells the clocks of all sizes.
func (c *simulcaster) report(parameters webrtc.RTPSendParameters, n uint32) {
	now := time.Now()
	ntp := uint64(now.Unix()+2208988800)<<32 | uint64(now.Nanosecond())<<32/1_000_000_000
	var reports []rtcp.Packet
	for i := range sizes {
		reports = append(reports, &rtcp.SenderReport{SSRC: uint32(parameters.Encodings[i].SSRC), NTPTime: ntp, RTPTime: uint32(i)<<28 + n*1800})
	}
	_ = c.pc.WriteRTCP(reports)
}

// sizeOf says which size a packet is of, and whether it begins a keyframe.
func sizeOf(p rtp.Packet) (size int, key bool) {
	// Rewritten picture ids have 15 bits.
	at := 3
	if p.Payload[2]&0x80 != 0 {
		at = 4
	}
	return int(p.Payload[at+1]), p.Payload[at]&1 == 0
}

// shows has the viewer show the track at a size.
func (v *viewer) shows(track string, width, height int) {
	v.peer.View(View{{Track: track, Width: width, Height: height}})
}

// gets waits until the last packets are of a size.
func (v *viewer) gets(t *testing.T, size int) {
	t.Helper()
	until(t, "packets of size "+sizes[size].RID, func() bool {
		seen := v.seen()
		if len(seen) < 10 {
			return false
		}
		for _, p := range seen[len(seen)-10:] {
			if got, _ := sizeOf(p); got != size {
				return false
			}
		}
		return true
	})
}

func TestAReceiverGetsTheSizeThatItShows(t *testing.T) {
	s := runSFU(t)
	ann := simulcast(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	const track = "track of ann"
	for _, step := range []struct{ width, height, size int }{
		{1280, 720, 2}, {160, 90, 0}, {600, 340, 1}, {1920, 1080, 2}, {320, 180, 0},
	} {
		bob.shows(track, step.width, step.height)
		bob.gets(t, step.size)
	}

	// What the decoder sees has no gap and never steps back; another size
	// begins with a keyframe.
	seen := slices.Clone(bob.seen())
	slices.SortStableFunc(seen, func(a, b rtp.Packet) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	// What probes the link is sent again, as a retransmission.
	seen = slices.CompactFunc(seen, func(a, b rtp.Packet) bool {
		return a.SequenceNumber == b.SequenceNumber && slices.Equal(a.Payload, b.Payload)
	})
	pictures, before := 0, -1
	for i, p := range seen {
		size, key := sizeOf(p)
		if size != before {
			if !key {
				t.Errorf("packet %d goes to size %d without a keyframe", i, size)
			}
			pictures, before = pictures+1, size
		}
		if i == 0 {
			continue
		}
		last := seen[i-1]
		if p.SequenceNumber != last.SequenceNumber+1 {
			t.Errorf("packet %d has number %d after %d", i, p.SequenceNumber, last.SequenceNumber)
		}
		if step := int32(p.Timestamp - last.Timestamp); step <= 0 || step > 90000 {
			t.Errorf("packet %d goes on %d in time", i, step)
		}
		if id, lastID := binary.BigEndian.Uint16(p.Payload[2:]), binary.BigEndian.Uint16(last.Payload[2:]); p.Payload[2]&0x80 != 0 && (id-lastID)&0x7fff != 1 {
			t.Errorf("packet %d has picture id %d after %d", i, id&0x7fff, lastID&0x7fff)
		}
	}
	if pictures < 5 || pictures > 8 { // there may be a step between
		t.Errorf("the size changed %d times", pictures)
	}
	if n := ann.asked[2].Load(); n > 6 {
		t.Errorf("the large size was asked for %d keyframes", n)
	}
}

// What nobody receives is told to the publisher some seconds later, and what
// somebody wants again at once.
func TestThePublisherHearsWhatIsWanted(t *testing.T) {
	s := runSFU(t)
	ann := simulcast(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	const track = "track of ann"
	wants := func(what string, paused bool, rids ...string) {
		t.Helper()
		until(t, "the demand for "+what, func() bool {
			d := ann.told.lastDemand()
			return d.Track == track && d.Paused == paused && slices.Equal(d.RIDs, rids)
		})
	}
	bob.shows(track, 160, 90)
	bob.gets(t, 0)
	wants("the small size", false, "q")
	bob.shows(track, 1280, 720)
	wants("the large size, and the one to go down to", false, "h", "f")
	bob.peer.View(View{})
	wants("nothing", true)
	bob.shows(track, 640, 360)
	wants("the size between, and the one to go down to", false, "q", "h")
	bob.gets(t, 1)
}

// A size that has not come yet, because its publisher's way did not carry it or
// it began without, is asked for like any other.
func TestASizeThatNeverCameIsAskedFor(t *testing.T) {
	s := runSFU(t)
	ann := &simulcaster{}
	ann.muted[2].Store(true)
	ann.start(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	bob.shows("track of ann", 1280, 720)
	until(t, "the demand for the large size", func() bool {
		return slices.Contains(ann.told.lastDemand().RIDs, "f")
	})
	bob.gets(t, 1) // meanwhile
	ann.muted[2].Store(false)
	bob.gets(t, 2)
}
