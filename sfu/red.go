package sfu

import (
	"time"

	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// redundancy is what a stream of Opus knows of redundant audio (RFC 2198),
// which carries each frame in the packets after it, too. The reading goroutine
// has it.
type redundancy struct {
	red      forward.RED
	recovery forward.REDRecovery
	losses   forward.REDLosses
	maker    *forward.REDMaker // made when a receiver wants redundancy that did not come
}

// unpackRED takes a packet's Opus frame out of its redundant payload, which is
// kept for receivers that want it as it is. It reports false for what cannot be
// read.
func (in *incoming) unpackRED(p *packet) bool {
	if in.redundancy == nil {
		in.redundancy = &redundancy{}
	}
	opus := in.types.byKey[opusKey]
	if !in.redundancy.red.Unpack(p.payload, opus) {
		return false
	}
	p.red, p.redMade, p.payload = p.payload, false, in.redundancy.red.Primary
	p.header.PayloadType = opus
	return true
}

// recoverLost finds packets that were lost before p in its redundancy, and
// takes them as if they came late.
func (in *incoming) recoverLost(p *packet, now time.Time) {
	r := in.redundancy
	if p.red == nil {
		r.recovery.Take(p.header.SequenceNumber, p.header.Timestamp, p.payload)
		return
	}
	r.recovery.TakeRED(p.header.SequenceNumber, p.header.Timestamp, &r.red, &r.losses)
	for _, loss := range r.losses.List() {
		q := newPacket()
		n := copy(q.buf[:], loss.Payload)
		q.header = rtp.Header{
			Version: 2, PayloadType: p.header.PayloadType, SequenceNumber: loss.Seq, Timestamp: loss.Timestamp, SSRC: p.header.SSRC,
		}
		q.payload = q.buf[:n]
		q.red, q.level, q.orientation, q.descriptor = nil, nil, nil, nil
		if in.keep(q, now) {
			in.metrics.recovered.Inc()
			in.arriving.add(now, loss.Seq, loss.Timestamp, in.rate)
			in.spread(q)
		}
		q.release()
	}
}

// makeRED gives a packet that came without redundancy some, if a receiver
// wants it: in the room that its buffer has left.
func (in *incoming) makeRED(p *packet, used int) {
	if p.red != nil || in.redWanted.Load() == 0 {
		return
	}
	if in.redundancy == nil {
		in.redundancy = &redundancy{}
	}
	if in.redundancy.maker == nil {
		in.redundancy.maker = &forward.REDMaker{}
	}
	room := p.buf[used:]
	if n := in.redundancy.maker.Make(room, in.types.byKey[opusKey], p.header.SequenceNumber, p.header.Timestamp, p.payload); n > 0 {
		p.red, p.redMade = room[:n], true
	}
}

// redFor is the redundant payload of a packet as this slot's client takes it;
// nil when it is to be sent plain.
func (o *outgoing) redFor(p *packet) []byte {
	if p.red == nil || o.types.redType == 0 || p.redMade && !o.red {
		return nil
	}
	theirs, ours := o.current.types.byKey[opusKey], o.types.byKey[opusKey]
	// What is from before the source came into the slot is left out: it would
	// be put into the time of the source before.
	reach := p.header.Timestamp - o.first
	if theirs == ours && reach > redReach {
		return p.red
	}
	var red forward.RED
	if !red.Unpack(p.red, theirs) {
		return nil
	}
	payload := o.link.worker.payload[:]
	return payload[:red.Pack(payload, ours, min(reach, redReach))]
}

// redReach is how far back redundancy can reach, in ticks (RFC 2198, 3).
const redReach = 1<<14 - 1

// wantRED asks the current stream for redundancy, or no longer: while the way
// to the client loses packets.
func (o *outgoing) wantRED(on bool) {
	on = on && o.types.redType != 0
	if on == o.red {
		return
	}
	o.red = on
	if o.current != nil {
		o.current.redWanted.Add(one(on))
	}
}

// one is what a receiver more or less adds.
func one(more bool) int32 {
	if more {
		return 1
	}
	return -1
}
