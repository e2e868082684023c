package congestion

import "time"

// queueWindow is how long the least delay is remembered, in two halves. Two
// clocks drift apart by a few milliseconds in it.
const queueWindow = 30 * time.Second

// queueing tells how long packets wait in queues: their delay, which by two
// clocks has an unknown offset, against the least of late.
type queueing struct {
	least, leastBefore time.Duration
	half               time.Duration // when the current half began
	latest             time.Duration
	started            bool
}

// add takes the delay of a packet and says how much of it was waiting.
func (q *queueing) add(now, delay time.Duration) (waited time.Duration) {
	switch {
	case !q.started:
		*q = queueing{least: delay, leastBefore: delay, half: now, started: true}
	case now-q.half > queueWindow/2:
		q.leastBefore, q.least, q.half = q.least, delay, now
	default:
		q.least = min(q.least, delay)
	}
	q.latest = delay
	return q.delay()
}

func (q *queueing) delay() time.Duration { return q.latest - min(q.least, q.leastBefore) }
