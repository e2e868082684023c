package sfu

import "time"

// How many copies of frames a client may have made in a second, parts of large
// messages left out: their window bounds those.
const (
	copiesPerSecond = 20_000
	copiesAtOnce    = 40_000
)

// allowance is a token bucket for copies of frames.
type allowance struct {
	spent float64
	at    time.Time
}

// take takes n from the allowance and reports whether they were there.
func (a *allowance) take(now time.Time, n int) bool {
	a.spent = max(0, a.spent-now.Sub(a.at).Seconds()*copiesPerSecond)
	a.at = now
	if a.spent+float64(n) > copiesAtOnce {
		return false
	}
	a.spent += float64(n)
	return true
}
