package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// rude is a publisher of three sizes that sends whatever a test wants.
type rude struct {
	*stranger
	tracks [3]*sizedTrack
	rtx    [3]uint32
	ids    map[string]uint8
	random *rand.Rand
	seqs   [3]uint16
	times  [3]uint32
}

// sizedTrack is a freeTrack that is one size of a track.
type sizedTrack struct {
	freeTrack
	rid string
}

// RID names the size.
func (s *sizedTrack) RID() string { return s.rid }

func newRude(t *testing.T, s *SFU, room, id string) *rude {
	t.Helper()
	r := &rude{ids: map[string]uint8{}, random: rand.New(rand.NewPCG(1, 2))}
	var sender *webrtc.RTPSender
	r.stranger = arrive(t, s, room, id, webrtc.NetworkTypeUDP4, func(pc *webrtc.PeerConnection) {
		for i := range r.tracks {
			r.tracks[i] = &sizedTrack{freeTrack: freeTrack{slotTrack: slotTrack{kind: webrtc.RTPCodecTypeVideo}}, rid: sizes[i].RID}
		}
		transceiver, err := pc.AddTransceiverFromTrack(r.tracks[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			t.Fatal(err)
		}
		sender = transceiver.Sender()
		for _, track := range r.tracks[1:] {
			if err := sender.AddEncoding(track); err != nil {
				t.Fatal(err)
			}
		}
	}, nil)
	parameters := sender.GetParameters()
	for i, e := range parameters.Encodings {
		r.rtx[i] = uint32(e.RTX.SSRC)
	}
	for _, e := range parameters.HeaderExtensions {
		r.ids[e.URI] = uint8(e.ID)
	}
	r.peer.Publish([]Track{{ID: "track of " + id, Mid: "0", Kind: Video, Encodings: []Encoding{sizes[0].Encoding, sizes[1].Encoding, sizes[2].Encoding}}})
	return r
}

// header is that of the next packet of a size, of VP8.
func (r *rude) header(size int) *rtp.Header {
	r.seqs[size]++
	r.times[size] += 1800
	h := &rtp.Header{
		Version: 2, SSRC: r.tracks[size].ssrc, PayloadType: 96, SequenceNumber: r.seqs[size], Timestamp: r.times[size], Marker: true,
	}
	r.name(h, sizes[size].RID)
	return h
}

// name gives a header its media section and its rid.
func (r *rude) name(h *rtp.Header, rid string) {
	_ = h.SetExtension(r.ids[sdp.SDESMidURI], []byte("0"))
	_ = h.SetExtension(r.ids[sdp.SDESRTPStreamIDURI], []byte(rid))
}

func (r *rude) send(h *rtp.Header, payload []byte) { _, _ = r.tracks[0].WriteRTP(h, payload) }

// picture is a payload of VP8.
func picture(key bool, size int) []byte {
	payload := make([]byte, size)
	payload[0], payload[1] = 0x10, 0x51
	if key {
		payload[1] = 0x50
	}
	return payload
}

// noise is n bytes of it.
func (r *rude) noise(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.random.Uint32())
	}
	return out
}

