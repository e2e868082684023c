package congestion

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

const (
	reportStep = time.Second
	// reportLife is how long a report counts; browsers report on sound every 5 s.
	reportLife = 10 * time.Second
	// reportSSRCs bounds how many streams are remembered of one receiver.
	reportSSRCs = 64
	// rembLife is how long a REMB counts; senders of it repeat it every second.
	rembLife = 5 * time.Second
	// rembIdle is the multiple of what arrives that receivers do not go beyond
	// in their REMB: one as high as that says only that little was sent.
	rembIdle = 1.4
	// reportHeadroom is how far above what is sent the estimate may go: the
	// next layer is two to four times as high, and without probes the only way
	// to know whether it fits is to send it.
	reportHeadroom = 4
	reportLow      = 0.02
	reportHigh     = 0.10
)

// reports estimates from receiver reports (RFC 3550, 6.4.2) by the loss-based
// rules of draft-ietf-rmcat-gcc-02, 6, with REMB (draft-alvestrand-rmcat-remb)
// as an upper bound.
type reports struct {
	estimate float64 // bps
	rtt      time.Duration

	streams []reportedStream
	// since the last step:
	expected, missing float64
	stepped           time.Duration
	lost              float64       // share in the last step that was reported on
	heard             time.Duration // and when that was

	remb   float64
	rembAt time.Duration
	sent   rateWindow // what was sent, by our own clock
}

type reportedStream struct {
	ssrc    uint32
	highest uint32
}

func (r *reports) onSent(now time.Duration, size int) { r.sent.add(now, longBucket, size) }

func (r *reports) onREMB(now time.Duration, bps float64) {
	if math.IsNaN(bps) || bps < 0 {
		return
	}
	r.remb, r.rembAt = bps, now
	r.limit(now)
}

// onReport takes the block about one of the streams that are sent. Streams
// weigh by how many packets they had.
func (r *reports) onReport(block rtcp.ReceptionReport) {
	for i := range r.streams {
		if s := &r.streams[i]; s.ssrc == block.SSRC {
			passed := block.LastSequenceNumber - s.highest
			if passed == 0 || passed > 1<<15 {
				if passed != 0 {
					s.highest = block.LastSequenceNumber
				}
				return // nothing new, or a number out of thin air
			}
			s.highest = block.LastSequenceNumber
			r.expected += float64(passed)
			r.missing += float64(passed) * float64(block.FractionLost) / 256
			return
		}
	}
	if len(r.streams) == reportSSRCs {
		r.streams = append(r.streams[:0], r.streams[1:]...)
	}
	r.streams = append(r.streams, reportedStream{block.SSRC, block.LastSequenceNumber})
}

func (r *reports) tick(now time.Duration) {
	if now-r.stepped < reportStep {
		return
	}
	defer r.limit(now)
	if r.expected < 20 && now-r.stepped < 3*reportStep {
		return // too few to tell
	}
	heard := r.expected > 0
	switch {
	case heard:
		r.lost, r.heard = r.missing/r.expected, now
	case now-r.heard > reportLife:
		r.lost = 0
	}
	r.expected, r.missing, r.stepped = 0, 0, now
	sending, known := r.sent.rate(longBucket)
	switch {
	case !heard || !known:
	case r.lost < reportLow:
		raised := r.estimate * 1.08
		r.estimate = max(r.estimate, min(raised, reportHeadroom*sending+aimdSlack))
	case r.lost > reportHigh:
		r.estimate *= 1 - 0.5*r.lost
	}
}

func (r *reports) limit(now time.Duration) {
	sending, known := r.sent.rate(longBucket)
	if r.rembAt == 0 || now-r.rembAt > rembLife || !known || r.remb > rembIdle*sending && r.remb > 0 {
		return
	}
	r.estimate = min(r.estimate, r.remb)
}

// REMB takes a receiver's own estimate
// (draft-alvestrand-rmcat-remb-03). It counts until transport-wide feedback
// comes.
func (e *Estimator) REMB(now time.Time, bps float64) {
	at := e.elapse(now)
	e.reports.onREMB(at, bps)
	e.reports.estimate = e.clamp(e.reports.estimate)
}

// ReceiverReport takes the blocks of a receiver report that are about streams
// sent to the receiver; others are not to be given. rtt is 0 while unknown
// (RFC 3550, 6.4.1). It counts until transport-wide feedback comes.
func (e *Estimator) ReceiverReport(now time.Time, blocks []rtcp.ReceptionReport, rtt time.Duration) {
	e.elapse(now)
	for _, block := range blocks {
		e.reports.onReport(block)
	}
	if rtt > 0 {
		e.reports.rtt = rtt
	}
}

func (e *Estimator) clamp(bps float64) float64 {
	return min(max(bps, float64(e.config.Min)), float64(e.config.Max))
}
