package congestion_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func TestSteadyNarrowLink(t *testing.T) {
	for _, tc := range []struct {
		bps   float64
		layer int
	}{{5_000_000, 2}, {2_500_000, 2}, {1_000_000, 1}, {700_000, 1}, {300_000, 0}} {
		t.Run(fmt.Sprintf("%.0f kbps", tc.bps/1000), func(t *testing.T) {
			r := simulate(t, scenario{capacity: constant(tc.bps), seconds: 60})
			r.log(5, 60)
			if share := r.onLayer(tc.layer, 5, 60); share < 0.8 {
				t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
			}
			if n, longest := r.freezes(5, 60); n > 0 {
				t.Errorf("%d freezes, the longest %.0f ms", n, longest)
			}
			if p95 := r.delay(0.95, 5, 60); p95 > 120 {
				t.Errorf("delay p95 %.0f ms", p95)
			}
		})
	}
}

// What a receiver begins with: no size is tried that the link does not carry,
// although the next one is cheap for a while because its encoder has just begun.
func TestBeginsWithWhatFits(t *testing.T) {
	for _, tc := range []struct {
		bps    float64
		others []int
		layer  int
		within float64 // seconds
	}{
		{1_000_000, nil, 1, 2},
		{1_000_000, []int{2}, 1, 2},
		{1_400_000, []int{2}, 1, 2},
		{300_000, []int{2}, 0, 1},
		{5_000_000, nil, 2, 3},
		{5_000_000, []int{2}, 2, 3},
	} {
		t.Run(fmt.Sprintf("%.0f kbps, others have %v", tc.bps/1000, tc.others), func(t *testing.T) {
			r := simulate(t, scenario{capacity: constant(tc.bps), start: 600_000, others: tc.others, seconds: 30})
			r.log(0, 30)
			if up := r.reaches(tc.layer, 0); up > tc.within {
				t.Errorf("the layer that fits is reached after %.1f s", up)
			}
			if share := r.onLayer(tc.layer+1, 0, 30); share > 0 {
				t.Errorf("a layer that does not fit is sent %.0f%% of the time", 100*share)
			}
			if share := r.onLayer(tc.layer, tc.within+1, 30); share < 0.95 {
				t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
			}
			if mean := r.mean(3, 30); mean > 1.2*tc.bps {
				t.Errorf("the link is taken to carry %.0f kbps", mean/1000)
			}
			// The first probe is more than a very narrow link has room for.
			if n, longest := r.freezes(1, 30); n > 0 {
				t.Errorf("%d freezes, the longest %.0f ms", n, longest)
			}
			if p95 := r.delay(0.95, 1, 30); p95 > 120 {
				t.Errorf("delay p95 %.0f ms", p95)
			}
		})
	}
}

// A link that narrows to a third keeps its queue, which is three times as long
// in time then. What does not fit is not to fill it.
func TestNarrowsToAThird(t *testing.T) {
	for _, tc := range []struct {
		name   string
		delay  ms
		to     float64
		layer  int
		within float64 // seconds
		queue  ms
	}{
		{"20 ms away", 20, 1e6, 1, 0.7, 300},
		{"100 ms away", 100, 1e6, 1, 0.95, 350},
		// The size that fits has to be woken.
		{"to a sixth", 20, 500e3, 0, 1, 700},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, after := range []float64{20, 20.03, 20.06, 20.09} { // at another time between two looks each
				r := simulate(t, scenario{capacity: steps(3e6, [2]float64{after, tc.to}), buffer: 750, delay: tc.delay, start: 600_000, feedback: 64, seconds: 40})
				r.log(after, 40)
				shrinks, peak := r.shrinks(1, after), r.delay(1, after, after+5)-tc.delay
				n, longest := r.freezes(after, after+10)
				t.Logf("a smaller picture after %.2f s, queue up to %.0f ms, %d freezes, the longest %.0f ms", shrinks, peak, n, longest)
				if shrinks > tc.within {
					t.Errorf("the picture is smaller only after %.2f s", shrinks)
				}
				if peak > tc.queue {
					t.Errorf("the queue grows to %.0f ms", peak)
				}
				if n > 1 || longest > 500 {
					t.Errorf("%d freezes, the longest %.0f ms", n, longest)
				}
				if share := r.onLayer(tc.layer, after+2, 40); share < 0.95 {
					t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
				}
			}
		})
	}
}

