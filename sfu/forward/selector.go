package forward

// spansKept is how many changes of layer back a late packet, or one that is
// asked for again, is still known to be in or out.
const spansKept = 16

// Selector decides which packets of one source one receiver gets. It goes up
// where a decoder can follow and down where nothing is missed, and decides
// for whole frames: all packets of one have the same fate, late ones too. It
// is not safe for concurrent use.
type Selector struct {
	target Layer

	started   bool
	first     int64  // the first packet
	newest    int64  // the newest packet
	timestamp uint32 // its timestamp
	ended     bool   // its picture ended with it
	spans     [spansKept]span
	count     int // of spans in use; spans[0] is the newest

	frames     ledger
	firstFrame int64 // nothing before it was sent
	skipped    int64 // how many numbers were closed up, VP8 only

	intact  uint8 // spatial layers, one bit each, of which nothing was dropped
	offered uint8 // highest spatial layer since the last keyframe
	stuck   bool  // only a keyframe helps
	starved int   // how many pictures on end came without the layer in force, or of none

	lastFrame   frameName // of the newest packet
	lastDropped bool
}

// span is a time in which one layer was in force.
type span struct {
	from  int64 // its first packet
	layer Layer
	told  bool  // the layer changed without a keyframe
	top   uint8 // highest spatial layer forwarded since the last keyframe
	apart bool  // spatial layers refer to each other in keyframes only
}

// warm is part of Video.Warm.
func (s *Selector) warm() int {
	sum := int(s.newest) + int(s.spans[0].from) + int(s.lastFrame.number)
	if len(s.frames.decided) > 0 {
		sum += int(s.frames.decided[0] & s.frames.dropped[0])
	}
	return sum
}

// frameName tells a frame from its neighbours.
type frameName struct {
	number    int64
	timestamp uint32
	layer     Layer
}

// Choice is what becomes of one packet.
type Choice struct {
	Forward bool
	// Marker is the marker bit of a packet that is forwarded: the picture ends
	// here, if only because the rest of it is not forwarded.
	Marker bool
	// Run says of a packet that is dropped that it belongs to the frame of the
	// one before, which was too.
	Run bool

	known bool   // false for a packet too old to say anything about
	mask  uint32 // decode targets that are forwarded
	tell  bool   // the mask
}

// SetTarget says which layer the receiver is to have.
func (s *Selector) SetTarget(target Layer) {
	s.target = Layer{min(target.Spatial, HighestLayer.Spatial), min(target.Temporal, HighestLayer.Temporal)}
}

// Current is the layer in force, which may be beyond what the source has.
func (s *Selector) Current() Layer { return s.spans[0].layer }

// Started says whether a keyframe was seen to start at.
func (s *Selector) Started() bool { return s.started }

// NeedsKeyframe says whether only a keyframe brings the receiver to its
// target, or the source's packets to the receiver at all.
func (s *Selector) NeedsKeyframe() bool {
	current := s.Current().Spatial
	return !s.started || s.stuck || s.starved >= starvation || s.target.Spatial != current && !s.reachable(current)
}

// starvation is after how many pictures without it a layer is taken for ended:
// a third of a second.
const starvation = 10

// Select decides on a packet with the extended sequence number n.
func (s *Selector) Select(n int64, timestamp uint32, marker bool, f *Frame) Choice {
	if !s.started {
		if !f.Opens() {
			return Choice{}
		}
		s.started = true
		s.first, s.newest = n, n-1
	}
	inOrder := n > s.newest
	if inOrder {
		s.move(n, timestamp, f)
	}
	in := s.span(n)
	if in == nil {
		return Choice{}
	}
	c := s.judge(in, marker, f)
	if inOrder {
		name := frameName{f.Number, timestamp, f.Layer}
		c.Run = !c.Forward && s.lastDropped && name == s.lastFrame
		s.newest, s.timestamp, s.ended = n, timestamp, marker
		s.lastFrame, s.lastDropped = name, !c.Forward
		s.settle(n, in, marker, c.Forward, f)
	}
	return c
}

// Again decides on a packet that is asked for again, as the first time; if
// that can still be told.
func (s *Selector) Again(n int64, marker bool, f *Frame) Choice {
	if in := s.span(n); in != nil && s.started {
		return s.judge(in, marker, f)
	}
	return Choice{}
}

