package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// fill sends a packet with nothing but padding in the place of one that the
// receiver waits for (RFC 3550, 5.1).
func (o *outgoing) fill(h *rtp.Header, payloadType uint8, out *forward.Rewritten) {
	o.rewrite(h, nil, payloadType, out)
	h.Padding = true
	// Without a transport-wide number: it may be sent again as it is.
	_, _ = o.writer.WriteRTP(h, padding)
}

// padding is one byte of it.
var padding = []byte{1}

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
	switch {
	case o.current != nil && source != o.current && o.load.source != nil && o.load.source.rank(source) >= 0:
		o.metrics.resent.WithLabelValues("left").Inc() // another size has begun with a keyframe
		return
	case o.resends.repeated(now, lost, o.link.rtt()/2):
		o.metrics.resent.WithLabelValues("repeated").Inc()
		return
	case !o.resends.take(now) || !o.link.mayResend(now, len(p.payload)):
		o.metrics.resent.WithLabelValues("limited").Inc()
		return
	}
	o.resends.note(now, lost)
	if how := o.again(now, p, source, origin, lost); how != "" {
		o.metrics.resent.WithLabelValues(how).Inc()
	}
}

// again sends a packet once more, and says how; "" for not.
func (o *outgoing) again(now time.Time, p *packet, source *incoming, origin forward.Origin, seq uint16) (how string) {
	payloadType, ok := o.types.byKey[source.types.keys[p.header.PayloadType&0x7f]]
	if !ok {
		return ""
	}
	out := &o.written
	*out = forward.Rewritten{Seq: seq, Timestamp: p.header.Timestamp + origin.TimestampOffset, Marker: p.header.Marker, Tail: p.payload}
	if o.video != nil {
		switch o.video.Again(origin, &p.media, o.link.worker.scratch[:], out) {
		case forward.Leave:
			return ""
		case forward.Fill:
			o.fill(&o.headerRTX, payloadType, out)
			return "filled"
		case forward.Send:
		}
	}
	rtxType := o.types.rtx[payloadType]
	if o.ssrcRTX == 0 || rtxType == 0 {
		if o.ids.transport != 0 {
			return "" // the same number with other bytes
		}
		// The same bytes as the first time: nothing in them depends on when.
		o.rewrite(&o.header, p, payloadType, out)
		o.write(now, &o.header, o.assemble(o.link.worker.payload[:0], out))
		return "plain"
	}
	// RFC 4588, 4: the original sequence number, then the payload.
	if len(out.Head)+len(out.Tail)+2 > len(o.link.worker.payload) {
		return ""
	}
	o.seqRTX++
	payload := o.assemble(binary.BigEndian.AppendUint16(o.link.worker.payload[:0], seq), out)
	out.Seq = o.seqRTX
	o.rewrite(&o.headerRTX, p, rtxType, out)
	o.headerRTX.SSRC = o.ssrcRTX
	o.write(now, &o.headerRTX, payload)
	return "rtx"
}

// pad sends something that no decoder misses, to see whether the way to the
// client carries more, and says how many bytes; 0 if it cannot. What was sent
// last is sent again, since much of it goes into few packets; until the client
// has told of the stream, it is padding: some (pion among them) play nothing of a
// stream of which the first that they hear is a packet sent again.
func (o *outgoing) pad(now time.Time) int {
	if !o.canPad() {
		return 0
	}
	if origin, ok := o.stream.Origin(o.newest); ok && o.reported {
		if source := o.sources[origin.ID]; source != nil {
			if p := source.cached(origin.Seq); p != nil {
				defer p.release()
				if o.again(now, p, source, origin, o.newest) == "rtx" {
					return len(p.payload) + overhead
				}
			}
		}
	}
	o.seqRTX++
	o.rewrite(&o.headerRTX, nil, o.types.anyRTX, &forward.Rewritten{Seq: o.seqRTX})
	o.headerRTX.SSRC, o.headerRTX.Padding = o.ssrcRTX, true
	o.write(now, &o.headerRTX, paddingMost[:])
	return len(paddingMost) + overhead
}

// canPad says whether there is a stream for what no decoder misses.
func (o *outgoing) canPad() bool {
	return o.live && o.ssrcRTX != 0 && o.ids.transport != 0 && o.types.anyRTX != 0
}

// paddingMost is as much padding as a packet can have (RFC 3550, 5.1).
var paddingMost = [255]byte{254: 255}
