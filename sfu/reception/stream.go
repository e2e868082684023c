package reception

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

const (
	// maxDropout, maxMisorder and minSequential are those of RFC 3550, A.1: how
	// far ahead and back a number may be, and how many in order make a source.
	maxDropout    = 3000
	maxMisorder   = 100
	minSequential = 2
	// jitterJump is beyond what difference of two packets the source has set its
	// timestamps anew; of the network, that tells nothing.
	jitterJump = 5 // s
	// maxLost and minLost are what the cumulative number of packets lost can say
	// in its 24 bits.
	maxLost = 1<<23 - 1
	minLost = -1 << 23
)

// Stream is what receiver reports tell of one incoming stream (RFC 3550, 6.4.1,
// A.1, A.3 and A.8). NewStream makes one.
type Stream struct {
	clockRate uint32

	// What of the sequence numbers is known (A.1).
	started   bool
	probation uint8 // how many in order are wanted before any counts
	newest    uint16
	astray    bool // the last number was out of reach; next would confirm it
	next      uint16
	cycles    uint32 // times 1<<16
	first     uint32 // the extended number that counting began with
	received  uint32

	// As of the last report (A.3).
	expectedBefore, receivedBefore uint32

	// The jitter (A.8), in sixteenths of a unit of the timestamp.
	began   time.Time // what arrivals are counted from
	timed   bool      // transit is that of a packet
	transit uint32
	jitter  uint64

	reported   bool // a sender report came
	lastReport uint32
	reportedAt time.Time
}

// NewStream makes the Stream of a source whose timestamps count clockRate Hz. It
// is a value to be kept where the source is.
func NewStream(clockRate uint32) Stream { return Stream{clockRate: clockRate} }

// Receive takes the header of a packet that came, in the order in which they
// come. What was sent again is not to be given (RFC 4588, 4): it would hide that
// the network lost it.
func (s *Stream) Receive(now time.Time, seq uint16, timestamp uint32) {
	if !s.follow(seq) {
		return
	}
	s.received++
	s.time(now, timestamp)
}

// follow says whether the packet counts (A.1).
func (s *Stream) follow(seq uint16) bool {
	if !s.started {
		s.started, s.probation, s.newest = true, minSequential, seq-1
	}
	ahead := seq - s.newest
	switch {
	case s.probation > 0:
		if s.newest = seq; ahead != 1 {
			s.probation = minSequential
		}
		if s.probation--; s.probation > 0 {
			return false
		}
		s.begin(seq)
	case ahead < maxDropout:
		if seq < s.newest {
			s.cycles += 1 << 16
		}
		s.newest = seq
	case -ahead < maxMisorder:
		// Late, or here twice.
	case s.astray && seq == s.next:
		s.begin(seq)
	default:
		s.astray, s.next = true, seq+1
		return false
	}
	return true
}

// begin counts from here.
func (s *Stream) begin(seq uint16) {
	s.newest, s.cycles, s.first = seq, 0, uint32(seq)
	s.received, s.expectedBefore, s.receivedBefore = 0, 0, 0
	s.astray, s.timed = false, false
}

// time follows how long packets are under way, which shows as the difference
// between two of them only (A.8).
func (s *Stream) time(now time.Time, timestamp uint32) {
	if s.began.IsZero() {
		s.began = now
	}
	passed, rate := now.Sub(s.began), time.Duration(s.clockRate)
	transit := uint32(passed/time.Second*rate+passed%time.Second*rate/time.Second) - timestamp
	change := transit - s.transit
	if d := uint64(min(change, -change)); s.timed && d < jitterJump*uint64(s.clockRate) {
		s.jitter += d - (s.jitter+8)>>4
	}
	s.transit, s.timed = transit, true
}

// Sender takes the NTP timestamp of a sender report of the source, and when the
// report came.
func (s *Stream) Sender(now time.Time, ntp uint64) {
	s.reported, s.lastReport, s.reportedAt = true, uint32(ntp>>16), now
}

// Report is the block of a receiver report about the source, whose SSRC is
// given. It is false when nothing came of the source since the last one: then
// there is no block about it (RFC 3550, 6.4). The fraction lost is that since
// the last call.
func (s *Stream) Report(now time.Time, ssrc uint32) (rtcp.ReceptionReport, bool) {
	if s.received == s.receivedBefore {
		return rtcp.ReceptionReport{}, false
	}
	newest := s.cycles + uint32(s.newest)
	expected := newest - s.first + 1
	lost := int32(expected - s.received)
	passed := expected - s.expectedBefore
	missed := int32(passed - (s.received - s.receivedBefore))
	s.expectedBefore, s.receivedBefore = expected, s.received

	report := rtcp.ReceptionReport{
		SSRC:               ssrc,
		TotalLost:          uint32(min(max(lost, minLost), maxLost)) & 0xffffff,
		LastSequenceNumber: newest,
		Jitter:             uint32(min(s.jitter>>4, math.MaxUint32)),
	}
	if missed > 0 {
		report.FractionLost = uint8(min(uint64(missed)<<8/uint64(passed), math.MaxUint8))
	}
	if s.reported {
		waited := max(now.Sub(s.reportedAt), 0)
		report.LastSenderReport = s.lastReport
		report.Delay = uint32(min(waited.Seconds()*(1<<16), math.MaxUint32))
	}
	return report, true
}
