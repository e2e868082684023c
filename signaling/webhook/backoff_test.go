package webhook

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := backoff{first: time.Second, most: 5 * time.Minute, within: time.Hour}
	for _, c := range []struct {
		name    string
		after   time.Duration // since the first attempt
		attempt int
		random  float64
		asked   time.Duration
		want    time.Duration // the wait; 0: given up
	}{
		{"the first wait, without luck", 0, 1, 0, 0, 500 * time.Millisecond},
		{"the first wait, with some", 0, 1, 0.5, 0, 750 * time.Millisecond},
		{"it doubles", 0, 2, 0, 0, time.Second},
		{"and doubles", 0, 4, 0.5, 0, 6 * time.Second},
		{"up to the longest", 0, 10, 0, 0, 150 * time.Second},
		{"however often", 0, 1_000_000, 0, 0, 150 * time.Second},
		{"asked for longer", 0, 1, 0, 20 * time.Second, 20 * time.Second},
		{"asked for longer, spread", 0, 1, 0.5, 20 * time.Second, 21 * time.Second},
		{"asked for less than it takes anyway", 0, 10, 0, time.Second, 150 * time.Second},
		{"asked for too long", 0, 1, 0.9, time.Hour, 5 * time.Minute},
		{"just within the hour", time.Hour - time.Second, 1, 0.5, 0, 750 * time.Millisecond},
		{"past the hour", time.Hour - time.Second, 9, 0, 0, 0},
		{"asked past the hour", time.Hour - time.Second, 1, 0, time.Minute, 0},
		{"long past the hour", 3 * time.Hour, 1, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := began.Add(c.after)
			at, ok := b.next(now, began, c.attempt, c.random, c.asked)
			if ok != (c.want != 0) {
				t.Fatalf("again is %v", ok)
			}
			if ok && at.Sub(now) != c.want {
				t.Fatalf("waits %v, want %v", at.Sub(now), c.want)
			}
		})
	}
}
