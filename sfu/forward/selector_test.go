package forward_test

import (
	"fmt"
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// change is a new target, from one that is settled.
type change struct {
	name     string
	shape    shape
	from, to forward.Layer
	within   int  // pictures until the new target is what is sent
	key      bool // a keyframe is needed for it
}

func layer(spatial, temporal uint8) forward.Layer {
	return forward.Layer{Spatial: spatial, Temporal: temporal}
}

func changes() (all []change) {
	for _, s := range []shape{
		{codec: forward.VP8, spatial: 1, temporal: 2, bits: 15},
		{codec: forward.VP8, spatial: 1, temporal: 3, bits: 15},
		{codec: forward.VP9, spatial: 1, temporal: 3, bits: 15},
		{codec: forward.VP9, spatial: 1, temporal: 3, bits: 15, flexible: true},
		{codec: forward.AV1, spatial: 1, temporal: 3},
	} {
		top, up := uint8(s.temporal-1), 4
		if s.codec == forward.VP8 {
			up = 8 // one layer after the other
		}
		all = append(all,
			change{"temporal layers off", s, layer(0, top), layer(0, 0), 1, false},
			change{"one temporal layer off", s, layer(0, top), layer(0, top-1), 1, false},
			change{"temporal layers on", s, layer(0, 0), layer(0, top), up, false},
			change{"one temporal layer on", s, layer(0, 0), layer(0, 1), 4, false},
			change{"more than there is", s, layer(0, top), layer(3, 5), 1, false},
		)
	}
	for _, s := range []shape{
		{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15},
		{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15, flexible: true},
		{codec: forward.AV1, spatial: 3, temporal: 3},
	} {
		all = append(all,
			change{"to the base", s, layer(2, 2), layer(0, 0), 1, false},
			change{"one size less", s, layer(2, 2), layer(1, 2), 1, false},
			change{"a lower rate", s, layer(2, 2), layer(2, 0), 1, false},
			change{"one size more", s, layer(1, 2), layer(2, 2), 4, true},
			change{"from the base to all", s, layer(0, 0), layer(2, 2), 4, true},
			change{"a higher rate", s, layer(1, 0), layer(1, 2), 4, false},
			change{"larger, but slower", s, layer(0, 2), layer(2, 0), 4, true},
			change{"smaller, but faster", s, layer(2, 0), layer(0, 2), 5, false},
			change{"more than there is", s, layer(2, 2), layer(3, 5), 1, false},
		)
	}
	for _, s := range []shape{
		{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15, keyOnly: true},
		{codec: forward.VP9, spatial: 2, temporal: 1, bits: 15, keyOnly: true, flexible: true},
		{codec: forward.AV1, spatial: 3, temporal: 3, keyOnly: true},
		{codec: forward.AV1, spatial: 2, temporal: 2, keyOnly: true},
	} {
		top := layer(uint8(s.spatial-1), uint8(s.temporal-1))
		all = append(all,
			change{"to the base, with a keyframe", s, top, layer(0, 0), 4, true},
			change{"from the base to all", s, layer(0, 0), top, 4, true},
			change{"more than there is", s, top, layer(3, 5), 1, false},
		)
		if s.temporal > 1 {
			all = append(all,
				change{"a lower rate", s, top, layer(top.Spatial, 0), 1, false},
				change{"a higher rate", s, layer(top.Spatial, 0), top, 4, false},
				change{"a lower rate of the base", s, layer(0, 1), layer(0, 0), 1, false},
			)
		}
	}
	return all
}

// A new target is reached as soon as the structure lets it, and a keyframe is
// asked for only when nothing else helps.
func TestTargetsAreReached(t *testing.T) {
	for _, tc := range changes() {
		t.Run(fmt.Sprintf("%v: %s", tc.shape, tc.name), func(t *testing.T) {
			// From each place in the group.
			for phase := range 4 {
				s := newSim(t, uint64(phase), network{}, tc.shape)
				src := s.sources[0]
				s.target(tc.from)
				for range 20 + phase {
					s.picture()
				}
				keys := src.enc.kix
				s.target(tc.to)
				for range tc.within {
					s.picture()
				}
				got := len(s.got.packets)
				first := src.enc.pictures + 1
				for range 8 {
					s.picture()
				}
				if len(s.got.packets) == got {
					t.Fatal("nothing is sent any more")
				}
				s.checkLayers(src, first, tc.to)
				s.checkBase()
				if keyframes := src.enc.kix - keys; (keyframes > 0) != tc.key || keyframes > 1 {
					t.Fatalf("phase %d: %d keyframes were asked for", phase, keyframes)
				}
				s.check()
			}
		})
	}
}

// checkBase: whatever changes, the picture never stands still for longer than
// the slowest rate has it.
func (s *sim) checkBase() {
	s.t.Helper()
	shown := map[int]bool{}
	for _, p := range s.got.inOrder() {
		shown[p.of.picture] = true
	}
	for _, f := range s.frames {
		if f.t == 0 && f.picture > 1 && !shown[f.picture] {
			s.t.Fatalf("nothing of picture %d is sent:\n%s", f.picture, s.story(f))
		}
	}
}

// checkLayers: from a picture of a source on, the layers of a target are sent,
// and nothing else is.
func (s *sim) checkLayers(src *sourceSim, first int, target forward.Layer) {
	s.t.Helper()
	got := map[*made]bool{}
	for _, p := range s.got.inOrder() {
		got[p.of] = !p.filled
	}
	top := min(int(target.Spatial), src.enc.spatial-1)
	for _, f := range s.frames {
		if f.source != src.enc.source || f.picture < first {
			continue
		}
		want := f.s <= top && f.t <= int(target.Temporal)
		if f.keyOnly && !f.key && f.s < top {
			want = false
		}
		if f.codec == forward.VP9 && f.bits == 0 {
			want = true
		}
		if got[f] != want {
			layer, _ := s.video.Layer()
			s.t.Fatalf("frame %d of S%dT%d: sent %v, with the target %v and %v in force:\n%s", f.id, f.s, f.t, got[f], target, layer, s.story(f))
		}
	}
}

// A publisher that takes away its upper layers, with or without saying so, and
// brings them back.
func TestLayersThatEnd(t *testing.T) {
	for _, tc := range []struct {
		name  string
		shape shape
		key   bool // a keyframe is asked for
	}{
		{"vp9", shape{codec: forward.VP9, spatial: 3, temporal: 1, bits: 15, flexible: true}, false},
		{"vp9, layers of their own", shape{codec: forward.VP9, spatial: 3, temporal: 1, bits: 15, flexible: true, keyOnly: true}, true},
		{"av1, layers of their own", shape{codec: forward.AV1, spatial: 3, temporal: 1, keyOnly: true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, 5, network{}, tc.shape)
			src := s.sources[0]
			for range 10 {
				s.picture()
			}
			keys := src.enc.kix
			src.enc.without = 1
			src.enc.tell = tc.shape.codec == forward.AV1
			for range 20 {
				s.picture()
			}
			if got := src.enc.kix != keys; got != tc.key {
				t.Fatalf("a keyframe was asked for: %v", got)
			}
			first := src.enc.pictures + 1
			for range 5 {
				s.picture()
			}
			s.checkLayers(src, first, layer(1, 7))
			s.check()
		})
	}
}

