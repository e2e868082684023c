package sfu

import (
	"testing"
	"time"
)

// fill has a client send frames until the queue takes no more, and returns how
// many bytes it took.
func (q *queue) fill(from *data, size int) (bytes int) {
	for q.admits(from, size) {
		q.add(from, size)
		bytes += size
	}
	return bytes
}

func TestNobodyFillsAQueueForOthers(t *testing.T) {
	for _, size := range []int{100, 1000, 60_000} {
		q := newQueue(reliableBuffer)
		share := func(bytes int) int { return bytes * (size + frameCost) / size * 100 / reliableBuffer }
		for i, want := range []int{50, 25, 12} {
			if got := share(q.fill(&data{}, size)); got < want-4 || got > want {
				t.Errorf("frames of %d bytes: client %d took %d%%, not %d%%", size, i, got, want)
			}
		}
		if !q.admits(nil, size) {
			t.Error("there is no place for the server itself")
		}
	}
}

func TestWhatWasReadMakesPlace(t *testing.T) {
	q := newQueue(1 << 20)
	eve, ann := &data{}, &data{}
	q.fill(eve, 1000)
	q.add(ann, 500)
	total := uint64(q.bytes)
	for left := total; ; left -= min(left, 777) {
		q.left(left)
		if uint64(q.bytes) < left || uint64(q.bytes) > left+1000 {
			t.Fatalf("it counts %d bytes where %d wait", q.bytes, left)
		}
		if left == 0 {
			break
		}
	}
	if q.bytes != 0 || q.cost != 0 || len(q.costs) != 0 || len(q.frames) != 0 || q.written != total {
		t.Errorf("an empty queue is %+v", q)
	}
	if !q.admits(eve, 2<<20) {
		t.Error("an empty queue takes no large frame")
	}
}

func TestCopiesAreAllowedByTheSecond(t *testing.T) {
	var a allowance
	now := time.Unix(0, 0)
	for i, step := range []struct {
		after time.Duration
		n     int
		ok    bool
	}{
		{0, copiesAtOnce, true},
		{0, 1, false},
		{time.Second / 2, copiesPerSecond / 2, true},
		{0, 1, false},
		{time.Hour, copiesAtOnce + 1, false},
		{0, copiesAtOnce, true},
	} {
		now = now.Add(step.after)
		if ok := a.take(now, step.n); ok != step.ok {
			t.Fatalf("step %d: %v", i, ok)
		}
	}
}
