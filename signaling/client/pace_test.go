package client

import (
	"testing"
	"time"
)

// However much is in line, the server's own count is never reached.
func TestPaceStaysBelowWhatTheServerTakes(t *testing.T) {
	const perSecond = 50.0
	for _, tc := range []struct {
		name  string
		cost  float64
		count int
	}{
		{"a long queue of small messages", 1, 1000},
		{"large ones", 16, 100},
		{"ones that cost more than a burst", 200, 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Unix(1_800_000_000, 0)
			p := newPace(now, perSecond)
			tokens, last := 2*perSecond, now // the server's
			begin := now
			for i := range tc.count {
				now = now.Add(p.wait(now, tc.cost))
				tokens = min(2*perSecond, tokens+now.Sub(last).Seconds()*perSecond)
				last = now
				if cost := min(tc.cost, 2*perSecond); tokens < cost {
					t.Fatalf("message %d would be refused: %.1f tokens", i, tokens)
				} else {
					tokens -= cost
				}
			}
			if slowest := time.Duration(tc.cost*float64(tc.count)/perSecond*1.2*float64(time.Second)) + time.Second; now.Sub(begin) > slowest {
				t.Errorf("it took %v, longer than %v", now.Sub(begin), slowest)
			}
		})
	}
}
