package forward_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// passing is a packet on its way through a Video.
type passing struct {
	change  uint64 // switch to this source first, unless 0
	codec   forward.Codec
	seq     uint16
	ts      uint32
	payload []byte
	want    []byte // nil when nothing is sent
}

// vp8 makes a packet of a whole VP8 frame.
func vp8(id uint16, tl0, tid, key byte, keyframe bool) []byte {
	return []byte{0x90, 0xf0, 0x80 | byte(id>>8), byte(id), tl0, tid<<6 | 0x20 | key, bit(!keyframe, 1), 0xab}
}

// short is vp8 with 7 bits of picture id.
func short(id, tl0, tid, key byte, keyframe bool) []byte {
	return []byte{0x90, 0xf0, id, tl0, tid<<6 | 0x20 | key, bit(!keyframe, 1), 0xab}
}

// vp8Sent and shortSent are what such packets are sent as: layers are not told.
func vp8Sent(id uint16, keyframe bool) []byte {
	return []byte{0x90, 0x80, 0x80 | byte(id>>8), byte(id), bit(!keyframe, 1), 0xab}
}

func shortSent(id byte, keyframe bool) []byte {
	return []byte{0x90, 0x80, id, bit(!keyframe, 1), 0xab}
}

// vp9 makes a packet of a whole VP9 frame, non-flexible.
func vp9(id uint16, tl0 byte, keyframe bool) []byte {
	return []byte{0xa0 | bit(!keyframe, 0x40) | 0x0c, 0x80 | byte(id>>8), byte(id), 0, tl0, 0xab}
}

// flexible makes a packet of a whole VP9 frame that refers to diffs.
func flexible(id uint16, diffs ...byte) []byte {
	p := []byte{0xb0 | bit(len(diffs) > 0, 0x40) | 0x0c, 0x80 | byte(id>>8), byte(id), 0}
	for i, d := range diffs {
		p = append(p, d<<1|bit(i < len(diffs)-1, 1))
	}
	return append(p, 0xab)
}

