package forward

import "time"

// Packet is a received RTP packet, as far as forwarding looks at it. It is
// shared by all receivers: nobody changes it.
type Packet struct {
	Seq        uint16
	Timestamp  uint32
	Marker     bool
	Payload    []byte // without padding
	Descriptor []byte // the dependency descriptor's header extension, if any
	Frame      *Frame // as a Reader of the source read it
	// Cached says that the packet is one of those that the source's cache holds
	// from a keyframe on, given in order to who has nothing yet.
	Cached bool
}

// Rewritten is a packet as it goes out.
type Rewritten struct {
	Seq       uint16
	Timestamp uint32
	Marker    bool
	// Head, then Tail are the payload. Head is written into the scratch space,
	// Tail is what is shared of the received payload.
	Head, Tail []byte
	// Descriptor is the dependency descriptor, written into the scratch space;
	// nil for none. It may be longer than the received one, by up to 5 bytes.
	Descriptor []byte
}

// Verdict is what to do with a packet.
type Verdict int

const (
	// Leave it: nothing is sent.
	Leave Verdict = iota
	// Send it as it was rewritten.
	Send
	// Fill in for it: a packet with the Seq and Timestamp told and nothing but
	// padding is sent, because receivers wait for its number.
	Fill
)

// ScratchSize is how much scratch space rewriting takes at most: a header
// extension of 255 bytes and what may be added to it.
const ScratchSize = 264

// Video is a Stream of video: besides number and time it chooses layers, and
// keeps continuous what the decoder's payload format counts, whichever sources
// and codecs take turns. It is not safe for concurrent use.
type Video struct {
	stream *Stream
	target Layer

	// The newest numbers sent, and which there were.
	sent    numbers
	picture bool
	tl0     bool
}

// numbers are those that a payload format counts, as one packet has them.
type numbers struct {
	picture int64 // picture id or frame number, extended
	tl0     uint8
}

// layered is what Video knows of one source in its stream.
type layered struct {
	codec    Codec
	selector Selector
	// What is added to the source's numbers, once it is known.
	offset  numbers
	picture bool
	tl0     bool
}

// NewVideo makes a stream as NewStream does, with all layers for a target.
func NewVideo(clockRate uint32, reach int, seq uint16, timestamp uint32) *Video {
	return &Video{stream: NewStream(clockRate, reach, seq, timestamp), target: HighestLayer}
}

// Switch makes the next packet that Opens, and is not Late unless Cached, the
// first one of the source id.
func (v *Video) Switch(id uint64) {
	v.stream.Switch(id)
	v.begin()
}

// SwitchAligned is Switch with the offset that Stream.SwitchAligned explains.
func (v *Video) SwitchAligned(id uint64, offset uint32) {
	v.stream.SwitchAligned(id, offset)
	v.begin()
}

func (v *Video) begin() {
	l := &layered{}
	l.selector.SetTarget(v.target)
	v.stream.eras[0].layered = l
}

// SetTarget says which layer to send, from where a decoder can follow.
func (v *Video) SetTarget(target Layer) {
	v.target = target
	if l := v.current(); l != nil {
		l.selector.SetTarget(target)
	}
}

// Layer is the layer that is sent now, which may be beyond what the source
// has. It reports false while nothing is: no keyframe came yet.
func (v *Video) Layer() (Layer, bool) {
	l := v.current()
	if l == nil || !l.selector.Started() {
		return Layer{}, false
	}
	return l.selector.Current(), true
}

// NeedsKeyframe says whether only a keyframe of the current source brings the
// stream to its target. It is worth asking after each packet: the answer is a
// few comparisons.
func (v *Video) NeedsKeyframe() bool {
	l := v.current()
	return l != nil && l.selector.NeedsKeyframe()
}

// Holds says whether packets of the source id can still be asked for.
func (v *Video) Holds(id uint64) bool { return v.stream.Holds(id) }

// TimestampOffset is what is added to the current source's timestamps. It
// reports false before the first packet of the source.
func (v *Video) TimestampOffset() (uint32, bool) { return v.stream.TimestampOffset() }

// Origin finds what a packet of the stream was in its source, for Again.
func (v *Video) Origin(outSeq uint16) (Origin, bool) { return v.stream.Origin(outSeq) }

func (v *Video) current() *layered { return v.stream.eras[0].layered }

