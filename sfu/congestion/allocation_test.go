package congestion_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// svc is a camera with three spatial and three temporal layers; the first
// temporal one of the larger pictures has a quarter of the frames.
func svc() (layers []congestion.Layer) {
	for s, size := range [][2]int{{320, 180}, {640, 360}, {1280, 720}} {
		for temporal, share := range []float64{0.5, 0.7, 1} {
			layers = append(layers, congestion.Layer{
				Spatial: s, Temporal: temporal, Width: size[0], Height: size[1],
				FPS:     []float64{7.5, 15, 30}[temporal],
				Bitrate: int64(share * []float64{150_000, 500_000, 1_700_000}[s]),
			})
		}
	}
	return layers
}

func slot(id uint64, priority uint32, width int) congestion.Slot {
	return congestion.Slot{ID: id, Priority: priority, Width: width, Height: width * 9 / 16, Layers: camera}
}

func TestAllocation(t *testing.T) {
	unknown := slices.Clone(camera)
	for i := range unknown {
		unknown[i].Width, unknown[i].Height = 0, 0
	}
	noMiddle := slices.Clone(camera)
	noMiddle[1].Bitrate = 0
	cheap := slices.Clone(camera)
	cheap[1].Bitrate = 100_000 // better than the one below for less
	with := func(s congestion.Slot, layers []congestion.Layer) congestion.Slot {
		s.Layers = layers
		return s
	}
	detail := with(slot(1, 0, 1920), svc())
	detail.Detail = true
	const none = congestion.Paused
	for _, tc := range []struct {
		name     string
		estimate int64
		slots    []congestion.Slot
		want     []int
		wanted   int64
	}{
		{"nothing to show", 1e6, nil, nil, audioRate},
		{"room for everything", 10e6, []congestion.Slot{slot(1, 0, 1280)}, []int{2}, audioRate + 1_700_000},
		{"audio comes first", 190_000, []congestion.Slot{slot(1, 0, 1280)}, []int{none}, audioRate + 1_700_000},
		{"less than audio", 10_000, []congestion.Slot{slot(1, 0, 1280)}, []int{none}, audioRate + 1_700_000},
		{"a base layer just fits", 200_000, []congestion.Slot{slot(1, 0, 1280)}, []int{0}, audioRate + 1_700_000},
		{"not more than the size needs", 10e6, []congestion.Slot{slot(1, 0, 320), slot(2, 0, 400), slot(3, 0, 650)}, []int{0, 1, 1}, audioRate + 1_150_000},
		{"a portrait picture counts by its pixels", 10e6, []congestion.Slot{{ID: 1, Width: 360, Height: 640, Layers: camera}}, []int{1}, audioRate + 500_000},
		{"hidden", 10e6, []congestion.Slot{slot(1, 0, 0), slot(2, 0, 320)}, []int{none, 0}, audioRate + 150_000},
		{"a base layer for all before more for one", 700_000, []congestion.Slot{slot(1, 9, 1280), slot(2, 0, 1280), slot(3, 0, 1280)}, []int{0, 0, 0}, audioRate + 5_100_000},
		{"base layers by priority", 400_000, []congestion.Slot{slot(1, 0, 1280), slot(2, 5, 1280), slot(3, 7, 1280)}, []int{none, 0, 0}, audioRate + 5_100_000},
		{"more for the most important", 2_300_000, []congestion.Slot{slot(1, 0, 1280), slot(2, 5, 1280)}, []int{0, 2}, audioRate + 3_400_000},
		{"in passes among equals", 2_000_000, []congestion.Slot{slot(1, 0, 1280), slot(2, 0, 1280), slot(3, 0, 1280)}, []int{1, 1, 1}, audioRate + 5_100_000},
		{"a layer that is not there is skipped", 2_600_000, []congestion.Slot{with(slot(1, 0, 1280), noMiddle)}, []int{2}, audioRate + 1_700_000},
		{"a layer that is too small beats one that is not there", 10e6, []congestion.Slot{with(slot(1, 0, 640), noMiddle)}, []int{2}, audioRate + 1_700_000},
		{"unknown sizes are never enough", 10e6, []congestion.Slot{with(slot(1, 0, 100), unknown)}, []int{2}, audioRate + 1_700_000},
		{"better for less", 200_000, []congestion.Slot{with(slot(1, 0, 1280), cheap)}, []int{1}, audioRate + 1_700_000},
		{"a track without layers", 10e6, []congestion.Slot{with(slot(1, 0, 1280), nil)}, []int{none}, audioRate},
		{"frames before size", 480_000, []congestion.Slot{with(slot(1, 0, 1280), svc())}, []int{4}, audioRate + 1_700_000},
		{"no larger picture at a quarter of the frames", 350_000, []congestion.Slot{with(slot(1, 0, 1280), svc())}, []int{2}, audioRate + 1_700_000},
		{"a shared screen takes size before frames", 350_000, []congestion.Slot{detail}, []int{3}, audioRate + 1_700_000},
		{"and all of it when it fits", 1_500_000, []congestion.Slot{detail}, []int{7}, audioRate + 1_700_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a congestion.Allocator
			got := a.Allocate(start, tc.estimate, audioRate, tc.slots)
			if !slices.Equal(got.Targets, tc.want) {
				t.Errorf("targets %v, want %v", got.Targets, tc.want)
			}
			if all := new(congestion.Allocator).Allocate(start, 1<<40, 0, tc.slots).Targets; !slices.Equal(got.Best, all) {
				t.Errorf("at best %v, want %v", got.Best, all)
			}
			if got.Wanted != tc.wanted {
				t.Errorf("wanted %d, want %d", got.Wanted, tc.wanted)
			}
			if got.Used > tc.estimate && slices.ContainsFunc(got.Targets, func(i int) bool { return i != none }) {
				t.Errorf("uses %d of %d", got.Used, tc.estimate)
			}
		})
	}
}