func TestStepDown(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to float64
		layer    int
		freezes  float64
		tcp      *tcpFlow
	}{
		{"3 Mbps to 1 Mbps", 3e6, 1e6, 1, 1, nil},
		{"1 Mbps to 333 kbps", 1e6, 333e3, 0, 1, nil},
		{"to a seventeenth", 5e6, 300e3, 0, 6, nil},
		// The other flow has made the threshold insensitive.
		{"3 Mbps to 1 Mbps after another flow", 3e6, 1e6, 1, 1, &tcpFlow{from: 5_000, to: 16_000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// What a keyframe and the narrowing make of each other is chance: what is
			// usual counts.
			var down, drained, longest, freezes []float64
			for seed := range uint64(9) {
				r := simulate(t, scenario{capacity: steps(tc.from, [2]float64{20, tc.to}), buffer: 1000, tcp: tc.tcp, seconds: 40, seed: seed})
				r.log(20, 40)
				n, gap := r.freezes(20, 40)
				down, drained = append(down, r.falls(tc.layer, 20)), append(drained, r.drained(20, 40))
				freezes, longest = append(freezes, float64(n)), append(longest, gap)
			}
			t.Logf("down after %.2f s, queue drained after %.2f s, %.0f freezes, the longest %.0f ms", down, drained, freezes, longest)
			if at := median(down); at > 1 {
				t.Errorf("down only after %.2f s", at)
			}
			if n, gap := median(freezes), median(longest); n > tc.freezes || gap > 500 || slices.Max(longest) > 700 {
				t.Errorf("%.0f freezes, the longest %.0f, once %.0f ms", n, gap, slices.Max(longest))
			}
			if slices.Max(drained) > 5 {
				t.Errorf("the queue is there for %.1f s", slices.Max(drained))
			}
		})
	}
}

// drained is how long, in seconds, a queue of over 100 ms that comes up between
// two times takes from the first of them until it is short again.
func (r *run) drained(from, to float64) float64 {
	grown := false
	for i, s := range r.between(from, to) {
		grown = grown || s.queue > 100
		if grown && s.queue < 50 {
			return float64(i) / 1000
		}
	}
	if grown {
		return math.Inf(1)
	}
	return 0
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func TestStepUp(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to float64
		layer    int
	}{{"1 Mbps to 3 Mbps", 1e6, 3e6, 2}, {"333 kbps to 1 Mbps", 333e3, 1e6, 1}, {"300 kbps to 5 Mbps", 300e3, 5e6, 2}} {
		t.Run(tc.name, func(t *testing.T) {
			for _, after := range []float64{20, 20.7, 21.4, 22.1} {
				r := simulate(t, scenario{capacity: steps(tc.from, [2]float64{after, tc.to}), seconds: 40})
				r.log(after, 40)
				up := r.reaches(tc.layer, after)
				t.Logf("up after %.2f s", up)
				if up > 6 {
					t.Errorf("up only after %.2f s", up)
				}
			}
		})
	}
}

// A link that narrows and widens every 20 s must be followed each time.
func TestNarrowsAndWidens(t *testing.T) {
	capacity := func(now ms) float64 {
		if int(now/20000)%2 == 0 {
			return 3e6
		}
		return 1e6
	}
	r := simulate(t, scenario{capacity: capacity, seconds: 160})
	r.log(5, 160)
	for at := 20.0; at < 160; at += 40 {
		if down := r.falls(1, at); down > 1 {
			t.Errorf("at %.0f s: down after %.2f s", at, down)
		}
		if n, longest := r.freezes(at, at+20); n > 1 || longest > 500 {
			t.Errorf("at %.0f s: %d freezes, longest %.0f ms", at, n, longest)
		}
		if up := r.reaches(2, at+20); at+20 < 160 && up > 6 {
			t.Errorf("at %.0f s: up after %.2f s", at+20, up)
		}
	}
}

