package forward_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// shape is how a made encoder lays out its stream.
type shape struct {
	codec             forward.Codec
	spatial, temporal int
	keyOnly           bool // K-SVC: layers of a picture refer to each other in keyframes only
	flexible          bool // VP9
	loose             bool // temporal layers that seldom offer to switch up
	bits              int  // of the picture id, VP8 and VP9: 0, 7, 15
}

func (s shape) String() string {
	name := fmt.Sprintf("%s L%dT%d", [...]string{"audio", "vp8", "vp9", "h264", "av1"}[s.codec], s.spatial, s.temporal)
	for _, is := range []struct {
		so   bool
		what string
	}{
		{s.keyOnly, "_KEY"}, {s.flexible, " flexible"}, {s.loose, " loose"},
		{s.bits == 7, " short ids"}, {s.bits == 0 && s.codec <= forward.VP9, " without ids"},
	} {
		if is.so {
			name += is.what
		}
	}
	return name
}

// made is a frame as its encoder knows it.
type made struct {
	shape
	id       int // unique in a test
	source   uint64
	picture  int // counts pictures of the source
	number   int // of the frame, AV1
	s, t     int
	key      bool // its picture is a keyframe
	last     bool // of its picture
	sync     bool
	base     *made // the keyframe that began what it belongs to
	refs     []*made
	captured uint32 // in ticks of the publisher's clock
	seqs     []uint16
	pid      int
	tl0, kix uint8
}

// piece is one packet of a frame.
type piece struct {
	forward.Packet
	of   *made
	part int
}

// encoder makes a source.
type encoder struct {
	shape
	rng       *rand.Rand
	source    uint64
	ids       *int
	seq       uint16
	offset    uint32 // of its timestamps from the publisher's clock
	pictures  int
	base      *made
	sinceKey  int
	pid       int
	number    int
	tl0, kix  uint8
	newest    [8][8]*made // of each layer
	without   int         // how many of the upper spatial layers are not made now
	tell      bool        // AV1 tells which decode targets are active
	templates []template
	at        int // id of the first template
}

func newEncoder(rng *rand.Rand, s shape, source uint64, ids *int) *encoder {
	e := &encoder{shape: s, rng: rng, source: source, ids: ids}
	e.seq, e.offset = uint16(rng.Uint32()), rng.Uint32()
	e.pid, e.number = rng.IntN(1<<15), rng.IntN(1<<16)
	e.tl0, e.kix = uint8(rng.Uint32()), uint8(rng.Uint32())
	e.sinceKey = -1
	if s.codec == forward.AV1 {
		e.makeTemplates()
	}
	return e
}

// temporalPatterns are the layers of the pictures of a group.
var temporalPatterns = [][]int{nil, {0}, {0, 1}, {0, 2, 1, 2}}

// next makes the frames of one picture.
func (e *encoder) next(captured uint32, key bool) []*made {
	key = key || e.sinceKey < 0
	e.sinceKey++
	if key {
		e.sinceKey = 0
		e.kix++
		e.at += len(e.templates) // ids of the last structure mean nothing in the next
	}
	pattern := temporalPatterns[e.temporal]
	t := pattern[e.sinceKey%len(pattern)]
	// Loose: only every other group has frames that refer to the base alone.
	sync := !e.loose || e.sinceKey/len(pattern)%2 == 0
	e.pictures++
	e.pid++
	if t == 0 {
		e.tl0++
	}
	var frames []*made
	for s := range e.spatial - e.without {
		*e.ids++
		f := &made{
			shape: e.shape, id: *e.ids, source: e.source, picture: e.pictures, number: e.number,
			s: s, t: t, key: key, last: s == e.spatial-e.without-1, captured: captured,
			pid: e.pid, tl0: e.tl0, kix: e.kix,
		}
		e.number++
		if key && s == 0 {
			e.base = f
		}
		f.base = e.base
		if !key {
			// The newest frame of the next lower layer that has one since the
			// last of this layer's group.
			base := e.newest[s][0]
			for lower := 1; lower < t; lower++ {
				if l := e.newest[s][lower]; l != nil && l.picture > base.picture {
					base = l
				}
			}
			f.refs = append(f.refs, base)
			if own := e.newest[s][t]; t > 0 && !sync && own != nil && own != base {
				f.refs = append(f.refs, own)
			}
		}
		f.sync = t > 0 && len(f.refs) == 1 && f.refs[0].t == 0
		if s > 0 && (key || !e.keyOnly) {
			f.refs = append(f.refs, frames[s-1])
		}
		frames = append(frames, f)
	}
	for _, f := range frames {
		if key {
			clear(e.newest[f.s][:])
		}
		e.newest[f.s][f.t] = f
	}
	return frames
}

