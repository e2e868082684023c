package signaling

import "time"

// bucket is a token bucket: rate tokens a second, burst at most. It is not
// safe for concurrent use.
type bucket struct {
	rate, burst float64
	tokens      float64
	last        time.Time
}

func newBucket(now time.Time, rate, burst float64) *bucket {
	return &bucket{rate: rate, burst: burst, tokens: burst, last: now}
}

// take takes one token, and reports false when there is none.
func (b *bucket) take(now time.Time) bool {
	if elapsed := now.Sub(b.last).Seconds(); elapsed > 0 {
		b.tokens = min(b.burst, b.tokens+elapsed*b.rate)
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
