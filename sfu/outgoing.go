package sfu

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// rtpWriter seals one RTP packet and sends it. An outlet is one.
type rtpWriter interface {
	WriteRTP(header *rtp.Header, payload []byte) (int, error)
}

// stream is what forward.Stream and forward.Video have in common.
type stream interface {
	Switch(id uint64)
	SwitchAligned(id uint64, offset uint32)
	Holds(id uint64) bool
	TimestampOffset() (uint32, bool)
	Origin(seq uint16) (forward.Origin, bool)
}

// outgoing is the RTP stream of one slot. All of it belongs to the worker of
// the slot's peer.
type outgoing struct {
	link    *downlink
	index   int // among the slots of its kind
	metrics *metrics
	writer  rtpWriter
	ssrc    uint32
	types   *payloadTypes
	ids     extensions
	rate    uint32 // Hz

	// starved says that nothing is sent for want of room; for everybody to see.
	starved atomic.Bool
	// short is how far below what is shown that is, by shortOf; likewise.
	short atomic.Uint32

	live   bool // the connection is up
	load   load
	stream stream
	audio  *forward.Stream // the stream of an audio slot, else nil
	video  *forward.Video  // the stream of a video slot, else nil

	// What the load's source is sent by.
	current *incoming     // whose packets are sent; nil for none
	next    *incoming     // the simulcast layer that takes over at its keyframe
	layer   forward.Layer // what is wanted of next or, without one, of current
	counted int           // the spatial layer that the source's demand has this slot in; -1 is none
	caught  bool          // packets of current up to upTo were sent from its cache
	upTo    uint16
	first   uint32 // the timestamp of the first packet of current, once begun
	begun   bool
	mapped  [128]uint8 // the source's payload types in ours, 0 is none
	red     bool       // redundancy is asked for
	// sources are those of the stream's eras, for retransmissions.
	sources map[uint64]*incoming

	header  rtp.Header // used again for each packet
	written forward.Rewritten
	newest  uint16 // what was sent last, to be sent again by probes
	packets uint32 // for the sender report
	octets  uint32
	// reported says that the client has told of it: that it came, at least once.
	reported bool

	ssrcRTX   uint32
	seqRTX    uint16
	headerRTX rtp.Header
	resends   resendBudget
	keyframes keyframeRation
}

// load is what a slot is to carry.
type load struct {
	source *source // nil: nothing
	// held: nothing is sent for now, but it is wanted all the same.
	held bool
	// late says from where on a source is sent that has spoken already when it
	// is chosen; the zero value, from now on.
	late  lookBack
	place place
}

// newOutgoing makes the stream of a slot with what was negotiated for it.
func newOutgoing(m *metrics, writer rtpWriter, ssrc, ssrcRTX uint32, kind Kind, types *payloadTypes, ids extensions) *outgoing {
	o := &outgoing{
		metrics: m, writer: writer, ssrc: ssrc, types: types, ids: ids, rate: 90000,
		counted: -1,
		sources: map[uint64]*incoming{},
		resends: newResendBudget(), keyframes: newKeyframeRation(),
		ssrcRTX: ssrcRTX,
		seqRTX:  firstSeq(),
	}
	seq, timestamp, reach := firstSeq(), rand.Uint32(), cacheSize(kind)
	if kind == Video {
		o.video = forward.NewVideo(o.rate, reach, seq, timestamp)
		o.stream = o.video
	} else {
		o.rate = 48000
		o.audio = forward.NewStream(o.rate, reach, seq, timestamp)
		o.stream = o.audio
	}
	if o.video != nil && ssrcRTX == 0 {
		// What is sent again under its own number has to be the same to the bit,
		// else the cipher's nonce would be used twice: no number of its own then.
		o.ids.transport = 0
	}
	return o
}

// firstSeq is a random number to begin with, in the lower half: with a first
// packet that is lost, and the next one after a wrap-around, a receiver would
// take the cipher's packet index for another for good (RFC 3711, 3.3.1).
func firstSeq() uint16 { return uint16(rand.Uint32N(1 << 15)) }

// connected begins sending.
func (o *outgoing) connected(now time.Time) {
	o.live = true
	o.link.mark()
	o.settle(now)
}

// carry puts a source into the slot, or takes it out.
func (o *outgoing) carry(now time.Time, l load) {
	if o.load.source != l.source {
		o.aim(now, nil, forward.Layer{}, -1)
		o.starved.Store(false)
	}
	o.load = l
	if l.source != nil {
		if in := l.source.stream(0); in != nil {
			o.mapped = o.types.mapFrom(in.types)
		}
	}
	o.link.mark()
	o.settle(now)
}

// settle decides for audio, which has no layers; video is decided on by the
// downlink.
func (o *outgoing) settle(now time.Time) {
	if o.audio == nil || o.load.source == nil {
		return
	}
	o.aim(now, o.load.source.stream(0), forward.HighestLayer, 0)
}

