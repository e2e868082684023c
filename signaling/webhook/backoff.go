package webhook

import "time"

// backoff says when a delivery that failed is tried again. It knows no clock
// and no chance: both are given to it.
type backoff struct {
	first  time.Duration // before the second attempt; it doubles from there
	most   time.Duration // no wait is longer
	within time.Duration // after the first attempt; then it is given up
}

// patience spreads about 20 attempts over an hour: long enough for a restart
// or a deployment gone wrong, short enough that what arrives still matters.
var patience = backoff{first: time.Second, most: 5 * time.Minute, within: time.Hour}

// next tells when the attempt after the given one (counted from 1) is due, or
// that there is none. Half of the wait is chance, 0 ≤ random < 1, so that the
// rooms that failed together do not come back together. asked is how long the
// other side wants to be left alone (0: it did not say); it lengthens the wait,
// up to the longest there is, and never shortens it.
func (b backoff) next(now, began time.Time, attempt int, random float64, asked time.Duration) (at time.Time, ok bool) {
	wait := b.first
	for i := 1; i < attempt && wait < b.most; i++ {
		wait *= 2
	}
	wait = min(wait, b.most)
	wait = wait/2 + time.Duration(random*float64(wait/2))
	if asked = min(asked, b.most); asked > wait {
		// A little later than asked, for the same reason.
		wait = min(asked+time.Duration(random*float64(asked/10)), b.most)
	}
	at = now.Add(wait)
	return at, at.Sub(began) <= b.within
}
