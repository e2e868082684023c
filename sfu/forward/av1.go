package forward

import "encoding/binary"

// av1StartsKeyframe reads the N bit of the aggregation header (AV1 RTP
// specification, 4.4): the packet is the first of a coded video sequence.
func av1StartsKeyframe(payload []byte) bool {
	return len(payload) > 1 && payload[0]&0x08 != 0
}

// av1Units reads AV1 packets and keeps what the last keyframes' dependency
// descriptors told; the older ones for packets that come late.
type av1Units struct {
	told    [4]av1Sequence // the newest first
	scratch *structure     // the next structure is read into
}

// av1Sequence is what holds from one keyframe to the next.
type av1Sequence struct {
	structure *structure // nil for none
	from      int64      // the number of the keyframe
	active    uint32     // decode targets that are sent, one bit each
	activeAt  int64      // the number of the frame that told them
}

// sequence finds what holds for a frame; nil when that is not known.
func (u *av1Units) sequence(number int64) *av1Sequence {
	for i := range u.told {
		if in := &u.told[i]; in.structure != nil && number >= in.from {
			return in
		}
	}
	return nil
}

// begin notes a structure that a frame told, unless enough newer ones are known.
func (u *av1Units) begin(number int64, s *structure) {
	next := av1Sequence{structure: s, from: number, active: uint32(1<<s.targets - 1), activeAt: number}
	for i := range u.told {
		switch in := &u.told[i]; {
		case in.structure == nil || number > in.from:
			copy(u.told[i+1:], u.told[i:])
			*in = next
			return
		case number == in.from:
			return
		}
	}
}

// parse reads the aggregation header, or the dependency descriptor if there is
// one. Without it only keyframes are known. It reports false for what is
// neither.
func (u *av1Units) parse(payload, descriptor []byte, marker bool, f *Frame) bool {
	if len(payload) < 2 {
		return false
	}
	if len(descriptor) != 0 {
		return u.parseDescriptor(descriptor, f)
	}
	f.Starts = payload[0]&0x80 == 0 // Z: goes on with an OBU of the packet before
	f.Ends = marker
	f.Keyframe = av1StartsKeyframe(payload)
	f.InterPicture = !f.Keyframe
	return true
}

// rewriteDescriptor appends the dependency descriptor with a new frame number
// to head, and with the decode targets of mask: who receives no more than
// these must know that nothing of the others is missing. The mask is told when
// it is not what the source told, or tell says so.
func rewriteDescriptor(head, descriptor []byte, f *Frame, number int64, mask uint32, tell bool) []byte {
	d := &f.dependency
	from := len(head)
	if s := d.structure; s == nil || mask == d.active && !tell {
		head = append(head, descriptor...)
	} else {
		head = s.insertMask(head, descriptor, d, mask)
	}
	binary.BigEndian.PutUint16(head[from+1:], uint16(number))
	return head
}

// insertMask appends the descriptor with its active decode targets set to
// mask, whether it had any or not.
func (s *structure) insertMask(head, descriptor []byte, d *dependency, mask uint32) []byte {
	w := bitWriter{data: head}
	r := bitReader{data: descriptor}
	w.write(r.read(24), 8*mandatoryDescriptor)
	if len(descriptor) > mandatoryDescriptor {
		// The second of the five flags is the mask's.
		w.write(r.read(5)|0x08, 5)
		w.copy(&r, int(d.maskAt)-r.at)
		if d.masked {
			r.read(s.targets)
		}
	} else {
		w.write(0x08, 5)
	}
	w.write(mask, s.targets)
	w.copy(&r, int(d.end)-r.at)
	return w.data
}

// bitWriter appends numbers of any width to data; what is left of the last
// byte is zero.
type bitWriter struct {
	data []byte
	left int // free bits in the last byte
}

// write appends the low n bits of value.
func (w *bitWriter) write(value uint32, n int) {
	for n--; n >= 0; n-- {
		if w.left == 0 {
			w.data = append(w.data, 0)
			w.left = 8
		}
		w.left--
		w.data[len(w.data)-1] |= uint8(value>>n&1) << w.left
	}
}

// copy appends n bits that r reads.
func (w *bitWriter) copy(r *bitReader, n int) {
	for ; n > 0; n -= 32 {
		w.write(r.read(min(n, 32)), min(n, 32))
	}
}
