package limit_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

const requestsPerSecond, requestsBurst = 100, 200

func TestRate(t *testing.T) {
	r := limit.NewRate(requestsPerSecond, requestsBurst)
	now := time.Unix(1_800_000_000, 0)
	ask := func(source string, times int) (allowed int) {
		for range times {
			if r.Allow(netip.MustParseAddr(source), now) {
				allowed++
			}
		}
		return allowed
	}
	if got := ask("198.51.100.1", 1000); got != requestsBurst {
		t.Fatalf("%d of 1000 requests at once were allowed, want %d", got, requestsBurst)
	}
	now = now.Add(time.Second / 2)
	if got := ask("198.51.100.1", 1000); got != requestsPerSecond/2 {
		t.Errorf("%d requests were allowed half a second later, want %d", got, requestsPerSecond/2)
	}
	now = now.Add(time.Hour)
	if got := ask("198.51.100.1", 1000); got != requestsBurst {
		t.Errorf("%d requests were allowed after an hour, want %d", got, requestsBurst)
	}
	if got := ask("2001:db8::1", 1000) + ask("2001:db8::ffff", 1000); got != requestsBurst {
		t.Errorf("two addresses of one /64 were allowed %d, want %d", got, requestsBurst)
	}
}

// A source that floods takes at most those along that share its bucket.
func TestRateHarmsFewOthers(t *testing.T) {
	r := limit.NewRate(requestsPerSecond, requestsBurst)
	now := time.Unix(1_800_000_000, 0)
	flood := netip.MustParseAddr("198.51.100.1")
	for r.Allow(flood, now) {
	}
	refused := 0
	for i := range 1000 {
		if !r.Allow(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), now) {
			refused++
		}
	}
	if refused > 10 {
		t.Errorf("%d of 1000 others were refused", refused)
	}
}