// open makes room for the fates of frames, from the first that has a number.
func (s *Selector) open(f *Frame) {
	s.firstFrame = f.Number
	size := 512
	switch f.Codec {
	case VP9:
		size *= 4 // pictures take vp9SpatialLayers each, but seldom one packet
	case AV1:
		size *= 2
	}
	s.frames = newLedger(size, f.Number-1)
}

// span finds the one that a packet is in; nil when that is too long ago.
func (s *Selector) span(n int64) *span {
	if n < s.first {
		return nil
	}
	for i := range s.spans[:s.count] {
		if n >= s.spans[i].from {
			return &s.spans[i]
		}
	}
	return nil
}

// judge decides on a packet in a span.
func (s *Selector) judge(in *span, marker bool, f *Frame) Choice {
	fate := s.decide(in, f)
	c := Choice{Forward: fate == kept, known: fate != undecided, Marker: marker}
	layer := in.layer
	if d := &f.dependency; d.structure != nil {
		target := d.structure.target(in.layer, d.active)
		layer = d.structure.layers[target]
		c.mask = d.structure.contains[target] & d.active
		c.tell = in.told
	}
	if f.Codec == VP9 && f.Numbered || f.dependency.structure != nil {
		c.Marker = marker || f.Ends && f.Spatial == layer.Spatial
	}
	return c
}

// decide is the fate of a frame in a span; undecided when it is too old to say.
func (s *Selector) decide(in *span, f *Frame) fate {
	if !f.Numbered {
		if in.wants(in.layer, f) {
			return kept
		}
		return dropped
	}
	if s.frames.size() == 0 {
		s.open(f)
	}
	if f.Number < s.firstFrame || !s.frames.holds(f.Number) || f.dependency.gone {
		return undecided
	}
	if known := s.frames.fate(f.Number); known != undecided {
		return known
	}
	if in.wants(in.layer, f) && !s.refersToDropped(f) {
		s.frames.note(f.Number, kept)
		return kept
	}
	switch {
	case f.Codec != VP8:
		s.frames.note(f.Number, dropped)
	case f.Number > s.frames.newest:
		// A late frame's number was passed over: it cannot be closed up.
		s.frames.note(f.Number, dropped)
		s.skipped++
	}
	return dropped
}

// picture is the picture id or frame number that a frame has when what was
// left out is closed up, extended. Only VP8 closes up: its decoders take a
// missing id for a lost picture. VP9 and AV1 tell references by the distance
// of numbers, which must stay, and take what nothing refers to for not sent.
func (s *Selector) picture(f *Frame) int64 {
	switch f.Codec {
	case VP8:
		return f.Number - s.skipped + s.frames.droppedAfter(f.Number)
	case VP9:
		return f.Number / vp9SpatialLayers
	}
	return f.Number
}

// wants says whether a layer would need a frame.
func (in *span) wants(layer Layer, f *Frame) bool {
	switch f.Codec {
	case VP8:
		return f.Temporal <= layer.Temporal
	case VP9:
		if !f.Numbered {
			return true // frames that cannot be told apart are all sent
		}
		if f.Spatial > layer.Spatial || f.Temporal > layer.Temporal {
			return false
		}
		// In K-SVC the lower layers of a picture are of no use to the upper ones.
		return f.Spatial >= min(in.top, layer.Spatial) || !in.apart || !f.NotForUpper || !f.InterPicture
	case AV1:
		d := &f.dependency
		if d.structure == nil {
			return true // it is still to come
		}
		return d.indication(d.structure.target(layer, d.active)) != notPresent
	}
	return true
}

// refersToDropped says whether a frame needs another that was not sent.
func (s *Selector) refersToDropped(f *Frame) bool {
	for _, back := range f.refersTo() {
		n := f.Number - int64(back)
		if n < s.firstFrame || s.frames.fate(n) == dropped {
			return true
		}
	}
	return false
}

// refersToKept says whether all is known that a frame needs, and was sent.
func (s *Selector) refersToKept(f *Frame) bool {
	for _, back := range f.refersTo() {
		if s.frames.fate(f.Number-int64(back)) != kept {
			return false
		}
	}
	return true
}