func TestCountsGoOnOverSwitches(t *testing.T) {
	for _, tc := range []struct {
		name   string
		target forward.Layer
		steps  []passing
	}{
		{"vp8, the first source keeps its numbers", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(0x1234, 9, 0, 4, true), vp8Sent(0x1234, true)},
			{0, forward.VP8, 2, 2, vp8(0x1235, 9, 1, 4, false), vp8Sent(0x1235, false)},
		}},
		{"vp8, another source goes on from there", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(100, 9, 0, 4, true), vp8Sent(100, true)},
			{2, forward.VP8, 7, 7, vp8(7000, 200, 0, 17, true), vp8Sent(101, true)},
			{0, forward.VP8, 8, 8, vp8(7001, 200, 1, 17, false), vp8Sent(102, false)},
			{0, forward.VP8, 9, 9, vp8(7002, 201, 0, 17, false), vp8Sent(103, false)},
			{1, forward.VP8, 30, 40, vp8(900, 50, 0, 9, true), vp8Sent(104, true)},
		}},
		{"vp8, all of it wraps", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(0x7fff, 255, 0, 31, true), vp8Sent(0x7fff, true)},
			{2, forward.VP8, 7, 7, vp8(0x7ffe, 255, 0, 31, true), vp8Sent(0, true)},
			{0, forward.VP8, 8, 8, vp8(0x7fff, 0, 0, 31, false), vp8Sent(1, false)},
			{0, forward.VP8, 9, 9, vp8(0, 1, 0, 0, true), vp8Sent(2, true)},
		}},
		{"vp8, as wide as the source has it", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(300, 9, 0, 4, true), vp8Sent(300, true)},
			{2, forward.VP8, 7, 7, short(5, 9, 0, 4, true), shortSent(301&0x7f, true)},
			{1, forward.VP8, 20, 20, vp8(900, 50, 0, 4, true), vp8Sent(302, true)},
		}},
		{"vp8, no gap where a temporal layer was", layer(0, 0), []passing{
			{1, forward.VP8, 1, 1, vp8(0x7ffe, 9, 0, 4, true), vp8Sent(0x7ffe, true)},
			{0, forward.VP8, 2, 2, vp8(0x7fff, 9, 1, 4, false), nil},
			{0, forward.VP8, 3, 3, vp8(0, 10, 0, 4, false), vp8Sent(0x7fff, false)},
			{0, forward.VP8, 4, 4, vp8(1, 10, 1, 4, false), nil},
			{0, forward.VP8, 5, 5, vp8(2, 11, 0, 4, false), vp8Sent(0, false)},
			{2, forward.VP8, 7, 7, vp8(7, 7, 0, 7, true), vp8Sent(1, true)},
		}},
		{"vp8, a lost frame stays a gap", layer(0, 0), []passing{
			{1, forward.VP8, 1, 1, vp8(10, 9, 0, 4, true), vp8Sent(10, true)},
			{0, forward.VP8, 2, 2, vp8(11, 9, 1, 4, false), nil},
			{0, forward.VP8, 4, 4, vp8(13, 10, 0, 4, false), vp8Sent(12, false)},
			{0, forward.VP8, 3, 3, vp8(12, 9, 0, 4, false), vp8Sent(11, false)},
		}},
		{"vp8, a source that counts nothing in between", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(10, 9, 0, 4, true), vp8Sent(10, true)},
			{2, forward.VP8, 2, 2, []byte{0x10, 0, 0xab}, []byte{0x10, 0, 0xab}},
			{3, forward.VP8, 2, 2, vp8(500, 50, 0, 5, true), vp8Sent(11, true)},
		}},
		{"vp9, ids and TL0PICIDX go on", forward.HighestLayer, []passing{
			{1, forward.VP9, 1, 1, vp9(0x7fff, 255, true), vp9(0x7fff, 255, true)},
			{2, forward.VP9, 7, 7, vp9(500, 9, true), vp9(0, 0, true)},
			{0, forward.VP9, 8, 8, vp9(501, 10, false), vp9(1, 1, false)},
			{0, forward.VP9, 10, 10, vp9(503, 12, false), vp9(3, 3, false)},
			{0, forward.VP9, 9, 9, vp9(502, 11, false), vp9(2, 2, false)},
		}},
		{"vp9 flexible, references stay true", forward.HighestLayer, []passing{
			{1, forward.VP9, 1, 1, flexible(10), flexible(10)},
			{2, forward.VP9, 7, 7, flexible(500), flexible(11)},
			{0, forward.VP9, 8, 8, flexible(501, 1), flexible(12, 1)},
			{0, forward.VP9, 9, 9, flexible(502, 2, 1), flexible(13, 2, 1)},
		}},
		{"from vp8 to vp9 and back", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(10, 9, 0, 4, true), vp8Sent(10, true)},
			{2, forward.VP9, 7, 7, vp9(500, 200, true), vp9(11, 200, true)},
			{3, forward.VP8, 7, 7, vp8(77, 77, 0, 7, true), vp8Sent(12, true)},
		}},
		{"a source that changes its codec", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, vp8(10, 9, 0, 4, true), vp8Sent(10, true)},
			{0, forward.VP9, 2, 2, vp9(500, 200, false), nil},
			{0, forward.VP9, 3, 3, vp9(501, 201, true), vp9(11, 201, true)},
			{0, forward.VP8, 4, 4, vp8(11, 9, 0, 4, false), nil},
			{0, forward.H264, 5, 5, []byte{0x65, 1}, []byte{0x65, 1}},
			{0, forward.H264, 6, 6, []byte{0x41, 1}, []byte{0x41, 1}},
			{0, forward.VP8, 7, 7, vp8(3, 3, 0, 3, true), vp8Sent(12, true)},
		}},
		{"padding and what is not readable is left out", forward.HighestLayer, []passing{
			{1, forward.VP8, 1, 1, nil, nil},
			{0, forward.VP8, 2, 2, vp8(10, 9, 0, 4, true), vp8Sent(10, true)},
			{0, forward.VP8, 3, 2, nil, nil},
			{0, forward.VP8, 4, 3, []byte{0x90, 0xf0}, nil},
			{0, forward.VP8, 5, 3, vp8(11, 10, 0, 4, false), vp8Sent(11, false)},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := forward.NewVideo(90000, 512, 100, 0)
			v.SetTarget(tc.target)
			readers := map[uint64]*forward.Reader{}
			source := uint64(0)
			var scratch [forward.ScratchSize]byte
			next := uint16(100)
			gaps := map[uint16]bool{}
			for i, step := range tc.steps {
				if step.change != 0 {
					source = step.change
					v.Switch(source)
				}
				if readers[source] == nil {
					readers[source] = new(forward.Reader)
				}
				var f forward.Frame
				payload := bytes.Clone(step.payload)
				readers[source].Read(step.codec, step.seq, step.ts, true, payload, nil, &f)
				p := forward.Packet{Seq: step.seq, Timestamp: step.ts, Marker: true, Payload: payload, Frame: &f}
				var out forward.Rewritten
				verdict := v.Forward(start.Add(time.Duration(i)*time.Millisecond), &p, scratch[:], &out)
				if (verdict == forward.Send) != (step.want != nil) {
					t.Fatalf("step %d: verdict %d", i, verdict)
				}
				if !bytes.Equal(payload, step.payload) {
					t.Fatalf("step %d: the shared payload was changed", i)
				}
				if verdict != forward.Send {
					continue
				}
				if got := append(bytes.Clone(out.Head), out.Tail...); !bytes.Equal(got, step.want) {
					t.Fatalf("step %d: sent\n%x, want\n%x", i, got, step.want)
				}
				for ; int16(out.Seq-next) > 0; next++ {
					gaps[next] = true
				}
				if out.Seq == next {
					next++
				} else if !gaps[out.Seq] {
					t.Fatalf("step %d: has the number %d, where %d is next", i, out.Seq, next)
				}
				delete(gaps, out.Seq)
			}
			if len(gaps) > 0 {
				t.Fatalf("the numbers %v are missing", gaps)
			}
		})
	}
}

