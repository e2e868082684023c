package forward_test

import (
	"fmt"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// check holds what was received against what was made.
func (s *sim) check() {
	s.checkNumbers()
	s.checkFrames()
	s.checkTime()
	s.checkMarkers()
	s.checkCounts()
}

// checkNumbers: what is missing was lost on the way here.
func (s *sim) checkNumbers() {
	lost := 0
	for _, src := range s.sources {
		for _, n := range src.lost {
			lost += n
		}
	}
	for n := s.got.first; n <= s.got.newest; n++ {
		if s.got.packets[n] == nil {
			lost--
		}
	}
	if lost < 0 {
		s.t.Fatalf("%d more numbers are missing than packets were", -lost)
	}
}

// checkFrames: frames are whole or not there, and all that they refer to was
// sent before, unless it was lost on the way.
func (s *sim) checkFrames() {
	sent := map[*made]int{}
	for _, p := range s.got.inOrder() {
		if !p.filled {
			sent[p.of]++
		}
	}
	oldest := s.got.newest - 400 // older gaps were not asked for at the end
	if n := len(s.turns); n > 3 {
		oldest = max(oldest, s.turns[n-4]) // and of older sources nothing is known
	}
	cut := map[*made]bool{} // by a switch to another source
	var before *receivedPacket
	for _, p := range s.got.inOrder() {
		if before != nil && before.of.source != p.of.source {
			cut[before.of] = true
		}
		before = p
	}
	for _, p := range s.got.inOrder() {
		f := p.of
		if p.filled {
			continue
		}
		arrived := 0
		for _, seq := range f.seqs {
			if s.sources[f.source-1].arrived[seq] != nil {
				arrived++
			}
		}
		if sent[f] != arrived && !cut[f] && p.seq > oldest && p.seq < s.got.newest-3 && !s.forgotten(f) {
			s.t.Fatalf("%d of the %d packets of frame %d are there (%d of %d):\n%s", sent[f], arrived, f.id, p.seq, s.got.newest, s.story(f))
		}
		if s.unknown(f) {
			continue
		}
		for _, r := range f.refs {
			if sent[r] == 0 && s.sources[r.source-1].lost[r] < len(r.seqs) {
				s.t.Fatalf("frame %d needs frame %d, which was left out:\n%s", f.id, r.id, s.story(f))
			}
		}
	}
}

// forgotten says that so many keyframes followed within the longest delay that
// the structure of a frame was forgotten before its last packet came.
func (s *sim) forgotten(f *made) bool {
	if f.codec != forward.AV1 {
		return false
	}
	keyframes := 0
	for _, picture := range s.sources[f.source-1].keyframes {
		if picture > f.picture && picture < f.picture+30 {
			keyframes++
		}
	}
	return keyframes >= 4
}

// unknown says that a frame may have come before the structure that tells its
// layer: it is forwarded, to be on the safe side.
func (s *sim) unknown(f *made) bool {
	return f.codec == forward.AV1 && s.sources[f.source-1].lost[f.base] > 0
}

// checkTime: pictures step forward in time, frames of one do not.
func (s *sim) checkTime() {
	var before *receivedPacket
	for _, p := range s.got.inOrder() {
		if before != nil {
			step := int32(p.timestamp - before.timestamp)
			same := before.of.source == p.of.source && before.of.picture == p.of.picture
			if same != (step == 0) || step < 0 {
				s.t.Fatalf("the time steps by %d from frame %d to frame %d:\n%s", step, before.of.id, p.of.id, s.story(p.of))
			}
			captured := int32(p.of.captured - before.of.captured)
			if before.of.source == p.of.source && step != captured {
				s.t.Fatalf("the time steps by %d instead of %d", step, captured)
			}
			passed := int32(p.at.Sub(before.at).Abs().Seconds() * 90000)
			if step > max(captured, passed)+90000 {
				s.t.Fatalf("the time jumps by %d, where %d passed", step, captured)
			}
		}
		before = p
	}
}

// checkMarkers: a picture ends with a marker, if it was sent to its end.
func (s *sim) checkMarkers() {
	all := s.got.inOrder()
	for i, p := range all {
		following := all[i+1:]
		for len(following) > 0 && following[0].filled {
			following = following[1:]
		}
		if p.filled || len(following) == 0 || s.unknown(p.of) || s.forgotten(p.of) || !s.got.complete(p.seq, following[0].seq) {
			continue
		}
		next := following[0]
		last := next.of.source != p.of.source || next.of.picture != p.of.picture
		if last && !p.marker && next.of.source == p.of.source && p.part == len(p.of.seqs)-1 {
			s.t.Fatalf("frame %d ends its picture without a marker, frame %d follows:\n%s", p.of.id, next.of.id, s.story(p.of))
		}
		// Unless the layer above could be had from here on.
		raised := p.of.s < next.of.s && (p.layer != next.layer || s.was != network{})
		if !last && p.marker && !raised {
			s.t.Fatalf("a marker in the middle of a picture:\n%s", s.story(p.of))
		}
	}
}

// checkCounts: what decoders count goes on without a gap that was no loss, and
// references still lead to their frames.
func (s *sim) checkCounts() {
	var reader forward.Reader
	var before *receivedPacket
	var was forward.Frame
	numbers := map[*made]int64{}
	lossless := s.was == network{}
	for _, p := range s.got.inOrder() {
		if p.filled {
			continue
		}
		var f forward.Frame
		reader.Read(p.of.codec, uint16(p.seq), p.timestamp, p.marker, p.payload, p.descriptor, &f)
		if !f.Readable {
			s.t.Fatalf("what is sent is not readable: %x %x", p.payload, p.descriptor)
		}
		fits := p.of.codec == forward.H264 || p.of.spatial == 1 && p.of.temporal == 1 ||
			p.of.codec == forward.VP8 && f.Layer == forward.Layer{} || // its layers are not told
			p.of.codec != forward.VP8 && int(f.Spatial) == p.of.s && int(f.Temporal) == p.of.t
		if !fits && lossless {
			s.t.Fatalf("frame %d is sent as of layer %v", p.of.id, f.Layer)
		}
		if f.Numbered {
			if n, ok := numbers[p.of]; ok && n != f.Number {
				s.t.Fatalf("frame %d has the numbers %d and %d", p.of.id, n, f.Number)
			}
			numbers[p.of] = f.Number
			for _, r := range p.of.refs {
				n, ok := numbers[r]
				want := f.Number - int64(r.distance(p.of))
				if ok && n != want && p.of.codec != forward.VP8 {
					s.t.Fatalf("frame %d refers to %d, which frame %d is not: it is %d", p.of.id, want, r.id, n)
				}
			}
		}
		if before != nil && before.of != p.of && was.Codec == f.Codec {
			s.checkCount(before, p, &was, &f, lossless)
		}
		before, was = p, f
	}
}

// distance is how far the numbers of frames are apart, in their source.
func (f *made) distance(later *made) int {
	if f.codec == forward.VP9 {
		return (later.pid-f.pid)*8 + later.s - f.s
	}
	return later.number - f.number
}

func (s *sim) checkCount(before, p *receivedPacket, was, f *forward.Frame, lossless bool) {
	switched := before.of.source != p.of.source
	between := 0 // frames that may be missing because of losses
	if !lossless && !switched {
		between = p.of.id - before.of.id
	}
	if f.Numbered && was.Numbered && f.Codec == forward.VP8 {
		if step := f.Number - was.Number; step < 1 || step > 1+int64(between) {
			s.t.Fatalf("the picture id steps by %d, %d frames may be missing:\n%s", step, between, s.story(p.of))
		}
	}
	if f.Numbered && was.Numbered && switched && p.of.codec == before.of.codec && p.of.bits == before.of.bits {
		size := int64(1)
		if f.Codec == forward.VP9 {
			size = 8
		}
		step := f.Number/size - was.Number/size
		if step != 1 {
			s.t.Fatalf("the number steps by %d over a switch:\n%s", step, s.story(p.of))
		}
	}
	if f.HasTL0PICIDX && was.HasTL0PICIDX {
		want := p.of.tl0 - before.of.tl0
		if switched {
			want = 1
		}
		if got := f.TL0PICIDX - was.TL0PICIDX; got != want && (lossless || !switched) {
			s.t.Fatalf("TL0PICIDX steps by %d instead of %d", got, want)
		}
	}
}

// story tells what became of the frames before f.
func (s *sim) story(f *made) string {
	text := ""
	fates := map[*made]string{}
	for _, p := range s.got.inOrder() {
		c := "+"
		if p.filled {
			c = "o"
		}
		if p.marker {
			c += "|"
		}
		fates[p.of] += fmt.Sprint(p.part, c, " ")
	}
	for id := max(1, f.id-60); id <= f.id+3; id++ {
		of := s.frames[id]
		if of == nil || of.source != f.source {
			continue
		}
		refs := ""
		for _, r := range of.refs {
			refs += fmt.Sprintf(" %d", r.id)
		}
		text += fmt.Sprintf("frame %d: picture %d S%dT%d key %v sync %v refs%s; %d packets, %d lost or late; sent %s\n",
			id, of.picture, of.s, of.t, of.key, of.sync, refs, len(of.seqs), s.sources[of.source-1].lost[of], fates[of])
	}
	return text
}
