package forward

import "time"

// erasKept is how many sources back a retransmission can reach. A source
// stays in a slot for seconds, a retransmission is asked for within one.
const erasKept = 4

// Stream is the RTP stream that one slot sends: continuous in sequence number
// and timestamp, whichever sources take turns in it. It is not safe for
// concurrent use.
type Stream struct {
	clockRate uint32 // Hz
	reach     int64

	source    Unwrapper
	switching bool
	eras      [erasKept]era // the newest first; eras[0] is the current one
	count     int           // of eras in use

	newest    int64 // extended number of the newest packet written
	timestamp uint32
	writtenAt time.Time
}

// era is the time of one source in the stream.
type era struct {
	id        uint64 // chosen by the caller, names the source
	first     int64  // extended number, in the source, of its first packet
	out       int64  // extended number, in the stream, of that packet
	timestamp uint32 // what is added to the source's timestamps
}

// NewStream makes a stream whose first packet will have the sequence number
// and timestamp given, which RFC 3550 wants random. clockRate is in Hz. A
// packet later than reach is not let in: whoever looks for duplicates knows
// only so many, and no number may go out twice with different content, which
// would use a cipher's nonce twice.
func NewStream(clockRate uint32, reach int, seq uint16, timestamp uint32) *Stream {
	return &Stream{
		clockRate: clockRate,
		reach:     int64(reach),
		newest:    1<<16 | int64(seq) - 1,
		timestamp: timestamp,
	}
}

// Switch makes the next packet the first one of the source id: it will follow
// the newest packet written without a gap.
func (s *Stream) Switch(id uint64) {
	if !s.switching { // else the current era has no packet: this one replaces it
		copy(s.eras[1:], s.eras[:])
		s.count = min(s.count+1, erasKept)
	}
	s.switching = true
	s.eras[0] = era{id: id}
	s.source = Unwrapper{}
}

// Holds says whether packets of the source id can still be asked for.
func (s *Stream) Holds(id uint64) bool {
	for _, e := range s.eras[:s.count] {
		if e.id == id {
			return true
		}
	}
	return false
}

// Rewrite names a packet of the current source in the stream. It reports false
// for one from before the source's first packet, or too late, which must not
// be sent.
func (s *Stream) Rewrite(now time.Time, seq uint16, timestamp uint32) (outSeq uint16, outTimestamp uint32, ok bool) {
	current := &s.eras[0]
	in := s.source.Unwrap(seq)
	if s.switching {
		s.switching = false
		current.first = in
		current.out = s.newest + 1
		current.timestamp = s.nextTimestamp(now) - timestamp
	}
	out := current.out + in - current.first
	if in < current.first || out <= s.newest-s.reach {
		return 0, 0, false
	}
	outTimestamp = timestamp + current.timestamp
	if out > s.newest {
		s.newest = out
		s.timestamp = outTimestamp
		s.writtenAt = now
	}
	return uint16(out), outTimestamp, true
}

// nextTimestamp is where a new source begins: as much later than the newest
// packet as time has passed, and at least one tick, so that no decoder sees a
// step back.
func (s *Stream) nextTimestamp(now time.Time) uint32 {
	if s.writtenAt.IsZero() {
		return s.timestamp
	}
	elapsed := max(now.Sub(s.writtenAt), 0)
	ticks := uint32(elapsed.Seconds() * float64(s.clockRate))
	return s.timestamp + max(ticks, 1)
}

// Origin is what a packet of a stream was in its source.
type Origin struct {
	ID  uint64 // as given to Switch
	Seq uint16
	// TimestampOffset is what was added to the source's timestamp.
	TimestampOffset uint32
}

// Origin finds what a packet of the stream was in its source. It reports false
// for a packet that was never written or is too long ago.
func (s *Stream) Origin(outSeq uint16) (Origin, bool) {
	out := s.newest + int64(int16(outSeq-uint16(s.newest)))
	if out > s.newest {
		return Origin{}, false
	}
	for i, e := range s.eras[:s.count] {
		if i == 0 && s.switching {
			continue // nothing of it was written yet
		}
		if out >= e.out {
			return Origin{ID: e.id, Seq: uint16(e.first + out - e.out), TimestampOffset: e.timestamp}, true
		}
	}
	return Origin{}, false
}

// TimestampOffset is what is added to the current source's timestamps. It
// reports false before the first packet of the source.
func (s *Stream) TimestampOffset() (uint32, bool) {
	return s.eras[0].timestamp, s.count > 0 && !s.switching
}
