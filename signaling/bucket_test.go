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
			if b.take(now, 1) {
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

func TestWhatCostsMoreThanABucketHoldsTakesAFullOne(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := newBucket(now, 10, 20)
	for _, step := range []struct {
		name  string
		after time.Duration
		n     float64
		want  bool
	}{
		{"a full bucket", 0, 1000, true},
		{"an empty one", 0, 1, false},
		{"one that is half full", time.Second, 1000, false},
		{"a refusal takes nothing", 0, 10, true},
		{"full again", 2 * time.Second, 1000, true},
	} {
		now = now.Add(step.after)
		if got := b.take(now, step.n); got != step.want {
			t.Fatalf("%s: taking %v is %v", step.name, step.n, got)
		}
	}
}
