package congestion

import (
	"math"
	"time"
)

const (
	lossWindow = 20 // observations
	lossSpan   = 250 * time.Millisecond
	lossAging  = 0.9
	// lossInherent is the random loss that a link is believed to have by
	// itself at most; more has to be explained by congestion.
	lossInherent = 0.15
	// lossMargin is how much better, as a log-likelihood, a lower bound must
	// explain the losses than a higher one: about a hundred to one.
	lossMargin = 4.6
	// lossOverload is a loss beyond all explaining, if it is also that many
	// standard deviations from what was usual: the link has narrowed.
	lossOverload = 0.25
	lossSurprise = 5
	lossUsual    = 0.02 // at least
)

// lossBound is an upper bound on the estimate from losses, after the ideas of
// libwebrtc's loss-based estimator (version 2). Losses of a congested link
// depend on the rate, those of a noisy one do not: each bound together with the
// inherent loss that fits it best is held against what was lost at which rate,
// and the highest bound that explains it well enough wins. So random loss lowers
// nothing, and a policer that drops without delaying is found.
type lossBound struct {
	bound    float64 // bps; infinite while losses say nothing
	observed [lossWindow]lossObservation
	count    int // of all observations
	open     lossObservation
	opened   time.Duration
	last     time.Duration // sending time of the newest packet
}

// lossObservation is some time's worth of packets.
type lossObservation struct {
	packets, lost float64
	bytes         int
	rate          float64 // bps that were sent
}

func newLossBound() lossBound { return lossBound{bound: math.Inf(1)} }

// add takes what became of a packet; it says whether an observation is full.
func (l *lossBound) add(o outcome) (full bool) {
	if o.late {
		l.open.lost = max(0, l.open.lost-1) // perhaps of the observation before: close enough
		return false
	}
	if l.open.packets == 0 {
		l.opened = o.sent
	}
	l.open.packets++
	l.open.bytes += o.size
	if !o.received {
		l.open.lost++
	}
	l.last = max(l.last, o.sent)
	span := l.last - l.opened
	return span >= lossSpan && (l.open.packets >= 20 || span >= 4*lossSpan)
}

// close ends the open observation and moves the bound. highest is the estimate
// that the bound would bound. It says whether the bound fell below it.
func (l *lossBound) close(highest float64) (lowered bool) {
	open := l.open
	open.rate = float64(open.bytes) * 8 / (l.last - l.opened).Seconds()
	l.open = lossObservation{}
	share := open.lost / open.packets
	if share > lossOverload && l.surprising(open) {
		// What was seen before was another link.
		l.observed, l.count = [lossWindow]lossObservation{open}, 1
		l.bound = min(l.bound, highest, open.rate*(1-share))
		return true
	}
	l.observed[l.count%lossWindow] = open
	l.count++
	if l.share() < 0.005 && math.IsInf(l.bound, 1) {
		return false
	}
	current := min(l.bound, 1.2*highest)
	candidates := [...]float64{math.Inf(1), 1.08 * current, current, 0.95 * current, 0.8 * current, open.rate * (1 - share)}
	var likely [len(candidates)]float64
	best := math.Inf(-1)
	for i, bps := range candidates {
		if i == 0 && !math.IsInf(l.bound, 1) && current < highest {
			likely[i] = math.Inf(-1) // back up in steps
			continue
		}
		likely[i] = l.explains(bps)
		best = max(best, likely[i])
	}
	for i, bps := range candidates {
		if likely[i] >= best-lossMargin {
			lowered = bps < min(l.bound, highest)
			l.bound = bps
			break
		}
	}
	return lowered
}

// surprising says whether chance cannot have made the losses of an observation.
func (l *lossBound) surprising(o lossObservation) bool {
	usual := min(max(l.share(), lossUsual), lossOverload)
	return o.lost-o.packets*usual > lossSurprise*math.Sqrt(o.packets*usual*(1-usual))
}

// share is the weighed loss, 0 to 1.
func (l *lossBound) share() float64 {
	var packets, lost float64
	l.each(func(o *lossObservation, weight float64) {
		packets += weight * o.packets
		lost += weight * o.lost
	})
	if packets == 0 {
		return 0
	}
	return lost / packets
}

// explains is how likely, as a logarithm, the observations are on a link of
// that many bps with the inherent loss that suits it best. That loss is found
// by expectation maximisation: the part of the losses that congestion does not
// account for.
func (l *lossBound) explains(bps float64) float64 {
	inherent := 0.05
	for range 4 {
		var packets, own float64
		l.each(func(o *lossObservation, weight float64) {
			packets += weight * o.packets
			own += weight * o.lost * inherent / lossAt(o.rate, bps, inherent)
		})
		inherent = min(max(own/packets, 0.001), lossInherent)
	}
	sum := 0.0
	l.each(func(o *lossObservation, weight float64) {
		p := lossAt(o.rate, bps, inherent)
		sum += weight * (o.lost*math.Log(p) + (o.packets-o.lost)*math.Log(1-p))
	})
	return sum
}

// lossAt is the share lost of what is sent at a rate over a link of bps.
func lossAt(rate, bps, inherent float64) float64 {
	congested := 0.0
	if rate > bps {
		congested = (rate - bps) / rate
	}
	return min(inherent+(1-inherent)*congested, 0.999)
}

func (l *lossBound) each(do func(o *lossObservation, weight float64)) {
	weight := 1.0
	for i := l.count - 1; i >= max(0, l.count-lossWindow); i-- {
		do(&l.observed[i%lossWindow], weight)
		weight *= lossAging
	}
}

// forget drops what was seen: after an outage.
func (l *lossBound) forget() {
	l.open, l.count = lossObservation{}, 0
}