func TestAllocationHysteresis(t *testing.T) {
	type step struct {
		at       time.Duration
		estimate int64
		want     int
	}
	const need = audioRate + 500_000 // for the middle layer
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"down at once", []step{{0, 1e6, 1}, {100 * time.Millisecond, need - 1, 0}}},
		{"a little less than the reserve is enough to stay", []step{{0, 1e6, 1}, {time.Second, need, 1}}},
		{"up after a second with some room", []step{
			{0, 300_000, 0},
			{5 * time.Second, need * 115 / 100, 0},
			{5900 * time.Millisecond, need * 115 / 100, 0},
			{6 * time.Second, need * 115 / 100, 1},
		}},
		{"not up when the room does not last", []step{
			{0, 300_000, 0},
			{5 * time.Second, need * 115 / 100, 0},
			{5500 * time.Millisecond, need * 105 / 100, 0},
			{6 * time.Second, need * 115 / 100, 0},
			{7 * time.Second, need * 115 / 100, 1},
		}},
		{"up at once with much room", []step{{0, 300_000, 0}, {5 * time.Second, need * 140 / 100, 1}}},
		{"one up a second", []step{
			{0, 300_000, 0},
			{5 * time.Second, 1e6, 1},
			{5500 * time.Millisecond, 9e6, 1},
			{6 * time.Second, 9e6, 2},
		}},
		{"a failed up is not tried again soon, and then later still", []step{
			{0, 300_000, 0},
			{5 * time.Second, 1e6, 1},
			{6 * time.Second, 400_000, 0},
			{8 * time.Second, 1e6, 0},
			{9 * time.Second, 1e6, 1},
			{10 * time.Second, 400_000, 0},
			{15 * time.Second, 1e6, 0},
			{16 * time.Second, 1e6, 1},
		}},
		{"an up that lasted has not failed", []step{
			{0, 300_000, 0},
			{5 * time.Second, 1e6, 1},
			{20 * time.Second, 400_000, 0},
			{20100 * time.Millisecond, 1e6, 1},
		}},
		{"nothing until there is room, and then at once", []step{
			{0, 150_000, congestion.Paused},
			{5 * time.Second, 230_000, 0},
		}},
		{"the base layer stays for as long as the link may carry it", []step{
			{0, 300_000, 0},
			{5 * time.Second, 175_000, 0},
			{6 * time.Second, 165_000, congestion.Paused},
			{7 * time.Second, 175_000, congestion.Paused},
		}},
		{"paused for want of room, and back", []step{
			{0, 300_000, 0},
			{5 * time.Second, 100_000, congestion.Paused},
			{6 * time.Second, 300_000, 0},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a congestion.Allocator
			for i, step := range tc.steps {
				got := a.Allocate(start.Add(step.at), step.estimate, audioRate, []congestion.Slot{slot(1, 0, 1280)})
				if got.Targets[0] != step.want {
					t.Fatalf("step %d, at %v with %d kbps: %d, want %d", i, step.at, step.estimate/1000, got.Targets[0], step.want)
				}
			}
		})
	}
}

