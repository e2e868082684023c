package congestion

import (
	"math"
	"time"
)

const (
	// aimdDecrease is beta and aimdIncrease eta of draft-ietf-rmcat-gcc-02, 5.5.
	aimdDecrease = 0.85
	aimdIncrease = 1.08
	// aimdHeadroom keeps the estimate near what was seen to arrive: what is not
	// sent cannot be told to fit.
	aimdHeadroom = 1.5
	aimdSlack    = 10_000 // bps

	aimdFits     = 0.90 // a load below this share of the capacity fits
	aimdBurst    = 0.95
	aimdSqueezed = 0.85 // less of what is sent getting through is being squeezed
	aimdGentle   = 0.90
)

// aimd is the rate control of draft-ietf-rmcat-gcc-02, 5.5: it grows the
// estimate while no queue does, additively near the rate where one did before,
// and puts it below what arrives when one grows.
type aimd struct {
	estimate float64 // bps
	holding  bool    // until the queue has drained
	updated  time.Duration
	lowered  time.Duration
	// capacity is the arriving rate at the last overuses, and its deviation
	// relative to its root; 0 while unknown.
	capacity, deviation float64
}

// update takes what the delays say and what was measured with them. It says
// whether the estimate was lowered.
func (a *aimd) update(now time.Duration, use usage, m measured, rtt time.Duration) (lowered bool) {
	passed := min(now-a.updated, time.Second).Seconds()
	a.updated = now
	switch use {
	case overuse:
		if m.arriving == 0 || now-a.lowered < min(max(rtt, 10*time.Millisecond), 200*time.Millisecond) {
			return false
		}
		a.holding = true
		return a.decrease(now, m)
	case underuse:
		a.holding = true
	case normalUse:
		if a.holding {
			a.holding = false
		} else {
			a.increase(passed, m.arriving, rtt)
		}
	}
	return false
}

// decrease answers a growing queue. An encoder can be told to send a little
// less; what goes through here comes in layers, of which one less is much less,
// and in bursts that nobody paced. So it matters more than in the draft why the
// queue grows.
func (a *aimd) decrease(now time.Duration, m measured) bool {
	through := m.arriving
	if m.capacity > 0 {
		through = m.capacity
	}
	a.learn(through)
	var target float64
	switch {
	case m.capacity > 0 && m.load < aimdFits*m.capacity:
		// A burst, such as a keyframe: it drains by itself.
		target = aimdBurst * m.capacity
	case m.arriving > aimdSqueezed*m.sending:
		// Nearly all gets through: the queue is mostly others'. If it keeps
		// growing this comes again soon.
		target = max(aimdDecrease*through, aimdGentle*a.estimate)
	default:
		target = aimdDecrease * through
	}
	if target >= a.estimate {
		return false
	}
	a.estimate, a.lowered = target, now
	return true
}

// learn takes the rate that got through a link that was full.
func (a *aimd) learn(through float64) {
	if a.capacity == 0 || math.Abs(through-a.capacity) > 3*a.spread() {
		a.capacity, a.deviation = through, 0.4
		return
	}
	off := through - a.capacity
	a.capacity += 0.05 * off
	a.deviation = min(max(0.95*a.deviation+0.05*off*off/(a.capacity*1000), 0.4), 2.5)
}

func (a *aimd) increase(passed, arriving float64, rtt time.Duration) {
	if a.capacity != 0 && arriving > a.capacity+3*a.spread() {
		a.capacity = 0
	}
	next := a.estimate * math.Pow(aimdIncrease, passed)
	if a.capacity != 0 && a.estimate > a.capacity-3*a.spread() {
		// About one packet per response time.
		response := (rtt + 100*time.Millisecond).Seconds()
		next = a.estimate + max(4000, 9600/response)*passed
	}
	a.estimate = max(a.estimate, min(next, aimdHeadroom*arriving+aimdSlack))
}

// spread is the standard deviation of the capacity in bps.
func (a *aimd) spread() float64 { return math.Sqrt(a.deviation * a.capacity * 1000) }

// set takes a rate that was measured: by a probe.
func (a *aimd) set(now time.Duration, bps float64) {
	a.estimate, a.updated = bps, now
	if bps > a.capacity+3*a.spread() {
		a.capacity = 0
	}
}
