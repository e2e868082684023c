package forward

import (
	"encoding/binary"
	"math/bits"
)

// indication says what a frame is to a decode target (AV1 RTP specification,
// A.4, DTI).
type indication uint8

const (
	notPresent  indication = iota
	discardable            // nothing of the target refers to it
	switching              // who has this frame can go on with the target
	required
)

// dependency is what the dependency descriptor says of a frame beyond what
// other codecs say.
type dependency struct {
	structure   *structure // immutable; nil when the descriptor's is not known
	gone        bool       // it was forgotten, so late is the packet
	indications uint64     // two bits for each decode target
	active      uint32     // decode targets that are sent now

	// Where in the descriptor the active decode targets are, or would be, in
	// bits; and where it ends.
	maskAt, end uint16
	masked      bool
}

// indication is what the frame is to a decode target.
func (d *dependency) indication(target int) indication {
	return indication(d.indications >> (2 * target) & 3)
}

// maxTemplates is how many there may be: the id has 6 bits.
const maxTemplates = 64

// structure is a template dependency structure (AV1 RTP specification,
// A.8.2): what frames of the source can look like. It never changes.
type structure struct {
	offset    uint32 // id of the first template
	templates [maxTemplates]template
	count     int // of templates
	targets   int // how many decode targets there are, at most 32
	chains    uint32

	// What follows from that, for each decode target: the highest layer of its
	// frames, and which targets have no frame that it has not.
	layers   [32]Layer
	contains [32]uint32
}

// template is a kind of frame.
type template struct {
	Layer
	indications uint64
	references  [maxReferences]uint16
	count       uint8
}

// mandatoryDescriptor is how long the fields are that each descriptor has.
const mandatoryDescriptor = 3

// parseFrameNumber reads the mandatory fields of a dependency descriptor (AV1
// RTP specification, A.8.2). It reports false when they are not there.
func parseFrameNumber(descriptor []byte, f *Frame) bool {
	if len(descriptor) < mandatoryDescriptor {
		return false
	}
	f.Starts, f.Ends = descriptor[0]&0x80 != 0, descriptor[0]&0x40 != 0
	f.PictureID, f.PictureIDBits = binary.BigEndian.Uint16(descriptor[1:]), 16
	f.InterPicture = true
	return true
}

// parseDescriptor reads the rest of a dependency descriptor (AV1 RTP
// specification, A.8), of a frame that has its number. It reports false for
// what is none. A frame whose template is not known remains without layer:
// the packet with the structure is still to come.
func (u *av1Units) parseDescriptor(descriptor []byte, f *Frame) bool {
	r := bitReader{data: descriptor, at: 8 * mandatoryDescriptor}
	id := uint32(descriptor[0] & 0x3f)
	d := &f.dependency
	d.maskAt = uint16(r.at)
	var told, customIndications, customReferences, customChains bool
	if len(descriptor) > mandatoryDescriptor {
		told = r.flag()
		d.masked = r.flag()
		customIndications, customReferences, customChains = r.flag(), r.flag(), r.flag()
		if told {
			s := u.parseStructure(&r)
			if s == nil {
				return false
			}
			u.begin(f.Number, s)
		}
		d.maskAt = uint16(r.at)
	}
	in := u.sequence(f.Number)
	if in == nil {
		d.masked, d.gone = false, u.told[0].structure != nil
		return true
	}
	s, active := in.structure, in.active
	if d.masked {
		if active = r.read(s.targets); r.short {
			return false
		}
		// One that comes late does not bring back what held before.
		if f.Number >= in.activeAt {
			in.active, in.activeAt = active, f.Number
		}
	}
	index := int(id-s.offset) & (maxTemplates - 1)
	if index >= s.count {
		d.masked = false
		return true
	}
	t := &s.templates[index]
	d.structure, d.active, d.indications = s, active, t.indications
	f.Layer = t.Layer
	f.references, f.referenceCount, f.complete = t.references, t.count, true
	if customIndications {
		d.indications = r.indications(s.targets)
	}
	if customReferences {
		f.referenceCount = 0
		for size := r.read(2); size > 0; size = r.read(2) {
			if !f.refer(uint16(r.read(4*int(size)) + 1)) {
				return false
			}
		}
	}
	if customChains {
		for range s.chains {
			r.read(8)
		}
	}
	d.end = uint16(r.at)
	f.InterPicture = f.referenceCount > 0
	f.Keyframe = told && f.Starts && f.referenceCount == 0
	return !r.short
}

