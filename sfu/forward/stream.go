package forward

import (
	"math/bits"
	"time"
)

const (
	// erasKept is how many sources back a retransmission can reach. A source
	// stays in a slot for seconds, a retransmission is asked for within one.
	erasKept = 4
	// lossMost is how many packets in a row may have been lost; what is farther
	// ahead is taken for a source that counts anew. It is well below 1<<15:
	// receivers and the cipher have to tell ahead from behind.
	lossMost = 24_000
	// backMost is how far back in time a packet may be that is newer by its
	// number, in seconds: pictures may be sent out of their order.
	backMost = 1
)

// Stream is the RTP stream that one slot sends: continuous in sequence number
// and timestamp, whichever sources take turns in it, and whatever is left out
// of them on purpose. What a source lost stays a gap, so that receivers ask
// for it. It is not safe for concurrent use.
type Stream struct {
	clockRate uint32 // Hz
	reach     int64

	source    Unwrapper
	switching bool
	eras      [erasKept]era // the newest first; eras[0] is the current one
	count     int           // of eras in use

	newest    int64  // extended number of the newest packet written
	timestamp uint32 // the latest one written
	writtenAt time.Time
}

// era is the time of one source in the stream.
type era struct {
	id    uint64 // chosen by the caller, names the source
	first int64  // extended number, in the source, of its first packet
	out   int64  // extended number, in the stream, of that packet
	// timestamp is what is added to the source's timestamps; timeline what
	// would be, had no step back been to avoid. Whoever comes next goes on from
	// timeline, so that such steps do not add up.
	timestamp, timeline uint32
	aligned             bool // timeline is known before the first packet

	newest  int64  // extended number, in the source, of its newest packet
	skipped int64  // how many numbers of the source were left out
	skips   ledger // which of the last ones; without room until there is one

	layered *layered // what Video knows of the source; nil for others
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
// the newest packet written without a gap, as much later as time has passed.
func (s *Stream) Switch(id uint64) { s.begin(era{id: id}) }

// SwitchAligned is Switch to a source whose clock is known relative to that of
// the current one, as for two layers or two cameras of one publisher: offset
// is what to add to the timestamps of the new source to have those of the
// current one at the same instant (see SenderReport). The stream's time then
// goes on exactly. An offset that would set it back, or ahead of real time by
// more than a second, is not followed.
func (s *Stream) SwitchAligned(id uint64, offset uint32) {
	current := &s.eras[0]
	if s.count == 0 || s.switching && !current.aligned {
		s.Switch(id) // aligned with what never began
		return
	}
	s.begin(era{id: id, timeline: current.timeline + offset, aligned: true})
}

func (s *Stream) begin(e era) {
	if !s.switching { // else the current era has no packet: this one replaces it
		copy(s.eras[1:], s.eras[:])
		s.count = min(s.count+1, erasKept)
	}
	s.switching = true
	s.eras[0] = e
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
// for one from before the source's first packet, or too late, or left out
// already, which must not be sent.
func (s *Stream) Rewrite(now time.Time, seq uint16, timestamp uint32) (outSeq uint16, outTimestamp uint32, ok bool) {
	return s.write(now, s.source.Unwrap(seq), timestamp)
}

// write is Rewrite for an extended number.
func (s *Stream) write(now time.Time, in int64, timestamp uint32) (outSeq uint16, outTimestamp uint32, ok bool) {
	current := &s.eras[0]
	if s.switching {
		s.switching = false
		current.first, current.newest = in, in
		current.out = s.newest + 1
		s.startTime(current, now, timestamp)
	}
	if in > current.newest {
		current = s.leap(now, in, timestamp)
	}
	out, ok := s.number(current, in)
	if !ok || out > s.newest && s.behind(current, timestamp) {
		return 0, 0, false
	}
	current.newest = max(current.newest, in)
	outTimestamp = timestamp + current.timestamp
	if out > s.newest {
		s.newest = out
		s.writtenAt = now
		if int32(outTimestamp-s.timestamp) > 0 {
			s.timestamp = outTimestamp
		}
	}
	return uint16(out), outTimestamp, true
}

// leap begins another era of the current source if its numbers or its clock have
// leapt with the packet in, which is newer than all before. What was written
// before keeps its names.
func (s *Stream) leap(now time.Time, in int64, timestamp uint32) *era {
	current := &s.eras[0]
	out := current.out + in - current.first - current.skipped
	far, behind := out > s.newest+lossMost, s.behind(current, timestamp)
	if !far && !behind {
		return current
	}
	if far {
		out = s.newest + 2 // something is missing
	}
	next := *current
	next.first, next.out, next.newest = in, out, in
	next.skipped, next.skips = 0, ledger{}
	copy(s.eras[1:], s.eras[:])
	s.count = min(s.count+1, erasKept)
	s.eras[0] = next
	if behind {
		current.aligned = false
		s.startTime(current, now, timestamp)
	}
	return current
}

// behind says whether a packet of an era, sent next, would set the stream back
// in time.
func (s *Stream) behind(e *era, timestamp uint32) bool {
	return int32(timestamp+e.timestamp-s.timestamp) < -int32(backMost*s.clockRate)
}

// Drop leaves a packet of the current source out of the stream on purpose:
// what follows it closes up. When the packet is too late for that, because its
// number was passed over as a loss, Drop returns the name that receivers are
// waiting for, and fill: something without content is to be sent by it, else they ask
// for it again and again. run says that the packet belongs to the same frame
// as the one dropped just before, and so does all that is missing in between.
func (s *Stream) Drop(seq uint16, timestamp uint32, run bool) (outSeq uint16, outTimestamp uint32, fill bool) {
	return s.drop(s.source.Unwrap(seq), timestamp, run)
}

// drop is Drop for an extended number.
func (s *Stream) drop(in int64, timestamp uint32, run bool) (outSeq uint16, outTimestamp uint32, fill bool) {
	current := &s.eras[0]
	if s.count == 0 || s.switching {
		return 0, 0, false // nothing was sent yet that this could be missing in
	}
	if current.skips.size() == 0 {
		current.skips = newLedger(s.room(), current.newest)
	}
	from := in
	if in <= current.newest {
		out, ok := s.number(current, in)
		if !ok || out <= s.newest {
			return uint16(out), timestamp + current.timestamp, ok && out < s.newest
		}
		// Nothing after it was written yet.
	} else if run {
		from = max(current.newest+1, in-current.skips.size())
	}
	for n := from; n <= in; n++ {
		current.skips.note(n, dropped)
	}
	current.skipped += in - from + 1
	current.newest = max(current.newest, in)
	return 0, 0, false
}

// room is how many numbers back the skips of an era are known: all that can
// be asked for.
func (s *Stream) room() int {
	return 1 << bits.Len64(uint64(max(s.reach, 64)-1))
}

// number is what a packet of an era is called in the stream, extended. It
// reports false for one that has no name.
func (s *Stream) number(e *era, in int64) (out int64, ok bool) {
	if in < e.first || in <= e.newest-s.reach {
		return 0, false
	}
	if e.skips.size() != 0 {
		e.skips.reach(max(in, e.newest))
		if e.skips.fate(in) == dropped {
			return 0, false
		}
	}
	out = e.out + in - e.first - e.skipped + e.skips.droppedAfter(in)
	return out, out > s.newest-s.reach
}

// farthest is how far off the time of a new source may be, in seconds, for its
// alignment to be believed.
const farthest = 1

// startTime decides what is added to the timestamps of a source whose first
// packet is here: so much that the stream's time goes on with real time and
// steps forward by at least one tick, since no decoder may see a step back.
func (s *Stream) startTime(e *era, now time.Time, timestamp uint32) {
	next := s.timestamp
	elapsed := int64(0) // ticks
	if !s.writtenAt.IsZero() {
		elapsed = int64(max(now.Sub(s.writtenAt), 0).Seconds() * float64(s.clockRate))
		next += uint32(max(elapsed, 1))
	}
	if e.aligned {
		step := int64(int32(timestamp + e.timeline - s.timestamp))
		tolerance := farthest * int64(s.clockRate)
		if step >= -tolerance && step <= elapsed+tolerance {
			e.timestamp = e.timeline + uint32(max(1-step, 0))
			return
		}
	}
	e.timestamp = next - timestamp
	e.timeline = e.timestamp
}

// Origin is what a packet of a stream was in its source.
type Origin struct {
	ID  uint64 // as given to Switch
	Seq uint16
	// TimestampOffset is what was added to the source's timestamp.
	TimestampOffset uint32

	in  int64 // Seq, extended
	out uint16
	era int
}

// Origin finds what a packet of the stream was in its source. It reports false
// for a packet that was never written or is too long ago.
func (s *Stream) Origin(outSeq uint16) (Origin, bool) {
	out := s.newest + int64(int16(outSeq-uint16(s.newest)))
	if out > s.newest {
		return Origin{}, false
	}
	for i := range s.eras[:s.count] {
		e := &s.eras[i]
		if i == 0 && s.switching || out < e.out {
			continue // nothing of it was written yet, or not that
		}
		in := e.first + out - e.out
		if e.skips.size() != 0 {
			e.skips.reach(e.newest)
			var ok bool
			if in, ok = e.skips.notDropped(e.newest - e.skipped - in); !ok {
				return Origin{}, false
			}
		}
		return Origin{ID: e.id, Seq: uint16(in), TimestampOffset: e.timestamp, in: in, out: outSeq, era: i}, true
	}
	return Origin{}, false
}

// TimestampOffset is what is added to the current source's timestamps. It
// reports false before the first packet of the source.
func (s *Stream) TimestampOffset() (uint32, bool) {
	return s.eras[0].timestamp, s.count > 0 && !s.switching
}
