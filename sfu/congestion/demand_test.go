package congestion_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

func TestDemand(t *testing.T) {
	var d congestion.Demand
	check := func(what string, at time.Duration, want [congestion.LayersMost]bool, change time.Duration) {
		t.Helper()
		layers, until := d.Wanted(start.Add(at))
		if layers != want {
			t.Errorf("%s: %v, want %v", what, layers, want)
		}
		if change == 0 != until.IsZero() || change != 0 && !until.Equal(start.Add(change)) {
			t.Errorf("%s: until %v, want after %v", what, until, change)
		}
	}
	check("nobody", 0, [4]bool{}, 0)
	d.Change(start, -1, 2)
	check("one comes: and the layer below", 0, [4]bool{false, true, true}, 0)
	d.Change(start, -1, 0)
	d.Change(start, -1, 2)
	d.Change(start.Add(time.Second), 2, 0)
	check("one of two goes down", 2*time.Second, [4]bool{true, true, true}, 0)
	d.Change(start.Add(10*time.Second), 2, 0)
	check("the other one too: held", 11*time.Second, [4]bool{true, true, true}, 14*time.Second)
	check("let go of", 14*time.Second, [4]bool{true}, 0)
	d.Change(start.Add(20*time.Second), 0, 2)
	check("wanted again at once", 20*time.Second, [4]bool{true, true, true}, 0)
	d.Change(start.Add(21*time.Second), 7, -5)
	d.Change(start.Add(21*time.Second), 1, 9)
	check("layers that do not exist", 21*time.Second, [4]bool{true, true, true}, 0)
}

func TestLayerRates(t *testing.T) {
	const ms = time.Millisecond
	send := func(r *congestion.LayerRates, from, to time.Duration, spatial, temporal, every int, size int) {
		for at := from; at < to; at += time.Duration(every) * ms {
			r.Add(start.Add(at), spatial, temporal, size)
		}
	}
	near := func(t *testing.T, got, want int64) {
		t.Helper()
		if got < want*9/10 || got > want*11/10 {
			t.Errorf("%d bps, want about %d", got, want)
		}
	}
	t.Run("temporal layers add up, simulcast ones do not", func(t *testing.T) {
		r := congestion.NewLayerRates(start, false)
		send(r, 0, 5*time.Second, 0, 0, 20, 250) // 100 kbps
		send(r, 0, 5*time.Second, 0, 1, 20, 250)
		send(r, 0, 5*time.Second, 1, 0, 20, 1250)
		for _, tc := range []struct {
			s, t int
			want int64
		}{{0, 0, 100_000}, {0, 1, 200_000}, {1, 0, 500_000}} {
			got, flowing := r.Rate(start.Add(5*time.Second), tc.s, tc.t)
			near(t, got, tc.want)
			if !flowing {
				t.Errorf("layer %d/%d does not flow", tc.s, tc.t)
			}
		}
	})
	t.Run("dependent layers add up", func(t *testing.T) {
		r := congestion.NewLayerRates(start, true)
		send(r, 0, 5*time.Second, 0, 0, 20, 250)
		send(r, 0, 5*time.Second, 1, 0, 20, 1250)
		got, _ := r.Rate(start.Add(5*time.Second), 1, 0)
		near(t, got, 600_000)
	})
	t.Run("a keyframe weighs little", func(t *testing.T) {
		r := congestion.NewLayerRates(start, false)
		send(r, 0, 5*time.Second, 0, 0, 33, 2000)
		r.Add(start.Add(5*time.Second), 0, 0, 16_000)
		r.Add(start.Add(5200*ms), 0, 0, 2000)
		if got, _ := r.Rate(start.Add(5200*ms), 0, 0); got > 600_000 {
			t.Errorf("%d bps after a keyframe in 485 kbps", got)
		}
	})
	t.Run("a pause is noticed, what was known stays, and restarts are not taken for cheap", func(t *testing.T) {
		r := congestion.NewLayerRates(start, false)
		send(r, 0, 5*time.Second, 2, 0, 10, 1250) // 1 Mbps
		got, flowing := r.Rate(start.Add(60*time.Second), 2, 0)
		near(t, got, 1_000_000)
		if flowing {
			t.Error("it flows a minute later")
		}
		send(r, 60*time.Second, 60*time.Second+300*ms, 2, 0, 10, 1250)
		got, flowing = r.Rate(start.Add(60*time.Second+300*ms), 2, 0)
		near(t, got, 1_000_000)
		if !flowing {
			t.Error("it does not flow")
		}
	})
	t.Run("what an encoder begins with is not what it stays at", func(t *testing.T) {
		r := congestion.NewLayerRates(start, false)
		send(r, 0, 4*time.Second, 2, 0, 10, 600) // 480 kbps
		if got := r.Grown(2, 0); got != 0 {
			t.Errorf("%d bps after four seconds", got)
		}
		send(r, 4*time.Second, 9*time.Second, 2, 0, 10, 1250) // 1 Mbps
		near(t, r.Grown(2, 0), 1_000_000)
		send(r, 30*time.Second, 33*time.Second, 2, 0, 10, 600)
		got, _ := r.Rate(start.Add(33*time.Second), 2, 0)
		near(t, got, 480_000)
		near(t, r.Grown(2, 0), 1_000_000)
		send(r, 33*time.Second, 41*time.Second, 2, 0, 10, 600)
		near(t, r.Grown(2, 0), 950_000) // its publisher may be short of something
		send(r, 41*time.Second, 180*time.Second, 2, 0, 10, 600)
		near(t, r.Grown(2, 0), 480_000)
		send(r, 180*time.Second, 188*time.Second, 2, 0, 10, 1250)
		near(t, r.Grown(2, 0), 1_000_000)
	})
	t.Run("nonsense", func(t *testing.T) {
		r := congestion.NewLayerRates(start, true)
		for _, i := range []int{-1, 4, 1 << 40} {
			r.Add(start, i, 0, 100)
			r.Add(start, 0, i, 100)
			if got, flowing := r.Rate(start, i, 0); got != 0 || flowing {
				t.Errorf("layer %d has %d bps", i, got)
			}
			if got := r.Grown(i, 0) + r.Grown(0, i); got != 0 {
				t.Errorf("layer %d has grown to %d bps", i, got)
			}
		}
		r.Add(start.Add(-time.Hour), 0, 0, 100)
		r.Add(start.Add(time.Hour), 0, 0, -100)
	})
}

func TestNominal(t *testing.T) {
	for _, tc := range []struct {
		width, height int
		fps           float64
		from, to      int64
	}{{320, 180, 30, 140_000, 160_000}, {640, 360, 0, 450_000, 600_000}, {1280, 720, 30, 1_500_000, 2_000_000}, {1280, 720, 5, 400_000, 700_000}, {0, 720, 30, 0, 0}} {
		if got := congestion.Nominal(tc.width, tc.height, tc.fps); got < tc.from || got > tc.to {
			t.Errorf("%d×%d at %.0f: %d", tc.width, tc.height, tc.fps, got)
		}
	}
}