// Before a keyframe nothing is sent, and one is asked for.
func TestNothingIsSentBeforeAKeyframe(t *testing.T) {
	for _, shape := range modelShapes {
		s := newSim(t, 1, network{}, shape)
		src := s.sources[0]
		src.enc.next(s.tick, true) // a keyframe from before the receiver came
		for range 2 {
			s.picture()
		}
		if len(s.got.packets) > 0 || !s.video.NeedsKeyframe() {
			t.Errorf("%v: %d packets before a keyframe", shape, len(s.got.packets))
		}
		if _, ok := s.video.Layer(); ok {
			t.Errorf("%v: a layer is in force before a keyframe", shape)
		}
		for range 3 {
			s.picture()
		}
		if len(s.got.packets) == 0 || s.video.NeedsKeyframe() {
			t.Errorf("%v: %d packets after a keyframe", shape, len(s.got.packets))
		}
	}
}

// A Selector alone decides as it does within a Video.
func TestSelectorStandsAlone(t *testing.T) {
	var s forward.Selector
	var r forward.Reader
	s.SetTarget(layer(0, 0))
	ids := 0
	sim := newSim(t, 1, network{}, shape{codec: forward.VP8, spatial: 1, temporal: 3, bits: 15})
	e := newEncoder(sim.rng, sim.sources[0].enc.shape, 1, &ids)
	n := int64(1000)
	for i := range 12 {
		for _, p := range e.pack(e.next(uint32(i)*3000, false)) {
			var f forward.Frame
			r.Read(forward.VP8, p.Seq, p.Timestamp, p.Marker, p.Payload, nil, &f)
			c := s.Select(n, p.Timestamp, p.Marker, &f)
			if c.Forward != (p.of.t == 0) || c.Run != (p.of.t > 0 && p.part > 0) {
				t.Fatalf("packet %d of a frame of T%d: %+v", p.part, p.of.t, c)
			}
			n++
		}
	}
	if s.Current() != layer(0, 0) || !s.Started() || s.NeedsKeyframe() {
		t.Fatalf("%v is in force", s.Current())
	}
}

