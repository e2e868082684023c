package limit

import (
	"sync"
	"time"
)

// Budget bounds how often something is done for all sources together. It is
// safe for concurrent use.
type Budget struct {
	perSecond, burst float64

	mu     sync.Mutex // guards bucket
	bucket bucket
}

// NewBudget allows something perSecond times a second on average, and burst
// times at once.
func NewBudget(perSecond, burst float64) *Budget {
	return &Budget{perSecond: perSecond, burst: burst}
}

// Allow takes one from the budget, or reports that it is used up.
func (b *Budget) Allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bucket.take(b.perSecond, b.burst, now)
}