// pack makes the packets of a picture.
func (e *encoder) pack(frames []*made) []*piece {
	var all []*piece
	for _, f := range frames {
		parts := 1 + e.rng.IntN(3)
		for part := range parts {
			p := &piece{of: f, part: part}
			p.Seq, p.Timestamp = e.seq, f.captured+e.offset
			f.seqs = append(f.seqs, e.seq)
			e.seq++
			starts, ends := part == 0, part == parts-1
			p.Marker = ends && f.last
			switch e.codec {
			case forward.VP8:
				p.Payload = vp8Header(f, starts)
			case forward.VP9:
				p.Payload = e.vp9Header(f, starts, ends)
			case forward.H264:
				p.Payload = []byte{0x41}
				if f.key && starts {
					p.Payload[0] = 0x65
				}
			case forward.AV1:
				p.Payload = []byte{0x10}
				p.Descriptor = e.descriptor(f, starts, ends)
			}
			p.Payload = binary.BigEndian.AppendUint32(p.Payload, uint32(f.id))
			p.Payload = append(p.Payload, byte(part))
			all = append(all, p)
		}
	}
	return all
}

func bit(is bool, value byte) byte {
	if is {
		return value
	}
	return 0
}

func pictureID(to []byte, bits, id int) []byte {
	switch bits {
	case 7:
		return append(to, byte(id&0x7f))
	case 15:
		return append(to, 0x80|byte(id>>8), byte(id))
	}
	return to
}

// vp8Header is RFC 7741, 4.2, and the first byte of the frame.
func vp8Header(f *made, starts bool) []byte {
	layers := f.temporal > 1
	h := []byte{0x80 | bit(starts, 0x10), bit(f.bits > 0, 0x80) | bit(layers, 0x70)}
	h = pictureID(h, f.bits, f.pid)
	if layers {
		h = append(h, f.tl0, byte(f.t<<6)|bit(f.sync, 0x20)|f.kix&0x1f)
	}
	return append(h, bit(!f.key || !starts, 1))
}

// vp9Header is RFC 9628, 4.2.
func (e *encoder) vp9Header(f *made, starts, ends bool) []byte {
	layers := f.temporal > 1 || f.spatial > 1
	structure := f.key && f.s == 0 && starts && !f.flexible
	notForUpper := f.last || f.keyOnly && !f.key
	h := []byte{bit(f.bits > 0, 0x80) | bit(!f.key, 0x40) | bit(layers, 0x20) | bit(f.flexible, 0x10) |
		bit(starts, 0x08) | bit(ends, 0x04) | bit(structure, 0x02) | bit(notForUpper, 0x01)}
	h = pictureID(h, f.bits, f.pid)
	if layers {
		below := f.s > 0 && (f.key || !f.keyOnly)
		h = append(h, byte(f.t<<5)|bit(f.sync || f.t == 0, 0x10)|byte(f.s<<1)|bit(below, 1))
		if !f.flexible {
			h = append(h, f.tl0)
		}
	}
	if f.flexible && !f.key {
		var diffs []int
		for _, r := range f.refs {
			if r.picture != f.picture {
				diffs = append(diffs, f.picture-r.picture)
			}
		}
		for i, d := range diffs {
			h = append(h, byte(d<<1)|bit(i < len(diffs)-1, 1))
		}
	}
	if structure {
		h = append(h, byte((f.spatial-1)<<5)|0x18) // Y, G
		for s := range f.spatial {
			h = binary.BigEndian.AppendUint16(h, uint16(160<<s))
			h = binary.BigEndian.AppendUint16(h, uint16(90<<s))
		}
		pattern := temporalPatterns[f.temporal]
		h = append(h, byte(len(pattern)))
		for i, t := range pattern {
			back := len(pattern) // to the base
			switch {
			case t == 2:
				back = 1
			case t == 1:
				back = i
			}
			h = append(h, byte(t<<5)|0x10|1<<2, byte(back))
		}
	}
	return h
}

// template is a kind of frame in an AV1 structure.
type template struct {
	s, t        int
	indications []byte
	fdiffs      []int
}

func (a template) equal(b template) bool {
	return a.s == b.s && a.t == b.t && slices.Equal(a.indications, b.indications) && slices.Equal(a.fdiffs, b.fdiffs)
}