// move changes the layer in force where the packet n, newer than all before,
// lets it.
func (s *Selector) move(n int64, timestamp uint32, f *Frame) {
	current := s.Current()
	if f.Keyframe && f.Starts {
		s.intact, s.offered, s.stuck, s.starved = 0xff, 0, false, 0
		s.enter(span{from: n, layer: s.target, apart: s.spans[0].apart})
		return
	}
	// Down with a whole picture only: where packets are missing, what they
	// belong to must be certain.
	if next := s.newest + 1; timestamp != s.timestamp && (s.ended || next == n) {
		lower := Layer{current.Spatial, min(current.Temporal, s.target.Temporal)}
		if s.reachable(current.Spatial) {
			lower.Spatial = s.target.Spatial
		}
		if lower != current {
			s.change(next, lower)
		}
	}
	if f.Starts {
		if higher := s.raise(s.Current(), f); higher != s.Current() {
			s.change(n, higher)
		}
	}
}

// reachable says whether the target's spatial layer can be had from now on
// without a keyframe: going up, because there is nothing to miss; going down,
// because nothing of it was left out.
func (s *Selector) reachable(current uint8) bool {
	target := s.target.Spatial
	if target > current {
		return s.offered <= current
	}
	return s.intact>>target&1 != 0
}

// change puts another layer in force from packet n on, without a keyframe.
func (s *Selector) change(n int64, layer Layer) {
	s.enter(span{from: n, layer: layer, told: true, top: s.spans[0].top, apart: s.spans[0].apart})
}

// enter begins a span.
func (s *Selector) enter(in span) {
	if s.count == 0 || s.spans[0].from != in.from {
		copy(s.spans[1:], s.spans[:])
		s.count = min(s.count+1, spansKept)
	}
	s.spans[0] = in
}

// raise goes up to where a decoder can go on with the frame that begins here.
func (s *Selector) raise(current Layer, f *Frame) Layer {
	next := current
	switch f.Codec {
	case VP8:
		if f.SwitchUp && f.Temporal == current.Temporal+1 && f.Temporal <= s.target.Temporal {
			next.Temporal = f.Temporal
		}
	case VP9:
		if f.Spatial == current.Spatial+1 && f.Spatial <= s.target.Spatial && f.Temporal <= current.Temporal &&
			!f.InterPicture && s.refersToKept(f) {
			next.Spatial = f.Spatial
			s.intact |= 1 << f.Spatial
		}
		if f.Temporal > current.Temporal && f.Temporal <= s.target.Temporal &&
			s.spans[0].wants(Layer{next.Spatial, f.Temporal}, f) {
			// Who knows all references needs no bit, and trusts none.
			if s.refersToKept(f) && (f.complete || f.SwitchUp && f.Temporal == current.Temporal+1) {
				next.Temporal = f.Temporal
			}
		}
	case AV1:
		d := &f.dependency
		if d.structure == nil || !s.refersToKept(f) {
			return current
		}
		for _, to := range [...]Layer{s.target, {current.Spatial, s.target.Temporal}} {
			if (to.Spatial > current.Spatial || to.Temporal > current.Temporal) && to.Spatial >= current.Spatial &&
				d.indication(d.structure.target(to, d.active)) == switching {
				for layer := f.Spatial; to.Spatial > current.Spatial && layer <= to.Spatial; layer++ {
					s.intact |= 1 << layer
				}
				return to
			}
		}
	}
	return next
}

// settle notes what the fate of a packet, newer than all before, means for
// those to come.
func (s *Selector) settle(n int64, in *span, marker, forward bool, f *Frame) {
	if f.Codec != VP9 && f.Codec != AV1 || !f.Numbered {
		return
	}
	if f.Codec == AV1 && f.dependency.structure == nil {
		if marker {
			s.starved++ // the packet with the structure may be lost for good
		}
		return
	}
	s.offered = max(s.offered, f.Spatial)
	if f.Spatial > 0 && f.InterPicture {
		in.apart = !f.InterLayer
	}
	if forward {
		in.top = max(in.top, f.Spatial)
		s.starved = 0
		return
	}
	if f.Temporal > in.layer.Temporal {
		return
	}
	s.intact &^= 1 << f.Spatial
	wanted := in.wants(in.layer, f)
	switch {
	case !wanted && marker && f.Spatial < in.layer.Spatial:
		s.starved++
	case !wanted || f.Temporal > 0:
	case f.Spatial == 0:
		s.stuck = true // what every frame builds on misses something
	default:
		// The layer cannot be had any more, the one below can.
		s.change(n, Layer{f.Spatial - 1, in.layer.Temporal})
	}
}
