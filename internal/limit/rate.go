package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const rateBuckets = 4096

// Rate bounds how often each source, an IPv4 address or an IPv6 /64, does
// something. Its memory is fixed: sources are spread over a number of token
// buckets by a hash that nobody outside can know, and share one by chance
// only. It is safe for concurrent use.
type Rate struct {
	perSecond, burst float64
	seed             maphash.Seed

	mu      sync.Mutex // guards buckets
	buckets [rateBuckets]bucket
}

// bucket is a token bucket, counted from the full one down, so that the zero
// bucket is full.
type bucket struct {
	spent float64 // tokens taken and not grown back by the time of at
	at    time.Time
}

// NewRate allows each source perSecond times a second on average, and burst
// times at once.
func NewRate(perSecond, burst float64) *Rate {
	return &Rate{perSecond: perSecond, burst: burst, seed: maphash.MakeSeed()}
}

// Allow takes one from the source's bucket, or reports that it is empty.
func (r *Rate) Allow(source netip.Addr, now time.Time) bool {
	i := maphash.Comparable(r.seed, Network(source)) % rateBuckets
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buckets[i].take(r.perSecond, r.burst, now)
}

// take takes one token, or reports that there is none.
func (b *bucket) take(perSecond, burst float64, now time.Time) bool {
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*perSecond)
	b.at = now
	if b.spent+1 > burst {
		return false
	}
	b.spent++
	return true
}