// indications reads those of one frame.
func (r *bitReader) indications(targets int) (all uint64) {
	for i := range targets {
		all |= uint64(r.read(2)) << (2 * i)
	}
	return all
}

// parseStructure reads a structure; nil for what is none. One that says what
// was said before is that one.
func (u *av1Units) parseStructure(r *bitReader) *structure {
	if u.scratch == nil {
		u.scratch = new(structure)
	}
	s := u.scratch
	*s = structure{offset: r.read(6), targets: int(r.read(5)) + 1}
	if !s.parseTemplates(r) {
		return nil
	}
	s.derive()
	for i := range u.told {
		if known := u.told[i].structure; known != nil && *s == *known {
			return known
		}
	}
	u.scratch = nil
	return s
}

func (s *structure) parseTemplates(r *bitReader) bool {
	layer := Layer{}
	for next := uint32(0); next != 3; {
		if s.count == maxTemplates {
			return false
		}
		s.templates[s.count].Layer = layer
		s.count++
		switch next = r.read(2); next {
		case 1:
			layer.Temporal++
		case 2:
			layer = Layer{Spatial: layer.Spatial + 1}
		}
		if r.short || layer.Temporal > HighestLayer.Temporal || layer.Spatial > HighestLayer.Spatial {
			return false
		}
	}
	for i := range s.count {
		s.templates[i].indications = r.indications(s.targets)
	}
	for i := range s.count {
		t := &s.templates[i]
		for r.flag() {
			if t.count == maxReferences {
				return false
			}
			t.references[t.count] = uint16(r.read(4)) + 1
			t.count++
		}
	}
	// Chains tell a receiver sooner that a frame is lost; here references tell
	// what a frame needs.
	if s.chains = r.below(uint32(s.targets) + 1); s.chains > 0 {
		for range s.targets {
			r.below(s.chains)
		}
		for range s.count * int(s.chains) {
			r.read(4)
		}
	}
	if r.flag() { // resolutions
		for range int(layer.Spatial) + 1 {
			r.read(32)
		}
	}
	return !r.short
}

// derive fills in what follows from the templates.
func (s *structure) derive() {
	var present [32]uint64 // templates of each decode target
	for i := range s.count {
		t := &s.templates[i]
		for target := range s.targets {
			if indication(t.indications>>(2*target)&3) == notPresent {
				continue
			}
			present[target] |= 1 << i
			l := &s.layers[target]
			l.Spatial, l.Temporal = max(l.Spatial, t.Spatial), max(l.Temporal, t.Temporal)
		}
	}
	for target := range s.targets {
		for other := range s.targets {
			if present[other]&^present[target] == 0 {
				s.contains[target] |= 1 << other
			}
		}
	}
}

// target is the best decode target, of those that are active, within a layer;
// the least one when all are beyond it.
func (s *structure) target(within Layer, active uint32) int {
	best, least := -1, -1
	for rest := active & uint32(1<<s.targets-1); rest != 0; rest &= rest - 1 {
		target := bits.TrailingZeros32(rest)
		l := s.layers[target]
		if least < 0 || l.before(s.layers[least]) {
			least = target
		}
		if l.Spatial <= within.Spatial && l.Temporal <= within.Temporal && (best < 0 || s.layers[best].before(l)) {
			best = target
		}
	}
	if best < 0 {
		return max(least, 0)
	}
	return best
}

// before orders layers by size, then by rate.
func (l Layer) before(other Layer) bool {
	return l.Spatial < other.Spatial || l.Spatial == other.Spatial && l.Temporal < other.Temporal
}