// Whoever gets part of the layers is told which decode targets are whole, and
// whoever gets them all again, that they all are.
func TestDecodeTargetsAreTold(t *testing.T) {
	for _, tc := range []struct {
		name string
		shape
		targets []forward.Layer // one after the other
		masks   []uint32        // what is told at the end of each
	}{
		{"all of it is not told", shape{codec: forward.AV1, spatial: 3, temporal: 3},
			[]forward.Layer{layer(2, 2)}, []uint32{0x1ff}},
		{"the base", shape{codec: forward.AV1, spatial: 3, temporal: 3},
			[]forward.Layer{layer(0, 0)}, []uint32{0x001}},
		{"two sizes at the lowest rate", shape{codec: forward.AV1, spatial: 3, temporal: 3},
			[]forward.Layer{layer(1, 0)}, []uint32{0x009}},
		{"a lower rate, then all again", shape{codec: forward.AV1, spatial: 3, temporal: 3},
			[]forward.Layer{layer(2, 2), layer(2, 0), layer(2, 2)}, []uint32{0x1ff, 0x049, 0x1ff}},
		{"a smaller size, then all again", shape{codec: forward.AV1, spatial: 3, temporal: 3},
			[]forward.Layer{layer(2, 2), layer(0, 2), layer(2, 2)}, []uint32{0x1ff, 0x007, 0x1ff}},
		{"layers of their own: the lower ones are not whole", shape{codec: forward.AV1, spatial: 3, temporal: 3, keyOnly: true},
			[]forward.Layer{layer(2, 2), layer(2, 0)}, []uint32{0x1c0, 0x040}},
		{"temporal layers alone", shape{codec: forward.AV1, spatial: 1, temporal: 3},
			[]forward.Layer{layer(0, 2), layer(0, 1), layer(0, 2)}, []uint32{7, 3, 7}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, 3, network{}, tc.shape)
			told := uint32(0)
			at := 0
			for i, target := range tc.targets {
				s.target(target)
				for range 24 {
					s.picture()
				}
				all := s.got.inOrder()
				for _, p := range all[at:] {
					if mask, ok := tellMask(t, s.sources[0].enc, p.descriptor); ok {
						told = mask
					}
				}
				at = len(all)
				if told != tc.masks[i] {
					t.Fatalf("with the target %v the decode targets %09b are told, want %09b", target, told, tc.masks[i])
				}
			}
			s.check()
		})
	}
}

