package forward

// vp9SpatialLayers is how many frames a picture may have: 3 bits tell which.
const vp9SpatialLayers = 8

// vp9Pictures reads the VP9 payload descriptor (RFC 9628, 4.2) and keeps the
// picture group of the last scalability structure: in non-flexible mode only
// that tells which pictures a frame refers to.
type vp9Pictures struct {
	group [255]vp9GroupPicture
	size  int // of the group; 0 is unknown
	// The picture, extended, that the group was told with, and before that.
	start, before int64
	changed       bool // the group is not what it was before
	pending       bool // the group was told in the packet just parsed
	flexible      bool // of that packet
}

// vp9GroupPicture is one picture of a group (RFC 9628, 4.2.1).
type vp9GroupPicture struct {
	temporal uint8
	back     [3]uint8
	count    uint8
}

// parse reads one descriptor. It reports false for one that is cut short, or
// describes nothing.
func (p *vp9Pictures) parse(payload []byte, f *Frame) bool {
	if len(payload) < 1 {
		return false
	}
	const i, predicted, l, flexible, b, e, v, z = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01
	first := payload[0]
	f.Starts, f.Ends = first&b != 0, first&e != 0
	f.InterPicture = first&predicted != 0
	f.NotForUpper = first&z != 0
	p.flexible, p.pending = first&flexible != 0, false
	at := 1
	if first&i != 0 {
		if at = readPictureID(payload, at, f); at == 0 {
			return false
		}
	} else if p.flexible {
		return false // its references are differences of picture ids
	}
	if first&l != 0 {
		if len(payload) <= at {
			return false
		}
		f.Temporal = payload[at] >> 5
		f.SwitchUp = payload[at]&0x10 != 0
		f.Spatial = payload[at] >> 1 & 0x07
		f.InterLayer = payload[at]&0x01 != 0 && f.Spatial > 0
		at++
		if !p.flexible {
			if len(payload) <= at {
				return false
			}
			f.TL0PICIDX, f.HasTL0PICIDX = payload[at], true
			f.tl0At = uint8(at)
			at++
		}
	}
	f.headSize = uint8(at)
	if p.flexible && f.InterPicture {
		f.complete = true
		for more := true; more; at++ {
			if len(payload) <= at || f.referenceCount == 3 {
				return false
			}
			f.refer(uint16(payload[at]>>1) * vp9SpatialLayers)
			more = payload[at]&0x01 != 0
		}
	}
	if first&v != 0 {
		if at = p.parseStructure(payload, at); at == 0 {
			return false
		}
	}
	f.Keyframe = !f.InterPicture && f.Spatial == 0
	return len(payload) >= at
}

// parseStructure reads a scalability structure and returns what follows it; 0
// when it is cut short.
func (p *vp9Pictures) parseStructure(payload []byte, at int) (next int) {
	if len(payload) <= at {
		return 0
	}
	layers, sizes, group := int(payload[at]>>5)+1, payload[at]&0x10 != 0, payload[at]&0x08 != 0
	at++
	if sizes {
		at += 4 * layers
	}
	if !group {
		p.size = 0
		return at
	}
	if len(payload) <= at {
		return 0
	}
	size := int(payload[at])
	at++
	p.changed = size != p.size
	p.size = 0 // until all of it is read
	for n := range size {
		if len(payload) <= at {
			return 0
		}
		picture := vp9GroupPicture{temporal: payload[at] >> 5, count: payload[at] >> 2 & 0x03}
		at++
		if len(payload) < at+int(picture.count) {
			return 0
		}
		at += copy(picture.back[:picture.count], payload[at:])
		p.changed = p.changed || picture != p.group[n]
		p.group[n] = picture
	}
	p.size, p.pending = size, true
	return at
}

// number gives the frame just parsed its number, and its references.
func (p *vp9Pictures) number(picture int64, f *Frame) {
	f.Numbered = true
	f.Number = picture*vp9SpatialLayers + int64(f.Spatial)
	// A keyframe begins the group anew, even if the packet with the structure
	// is still to come.
	if (p.pending || f.Keyframe) && picture > p.start {
		p.before, p.start = p.start, picture
		p.changed = p.changed && p.pending
		if p.changed {
			p.before = picture
		}
	}
	switch {
	case !f.InterPicture:
		f.complete = true
	case !p.flexible && p.size > 0 && picture >= p.before:
		start := p.start
		if picture < start {
			start = p.before // a late one
		}
		// A group that does not fit its pictures' layers tells nothing.
		in := &p.group[(picture-start)%int64(p.size)]
		f.complete = in.temporal == f.Temporal
		for _, back := range in.back[:in.count] {
			if f.complete {
				f.refer(uint16(back) * vp9SpatialLayers)
			}
		}
	}
	if f.InterLayer {
		f.refer(1)
	}
}

// rewriteVP9 appends the payload descriptor with new numbers to head, as far
// as it has any, and returns it with the rest of the payload, which stays as
// it is. References are differences of picture ids: they stay true because
// the ids of one source all move by the same distance, those left out too.
func rewriteVP9(head, payload []byte, f *Frame, to numbers) (rewritten, tail []byte) {
	head = append(head, payload[:f.headSize]...)
	writePictureID(head[f.pictureAt:], f.PictureIDBits, to.picture)
	if f.tl0At != 0 {
		head[f.tl0At] = to.tl0
	}
	return head, payload[f.headSize:]
}