func TestBufferbloat(t *testing.T) {
	r := simulate(t, scenario{capacity: steps(3e6, [2]float64{30, 600e3}), buffer: 1000, seconds: 60})
	r.log(5, 30)
	r.log(32, 60)
	if p95 := r.delay(0.95, 5, 30); p95 > 120 {
		t.Errorf("delay p95 %.0f ms on the wide link", p95)
	}
	if p95 := r.delay(0.95, 32, 60); p95 > 200 {
		t.Errorf("delay p95 %.0f ms on the narrow link", p95)
	}
}

func TestRandomLoss(t *testing.T) {
	for _, loss := range []float64{0.02, 0.05, 0.10} {
		t.Run(fmt.Sprintf("%.0f%%", 100*loss), func(t *testing.T) {
			r := simulate(t, scenario{capacity: constant(5e6), loss: loss, seconds: 60})
			r.log(5, 60)
			if share := r.onLayer(2, 5, 60); share < 0.9 {
				t.Errorf("the best layer is sent %.0f%% of the time", 100*share)
			}
		})
	}
}

func TestCompetingFlow(t *testing.T) {
	for _, buffer := range []ms{100, 300} {
		t.Run(fmt.Sprintf("%.0f ms queue", buffer), func(t *testing.T) {
			tcp := &tcpFlow{from: 10_000, to: 70_000}
			r := simulate(t, scenario{capacity: constant(2e6), buffer: buffer, tcp: tcp, seconds: 90})
			r.log(15, 70)
			theirs := float64(tcp.arrivedBytes) * 8 / 60
			ours := 0.0
			for _, s := range r.between(10, 70) {
				ours += audioRate
				if s.layer >= 0 {
					ours += float64(camera[s.layer].Bitrate)
				}
			}
			ours /= 60_000
			t.Logf("ours %.0f kbps, theirs %.0f kbps; layer 1 back after %.1f s", ours/1000, theirs/1000, r.reaches(1, 70))
			if ours < 0.15*2e6 {
				t.Errorf("we starve: %.0f kbps", ours/1000)
			}
			if theirs < 0.25*2e6 {
				t.Errorf("the other flow starves: %.0f kbps", theirs/1000)
			}
			if back := r.reaches(1, 70); back > 8 {
				t.Errorf("back up only %.1f s after the other flow ended", back)
			}
		})
	}
}

func TestBlackout(t *testing.T) {
	dead := func(now ms) bool { return now >= 20_000 && now < 25_000 }
	capacity := func(now ms) float64 {
		if dead(now) {
			return 0
		}
		return 3e6
	}
	for _, tc := range []struct {
		name   string
		buffer ms
	}{{"what is sent is lost", 50}, {"what is sent waits", 1000}} {
		t.Run(tc.name, func(t *testing.T) {
			r := simulate(t, scenario{capacity: capacity, buffer: tc.buffer, silent: dead, seconds: 50})
			r.log(25, 50)
			low, base, best := r.samples[24_900].estimate, r.reaches(0, 25), r.reaches(2, 25)
			t.Logf("estimate in the dark %d kbps; after it: the base layer after %.2f s, the best after %.2f s", low/1000, base, best)
			if low > 200_000 {
				t.Errorf("sending on into the dark at %d kbps", low/1000)
			}
			if best > 6 {
				t.Errorf("back only after %.2f s", best)
			}
		})
	}
}

// A link or a receiver that is held up now and then, and catches up at once, has
// not narrowed.
func TestHeldUp(t *testing.T) {
	for _, pause := range []ms{60, 100, 150} {
		t.Run(fmt.Sprintf("%.0f ms", pause), func(t *testing.T) {
			r := simulate(t, scenario{seconds: 60, feedback: 64, buffer: 40_000, capacity: func(now ms) float64 {
				if now > 8000 && math.Mod(now, 2300) < pause {
					return 0
				}
				return 5e6
			}})
			r.log(8, 60)
			if share := r.onLayer(2, 8, 60); share < 0.99 {
				t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
			}
		})
	}
}