// A slot goes up to what a layer will have, and stays with what it has.
func TestAllocationExpectsEncodersToGrow(t *testing.T) {
	var a congestion.Allocator
	layers := slices.Clone(camera)
	layers[2].Bitrate, layers[2].Expected = 800_000, 1_700_000
	for _, step := range []struct {
		at       time.Duration
		estimate int64
		want     int
	}{{0, 1_500_000, 1}, {10 * time.Second, 1_500_000, 1}, {20 * time.Second, 3_000_000, 2}, {30 * time.Second, 1_000_000, 2}, {40 * time.Second, 800_000, 1}} {
		s := slot(1, 0, 1280)
		s.Layers = layers
		got := a.Allocate(start.Add(step.at), step.estimate, audioRate, []congestion.Slot{s})
		if got.Targets[0] != step.want {
			t.Errorf("at %v with %d kbps: %d, want %d", step.at, step.estimate/1000, got.Targets[0], step.want)
		}
		if room := step.estimate - audioRate; got.Rooms[0] > room || got.Rooms[0] < layers[got.Targets[0]].Bitrate {
			t.Errorf("at %v: %d kbps for a slot, of %d", step.at, got.Rooms[0]/1000, room/1000)
		}
	}
}

// An estimate that swings around a layer's need must not make it flap.
func TestAllocationDoesNotFlap(t *testing.T) {
	var a congestion.Allocator
	changes, last := 0, -2
	for ms := 0; ms < 300_000; ms += 100 {
		estimate := int64(548_000)
		if ms/2000%2 == 0 {
			estimate = 760_000
		} else {
			estimate = 500_000
		}
		if got := a.Allocate(start.Add(time.Duration(ms)*time.Millisecond), estimate, audioRate, []congestion.Slot{slot(1, 0, 1280)}).Targets[0]; got != last {
			changes, last = changes+1, got
		}
	}
	t.Logf("%d changes in five minutes of swinging every two seconds", changes)
	if changes > 24 {
		t.Fatalf("%d changes", changes)
	}
}

func TestAllocationFollowsTheView(t *testing.T) {
	var a congestion.Allocator
	at := start
	next := func(estimate int64, slots ...congestion.Slot) []int {
		at = at.Add(3 * time.Second)
		return slices.Clone(a.Allocate(at, estimate, audioRate, slots).Targets)
	}
	check := func(what string, got []int, want ...int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
	check("two tiles", next(1_300_000, slot(1, 0, 640), slot(2, 0, 640)), 1, 1)
	check("one is pinned and grows", next(2_100_000, slot(1, 9, 1280), slot(2, 0, 320)), 1, 0)
	next(2_150_000, slot(1, 9, 1280), slot(2, 0, 320))
	check("after a while it has what it needs", next(2_150_000, slot(1, 9, 1280), slot(2, 0, 320)), 2, 0)
	check("a newcomer has its base layer at once", next(2_150_000, slot(1, 9, 1280), slot(2, 0, 320), slot(3, 0, 320)), 2, 0, 0)
	check("hidden costs nothing", next(2_150_000, slot(1, 9, 0), slot(2, 0, 320), slot(3, 0, 320)), congestion.Paused, 0, 0)
	check("shown again it is back at once", next(2_500_000, slot(1, 9, 1280), slot(2, 0, 320), slot(3, 0, 320)), 2, 0, 0)
	check("the most important keeps what there is", next(1_950_000, slot(1, 9, 1280), slot(2, 0, 320), slot(3, 0, 320)), 1, 0, 0)
}

func BenchmarkAllocate(b *testing.B) {
	var a congestion.Allocator
	var slots []congestion.Slot
	layers := svc()
	for i := range 25 {
		slots = append(slots, congestion.Slot{ID: uint64(i), Priority: uint32(i % 3), Width: 640, Height: 360, Layers: layers})
	}
	b.ReportAllocs()
	for i := range b.N {
		a.Allocate(start.Add(time.Duration(i)*100*time.Millisecond), 5_000_000, audioRate, slots)
	}
}
