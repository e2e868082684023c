package limit_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

func TestBudget(t *testing.T) {
	b, now := limit.NewBudget(10, 20), time.Now()
	for _, step := range []struct {
		after time.Duration
		want  int // that are allowed of a hundred
	}{{0, 20}, {0, 0}, {100 * time.Millisecond, 1}, {time.Second, 10}, {time.Hour, 20}} {
		now = now.Add(step.after)
		got := 0
		for range 100 {
			if b.Allow(now) {
				got++
			}
		}
		if got != step.want {
			t.Errorf("%v later %d are allowed, want %d", step.after, got, step.want)
		}
	}
}