// Whatever a publisher sends, those who watch somebody else go on as before,
// and those who watch it are sent nothing that a decoder or the cipher could
// not take.
func TestRudeMediaHurtsNobodyElse(t *testing.T) {
	const every, packets = 2 * time.Millisecond, 500
	for _, tc := range []struct {
		name string
		send func(r *rude, n int)
		// label is the cause that what is dropped is counted with; "" for what
		// passes, or never becomes a packet of a stream.
		label string
		told  bool // the publisher is told that this is too much
	}{
		{name: "extensions of wrong lengths, ids and forms", send: func(r *rude, n int) {
			h := r.header(n % 3)
			for id := uint8(1); id < 15; id++ {
				if n%50 > 10 && h.GetExtension(id) == nil {
					_ = h.SetExtension(id, r.noise(1+n%16))
				}
			}
			if n%4 == 3 { // two-byte form
				h.Extension, h.ExtensionProfile, h.Extensions = false, 0, nil
				_ = h.SetExtensionWithProfile(1, r.noise(n%200), rtp.ExtensionProfileTwoByte)
				_ = h.SetExtension(77, r.noise(n%60))
			}
			r.send(h, picture(n%9 < 3, 300))
		}},
		{name: "dependency descriptors of garbage", label: "payload", send: func(r *rude, n int) {
			h := r.header(0)
			for _, id := range r.ids {
				if n > 20 && h.GetExtension(id) == nil {
					_ = h.SetExtension(id, r.noise(1+n%15))
				}
			}
			if n > 50 {
				h.PayloadType = 45 // AV1, as the default codecs number it
			}
			r.send(h, r.noise(1+n%40))
		}},
		{name: "streams that nobody offered", told: true, send: func(r *rude, n int) {
			for i := range 4 {
				h := r.header(0)
				h.SSRC, h.Extension, h.Extensions = uint32(10_000+4*n+i), false, nil
				r.send(h, picture(true, 300))
			}
		}},
		{name: "rids that nobody offered", send: func(r *rude, n int) {
			h := r.header(0)
			if n > 20 {
				h.SSRC = uint32(20_000 + n%30)
				h.Extension, h.Extensions = false, nil
				r.name(h, []string{"zz", "", strings.Repeat("r", 15), "q\x00"}[n%4])
			}
			r.send(h, picture(n%10 == 0, 300))
		}},
		{name: "one rid on many streams", label: "unknown stream", send: func(r *rude, n int) {
			h := r.header(0)
			h.SSRC += uint32(n % 7)
			r.send(h, picture(n%10 == 0, 300))
		}},
		{name: "numbers that leap", send: func(r *rude, n int) {
			h := r.header(n % 3)
			if n > 50 && n%5 == 0 {
				r.seqs[n%3] += uint16(r.random.Uint32())
			}
			r.send(h, picture(n%9 < 3, 300))
		}},
		{name: "time that runs back", send: func(r *rude, n int) {
			h := r.header(0)
			if n > 50 {
				r.times[0] -= uint32(9000 * (n % 40))
			}
			r.send(h, picture(n%10 == 0, 300))
		}},
		{name: "packets without content, of one byte and of far too many", label: "payload", send: func(r *rude, n int) {
			size := []int{0, 1, 2, 300, 1550, 1601}[n%6]
			if n%100 == 99 {
				size = 65_000
			}
			payload := picture(n%12 == 3, max(2, size))[:size]
			r.send(r.header(0), payload)
		}},
		{name: "a codec that flips", label: "codec", send: func(r *rude, n int) {
			h := r.header(0)
			h.PayloadType += 2 * uint8(n%2)
			r.send(h, picture(n%10 == 0, 300))
		}},
		{name: "a flood of retransmissions", send: func(r *rude, n int) {
			h := r.header(0)
			r.send(h, picture(n%10 == 0, 300))
			for i := range 5 {
				h := r.header(0)
				r.seqs[0]--
				h.SSRC, h.PayloadType, h.SequenceNumber = r.rtx[0], 97, uint16(5*n+i)
				h.Extension, h.Extensions = false, nil
				_ = h.SetExtension(r.ids[sdp.SDESMidURI], []byte("0"))
				_ = h.SetExtension(r.ids[sdp.SDESRepairRTPStreamIDURI], []byte("q"))
				r.send(h, append(binary.BigEndian.AppendUint16(nil, uint16(n-i*100)), picture(true, 300)...))
			}
		}},
		{name: "more than anybody may send", send: func(r *rude, n int) {
			for i := range 40 {
				r.send(r.header(i%3), picture(i%10 == 0, 100))
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := runSFU(t)
			film(t, s, "tea", "ann")
			bob, vic := watch(t, s, "tea", "bob"), watch(t, s, "tea", "vic")
			bob.shows("track of ann", 1280, 720)
			bob.sees(t, 10)
			r := newRude(t, s, "tea", "mal")
			vic.shows("track of mal", 1280, 720)
			before := len(bob.seen())
			check := bounded(t, s)
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for n := range packets {
				<-ticker.C
				tc.send(r, n)
			}
			bob.goesOn(t, before)
			if seen := vic.seen(); len(seen) > 0 {
				a := audit{ssrc: seen[0].SSRC, repaired: true, sent: map[int64]rtp.Packet{}}
				for _, p := range seen {
					a.check(t, p)
				}
			}
			if tc.label != "" {
				until(t, "a count of it", func() bool { return counted(t, s, "hiroba_sfu_packets_dropped_total", tc.label) > 0 })
			}
			if tc.told {
				until(t, "the offender being told", func() bool { return r.told.lost.Load() > 0 })
			} else if r.told.lost.Load() > 0 {
				t.Error("the connection was ended")
			}
			check()
		})
	}
}

// A publisher that goes on sending sizes that nobody receives, which it was
// told, is not listened to; when somebody wants them, they are there.
func TestSizesThatNobodyWantsAreNotTaken(t *testing.T) {
	s := runSFU(t)
	ann := simulcast(t, s, "tea", "ann") // minds no demand
	bob := watch(t, s, "tea", "bob")
	bob.shows("track of ann", 160, 90)
	bob.gets(t, 0)
	until(t, "the publisher being told", func() bool { return len(ann.told.lastDemand().RIDs) == 1 })
	const dropped = "hiroba_sfu_packets_dropped_total"
	refused := counted(t, s, dropped, "unwanted")
	until(t, "packets being refused", func() bool { return counted(t, s, dropped, "unwanted") > refused+50 })
	bob.shows("track of ann", 1280, 720)
	bob.gets(t, 2)
}

// A size that never gives a keyframe is asked for one now and then. Who wants it
// keeps the picture that it has, and who has none gets one of another size.
func TestASizeWithoutKeyframesCostsNobodyThePicture(t *testing.T) {
	for _, tc := range []struct {
		name          string
		width, height int // what is shown at first
	}{
		{"by who has a picture", 160, 90},
		{"by who has none", 1280, 720},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := runSFU(t)
			r := newRude(t, s, "tea", "mal")
			bob := watch(t, s, "tea", "bob")
			bob.shows("track of mal", tc.width, tc.height)
			before, began := counted(t, s, "hiroba_sfu_keyframe_requests_total", ""), time.Now()
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			deadline := time.After(2 * soon)
			first := 0
			for n := 0; first == 0 || n < first+300; n++ {
				select {
				case <-ticker.C:
				case <-deadline:
					t.Fatal("no picture came")
				}
				small, large := picture(n%50 == 0, 200), picture(false, 600)
				small[2], large[2] = 'q', 'f'
				r.send(r.header(0), small)
				r.send(r.header(2), large)
				if first == 0 && len(bob.seen()) > 0 {
					first = n + 1
					bob.shows("track of mal", 1280, 720)
				}
			}
			seen := bob.seen()
			if len(seen) < 200 {
				t.Fatalf("%d packets came of 300", len(seen))
			}
			for _, p := range seen {
				if p.Payload[2] != 'q' {
					t.Fatal("a size was sent from where no decoder can begin")
				}
			}
			// Two sizes may be asked for, each every half second.
			passed := time.Since(began)
			if n := counted(t, s, "hiroba_sfu_keyframe_requests_total", "") - before; n > 2*int(passed/(500*time.Millisecond))+4 {
				t.Errorf("%d keyframes were asked for in %v", n, passed)
			}
		})
	}
}

// Offers that name rids that cannot be told apart, or too many, are refused;
// four are taken.
func TestRIDsAreTakenUpToFour(t *testing.T) {
	s := runSFU(t)
	offer := func(rids ...string) string {
		var media webrtc.MediaEngine
		if err := media.RegisterDefaultCodecs(); err != nil {
			t.Fatal(err)
		}
		pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&media)).NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
		description, err := pc.CreateOffer(nil)
		if err != nil {
			t.Fatal(err)
		}
		lines := ""
		for _, rid := range rids {
			lines += "a=rid:" + rid + " send\r\n"
		}
		return description.SDP + lines + "a=simulcast:send " + strings.Join(rids, ";") + "\r\n"
	}
	for _, tc := range []struct {
		name string
		rids []string
		says string
	}{
		{"four", []string{"a", "b", "c", "d"}, ""},
		{"five", []string{"a", "b", "c", "d", "e"}, "5 encodings"},
		{"one twice", []string{"a", "a"}, "a rid twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := s.Join("tea", tc.name, &told{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			_, err = p.Offer(t.Context(), offer(tc.rids...))
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Fatalf("got %v", err)
			}
		})
	}
}
