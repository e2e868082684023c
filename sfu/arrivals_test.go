package sfu

import (
	"slices"
	"testing"
	"time"
)

func TestArrivals(t *testing.T) {
	run := func(from uint16, n int) (out []uint16) {
		for i := range n {
			out = append(out, from+uint16(i))
		}
		return out
	}
	without := func(list []uint16, not ...uint16) []uint16 {
		return slices.DeleteFunc(list, func(seq uint16) bool { return slices.Contains(not, seq) })
	}
	for _, tc := range []struct {
		name                     string
		came                     []uint16
		expected, received, late int
	}{
		{"nothing", nil, 0, 0, 0},
		{"all", run(7, 100), 100, 100, 0},
		{"all, over the end of the numbers", run(65500, 100), 100, 100, 0},
		{"some lost", without(run(65500, 100), 65510, 65535, 0, 3), 100, 96, 0},
		{"a lost one comes late", append(without(run(0, 100), 40), 40), 100, 100, 1},
		{"and once more", append(without(run(0, 100), 40), 40, 40), 100, 100, 1},
		{"twice the same", append(run(0, 100), 99, 98, 7), 100, 100, 0},
		{"far too late", append(without(run(0, 2000), 40), 40), 2000, 1999, 0},
		{"out of order at the beginning", []uint16{5, 4, 3, 6}, 2, 4, 2},
		{"a long gap", append(run(0, 10), run(1000, 10)...), 1010, 20, 0},
		{"begun anew", append(run(0, 10), run(30000, 10)...), 19, 19, 0},
		{"begun anew, lower", append(run(30000, 10), run(0, 10)...), 19, 19, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a arrivals
			now := time.Now()
			for i, seq := range tc.came {
				a.add(now.Add(time.Duration(i)*20*time.Millisecond), seq, uint32(i)*1800, 90000)
			}
			got := a.take()
			if got.expected != tc.expected || got.received != tc.received || got.late != tc.late {
				t.Errorf("%+v, want %d expected, %d received, %d late", got, tc.expected, tc.received, tc.late)
			}
			if again := a.take(); again.expected != 0 || again.received != 0 || again.late != 0 {
				t.Errorf("counted twice: %+v", again)
			}
		})
	}
}

func TestJitter(t *testing.T) {
	now := time.Now()
	stream := func(wait func(i int) time.Duration) time.Duration {
		var a arrivals
		for i := range 500 {
			at := now.Add(time.Duration(i)*20*time.Millisecond + wait(i))
			// Pictures of three packets; only the first tells of jitter.
			for part := range 3 {
				a.add(at.Add(time.Duration(part)*5*time.Millisecond), uint16(3*i+part), uint32(i)*1800, 90000)
			}
		}
		return a.take().jitter
	}
	if got := stream(func(int) time.Duration { return 0 }); got > time.Millisecond {
		t.Errorf("an even stream has a jitter of %v", got)
	}
	if got := stream(func(i int) time.Duration { return time.Duration(i%2) * 10 * time.Millisecond }); got < 9*time.Millisecond || got > 11*time.Millisecond {
		t.Errorf("a stream that is 10 ms off each time has a jitter of %v", got)
	}
	if got := stream(func(i int) time.Duration {
		if i >= 250 {
			return time.Minute
		}
		return 0
	}); got > time.Millisecond {
		t.Errorf("after a pause of a minute the jitter is %v", got)
	}
}