// makeTemplates collects what frames of the shape look like.
func (e *encoder) makeTemplates() {
	ids := 0
	try := *e
	try.ids = &ids
	var all []template
	for range 9 {
		for _, f := range try.next(0, false) {
			if t := templateOf(f); !slices.ContainsFunc(all, t.equal) {
				all = append(all, t)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b template) int { return (a.s-b.s)*10 + a.t - b.t })
	for i, t := range all {
		// What is left out comes with references and indications of its own.
		first := i == 0 || all[i-1].s != t.s || all[i-1].t != t.t
		if first || e.rng.IntN(2) == 0 {
			e.templates = append(e.templates, t)
		}
	}
	e.at = e.rng.IntN(64)
}

func templateOf(f *made) template {
	t := template{s: f.s, t: f.t}
	for _, r := range f.refs {
		t.fdiffs = append(t.fdiffs, f.number-r.number)
	}
	for s := range f.spatial {
		for tt := range f.temporal {
			t.indications = append(t.indications, indication(f, s, tt))
		}
	}
	return t
}

// indication is what a frame is to the decode target of a layer: 0 nothing, 1
// discardable, 2 a place to switch, 3 required. libwebrtc says the same.
func indication(f *made, s, t int) byte {
	switch {
	case s < f.s || t < f.t, f.keyOnly && !f.key && s != f.s:
		return 0
	case s == f.s || f.key:
		if t == f.t && t > 0 {
			return 1
		}
		return 2
	}
	return 3
}

// bitString gathers bits.
type bitString struct {
	data []byte
	n    int
}

func (b *bitString) put(value, width int) {
	for width--; width >= 0; width-- {
		if b.n%8 == 0 {
			b.data = append(b.data, 0)
		}
		b.data[b.n/8] |= byte(value>>width&1) << (7 - b.n%8)
		b.n++
	}
}

// below writes ns(n).
func (b *bitString) below(value, n int) {
	width := 0
	for x := n; x != 0; x >>= 1 {
		width++
	}
	short := 1<<width - n
	if value < short {
		b.put(value, width-1)
		return
	}
	b.put((value+short)>>1, width-1)
	b.put((value+short)&1, 1)
}

// descriptor is a dependency descriptor (AV1 RTP specification, A.8).
func (e *encoder) descriptor(f *made, starts, ends bool) []byte {
	want := templateOf(f)
	index := slices.IndexFunc(e.templates, want.equal)
	customIndications, customReferences := false, false
	if index < 0 {
		index = slices.IndexFunc(e.templates, func(t template) bool { return t.s == f.s && t.t == f.t })
		customIndications = !slices.Equal(e.templates[index].indications, want.indications)
		customReferences = !slices.Equal(e.templates[index].fdiffs, want.fdiffs)
	}
	structure := f.key && f.s == 0 && starts
	customChains := !structure && f.id%5 == 0
	var b bitString
	b.put(int(bit(starts, 2)|bit(ends, 1)), 2)
	b.put((index+e.at)&63, 6)
	b.put(f.number&0xffff, 16)
	if !structure && !customIndications && !customReferences && !customChains && !e.tell {
		return b.data
	}
	b.put(int(bit(structure, 16)|bit(e.tell, 8)|bit(customIndications, 4)|bit(customReferences, 2)|bit(customChains, 1)), 5)
	if structure {
		e.putStructure(&b)
	}
	if e.tell {
		for i := e.spatial*e.temporal - 1; i >= 0; i-- {
			b.put(int(bit(i/e.temporal < e.spatial-e.without, 1)), 1)
		}
	}
	if customIndications {
		for _, i := range want.indications {
			b.put(int(i), 2)
		}
	}
	if customReferences {
		for _, d := range want.fdiffs {
			size := 1
			for ; d-1 >= 1<<(4*size); size++ {
			}
			b.put(size, 2)
			b.put(d-1, 4*size)
		}
		b.put(0, 2)
	}
	if customChains {
		for range e.spatial {
			b.put(7, 8)
		}
	}
	return b.data
}

func (e *encoder) putStructure(b *bitString) {
	targets := e.spatial * e.temporal
	b.put(e.at&63, 6)
	b.put(targets-1, 5)
	for i, t := range e.templates {
		switch {
		case i == len(e.templates)-1:
			b.put(3, 2)
		case e.templates[i+1].s != t.s:
			b.put(2, 2)
		default:
			b.put(e.templates[i+1].t-t.t, 2)
		}
	}
	for _, t := range e.templates {
		for _, i := range t.indications {
			b.put(int(i), 2)
		}
	}
	for _, t := range e.templates {
		for _, d := range t.fdiffs {
			b.put(1, 1)
			b.put(d-1, 4)
		}
		b.put(0, 1)
	}
	b.below(e.spatial, targets+1)
	for i := range targets {
		b.below(i/e.temporal, e.spatial)
	}
	for range e.templates {
		for range e.spatial {
			b.put(3, 4)
		}
	}
	b.put(1, 1)
	for s := range e.spatial {
		b.put(160<<s-1, 16)
		b.put(90<<s-1, 16)
	}
}