// aim says what to send of the source: a stream, of that a layer, and which
// spatial layer of the source that is. Without a stream, or while the slot is
// held, nothing is sent.
func (o *outgoing) aim(now time.Time, in *incoming, layer forward.Layer, spatial int) {
	if s := o.load.source; s != nil {
		s.move(now, o.counted, spatial)
		o.counted = spatial
	}
	if !o.live || o.load.held {
		in = nil
	}
	o.layer = layer
	if in == nil {
		o.begin(now, nil)
		return
	}
	flowing := o.load.source.flowing(now, in)
	switch {
	case o.current == nil || !o.started():
		if o.current != flowing {
			o.begin(now, flowing)
		}
	case o.current != flowing:
		o.setNext(flowing)
		// On the way down, what can go at once goes at once.
		if s := o.load.source; s.rank(flowing) < s.rank(o.current) {
			o.tune(forward.Layer{Spatial: forward.HighestLayer.Spatial})
		}
		flowing.requestKeyframe()
		return
	}
	o.tune(layer)
	// What does not come in yet begins with a keyframe when it does.
	if in == o.current {
		in = nil
	}
	o.setNext(in)
}

// started says whether something of the current stream was sent.
func (o *outgoing) started() bool {
	if o.current == nil {
		return false
	}
	_, ok := o.stream.TimestampOffset()
	return ok
}

// tune sets the layers of the current stream.
func (o *outgoing) tune(layer forward.Layer) {
	if o.video != nil {
		o.video.SetTarget(layer)
	}
}

// begin sends a stream from a keyframe on, or nothing.
func (o *outgoing) begin(now time.Time, in *incoming) {
	o.setNext(nil)
	o.wantRED(false) // until it is looked at again
	if o.current != nil {
		o.current.remove(o)
	}
	o.current, o.caught, o.begun = in, false, false
	if in == nil {
		return
	}
	in.add(o)
	o.tune(o.layer)
	o.stream.Switch(in.serial)
	o.remember(in)
	var recent []*packet
	switch {
	case in.needsKeyframe():
		if recent = in.recent(now); len(recent) == 0 {
			in.requestKeyframe()
		}
	case o.load.late != lookBack{}:
		recent = in.spoken(now, o.load.late)
	}
	for _, p := range recent {
		media := p.media
		media.Cached = true
		o.send(now, p, &media)
		o.caught, o.upTo = true, p.header.SequenceNumber
		p.release()
	}
}

// setNext changes which stream takes over at its next keyframe.
func (o *outgoing) setNext(in *incoming) {
	if o.next == in {
		return
	}
	if o.next != nil {
		o.next.remove(o)
	}
	if o.next = in; in != nil {
		in.add(o)
	}
}

// takeOver makes next the current stream, in step with the one before where
// both have told their clocks.
func (o *outgoing) takeOver() {
	before := o.current
	o.current, o.next, o.caught = o.next, nil, false
	before.remove(o)
	o.tune(o.layer)
	if offset, ok := o.current.offsetTo(before); ok {
		o.stream.SwitchAligned(o.current.serial, offset)
	} else {
		o.stream.Switch(o.current.serial)
	}
	o.remember(o.current)
}

// remember keeps the sources that packets may still be asked for of.
func (o *outgoing) remember(in *incoming) {
	maps.DeleteFunc(o.sources, func(serial uint64, _ *incoming) bool { return !o.stream.Holds(serial) })
	o.sources[in.serial] = in
}

// forward sends one packet that came in a stream.
func (o *outgoing) forward(now time.Time, in *incoming, p *packet) {
	switch {
	case in == o.next:
		if !p.frame.Opens() || p.frame.Late {
			in.requestKeyframe() // the request or its answer may have been lost
			return
		}
		o.takeOver()
	case in != o.current:
		return
	case o.caught:
		if int16(p.header.SequenceNumber-o.upTo) <= 0 {
			return // it was sent already
		}
		o.caught = false
	}
	o.send(now, p, &p.media)
	if o.video != nil && o.next == nil && o.video.NeedsKeyframe() {
		in.requestKeyframe()
	}
}

// warm reads what forward is about to. Between two packets others have the
// processor's caches, and most of forwarding would be waiting for one piece of
// memory after the other; read for several streams in a row, they are waited for
// together. What it returns is only there so that the reads are not left out.
func (o *outgoing) warm() int {
	sum := int(o.newest) + int(o.mapped[96]) + int(o.seqRTX) + o.link.estimator.Warm()
	if o.video != nil {
		sum += o.video.Warm()
	}
	if out, ok := o.writer.(*outlet); ok {
		sum += out.warm()
	}
	return sum
}

