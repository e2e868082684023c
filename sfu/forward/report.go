package forward

import "time"

// SenderReport is what a publisher's RTCP sender report (RFC 3550, 6.4.1)
// says of its clocks: RTP was the stream's timestamp at NTP.
type SenderReport struct {
	NTP time.Time
	RTP uint32
}

// clockSet is how far a publisher's clock must have leapt to have been set: no
// clock drifts so far within a call, and no report is under way for so long.
const clockSet = time.Minute

// ClockOffset is how far a publisher's clock is from ours. One serves all
// streams of a publisher, so that what was in step stays in step. It stays what
// it was at the first report, however long that was under way and however the
// clocks drift: receivers draw a line through many reports of each stream, and
// a correction would bend that of a stream with few of them more than that of
// another. The zero value is ready; it is not safe for concurrent use.
type ClockOffset struct {
	offset time.Duration
	known  bool
}

// Observe takes the publisher's time in a report and when the report arrived.
func (c *ClockOffset) Observe(theirs, arrival time.Time) {
	if offset := arrival.Sub(theirs); !c.known || (offset-c.offset).Abs() > clockSet {
		c.offset, c.known = offset, true
	}
}

// Ours turns the publisher's time into ours.
func (c *ClockOffset) Ours(theirs time.Time) time.Time { return theirs.Add(c.offset) }

// Timestamp is the RTP timestamp that the source of the report has at the
// moment now; reported is when, by our clock, the report's holds.
func (r SenderReport) Timestamp(now, reported time.Time, clockRate uint32) uint32 {
	return r.RTP + uint32(int64(now.Sub(reported).Seconds()*float64(clockRate)))
}

// OffsetTo is what to add to the timestamps of the source of the report to have
// those that the source of another one has at the same instant. Both must have
// the same clock and clock rate (Hz): two streams of one publisher.
func (r SenderReport) OffsetTo(other SenderReport, clockRate uint32) uint32 {
	return other.Timestamp(r.NTP, other.NTP, clockRate) - r.RTP
}

// ntpEpoch is the NTP timescale's zero (RFC 5905, 6).
var ntpEpoch = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// FromNTP reads a 64-bit NTP timestamp: seconds and 2^-32 fractions.
func FromNTP(ntp uint64) time.Time {
	fraction := time.Duration(ntp&0xffffffff) * time.Second >> 32
	return ntpEpoch.Add(time.Duration(ntp>>32) * time.Second).Add(fraction)
}

// ToNTP writes a time as a 64-bit NTP timestamp.
func ToNTP(t time.Time) uint64 {
	since := t.Sub(ntpEpoch)
	seconds := uint64(since / time.Second)
	fraction := uint64(since%time.Second) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}