// tellMask reads the active decode targets of a descriptor as a receiver would,
// who knows the encoder's structure.
func tellMask(t *testing.T, e *encoder, descriptor []byte) (mask uint32, ok bool) {
	t.Helper()
	if len(descriptor) <= 3 {
		return 0, false
	}
	var all bitString
	all.data = descriptor
	at := 24
	read := func(n int) (v uint32) {
		for range n {
			v = v<<1 | uint32(descriptor[at/8]>>(7-at%8)&1)
			at++
		}
		return v
	}
	structure, masked := read(1) == 1, read(1) == 1
	read(3)
	targets := e.spatial * e.temporal
	if structure {
		var b bitString
		e.putStructure(&b)
		at += b.n
		mask, ok = uint32(1)<<targets-1, true
	}
	if masked {
		mask, ok = read(targets), true
	}
	return mask, ok
}

// A newcomer is given what the cache holds from a keyframe on, though it is
// late by now.
func TestNewcomersBeginFromTheCache(t *testing.T) {
	s := newSim(t, 1, network{}, shape{codec: forward.VP8, spatial: 1, temporal: 1, bits: 15})
	src := s.sources[0]
	for range 5 {
		s.picture()
	}
	for _, cached := range []bool{false, true} {
		v := forward.NewVideo(90000, 512, 0, 0)
		v.Switch(1)
		var reader forward.Reader
		var f forward.Frame
		var out forward.Rewritten
		first, count := src.enc.seq-uint16(len(src.arrived)), uint16(len(src.arrived))
		// The newest packet was read before.
		reader.Read(forward.VP8, src.enc.seq, s.tick+9000, true, []byte{0x10, 1, 1}, nil, &f)
		sent := 0
		for i := range count {
			p := src.arrived[first+i].Packet
			reader.Read(forward.VP8, p.Seq, p.Timestamp, p.Marker, p.Payload, nil, &f)
			p.Frame, p.Cached = &f, cached
			if v.Forward(s.now, &p, s.scratch[:], &out) == forward.Send {
				sent++
			}
		}
		if cached && sent == 0 || !cached && sent > 0 {
			t.Fatalf("cached %v: %d of %d packets are sent", cached, sent, count)
		}
	}
}

// A Video without a source sends nothing and answers everything.
func TestVideoWithoutSource(t *testing.T) {
	v := forward.NewVideo(90000, 512, 0, 0)
	v.SetTarget(layer(1, 1))
	var out forward.Rewritten
	if v.Forward(start, &forward.Packet{Frame: &forward.Frame{}}, nil, &out) != forward.Leave {
		t.Fatal("something is sent")
	}
	if v.NeedsKeyframe() || v.Holds(0) {
		t.Fatal("there is a source")
	}
	if _, ok := v.Layer(); ok {
		t.Fatal("there is a layer")
	}
	if _, ok := v.Origin(0); ok {
		t.Fatal("there is a packet")
	}
	if _, ok := v.TimestampOffset(); ok {
		t.Fatal("there is an offset")
	}
}

// Temporal layers of VP8 are chosen by and not told: a picture has its number, if
// the source gave it one, and nothing else.
func TestLayersOfVP8AreNotTold(t *testing.T) {
	for _, tc := range []struct {
		name             string
		descriptor, want []byte
	}{
		{"7 bits of picture id", []byte{0x90, 0xf0, 5, 9, 0x21}, []byte{0x90, 0x80, 5}},
		{"15 bits", []byte{0x90, 0xf0, 0x81, 5, 9, 0x21}, []byte{0x90, 0x80, 0x81, 5}},
		{"no layers", []byte{0x90, 0x80, 5}, []byte{0x90, 0x80, 5}},
		{"no picture id", []byte{0x90, 0x60, 9, 0x20}, []byte{0x10}},
		{"no extension", []byte{0x10}, []byte{0x10}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := forward.NewVideo(90000, 1000, 1, 2)
			v.Switch(1)
			p := &forward.Packet{Seq: 7, Marker: true, Payload: append(bytes.Clone(tc.descriptor), 0, 1, 2), Frame: new(forward.Frame)}
			new(forward.Reader).Read(forward.VP8, p.Seq, p.Timestamp, p.Marker, p.Payload, nil, p.Frame)
			var scratch [forward.ScratchSize]byte
			var out forward.Rewritten
			if v.Forward(time.Now(), p, scratch[:], &out) != forward.Send || !bytes.Equal(out.Head, tc.want) || !bytes.Equal(out.Tail, []byte{0, 1, 2}) {
				t.Errorf("sent % x | % x; % x was expected", out.Head, out.Tail, tc.want)
			}
		})
	}
}
