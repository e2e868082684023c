package signaling

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := newBucket(now, 10, 20)
	take := func(n int) (taken int) {
		for range n {
			if b.take(now) {
				taken++
			}
		}
		return taken
	}
	if got := take(30); got != 20 {
		t.Fatalf("a burst of 30 got %d through", got)
	}
	now = now.Add(time.Second)
	if got := take(30); got != 10 {
		t.Fatalf("a second later %d got through", got)
	}
	now = now.Add(time.Hour)
	if got := take(30); got != 20 {
		t.Fatalf("an hour later %d got through", got)
	}
	now = now.Add(-time.Hour)
	if got := take(1); got != 0 {
		t.Fatal("a clock that steps back gives tokens")
	}
}
