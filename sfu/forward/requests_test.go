package forward_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

func TestKeyframeRequestsAreMerged(t *testing.T) {
	var r forward.KeyframeRequests
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }

	if send, _ := r.Request(ms(0)); !send {
		t.Fatal("the first request waits")
	}
	send, wait := r.Request(ms(100))
	if send || wait != 400*time.Millisecond {
		t.Fatalf("the second request: send %v, wait %v", send, wait)
	}
	if send, wait := r.Request(ms(200)); send || wait != 0 {
		t.Fatalf("the third request: send %v, wait %v", send, wait)
	}
	if !r.Due(ms(500)) {
		t.Fatal("the merged request is not sent")
	}
	if r.Due(ms(500)) {
		t.Fatal("the merged request is sent twice")
	}
	if send, wait := r.Request(ms(600)); send || wait != 400*time.Millisecond {
		t.Fatalf("the next request: send %v, wait %v", send, wait)
	}
	r.Arrived()
	if r.Due(ms(1000)) {
		t.Fatal("a keyframe came meanwhile, and one is asked for all the same")
	}
	if send, _ := r.Request(ms(1100)); !send {
		t.Fatal("a request long after waits")
	}
}

func TestKeyframesAskedForInVain(t *testing.T) {
	const second = 1000
	for _, tc := range []struct {
		name           string
		from, to       int // ms, of the requests
		arrives        int // ms; 0: never
		excused        int // ms, likewise
		looks, forLong int // ms
	}{
		{"nobody asks", 0, 0, 0, 0, 4 * second, 0},
		{"asked for all the time", 100, 5 * second, 0, 0, 4 * second, 3900},
		{"who waited went away", 100, 2 * second, 0, 0, 5 * second, 0},
		{"it came", 100, 5 * second, 3 * second, 0, 3100, 0},
		{"it came, and the next one does not", 100, 8 * second, 3 * second, 0, 6 * second, 2600},
		{"nothing came at all until then", 100, 8 * second, 0, 3 * second, 6 * second, 2900},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.KeyframeRequests
			due := -1
			for ms := range tc.looks {
				now := start.Add(time.Duration(ms) * time.Millisecond)
				if ms == tc.arrives && ms > 0 {
					r.Arrived()
				}
				if ms == tc.excused && ms > 0 {
					r.Excuse()
				}
				if ms == due {
					r.Due(now)
				}
				if ms%33 == 0 && tc.from <= ms && ms < tc.to {
					if _, wait := r.Request(now); wait > 0 {
						due = ms + int(wait/time.Millisecond)
					}
				}
			}
			got := r.InVain(start.Add(time.Duration(tc.looks) * time.Millisecond))
			if want := time.Duration(tc.forLong) * time.Millisecond; (got - want).Abs() > forward.KeyframeInterval {
				t.Errorf("asked in vain for %v, want %v", got, want)
			}
		})
	}
}
