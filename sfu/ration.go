package sfu

import "time"

// ration is how much of something a stranger may cause: most at once, and
// rate a second in the long run. It is not safe for concurrent use.
type ration struct {
	rate, most float64
	left       float64
	at         time.Time
}

// newRation begins with all there is at once.
func newRation(rate, most float64) ration { return ration{rate: rate, most: most, left: most} }

// take says whether one more is allowed now, and counts it if so.
func (a *ration) take(now time.Time) bool { return a.spend(now, 1) }

// spend says whether so much is allowed now, and counts it if so.
func (a *ration) spend(now time.Time, amount float64) bool {
	if passed := now.Sub(a.at); a.at.IsZero() || passed > 0 {
		if !a.at.IsZero() {
			a.left = min(a.left+a.rate*passed.Seconds(), a.most)
		}
		a.at = now
	}
	if a.left < amount {
		return false
	}
	a.left -= amount
	return true
}
