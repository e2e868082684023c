package forward

import "math/bits"

// Layer is a place in a scalable stream: how large its pictures are, and how
// many of them there are, both counted from 0.
type Layer struct {
	Spatial, Temporal uint8
}

// HighestLayer is all there is.
var HighestLayer = Layer{Spatial: 7, Temporal: 7}

// maxReferences is to how many frames one may refer: AV1 has 7, VP9 3 and the
// layer below.
const maxReferences = 8

// Frame is what one packet says of the frame that it carries a part of, as far
// as its codec tells. A frame is one layer's part of a picture: VP9 calls it a
// layer frame, and the picture a superframe; for AV1 the picture is a temporal
// unit. It is read once, by a Reader, and shared by all receivers, who must
// not change it.
type Frame struct {
	Codec Codec
	// Readable is false for a payload that is not of its codec's format, and
	// for one that carries nothing.
	Readable bool
	// Late says that packets of a later picture were read before.
	Late bool
	// Starts and Ends say that the packet is the first or last one of the frame.
	Starts, Ends bool
	// Keyframe says that a decoder that knows nothing can start at this frame.
	Keyframe bool
	Layer
	// SwitchUp says that who had only lower temporal layers until now can go on
	// with this one from this frame on: VP8's Y, VP9's U bit.
	SwitchUp bool
	// InterPicture says that the frame refers to frames of earlier pictures.
	InterPicture bool
	// InterLayer says that the frame refers to the layer below in its picture
	// (VP9's D bit).
	InterLayer bool
	// NotForUpper says that no upper spatial layer of the picture refers to the
	// frame (VP9's Z bit).
	NotForUpper bool

	// Numbered says that frames of the source have numbers, and Number is the
	// frame's: picture id or frame number, extended, so that it never wraps.
	// VP9 leaves room for 8 spatial layers in each picture.
	Numbered bool
	Number   int64
	// PictureID is the picture id as it was sent, of PictureIDBits (7 or 15; 16
	// for the frame number of AV1; 0 is none).
	PictureID     uint16
	PictureIDBits uint8
	// TL0PICIDX counts pictures of the lowest temporal layer (VP9 only).
	TL0PICIDX    uint8
	HasTL0PICIDX bool

	// references are how many numbers back the frames lie that this one refers
	// to; without complete, there may be others.
	references     [maxReferences]uint16
	referenceCount uint8
	complete       bool

	// Where in the payload the rewritten fields are; 0 is nowhere. What is
	// rewritten ends before headSize.
	pictureAt, tl0At, headSize uint8

	dependency dependency // AV1 only
}

// Opens says whether a receiver that has nothing of the source yet can begin
// with this packet, if it gets what follows in order.
func (f *Frame) Opens() bool { return f.Readable && f.Keyframe && f.Starts }

// refersTo lists how many numbers back the frames lie that this one refers to.
func (f *Frame) refersTo() []uint16 { return f.references[:f.referenceCount] }

// refer adds a reference. It reports false when there are too many.
func (f *Frame) refer(back uint16) bool {
	if f.referenceCount == maxReferences {
		return false
	}
	f.references[f.referenceCount] = back
	f.referenceCount++
	return true
}

// Reader reads the frames of one source, packet by packet: it extends their
// numbers and keeps what was said once for many of them. The zero value is
// ready; it is not safe for concurrent use.
type Reader struct {
	packets   Unwrapper
	started   bool
	newest    int64  // the newest packet
	timestamp uint32 // its timestamp
	codec     Codec
	frames    int64 // the newest frame number
	numbered  bool

	pictures vp9Pictures
	units    av1Units
}

// Read tells what a packet carries: payload is without padding, descriptor the
// dependency descriptor's header extension, if any. Whatever was sent, it
// neither panics nor allocates, except for an AV1 structure that is new.
func (r *Reader) Read(codec Codec, seq uint16, timestamp uint32, marker bool, payload, descriptor []byte, f *Frame) {
	*f = Frame{Codec: codec}
	in := r.packets.Unwrap(seq)
	if codec != r.codec {
		*r = Reader{packets: r.packets, codec: codec, newest: r.newest}
	}
	inOrder := !r.started || in > r.newest
	newPicture := inOrder && (!r.started || timestamp != r.timestamp)
	if inOrder {
		r.started, r.newest, r.timestamp = true, in, timestamp
	}
	f.Late = !inOrder && timestamp != r.timestamp
	if len(payload) == 0 {
		return
	}
	switch codec {
	case VP8:
		f.Readable = parseVP8(payload, marker, f)
		if f.Readable && f.PictureIDBits != 0 {
			f.Numbered, f.Number = true, r.extend(f, newPicture)
		}
	case VP9:
		f.Readable = r.pictures.parse(payload, f)
		if f.Readable && f.PictureIDBits != 0 {
			r.pictures.number(r.extend(f, newPicture), f)
		}
	case H264:
		f.Readable = parseH264(payload, newPicture, marker, f)
	case AV1:
		if len(descriptor) != 0 {
			if !parseFrameNumber(descriptor, f) {
				return
			}
			f.Numbered, f.Number = true, r.extend(f, inOrder && f.Starts)
		}
		f.Readable = r.units.parse(payload, descriptor, marker, f)
	default:
		f.Readable, f.Starts, f.Ends, f.Keyframe = true, true, true, true
	}
}

// extend unwraps a picture id. One that must be newer than all before is,
// however far its number jumped; others are the nearest to the newest.
func (r *Reader) extend(f *Frame, newer bool) int64 {
	size := int64(1) << f.PictureIDBits
	value := int64(f.PictureID)
	if !r.numbered {
		r.numbered = true
		r.frames = size + value // older ones stay positive
		return r.frames
	}
	ahead := (value - r.frames) & (size - 1)
	switch {
	case newer && ahead == 0:
		ahead = size
	case !newer && ahead >= size/2:
		ahead -= size
	}
	n := r.frames + ahead
	r.frames = max(r.frames, n)
	return n
}

// bitReader reads numbers of any width. Beyond the end it reads zeros, and
// notes it.
type bitReader struct {
	data  []byte
	at    int // bits
	short bool
}

// read takes up to 32 bits.
func (r *bitReader) read(n int) (value uint32) {
	if r.at+n > len(r.data)*8 {
		r.short = true
		r.at = len(r.data) * 8
		return 0
	}
	for ; n > 0; n-- {
		value = value<<1 | uint32(r.data[r.at>>3]>>(7-r.at&7)&1)
		r.at++
	}
	return value
}

func (r *bitReader) flag() bool { return r.read(1) == 1 }

// below reads a number less than n as AV1 writes it, ns(n).
func (r *bitReader) below(n uint32) uint32 {
	width := bits.Len32(n)
	short := uint32(1)<<width - n
	value := r.read(width - 1)
	if value < short {
		return value
	}
	return value<<1 - short + r.read(1)
}
