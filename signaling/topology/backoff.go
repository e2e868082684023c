package topology

import (
	"slices"
	"time"
)

const (
	// firstRetry is how long a pair waits after its first failed leg; each
	// further failure doubles it, up to lastRetry.
	firstRetry = 15 * time.Second
	lastRetry  = 5 * time.Minute
	// heldTime is how long a leg must have carried media for its failure to count
	// as the first again.
	heldTime = time.Minute
)

// backoff holds a pair back whose legs fail. It knows one pair: another one
// can only be alone in the room after one of these two has left.
type backoff struct {
	pair  [2]string
	times int
	end   time.Time
}

// failed counts a failure of a pair's leg, which had held or not.
func (b *backoff) failed(now time.Time, pair [2]string, held bool) {
	if b.pair != pair || held {
		*b = backoff{pair: pair}
	}
	wait := lastRetry
	if b.times < 10 { // far beyond lastRetry, far below an overflow
		wait = min(firstRetry<<b.times, lastRetry)
	}
	b.times++
	b.end = now.Add(wait)
}

// until is when a pair may try again.
func (b *backoff) until(pair [2]string) time.Time {
	if b.pair != pair {
		return time.Time{}
	}
	return b.end
}

// forget drops what is known when one of the pair leaves.
func (b *backoff) forget(id string) {
	if slices.Contains(b.pair[:], id) {
		*b = backoff{}
	}
}
