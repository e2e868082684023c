package sfu

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// rtpWriter seals one RTP packet and sends it. webrtc.TrackLocalWriter is one.
type rtpWriter interface {
	WriteRTP(header *rtp.Header, payload []byte) (int, error)
}

// outgoing is the RTP stream of one slot. All of it belongs to the worker of
// the slot's peer.
type outgoing struct {
	worker  *worker
	metrics *metrics
	writer  rtpWriter
	ssrc    uint32
	types   *payloadTypes
	ids     extensions
	rate    uint32 // Hz

	live    bool       // the connection is up
	source  *incoming  // nil while the slot is empty or silent
	mapped  [128]uint8 // the source's payload types in ours, 0 is none
	waiting bool       // for a keyframe of the source
	stream  *forward.Stream
	// sources are those of the stream's eras, for retransmissions.
	sources map[uint64]*incoming

	header  rtp.Header // used again for each packet
	packets uint32     // for the sender report
	octets  uint32

	ssrcRTX   uint32
	seqRTX    uint16
	headerRTX rtp.Header
	scratch   [packetBytes]byte
	resends   resendBudget
}

// newOutgoing makes the stream of a slot with what was negotiated for it.
func newOutgoing(w *worker, m *metrics, writer rtpWriter, ssrc, ssrcRTX webrtc.SSRC, types *payloadTypes, ids extensions, rate uint32, reach int) *outgoing {
	o := &outgoing{
		worker: w, metrics: m, writer: writer, ssrc: uint32(ssrc), types: types, ids: ids, rate: rate,
		stream:  forward.NewStream(rate, reach, uint16(rand.Uint32()), rand.Uint32()),
		sources: map[uint64]*incoming{},
		ssrcRTX: uint32(ssrcRTX),
		seqRTX:  uint16(rand.Uint32()),
	}
	o.header.SSRC = uint32(ssrc)
	return o
}

// connected begins sending.
func (o *outgoing) connected() {
	o.live = true
	o.restart()
}

// restart begins the source anew, at its next keyframe.
func (o *outgoing) restart() {
	if o.source == nil || !o.live {
		return
	}
	o.stream.Switch(o.source.serial)
	if o.waiting = o.source.needsKeyframe(); o.waiting {
		o.source.requestKeyframe()
	}
}

// carry puts a source into the slot; nil empties it.
func (o *outgoing) carry(source *incoming) {
	if o.source == source {
		return
	}
	if o.source != nil {
		o.source.remove(o)
	}
	o.source = source
	if source == nil {
		return
	}
	source.add(o)
	o.mapped = o.types.mapFrom(source.types)
	o.restart()
	maps.DeleteFunc(o.sources, func(serial uint64, _ *incoming) bool { return !o.stream.Holds(serial) })
	o.sources[source.serial] = source
}

// forward sends one packet of the source.
func (o *outgoing) forward(now time.Time, p *packet) {
	if !o.live {
		return
	}
	if o.waiting {
		if !p.keyframe {
			// The request or its answer may have been lost.
			o.source.requestKeyframe()
			return
		}
		o.waiting = false
	}
	payloadType := o.mapped[p.header.PayloadType&0x7f]
	if payloadType == 0 {
		o.metrics.dropped.WithLabelValues("codec").Inc()
		return
	}
	seq, timestamp, ok := o.stream.Rewrite(now, p.header.SequenceNumber, p.header.Timestamp)
	if !ok {
		return
	}
	o.rewrite(&o.header, p, payloadType, seq, timestamp)
	if _, err := o.writer.WriteRTP(&o.header, p.payload); err != nil {
		o.metrics.dropped.WithLabelValues("send").Inc()
		return
	}
	o.packets++
	o.octets += uint32(len(p.payload))
	o.worker.packets++
	o.worker.bytes += len(p.payload)
}

