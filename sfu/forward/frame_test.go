package forward_test

import (
	"testing"

	"github.com/pion/rtp/codecs"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// told is what a test compares of a frame.
type told struct {
	starts, ends, key bool
	layer             forward.Layer
	up, inter, top    bool
	picture           uint16
	bits              uint8
	tl0               int // -1 is none
}

func tellOf(f *forward.Frame) told {
	t := told{
		f.Starts, f.Ends, f.Keyframe, f.Layer, f.SwitchUp, f.InterPicture, f.NotForUpper,
		f.PictureID, f.PictureIDBits, -1,
	}
	if f.HasTL0PICIDX {
		t.tl0 = int(f.TL0PICIDX)
	}
	return t
}

func TestDescriptorsAreRead(t *testing.T) {
	for _, tc := range []struct {
		name    string
		codec   forward.Codec
		marker  bool
		payload []byte
		want    told
	}{
		{"vp8 keyframe, nothing else", forward.VP8, false, []byte{0x10, 0x50},
			told{starts: true, key: true, tl0: -1}},
		{"vp8 end of a delta frame", forward.VP8, true, []byte{0x00, 0x51},
			told{ends: true, inter: true, tl0: -1}},
		{"vp8 7 bits of picture id", forward.VP8, false, []byte{0x90, 0x80, 0x7f, 0x51},
			told{starts: true, inter: true, picture: 127, bits: 7, tl0: -1}},
		{"vp8 15 bits of picture id", forward.VP8, false, []byte{0x90, 0x80, 0xff, 0xfe, 0x51},
			told{starts: true, inter: true, picture: 0x7ffe, bits: 15, tl0: -1}},
		{"vp8 all there is", forward.VP8, false, []byte{0x90, 0xf0, 0x81, 0x02, 0x03, 0xa0 | 0x1f, 0x51},
			told{starts: true, inter: true, picture: 0x102, bits: 15, layer: forward.Layer{Temporal: 2}, up: true, tl0: -1}},
		{"vp8 KEYIDX without layers", forward.VP8, false, []byte{0x90, 0x10, 0xe5, 0x51},
			told{starts: true, inter: true, tl0: -1}},
		{"vp9 keyframe without layers", forward.VP9, true, []byte{0x8c, 0x05, 0},
			told{starts: true, ends: true, key: true, picture: 5, bits: 7, tl0: -1}},
		{"vp9 non-flexible, upper layer", forward.VP9, false, []byte{0xe9, 0x81, 0x02, 0x53, 0x09, 0},
			told{starts: true, inter: true, top: true, picture: 0x102, bits: 15, layer: forward.Layer{Spatial: 1, Temporal: 2}, up: true, tl0: 9}},
		{"vp9 flexible with three references", forward.VP9, false, []byte{0xf4, 0x05, 0x20, 0x03, 0x05, 0x06, 0},
			told{ends: true, inter: true, picture: 5, bits: 7, layer: forward.Layer{Temporal: 1}, tl0: -1}},
		{"vp9 upper layer of a key picture", forward.VP9, false, []byte{0xa8, 0x05, 0x03, 0x09, 0},
			told{starts: true, picture: 5, bits: 7, layer: forward.Layer{Spatial: 1}, tl0: 9}},
		{"vp9 structure with sizes and group", forward.VP9, false,
			[]byte{0x8a, 0x05, 0x38, 0, 160, 0, 90, 1, 64, 0, 180, 2, 0x14, 2, 0x38, 1, 2, 1, 0},
			told{starts: true, key: true, picture: 5, bits: 7, tl0: -1}},
		{"h264 IDR", forward.H264, true, []byte{0x65, 0},
			told{starts: true, ends: true, key: true, tl0: -1}},
		{"h264 slice", forward.H264, false, []byte{0x41, 0},
			told{starts: true, inter: true, tl0: -1}},
		{"av1 without descriptor, new sequence", forward.AV1, false, []byte{0x18, 0x0a},
			told{starts: true, key: true, tl0: -1}},
		{"av1 without descriptor, fragment", forward.AV1, true, []byte{0x90, 0x0a},
			told{ends: true, inter: true, tl0: -1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.Reader
			var f forward.Frame
			r.Read(tc.codec, 1, 2, tc.marker, tc.payload, nil, &f)
			if !f.Readable {
				t.Fatal("it is not readable")
			}
			if got := tellOf(&f); got != tc.want {
				t.Fatalf("got\n%+v, want\n%+v", got, tc.want)
			}
		})
	}
}

func TestWhatIsNoDescriptorIsNotReadable(t *testing.T) {
	for _, tc := range []struct {
		name    string
		codec   forward.Codec
		payload []byte
		dd      []byte
	}{
		{"nothing", forward.VP8, nil, nil},
		{"vp8 without its extension", forward.VP8, []byte{0x90}, nil},
		{"vp8 without its picture id", forward.VP8, []byte{0x90, 0x80}, nil},
		{"vp8 half a picture id", forward.VP8, []byte{0x90, 0x80, 0x81}, nil},
		{"vp8 without TL0PICIDX", forward.VP8, []byte{0x90, 0x40}, nil},
		{"vp8 without TID", forward.VP8, []byte{0x90, 0x20}, nil},
		{"vp8 without a frame", forward.VP8, []byte{0x90, 0xe0, 0x01, 0x02, 0x03}, nil},
		{"vp9 half a picture id", forward.VP9, []byte{0x88, 0x81}, nil},
		{"vp9 without layer", forward.VP9, []byte{0x28}, nil},
		{"vp9 without TL0PICIDX", forward.VP9, []byte{0x28, 0x00}, nil},
		{"vp9 flexible without picture id", forward.VP9, []byte{0x58, 0x02, 0}, nil},
		{"vp9 without references", forward.VP9, []byte{0xd8, 0x01}, nil},
		{"vp9 four references", forward.VP9, []byte{0xd8, 0x01, 0x03, 0x03, 0x03, 0x02, 0}, nil},
		{"vp9 without structure", forward.VP9, []byte{0x8a, 0x01}, nil},
		{"vp9 structure without sizes", forward.VP9, []byte{0x8a, 0x01, 0x10, 0}, nil},
		{"vp9 structure without group", forward.VP9, []byte{0x8a, 0x01, 0x08}, nil},
		{"vp9 group of 255, cut short", forward.VP9, []byte{0x8a, 0x01, 0x08, 0xff, 0x04, 1}, nil},
		{"vp9 group picture without references", forward.VP9, []byte{0x8a, 0x01, 0x08, 0x01, 0x0c, 1}, nil},
		{"av1 one byte", forward.AV1, []byte{0x18}, nil},
		{"av1 short descriptor", forward.AV1, []byte{0x18, 1, 2}, []byte{0xc0, 0}},
		{"av1 descriptor with half a structure", forward.AV1, []byte{0x18, 1, 2}, []byte{0xc0, 0, 1, 0x80, 0x12}},
		{"av1 endless templates", forward.AV1, []byte{0x18, 1, 2}, append([]byte{0xc0, 0, 1, 0x80}, make([]byte, 200)...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.Reader
			var f forward.Frame
			r.Read(tc.codec, 1, 2, false, tc.payload, tc.dd, &f)
			if f.Readable || f.Opens() {
				t.Fatalf("it is read as %+v", f)
			}
		})
	}
}

// Numbers go on over their wrap-arounds, and in spite of late packets.
func TestNumbersAreExtended(t *testing.T) {
	type step struct {
		seq  uint16
		ts   uint32
		id   uint16
		want int64 // from the first
	}
	for _, tc := range []struct {
		name  string
		long  bool
		steps []step
	}{
		{"15 bits wrap", true, []step{{1, 1, 0x7fff, 0}, {2, 2, 0, 1}, {3, 3, 1, 2}}},
		{"7 bits wrap", false, []step{{1, 1, 126, 0}, {2, 2, 127, 1}, {3, 3, 0, 2}}},
		{"packets of one picture", false, []step{{1, 1, 5, 0}, {2, 1, 5, 0}, {3, 2, 6, 1}}},
		{"a late packet", false, []step{{1, 1, 126, 0}, {3, 3, 0, 2}, {2, 2, 127, 1}}},
		{"a late packet of before the first", false, []step{{10, 10, 5, 0}, {9, 9, 4, -1}}},
		{"an encoder that begins anew", true, []step{{1, 1, 5000, 0}, {2, 2, 4999, 1<<15 - 1}, {3, 3, 5000, 1 << 15}}},
		{"an encoder that stands still", false, []step{{1, 1, 5, 0}, {2, 2, 5, 128}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, codec := range []forward.Codec{forward.VP8, forward.VP9} {
				var r forward.Reader
				first := int64(0)
				for i, s := range tc.steps {
					id := []byte{byte(s.id)}
					if tc.long {
						id = []byte{0x80 | byte(s.id>>8), byte(s.id)}
					}
					payload, room := append([]byte{0x90, 0x80}, id...), int64(1)
					if codec == forward.VP9 {
						payload, room = append([]byte{0x88}, id...), 8
					}
					var f forward.Frame
					r.Read(codec, s.seq, s.ts, false, append(payload, 0), nil, &f)
					if i == 0 {
						first = f.Number
					}
					if got := (f.Number - first) / room; !f.Numbered || got != s.want {
						t.Fatalf("codec %d, step %d: %d, want %d", codec, i, got, s.want)
					}
				}
			}
		})
	}
}

// Another implementation reads the same, from whatever the encoders make.
func TestOthersReadTheSame(t *testing.T) {
	for _, shape := range modelShapes {
		if shape.codec != forward.VP8 && shape.codec != forward.VP9 {
			continue
		}
		t.Run(shape.String(), func(t *testing.T) {
			s := newSim(t, 1, network{}, shape)
			s.target(forward.Layer{Spatial: 1, Temporal: 1})
			for range 40 {
				s.picture()
			}
			for _, p := range s.got.inOrder() {
				if shape.codec == forward.VP8 {
					var theirs codecs.VP8Packet
					if _, err := theirs.Unmarshal(p.payload); err != nil {
						t.Fatal(err)
					}
					if theirs.L != 0 || theirs.T != 0 || theirs.K != 0 {
						t.Fatalf("layers are told of frame %+v: %+v", p.of, theirs)
					}
					continue
				}
				var theirs codecs.VP9Packet
				if _, err := theirs.Unmarshal(p.payload); err != nil {
					t.Fatal(err)
				}
				if int(theirs.TID) != p.of.t || int(theirs.SID) != p.of.s || theirs.P == p.of.key || theirs.F != shape.flexible {
					t.Fatalf("read as %+v, made as %+v", theirs, p.of)
				}
			}
		})
	}
}

// What does not allocate when it is read, for AV1 after the first structure.
func TestReadingDoesNotAllocate(t *testing.T) {
	for _, shape := range modelShapes {
		s := newSim(t, 1, network{}, shape)
		for range 20 {
			s.picture()
		}
		src := s.sources[0]
		var r forward.Reader
		var f forward.Frame
		seq := uint16(0)
		read := func() {
			for _, p := range src.arrived {
				if shape.codec == forward.AV1 && p.of.key && seq > 0 {
					continue // a new structure is kept
				}
				seq++
				r.Read(shape.codec, seq, p.Timestamp, p.Marker, p.Payload, p.Descriptor, &f)
			}
		}
		read()
		read()
		if n := testing.AllocsPerRun(10, read); n > 0 {
			t.Errorf("%v: %v allocations in %d packets", shape, n, len(src.arrived))
		}
	}
}

// fuzzReader feeds packets of one codec: each is a byte of length, then so
// many bytes; an AV1 packet begins with the length of its descriptor.
func fuzzReader(f *testing.F, codec forward.Codec) {
	for _, shape := range modelShapes {
		if shape.codec != codec {
			continue
		}
		var t testing.T
		s := newSim(&t, 3, network{}, shape)
		for range 3 {
			s.picture()
		}
		src := s.sources[0]
		var data []byte
		for i := range uint16(len(src.arrived)) {
			p := src.arrived[src.enc.seq-uint16(len(src.arrived))+i]
			packet := append([]byte{byte(len(p.Descriptor))}, p.Descriptor...)
			packet = append(packet, p.Payload...)
			data = append(append(data, byte(len(packet))), packet...)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		video := forward.NewVideo(90000, 512, 1, 1)
		video.SetTarget(forward.Layer{Spatial: 1, Temporal: 1})
		video.Switch(1)
		var r forward.Reader
		var scratch [forward.ScratchSize]byte
		for seq := uint16(65530); len(data) > 2; seq++ {
			size := min(int(data[0]), len(data)-1)
			packet := data[1 : 1+size]
			data = data[1+size:]
			if size == 0 {
				continue
			}
			descriptor := packet[1:][:min(int(packet[0]), size-1)]
			payload := packet[1+len(descriptor):]
			var f forward.Frame
			// Some come late, some are of the same picture.
			late := uint16(packet[0] & 3)
			r.Read(codec, seq-late, uint32(seq)/3, len(data)&1 == 0, payload, descriptor, &f)
			p := forward.Packet{Seq: seq - late, Timestamp: uint32(seq) / 3, Payload: payload, Descriptor: descriptor, Frame: &f}
			if late > 0 {
				continue // no duplicates for Forward
			}
			var out forward.Rewritten
			if video.Forward(start, &p, scratch[:0], &out) != forward.Send {
				continue
			}
			// VP8 loses what tells its layers.
			if sent := len(out.Head) + len(out.Tail); sent > len(payload) || sent < len(payload) && codec != forward.VP8 {
				t.Fatalf("%d bytes became %d", len(payload), sent)
			}
			if len(out.Descriptor) > len(descriptor)+5 {
				t.Fatalf("a descriptor of %d bytes became one of %d", len(descriptor), len(out.Descriptor))
			}
			origin, ok := video.Origin(out.Seq)
			if !ok || origin.Seq != p.Seq {
				t.Fatalf("packet %d went out as %d, which came from %+v, %v", p.Seq, out.Seq, origin, ok)
			}
			// What is rewritten can be read again.
			again := forward.Reader{}
			var g forward.Frame
			again.Read(codec, out.Seq, out.Timestamp, out.Marker, append(out.Head[:len(out.Head):len(out.Head)], out.Tail...), out.Descriptor, &g)
			layer := f.Layer
			if codec == forward.VP8 {
				layer = forward.Layer{}
			}
			if codec != forward.AV1 && (!g.Readable || g.Layer != layer || g.Keyframe != f.Keyframe) {
				t.Fatalf("%+v was rewritten to %+v", f, g)
			}
		}
	})
}

func FuzzVP8(f *testing.F)  { fuzzReader(f, forward.VP8) }
func FuzzVP9(f *testing.F)  { fuzzReader(f, forward.VP9) }
func FuzzH264(f *testing.F) { fuzzReader(f, forward.H264) }
func FuzzAV1(f *testing.F)  { fuzzReader(f, forward.AV1) }
