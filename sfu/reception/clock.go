package reception

import "time"

// tick is what times are kept in: the unit of transport-wide feedback
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1.5).
const tick = 250 * time.Microsecond

// ticks is a time since a clock began. It wraps every twelve days, together
// with the reference time of transport-wide feedback.
type ticks uint32

// firstTick is when a clock begins: what comes with a slightly earlier time is
// not before the beginning.
const firstTick = 256

// clock begins with the first time that it is asked for.
type clock struct {
	began time.Time
}

// at is the nearest tick.
func (c *clock) at(now time.Time) ticks {
	if c.began.IsZero() {
		c.began = now.Add(-firstTick * tick)
	}
	return ticks((now.Sub(c.began) + tick/2) / tick)
}

// since is how long before t that was; negative when it was after.
func (u ticks) since(t ticks) time.Duration { return time.Duration(int32(t-u)) * tick }

// after is the time d later, to the tick.
func (u ticks) after(d time.Duration) ticks { return u + ticks(d/tick) }

// reached says whether t is at u or later.
func (u ticks) reached(t ticks) bool { return int32(t-u) >= 0 }