// rewrite makes the header that a packet has in this stream. Header extensions
// are written anew: what the publisher's mean to the publisher's connection is
// not passed on.
func (o *outgoing) rewrite(h *rtp.Header, p *packet, payloadType uint8, seq uint16, timestamp uint32) {
	h.Version = 2
	h.Marker = p.header.Marker
	h.PayloadType = payloadType
	h.SequenceNumber = seq
	h.Timestamp = timestamp
	h.Extension, h.ExtensionProfile = false, 0
	h.Extensions = h.Extensions[:0]
	// Setting an extension fails only for an id or length that the form does
	// not allow; one byte and a negotiated id always are.
	if o.ids.level != 0 && len(p.level) == 1 {
		_ = h.SetExtension(o.ids.level, p.level)
	}
	if o.ids.orientation != 0 && len(p.orientation) == 1 {
		_ = h.SetExtension(o.ids.orientation, p.orientation)
	}
}

// takes says whether a codec was negotiated for the slot.
func (o *outgoing) takes(key codecKey) bool {
	_, ok := o.types.byKey[key]
	return ok
}

// resend answers a NACK (RFC 4585, 6.2.1) for one packet from the cache of the
// stream that it came in.
func (o *outgoing) resend(now time.Time, lost uint16) {
	if !o.live {
		return
	}
	origin, ok := o.stream.Origin(lost)
	source := o.sources[origin.ID]
	if !ok || source == nil {
		o.metrics.resent.WithLabelValues("unknown").Inc()
		return
	}
	p := source.cached(origin.Seq)
	if p == nil {
		o.metrics.resent.WithLabelValues("gone").Inc()
		return
	}
	defer p.release()
	if !o.resends.take(now) {
		o.metrics.resent.WithLabelValues("limited").Inc()
		return
	}
	payloadType, ok := o.types.byKey[source.types.keys[p.header.PayloadType&0x7f]]
	if !ok {
		return
	}
	timestamp := p.header.Timestamp + origin.TimestampOffset
	rtxType := o.types.rtx[payloadType]
	if o.ssrcRTX == 0 || rtxType == 0 {
		// The same bytes as the first time: nothing in them depends on when.
		o.rewrite(&o.header, p, payloadType, lost, timestamp)
		_, _ = o.writer.WriteRTP(&o.header, p.payload)
		o.metrics.resent.WithLabelValues("plain").Inc()
		return
	}
	// RFC 4588, 4: the original sequence number, then the payload.
	if len(p.payload)+2 > len(o.scratch) {
		return
	}
	o.seqRTX++
	o.rewrite(&o.headerRTX, p, rtxType, o.seqRTX, timestamp)
	o.headerRTX.SSRC = o.ssrcRTX
	binary.BigEndian.PutUint16(o.scratch[:], lost)
	n := copy(o.scratch[2:], p.payload)
	_, _ = o.writer.WriteRTP(&o.headerRTX, o.scratch[:2+n])
	o.metrics.resent.WithLabelValues("rtx").Inc()
}

// report is the sender report for the stream now; nil before there is
// something to say.
func (o *outgoing) report(now time.Time) rtcp.Packet {
	if o.source == nil || o.packets == 0 {
		return nil
	}
	offset, ok := o.stream.TimestampOffset()
	if !ok {
		return nil
	}
	timestamp, ok := o.source.timestamp(now)
	if !ok {
		return nil
	}
	return &rtcp.SenderReport{
		SSRC:        o.header.SSRC,
		NTPTime:     forward.ToNTP(now),
		RTPTime:     timestamp + offset,
		PacketCount: o.packets,
		OctetCount:  o.octets,
	}
}

// resendBudget bounds retransmissions of one slot: a receiver that asks for
// everything all the time gets this much and no more.
type resendBudget struct {
	second time.Time
	used   int
}

// resendsPerSecond is about a fifth of a 4 Mbit/s video.
const resendsPerSecond = 100

func (b *resendBudget) take(now time.Time) bool {
	if now.Sub(b.second) >= time.Second {
		b.second, b.used = now, 0
	}
	b.used++
	return b.used <= resendsPerSecond
}
