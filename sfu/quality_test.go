package sfu

import (
	"testing"
	"time"
)

// Whoever measures so much for long is told so much.
func TestScores(t *testing.T) {
	const ms = time.Millisecond
	up := func(change func(*uplink)) float64 {
		u := uplink{expected: 10000, at: time.Now()}
		change(&u)
		return u.measure()
	}
	down := func(d downlinkFigures) float64 { return d.measure() }
	for _, tc := range []struct {
		name        string
		score       float64
		least, most float64
	}{
		{"nothing known of an uplink", new(uplink).measure(), 100, 100},
		{"a clean uplink", up(func(u *uplink) { u.jitter, u.rtt = 20*ms, 150*ms }), 100, 100},
		{"1 % missing", up(func(u *uplink) { u.missing = 100 }), 95, 99},
		{"10 % repaired", up(func(u *uplink) { u.late = 1000 }), 70, 80},
		{"10 % missing", up(func(u *uplink) { u.missing = 1000 }), 50, 60},
		{"30 % missing", up(func(u *uplink) { u.missing = 3000 }), 10, 25},
		{"all missing", up(func(u *uplink) { u.missing = 10000 }), 0, 10},
		{"jitter", up(func(u *uplink) { u.jitter = 150 * ms }), 70, 85},
		{"far away", up(func(u *uplink) { u.rtt = 700 * ms }), 60, 80},
		{"a size that does not come", up(func(u *uplink) { u.narrow = true }), 60, poorBelow},
		{"silence", up(func(u *uplink) { u.lost = true }), 0, 0},

		{"a clean downlink", down(downlinkFigures{rtt: 150 * ms, queue: 50 * ms}), 100, 100},
		{"2 % lost", down(downlinkFigures{lost: 0.02}), 85, 95},
		{"15 % lost", down(downlinkFigures{lost: 0.15}), 35, 50},
		{"a full queue", down(downlinkFigures{queue: 800 * ms, rtt: 900 * ms}), 35, 50},
		{"no feedback", down(downlinkFigures{outage: true}), 0, 0},
		{"one temporal layer less", 100 - shortOf(700, 1000), goodFrom, 95},
		{"one size less", 100 - shortOf(400, 1000), 70, 85},
		{"two sizes less", 100 - shortOf(100, 1000), 55, poorBelow},
		{"paused", 100 - shortOf(0, 1000), 20, 20},
		{"all that is shown", 100 - shortOf(1000, 1000), 100, 100},
		{"nothing to show", 100 - shortOf(0, 0), 100, 100},

		{"a server with time", (&serverFigures{forwarded: 1e6, behind: 5 * ms}).measure(), 100, 100},
		{"a server that is late", (&serverFigures{forwarded: 1e6, behind: 300 * ms}).measure(), 30, 60},
		{"a server that drops", (&serverFigures{forwarded: 1e5, dropped: 1e4}).measure(), 50, 65},
		{"an idle server", new(serverFigures).measure(), 100, 100},
	} {
		if tc.score < tc.least || tc.score > tc.most {
			t.Errorf("%s: %.1f, want %.0f to %.0f", tc.name, tc.score, tc.least, tc.most)
		}
	}
}

func TestWhatIsTold(t *testing.T) {
	type told = Quality
	for _, tc := range []struct {
		name                     string
		before                   told
		uplink, downlink, server float64
		want                     told
	}{
		{"good", told{}, 100, 100, 100, good},
		{"good still", good, 71, 75, 90, good},
		{"no longer", good, 69, 100, 100, told{69, Uplink}},
		{"not good again yet", told{69, Uplink}, 79, 100, 100, told{79, Uplink}},
		{"good again", told{69, Uplink}, 81, 100, 100, good},
		{"the worse of two", good, 60, 40, 100, told{40, Downlink}},
		{"a change that nobody notices", told{60, Uplink}, 52, 100, 100, told{60, Uplink}},
		{"one that is", told{60, Uplink}, 45, 100, 100, told{45, Uplink}},
		{"another cause, hardly worse", told{60, Uplink}, 60, 52, 100, told{60, Uplink}},
		{"another cause, much worse", told{60, Uplink}, 60, 30, 100, told{30, Downlink}},
		{"the cause has gone, another has not", told{60, Uplink}, 95, 60, 100, told{60, Downlink}},
		{"a late server makes all look bad", good, 30, 40, 65, told{30, Server}},
		{"it is late no more", told{30, Server}, 30, 95, 95, told{30, Uplink}},
		{"everything at once", good, 0, 0, 0, told{0, Server}},
	} {
		if got := tc.before.next(tc.uplink, tc.downlink, tc.server); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// A rating falls within seconds, rises more slowly, and is not moved by what
// comes once. What wavers about a bound is not told to and fro.
func TestRatingsAreCalm(t *testing.T) {
	now := time.Now()
	var r rating
	after := func(measured float64, n int) float64 {
		for range n {
			now = now.Add(judgeInterval)
			r.update(now, measured)
		}
		return r.score()
	}
	if r.score() != 100 {
		t.Fatalf("it begins at %v", r.score())
	}
	if got := after(50, 1); got < poorBelow {
		t.Errorf("one bad moment made it %v", got)
	}
	if got := after(50, 2); got >= poorBelow {
		t.Errorf("after six bad seconds it is %v", got)
	}
	after(50, 10)
	if got := after(100, 2); got >= goodFrom {
		t.Errorf("after four good seconds it is %v", got)
	}
	if got := after(100, 8); got < goodFrom+10 {
		t.Errorf("after twenty good seconds it is %v", got)
	}

	q, changes := good, 0
	for i := range 100 {
		next := q.next(after(55+20*float64(i%2), 1), 100, 100)
		if next != q {
			changes++
		}
		q = next
	}
	if changes > 2 {
		t.Errorf("what wavers was told %d times", changes)
	}
}

// Losses count for some seconds; what is repaired in the next look was not
// missing.
func TestUplinkCounts(t *testing.T) {
	now := time.Now()
	var u uplink
	look := func(came arrived) float64 {
		now = now.Add(judgeInterval)
		u.count(now, came)
		return u.measure()
	}
	if got := look(arrived{expected: 3, received: 2}); got < poorBelow {
		t.Errorf("one of three lost: %v", got)
	}
	for range 5 {
		look(arrived{expected: 100, received: 100})
	}
	if got := look(arrived{expected: 100, received: 70}); got >= goodFrom {
		t.Errorf("30 of 100 lost: %v", got)
	}
	for range 10 {
		look(arrived{})
	}
	if got := u.measure(); got < 95 {
		t.Errorf("twenty quiet seconds later: %v", got)
	}
	look(arrived{expected: 100, received: 90})
	if missing := u.missing; missing < 9 {
		t.Errorf("%v are missing", missing)
	}
	look(arrived{expected: 100, received: 110, late: 10})
	if u.missing != 0 {
		t.Errorf("%v are missing after repair", u.missing)
	}
}
