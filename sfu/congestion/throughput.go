package congestion

import "time"

const (
	shortBucket = 20 * time.Millisecond // 320 ms: what a narrower link lets through shows soon
	longBucket  = 64 * time.Millisecond // a second: a keyframe weighs little

	// busyDelay is how long a packet must have waited to count as queued.
	busyDelay = 5 * time.Millisecond
	// busySpan is how long a queue must have lasted to tell the link's rate.
	busySpan = 60 * time.Millisecond

	// squeezeDelay is how long packets must have queued to show that too much is
	// sent. Of squeezeRate times what the link carries it takes two feedbacks on
	// end, since the receiver may have been held up; of squeezeMuch, one.
	squeezeDelay = 60 * time.Millisecond
	squeezeRate  = 1.25
	squeezeMuch  = 1.6
)

// throughput measures what was sent and what of it arrived, as far as feedback
// has told.
type throughput struct {
	arrived, sent rateWindow // short
	load          rateWindow // what was sent, long

	// The packets that came out of a queue one after the other.
	busyFrom, busyTo time.Duration
	busyBytes        int
	busy             bool
}

// add takes a packet that arrived after waiting in queues for delay.
func (t *throughput) add(o outcome, delay time.Duration) {
	t.arrived.add(o.arrival, shortBucket, o.size)
	switch {
	case delay < busyDelay:
		t.busy = false
	case !t.busy:
		t.busy, t.busyFrom, t.busyTo, t.busyBytes = true, o.arrival, o.arrival, 0
	default:
		t.busyTo = max(t.busyTo, o.arrival)
		t.busyBytes += o.size
	}
}

// onSent takes a packet that feedback tells of, whether it arrived or not.
func (t *throughput) onSent(o outcome) {
	t.sent.add(o.sent, shortBucket, o.size)
	t.load.add(o.sent, longBucket, o.size)
}

// measured is one look at the throughput. Rates are in bps, 0 while unknown.
type measured struct {
	// arriving and sending are over the same short time.
	arriving, sending float64
	// load is what was sent over a second.
	load float64
	// capacity is the rate of packets that came out of a queue that has begun
	// lately: what the link carries, for a link never idles while there is a
	// queue.
	capacity float64
}

func (t *throughput) measure() (m measured) {
	m.arriving, _ = t.arrived.rate(shortBucket)
	m.sending, _ = t.sent.rate(shortBucket)
	m.load, _ = t.load.rate(longBucket)
	if span := t.busyTo - t.busyFrom; t.busy && span >= busySpan && span <= windowBuckets*shortBucket {
		m.capacity = float64(t.busyBytes) * 8 / span.Seconds()
	}
	return m
}

// squeezed says whether so many times more is sent than the link carries that
// nobody has to wait for a trend: packets have queued up for delay, come out at
// the link's rate, and more come behind them. After a pause of the link or of
// the receiver they come out at once.
func (m measured) squeezed(delay time.Duration, times float64) bool {
	return delay >= squeezeDelay && m.capacity > 0 && m.sending > times*m.capacity && m.load > m.capacity
}

// catchesUp says whether the delays may have grown because the link or the
// receiver was held up: no queue is left, or it is not known yet at which rate
// it drains.
func (t *throughput) catchesUp(delay time.Duration) bool {
	return delay < busyDelay || t.busy && t.busyTo-t.busyFrom < busySpan
}