// send rewrites a packet of the current stream and writes it.
func (o *outgoing) send(now time.Time, p *packet, media *forward.Packet) {
	payloadType := o.mapped[p.header.PayloadType&0x7f]
	if payloadType == 0 {
		o.metrics.dropped.WithLabelValues("codec").Inc()
		return
	}
	out := &o.written
	if o.audio != nil {
		seq, timestamp, ok := o.audio.Rewrite(now, p.header.SequenceNumber, p.header.Timestamp)
		if !ok {
			return
		}
		*out = forward.Rewritten{Seq: seq, Timestamp: timestamp, Marker: p.header.Marker, Tail: p.payload}
	} else {
		switch o.video.Forward(now, media, o.link.worker.scratch[:], out) {
		case forward.Leave:
			return
		case forward.Fill:
			o.fill(&o.header, payloadType, out)
			return
		case forward.Send:
		}
	}
	if o.audio != nil {
		if !o.begun {
			o.first, o.begun = p.header.Timestamp, true
		}
		if red := o.redFor(p); len(red) > 0 {
			payloadType, out.Tail = o.types.redType, red
		}
	}
	o.rewrite(&o.header, p, payloadType, out)
	payload := o.assemble(o.link.worker.payload[:0], out)
	if !o.write(now, &o.header, payload) {
		o.metrics.dropped.WithLabelValues("send").Inc()
		return
	}
	o.newest = out.Seq
	o.packets++
	o.octets += uint32(len(payload))
	o.link.worker.packets++
	o.link.worker.bytes += len(payload)
}

// assemble is the payload in one piece, in the room given if there is more
// than what is shared.
func (o *outgoing) assemble(room []byte, out *forward.Rewritten) []byte {
	if len(room) == 0 && len(out.Head) == 0 {
		return out.Tail
	}
	return append(append(room, out.Head...), out.Tail...)
}

// rewrite makes the header that a packet has in this stream. Header extensions
// are written anew: what the publisher's mean to the publisher's connection is
// not passed on.
func (o *outgoing) rewrite(h *rtp.Header, p *packet, payloadType uint8, out *forward.Rewritten) {
	h.Version = 2
	h.SSRC = o.ssrc
	h.Padding = false
	h.Marker = out.Marker
	h.PayloadType = payloadType
	h.SequenceNumber = out.Seq
	h.Timestamp = out.Timestamp
	h.Extension, h.ExtensionProfile = false, 0
	h.Extensions = h.Extensions[:0]
	if p == nil {
		return
	}
	// Setting an extension fails only for an id or length that the form does
	// not allow. The longest comes first: it decides on the form.
	if o.ids.descriptor != 0 && len(out.Descriptor) != 0 {
		_ = h.SetExtension(o.ids.descriptor, out.Descriptor)
	}
	if o.ids.level != 0 && len(p.level) == 1 {
		_ = h.SetExtension(o.ids.level, p.level)
	}
	if o.ids.orientation != 0 && len(p.orientation) == 1 {
		_ = h.SetExtension(o.ids.orientation, p.orientation)
	}
}

// overhead is what SRTP adds to a packet: AEAD AES-GCM's tag (RFC 7714).
const overhead = 16

// write numbers a packet among all that go to the client, and sends it. Sound is
// numbered while pictures go there, too: by itself it leaves nothing to decide that
// would be worth an answer ten times a second.
func (o *outgoing) write(now time.Time, h *rtp.Header, payload []byte) bool {
	switch {
	case o.ids.transport != 0 && (o.video != nil || o.link.pictures):
		var number [2]byte
		// Four bytes more, and what rounds them up.
		seq := o.link.estimator.Sent(now, h.MarshalSize()+4+len(payload)+overhead)
		binary.BigEndian.PutUint16(number[:], seq)
		_ = h.SetExtension(o.ids.transport, number[:])
	case o.ids.transport != 0 || !o.link.wide:
		o.link.estimator.SentPlain(now, h.MarshalSize()+len(payload)+overhead)
	}
	_, err := o.writer.WriteRTP(h, payload)
	return err == nil
}

// takes says whether a codec was negotiated for the slot.
func (o *outgoing) takes(key codecKey) bool {
	_, ok := o.types.byKey[key]
	return ok
}

// keyframeWanted passes on that the receiver cannot decode.
func (o *outgoing) keyframeWanted() {
	if o.current != nil {
		o.current.requestKeyframe()
	}
}

// report is the sender report for the stream now; nil before there is
// something to say.
func (o *outgoing) report(now time.Time) rtcp.Packet {
	if o.current == nil || o.packets == 0 {
		return nil
	}
	offset, ok := o.stream.TimestampOffset()
	if !ok {
		return nil
	}
	timestamp, ok := o.current.timestamp(now)
	if !ok {
		return nil
	}
	return &rtcp.SenderReport{
		SSRC:        o.ssrc,
		NTPTime:     forward.ToNTP(now),
		RTPTime:     timestamp + offset,
		PacketCount: o.packets,
		OctetCount:  o.octets,
	}
}
