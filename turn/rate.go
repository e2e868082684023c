package turn

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/port/limit"
)

// A source without an allocation may ask this much. Each request is answered,
// and by UDP its source can be forged, so without a bound the server would
// throw its answers at whoever somebody names.
const (
	requestsPerSecond = 100
	requestsBurst     = 200
	rateBuckets       = 4096
)

// rate bounds requests per second for each source, an IPv4 address or an IPv6
// /64. Its memory is fixed: sources are spread over a number of token buckets
// by a hash that nobody outside can know, and share one by chance only.
type rate struct {
	seed maphash.Seed

	mu      sync.Mutex // guards buckets
	buckets [rateBuckets]bucket
}

// bucket is a token bucket, counted from the full one down, so that the zero
// bucket is full.
type bucket struct {
	spent float64 // tokens taken and not grown back by the time of at
	at    time.Time
}

func newRate() *rate { return &rate{seed: maphash.MakeSeed()} }

// allow takes a request from the source's bucket, or reports that it is empty.
func (r *rate) allow(source netip.Addr, now time.Time) bool {
	i := maphash.Comparable(r.seed, limit.Network(source)) % rateBuckets
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &r.buckets[i]
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*requestsPerSecond)
	b.at = now
	if b.spent+1 > requestsBurst {
		return false
	}
	b.spent++
	return true
}