// A structure, or a list of active decode targets, that comes late does not
// bring back what held before.
func TestLateStructuresChangeNothing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		without int // spatial layers that are not made any more, and told so
		key     bool
	}{
		{"a structure", 0, true},
		{"active decode targets", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, 1, network{}, shape{codec: forward.AV1, spatial: 2, temporal: 1})
			e := s.sources[0].enc
			e.tell = true
			old := e.pack(e.next(0, true))
			e.without = tc.without
			newer := e.pack(e.next(3000, tc.key))
			e.tell = false
			rest := e.pack(e.next(6000, false))
			want := forward.Layer{Spatial: uint8(1 - tc.without)}
			var r forward.Reader
			var sel forward.Selector
			sel.SetTarget(forward.HighestLayer)
			n := int64(0)
			take := func(p *piece) forward.Choice {
				var f forward.Frame
				r.Read(forward.AV1, p.Seq, p.Timestamp, p.Marker, p.Payload, p.Descriptor, &f)
				if !f.Readable || int(f.Spatial) != p.of.s {
					t.Fatalf("a packet of S%d is read as of %v", p.of.s, f.Layer)
				}
				n = int64(p.Seq - old[0].Seq)
				return sel.Select(n, p.Timestamp, p.Marker, &f)
			}
			for _, p := range append(old[:len(old):len(old)], newer...) {
				take(p)
			}
			var f forward.Frame
			for _, p := range old {
				r.Read(forward.AV1, p.Seq, p.Timestamp, p.Marker, p.Payload, p.Descriptor, &f)
			}
			for _, p := range rest {
				c := take(p)
				last := p.part == len(p.of.seqs)-1
				if !c.Forward || c.Marker != (last && p.of.s == int(want.Spatial)) {
					t.Fatalf("packet %d of S%d: %+v", p.part, p.of.s, c)
				}
			}
		})
	}
}

// A layer that no reference is known of is gone up to only where the publisher
// says so, and never over a layer below that was left out.
func TestUnknownReferences(t *testing.T) {
	packet := func(id byte, spatial, temporal byte, up, below, key bool) []byte {
		return []byte{0xac | bit(!key, 0x40), id, temporal<<5 | bit(up, 0x10) | spatial<<1 | bit(below, 1), 0, 0xab}
	}
	type step struct {
		target  forward.Layer
		payload []byte
		ts      uint32
		want    bool
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"up where it is offered", []step{
			{layer(0, 0), packet(1, 0, 0, true, false, true), 1, true},
			{layer(0, 1), packet(2, 0, 1, true, false, false), 2, true},
		}},
		{"not where it is not", []step{
			{layer(0, 0), packet(1, 0, 0, true, false, true), 1, true},
			{layer(0, 1), packet(2, 0, 1, false, false, false), 2, false},
			{layer(0, 1), packet(3, 0, 0, true, false, false), 3, true},
			{layer(0, 1), packet(4, 0, 1, true, false, false), 4, true},
		}},
		{"one layer after the other", []step{
			{layer(0, 0), packet(1, 0, 0, true, false, true), 1, true},
			{layer(0, 2), packet(2, 0, 2, true, false, false), 2, false},
			{layer(0, 2), packet(3, 0, 1, true, false, false), 3, true},
			{layer(0, 2), packet(4, 0, 2, true, false, false), 4, true},
		}},
		{"not over a part of the picture that was left out", []step{
			{layer(1, 0), packet(1, 0, 0, true, false, true), 1, true},
			{layer(1, 0), packet(1, 1, 0, true, true, false), 1, true},
			{layer(1, 0), packet(2, 0, 1, true, false, false), 2, false},
			{layer(1, 1), packet(2, 1, 1, true, true, false), 2, false},
			{layer(1, 1), packet(3, 0, 1, true, false, false), 3, true},
			{layer(1, 1), packet(3, 1, 1, true, true, false), 3, true},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.Reader
			var s forward.Selector
			for i, step := range tc.steps {
				s.SetTarget(step.target)
				var f forward.Frame
				r.Read(forward.VP9, uint16(i), step.ts, true, step.payload, nil, &f)
				if c := s.Select(int64(i), step.ts, true, &f); c.Forward != step.want {
					t.Fatalf("step %d: %+v", i, c)
				}
			}
		})
	}
}

// While the packet with a new structure is missing all is sent, since nothing
// is known; and when it does not come, another keyframe is asked for.
func TestALostStructureIsAskedForAgain(t *testing.T) {
	s := newSim(t, 1, network{}, shape{codec: forward.AV1, spatial: 2, temporal: 1})
	s.target(layer(0, 0))
	for range 5 {
		s.picture()
	}
	e := s.sources[0].enc
	lost := e.pack(e.next(s.tick+3000, true))[1:]
	for _, p := range lost {
		s.arrive(0, p)
	}
	s.tick += 3000
	keys := e.kix
	for range 20 {
		s.picture()
	}
	if e.kix != keys+1 {
		t.Fatalf("%d keyframes were asked for", e.kix-keys)
	}
	first := e.pictures + 1
	for range 5 {
		s.picture()
	}
	s.checkLayers(s.sources[0], first, layer(0, 0))
}
