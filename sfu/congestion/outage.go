package congestion

import "time"

const (
	// outageAfter is how long feedback may stay away, beyond the round trip.
	// Browsers send it every 50 to 250 ms.
	outageAfter   = 600 * time.Millisecond
	outagePackets = 5
	// outageLull is for how long nothing may have been sent when one begins: the
	// feedback about the last packets before a lull may be lost, and no other comes.
	outageLull = 300 * time.Millisecond
	// outageDecrease is applied every outageStep while it lasts.
	outageDecrease = 0.5
	outageStep     = 500 * time.Millisecond
	// outageReturn is the share of the estimate from before that is begun with
	// afterwards: links mostly come back as they were, and a wrong guess shows
	// within some hundred milliseconds.
	outageReturn = 0.5
)

// outage notices that a receiver has fallen silent while packets go to it: its
// link is dead, or so full that not even feedback comes through.
type outage struct {
	unanswered int           // packets since the last feedback
	since      time.Duration // when the first of them was sent
	last       time.Duration // and the last one
	active     bool
	stepped    time.Duration
	before     float64 // bps, the estimate when it began
	from, to   time.Duration
}

func (o *outage) onSent(now time.Duration) {
	if o.unanswered == 0 {
		o.since = now
	}
	o.unanswered++
	o.last = now
}

// rest ends what nothing is sent any more to tell of.
func (o *outage) rest() { o.unanswered, o.active = 0, false }

// onFeedback says whether an outage is over with it.
func (o *outage) onFeedback(now time.Duration) (over bool) {
	o.unanswered = 0
	if over = o.active; over {
		o.active, o.from, o.to = false, o.since, now
	}
	return over
}

// covers says whether packets sent then were lost to the last outage, which
// says nothing of the link's capacity.
func (o *outage) covers(sent time.Duration) bool { return sent >= o.from && sent < o.to }

// tick says whether the estimate is to be lowered.
func (o *outage) tick(now, rtt time.Duration, estimate float64) bool {
	if o.unanswered < outagePackets || now-o.since < outageAfter+min(rtt, 2*time.Second) {
		return false
	}
	switch {
	case o.active && now-o.stepped < outageStep, !o.active && now-o.last > outageLull:
		return false
	case !o.active:
		o.active, o.before = true, estimate
	}
	o.stepped = now
	return true
}
