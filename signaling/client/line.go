package client

import "time"

// line numbers what leaves in one section as one RTP stream (RFC 3550, section
// 5.1), whichever sources it comes from one after the other. It is not safe
// for concurrent use.
type line struct {
	rate    uint32 // Hz, of the timestamps
	started bool
	fresh   bool // the next packet is the first of another source

	seq     uint16 // of the newest packet
	stamp   uint32
	at      time.Time // when that left
	seqBy   uint16    // what is added to the source's own
	stampBy uint32
}

// follow says that the next packet comes from another source.
func (l *line) follow() { l.fresh = true }

// next gives a packet of the source its numbers. The first source keeps its
// own; a later one goes on where the one before it ended, its first timestamp
// as much later as the clock is.
func (l *line) next(now time.Time, seq uint16, stamp uint32) (uint16, uint32) {
	switch {
	case !l.started:
		l.started, l.fresh = true, false
		l.seq, l.stamp, l.at = seq, stamp, now
		return seq, stamp
	case l.fresh:
		l.fresh = false
		passed := max(uint64(now.Sub(l.at).Seconds()*float64(l.rate)), 1)
		l.seqBy = l.seq + 1 - seq
		l.stampBy = l.stamp + uint32(passed) - stamp
	}
	seq, stamp = seq+l.seqBy, stamp+l.stampBy
	if int16(seq-l.seq) > 0 {
		l.seq, l.stamp, l.at = seq, stamp, now
	}
	return seq, stamp
}
