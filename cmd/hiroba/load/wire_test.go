package load

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// What is written is a packet to others, and read back here.
func TestHeaders(t *testing.T) {
	var w headerWriter
	b := make([]byte, maxHeader)
	w.begin(b, 96, true, 7, 8, 9)
	w.text(midID, "12")
	w.text(streamID, "f")
	w.number(transportID, 4711)
	w.octet(levelID, audioLevel)
	n := w.end()
	h, ok := readHeader(b[:n])
	if want := (header{payloadType: 96, marker: true, seq: 7, timestamp: 8, ssrc: 9, transport: 4711, hasTransport: true}); !ok || h != want {
		t.Errorf("%+v, %v was read", h, ok)
	}
	var p rtp.Packet
	if err := p.Unmarshal(b[:n]); err != nil {
		t.Fatal(err)
	}
	if string(p.GetExtension(midID)) != "12" || string(p.GetExtension(streamID)) != "f" || !slices.Equal(p.GetExtension(levelID), []byte{audioLevel}) {
		t.Errorf("%+v was read by others", p.Header)
	}
}

func TestStamps(t *testing.T) {
	payload := make([]byte, 100)
	want := stamp{1, 2, 3, 4}
	want.write(payload)
	if got, ok := readStamp(payload); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := readStamp(payload[:99]); ok {
		t.Error("a stamp was read where there is none")
	}
}

// The server's own reader takes what is offered, and its answer is understood.
func TestOffersAreAnswered(t *testing.T) {
	fingerprint := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	for name, codec := range codecs {
		camera := offeredTrack{kind: video}
		for i, size := range simulcastSizes {
			camera.streams = append(camera.streams, &stream{kind: video, rid: size.rid, ssrc: uint32(i + 1), rtx: uint32(i + 11)})
		}
		o := &offer{
			ufrag: "abcd", pwd: strings.Repeat("p", 26), fingerprint: fingerprint, codec: codec, data: true,
			tracks: []offeredTrack{
				{kind: audio, streams: []*stream{{kind: audio, ssrc: 5}}},
				camera,
				{kind: video, streams: []*stream{{kind: video, ssrc: 6, rtx: 7}}},
			},
			audioSlots: 1, videoSlots: 2,
		}
		text := o.String()
		read, err := sdp.Read(text, nil, sdp.Limits{Slots: 8, Tracks: 8})
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, text)
		}
		var roles []sdp.Role
		for _, s := range read.Sections {
			roles = append(roles, s.Role)
		}
		want := []sdp.Role{sdp.Sending, sdp.Sending, sdp.Sending, sdp.Receiving, sdp.Receiving, sdp.Receiving, sdp.Application}
		if !slices.Equal(roles, want) {
			t.Errorf("%s: the sections are %v", name, roles)
		}
		if rids := read.Sections[1].RIDs; len(rids) != 3 {
			t.Errorf("%s: the sizes are %v", name, rids)
		}
		if camera.streams[2].mid != "1" {
			t.Errorf("%s: the camera's mid is %q", name, camera.streams[2].mid)
		}
		got, err := readAnswer(sdp.Answer(read, sdp.Local{
			Ufrag: "wxyz", Pwd: strings.Repeat("q", 24), FingerprintSHA256: fingerprint,
			Candidates: []string{"1 1 udp 100 127.0.0.1 8080 typ host", "2 1 tcp 90 127.0.0.1 8080 typ host tcptype passive", "3 1 UDP 95 ::1 8080 typ host"},
			Slots:      map[string]sdp.SlotIDs{"3": {SSRC: 31, Stream: "s", Track: "t"}, "4": {SSRC: 41, RTX: 42, Stream: "s", Track: "u"}},
		}))
		if err != nil {
			t.Fatal(err)
		}
		slots := []answeredSlot{{"3", audio, 31, 0}, {"4", video, 41, 42}}
		if got.ufrag != "wxyz" || !got.active || len(got.candidates) != 2 || got.candidates[1].priority != 95 || !slices.Equal(got.slots, slots) || len(got.fingerprints) == 0 {
			t.Errorf("%s: the answer was read as %+v", name, got)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("v=0\r\nm=video 9 x 96\r\na=mid:0\r\na=ssrc-group:FID 1 2\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:sha-256 00\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := readAnswer(text)
		if err == nil && (len(a.candidates) == 0 || len(a.candidates) > maxCandidates || len(a.slots) > maxSections) {
			t.Errorf("%+v", a)
		}
	})
}

func FuzzReadHeader(f *testing.F) {
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x31, 1, 2, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := readHeader(b)
		var other rtp.Header
		if _, err := other.Unmarshal(b); err == nil && ok && (h.seq != other.SequenceNumber || h.ssrc != other.SSRC || h.marker != other.Marker) {
			t.Errorf("%+v was read; others read %+v", h, other)
		}
	})
}

// heard is what reports told.
type heard struct {
	senders, known, keys []uint32
	lost                 []uint16
}

func (h *heard) senderReport(ssrc uint32, _ uint64) { h.senders = append(h.senders, ssrc) }
func (h *heard) receiverReport(ssrc uint32)         { h.known = append(h.known, ssrc) }
func (h *heard) keyframe(ssrc uint32)               { h.keys = append(h.keys, ssrc) }
func (h *heard) nack(_ uint32, first, _ uint16)     { h.lost = append(h.lost, first) }

func TestReports(t *testing.T) {
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2}}},
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 3}, {SSRC: 4}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1}}},
		&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 5},
		&rtcp.FullIntraRequest{SenderSSRC: 1, FIR: []rtcp.FIREntry{{SSRC: 6}}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 7, Nacks: []rtcp.NackPair{{PacketID: 8}, {PacketID: 30}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var h heard
	if !readReports(b, &h) {
		t.Fatal("they are called malformed")
	}
	if !slices.Equal(h.senders, []uint32{1}) || !slices.Equal(h.known, []uint32{2, 3, 4}) || !slices.Equal(h.keys, []uint32{5, 6}) || !slices.Equal(h.lost, []uint16{8, 30}) {
		t.Errorf("%+v was heard", h)
	}
}

func FuzzReadReports(f *testing.F) {
	f.Add([]byte{0x81, 200, 0, 1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h heard
		readReports(b, &h)
		if len(h.known)+len(h.keys)+len(h.lost) > len(b) {
			t.Error("more was heard than was said")
		}
	})
}

// Packets begin as the codec wants it.
func TestDescriptions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, codec := range codecs {
		for _, p := range []packet{{first: true, key: true, width: 640, height: 360}, {first: true, last: true}, {}, {last: true, key: true}} {
			p.picture = uint16(random.Uint32() >> 17)
			into := make([]byte, maxDescription)
			if n := codec.describe(into, &p); n < 1 || n > maxDescription {
				t.Errorf("%s: %d bytes for %+v", name, n, p)
			}
		}
	}
}
