package turn

import (
	"sync"
	"time"
)

// bitRate bounds bits per second. A nil one bounds nothing. It is safe for
// concurrent use.
type bitRate struct {
	perSecond float64
	burst     float64 // bits that may come at once

	mu    sync.Mutex // guards the fields below
	spent float64    // of the burst, and not grown back by the time of at
	at    time.Time
}

// leastBurst lets at least some datagrams through together, in bits.
const leastBurst = 8 * 64 << 10

// newBitRate allows so many bits per second, and those of half a second at once;
// nil for 0.
func newBitRate(perSecond int64) *bitRate {
	if perSecond <= 0 {
		return nil
	}
	return &bitRate{perSecond: float64(perSecond), burst: max(leastBurst, float64(perSecond)/2)}
}

// allow takes the bits of so many bytes, or reports that it is too much now.
func (b *bitRate) allow(now time.Time, bytes int) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.spent = max(0, b.spent-passed*b.perSecond)
		b.at = now
	}
	if b.spent+float64(8*bytes) > b.burst {
		return false
	}
	b.spent += float64(8 * bytes)
	return true
}

// userBits has the bit rate of each user that has allocations.
type userBits struct {
	perSecond int64

	mu sync.Mutex // guards by
	by map[string]*sharedBitRate
}

type sharedBitRate struct {
	rate  *bitRate
	users int
}

// take returns what the allocations of a user share; each needs one give. It is
// nil when there is no bound.
func (u *userBits) take(user string) *bitRate {
	if u.perSecond <= 0 {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	shared := u.by[user]
	if shared == nil {
		shared = &sharedBitRate{rate: newBitRate(u.perSecond)}
		u.by[user] = shared
	}
	shared.users++
	return shared.rate
}

func (u *userBits) give(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.by[user].users--; u.by[user].users == 0 {
		delete(u.by, user)
	}
}