// Forward decides on a packet of the current source and writes into out what
// to send. scratch needs ScratchSize bytes; out points into it and into p.
// Duplicates must have been sorted out.
func (v *Video) Forward(now time.Time, p *Packet, scratch []byte, out *Rewritten) Verdict {
	s, l, f := v.stream, v.current(), p.Frame
	if l == nil {
		return Leave
	}
	if l.selector.Started() && f.Opens() && f.Codec != l.codec {
		v.SwitchAligned(s.eras[0].id, 0) // the same source with another codec
		l = v.current()
	}
	n := s.source.Unwrap(p.Seq)
	if !l.selector.Started() {
		if !f.Opens() || f.Late && !p.Cached {
			return Leave // what follows a late one went by
		}
		l.codec = f.Codec
	}
	c := Choice{}
	if f.Readable && f.Codec == l.codec {
		c = l.selector.Select(n, p.Timestamp, p.Marker, f)
	}
	if !c.Forward {
		seq, timestamp, fill := s.drop(n, p.Timestamp, c.Run)
		if !fill {
			return Leave
		}
		*out = Rewritten{Seq: seq, Timestamp: timestamp}
		return Fill
	}
	seq, timestamp, ok := s.write(now, n, p.Timestamp)
	if !ok {
		return Leave
	}
	*out = Rewritten{Seq: seq, Timestamp: timestamp, Marker: c.Marker}
	v.follow(l, f)
	v.rewrite(l, p, c, scratch, out)
	return Send
}

// Warm reads what Forward is about to, for who has many streams to forward a
// packet in: so their waits for memory overlap. What it returns means nothing.
func (v *Video) Warm() int {
	s := v.stream
	sum := int(s.newest) + int(s.source.newest) + int(s.eras[0].newest)
	if l := v.current(); l != nil {
		sum += int(l.offset.picture) + l.selector.warm()
	}
	return sum
}

// Again rewrites a packet that a receiver lost, byte by byte as Forward did or
// would have: o is from Origin, with no Switch since, and p is what the source
// has there.
func (v *Video) Again(o Origin, p *Packet, scratch []byte, out *Rewritten) Verdict {
	*out = Rewritten{Seq: o.out, Timestamp: p.Timestamp + o.TimestampOffset}
	l, f := v.stream.eras[o.era].layered, p.Frame
	if l == nil || p.Seq != o.Seq {
		return Leave
	}
	c := Choice{known: true}
	if f.Readable && f.Codec == l.codec {
		c = l.selector.Again(o.in, p.Marker, f)
	}
	switch {
	case !c.known:
		return Leave
	case !c.Forward:
		return Fill
	}
	out.Marker = c.Marker
	v.rewrite(l, p, c, scratch, out)
	return Send
}

// rewrite fills in what the codec's payload format and header extension say.
func (v *Video) rewrite(l *layered, p *Packet, c Choice, scratch []byte, out *Rewritten) {
	f := p.Frame
	to := numbers{
		picture: l.selector.picture(f) + l.offset.picture,
		tl0:     f.TL0PICIDX + l.offset.tl0,
	}
	scratch = scratch[:0]
	switch out.Tail = p.Payload; f.Codec {
	case VP8:
		out.Head, out.Tail = rewriteVP8(scratch, p.Payload, f, to.picture)
	case VP9:
		out.Head, out.Tail = rewriteVP9(scratch, p.Payload, f, to)
	case AV1:
		if f.Numbered {
			out.Descriptor = rewriteDescriptor(scratch, p.Descriptor, f, to.picture, c.mask, c.tell)
		}
	}
}

// follow finds what is added to a source's numbers, with the first packet that
// has them, and notes how far the stream has come.
func (v *Video) follow(l *layered, f *Frame) {
	if f.Numbered {
		picture := l.selector.picture(f)
		if !l.picture {
			l.picture = true
			if v.picture {
				l.offset.picture = v.sent.picture + 1 - picture
			}
		}
		v.sent.picture = max(v.sent.picture, picture+l.offset.picture)
		v.picture = true
	}
	if f.HasTL0PICIDX {
		if !l.tl0 {
			l.tl0 = true
			if v.tl0 {
				l.offset.tl0 = v.sent.tl0 + 1 - f.TL0PICIDX
			}
		}
		if tl0 := f.TL0PICIDX + l.offset.tl0; !v.tl0 || int8(tl0-v.sent.tl0) > 0 {
			v.sent.tl0, v.tl0 = tl0, true
		}
	}
}