func TestPoorFeedback(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    scenario
	}{
		{"every 50 ms", scenario{feedback: 50}},
		{"every 250 ms", scenario{feedback: 250}},
		{"a fifth is lost", scenario{feedbackLoss: 0.2}},
		{"reordered", scenario{feedback: 50, feedbackJitter: 80}},
		{"packets reordered by jitter", scenario{jitter: 10}},
		{"the receiver's clock is 200 ppm fast", scenario{drift: 200e-6}},
		{"the receiver's clock is 200 ppm slow", scenario{drift: -200e-6}},
		{"its clock jumps by an hour", scenario{clockJumpAt: 15_000}},
		{"sequence numbers wrap", scenario{firstSeq: 65_000}},
		{"the reference time wraps", scenario{clock: 1<<24*64*time.Millisecond - 15*time.Second}},
		{"round trip of 300 ms", scenario{delay: 150}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.s
			s.capacity, s.seconds = steps(3e6, [2]float64{30, 1e6}), 60
			r := simulate(t, s)
			r.log(5, 60)
			if share := r.onLayer(2, 6, 30); share < 0.9 {
				t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
			}
			down := r.falls(1, 30)
			t.Logf("down after %.2f s", down)
			if down > 1.5 {
				t.Errorf("down only after %.2f s", down)
			}
			if share := r.onLayer(1, 31, 60); share < 0.8 {
				t.Errorf("the layer that fits the narrow link is sent %.0f%% of the time", 100*share)
			}
		})
	}
}

// Links that are all the worse: the layer that fits must be kept all the same.
func TestAwkwardLinks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		s     scenario
		layer int
	}{
		{"1 Mbps with 5% loss", scenario{capacity: constant(1e6), loss: 0.05}, 1},
		{"300 kbps with 5% loss and 200 ms", scenario{capacity: constant(300e3), loss: 0.05, delay: 100}, 0},
		{"800 kbps with 10% loss", scenario{capacity: constant(800e3), loss: 0.10}, 1},
		{"keyframes as large as twelve frames", scenario{capacity: constant(1e6), keyframeFactor: 12}, 1},
		{"the same on a wider link", scenario{capacity: constant(2.5e6), keyframeFactor: 12}, 2},
		{"a queue of 40 ms", scenario{capacity: constant(1e6), buffer: 40}, 1},
		{"jitter of 30 ms", scenario{capacity: constant(1e6), jitter: 30}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.s.seconds = 60
			r := simulate(t, tc.s)
			r.log(5, 60)
			if share := r.onLayer(tc.layer, 5, 60); share < 0.8 {
				t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
			}
		})
	}
}

// A policer drops what is too much without delaying anything: only losses tell.
func TestPolicer(t *testing.T) {
	r := simulate(t, scenario{capacity: steps(3e6, [2]float64{30, 1e6}), buffer: 30, seconds: 60})
	r.log(30, 60)
	if down := r.falls(1, 30); down > 1 {
		t.Errorf("down only after %.2f s", down)
	}
	if share := r.onLayer(1, 32, 60); share < 0.8 {
		t.Errorf("the layer that fits is sent %.0f%% of the time", 100*share)
	}
}

// Probes must stay small beside what the link carries.
func TestProbesAreBounded(t *testing.T) {
	for _, bps := range []float64{150e3, 300e3, 1e6, 1.9e6} {
		r := simulate(t, scenario{capacity: constant(bps), seconds: 60})
		padding := float64(r.padding) * 8 / 60
		t.Logf("%.0f kbps: %.1f kbps of padding", bps/1000, padding/1000)
		if padding > 0.15*bps {
			t.Errorf("%.0f kbps of padding on a link of %.0f kbps", padding/1000, bps/1000)
		}
	}
}
