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

// take takes n tokens, or all that the bucket can hold when n is more. It
// reports false, and takes none, when there are too few.
func (b *bucket) take(now time.Time, n float64) bool {
	if elapsed := now.Sub(b.last).Seconds(); elapsed > 0 {
		b.tokens = min(b.burst, b.tokens+elapsed*b.rate)
		b.last = now
	}
	n = min(n, b.burst)
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}
