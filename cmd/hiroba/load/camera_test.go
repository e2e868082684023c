package load

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Frames differ, keyframes are large, and in the long run there are as many bytes
// as were asked for.
func TestACameraKeepsItsBitrate(t *testing.T) {
	const bitrate, fps = 1.5e6, 30
	c := newCamera(bitrate, fps, false, rand.New(rand.NewPCG(1, 1)))
	for range 10 * fps { // it begins low
		c.next(false)
	}
	total, least, most, key := 0, math.MaxInt, 0, 0
	const seconds = 60
	for i := range seconds * fps {
		size := c.next(i%(5*fps) == 0)
		if total += size; i%(5*fps) == 0 {
			key += size
			continue
		}
		least, most = min(least, size), max(most, size)
	}
	if got := float64(8*total) / seconds; math.Abs(got-bitrate) > 0.03*bitrate {
		t.Errorf("%.0f bit/s came; %.0f were asked for", got, bitrate)
	}
	average := bitrate / 8 / fps
	if float64(least) > 0.7*average || float64(most) < 1.3*average {
		t.Errorf("frames have %d to %d bytes, which is all alike", least, most)
	}
	if key /= seconds / 5; float64(key) < 3*average {
		t.Errorf("a keyframe has %d bytes; others have %.0f", key, average)
	}
}

func TestACameraBeginsLow(t *testing.T) {
	c := newCamera(3e6, 30, false, rand.New(rand.NewPCG(1, 1)))
	total := 0
	for range 15 {
		total += c.next(false)
	}
	if rate := float64(8*total) / 0.5; rate > 1e6 {
		t.Errorf("the first half second has %.0f bit/s", rate)
	}
}

func TestASteadyCameraHasOneSize(t *testing.T) {
	c := newCamera(1.44e6, 30, true, nil)
	for i := range 10 {
		if size := c.next(i == 0); size != 6000 {
			t.Errorf("frame %d has %d bytes", i, size)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, tc := range []struct{ frame, packets, size int }{
		{6000, 5, 1200}, {6001, 6, 1001}, {1, 1, 50}, {1200, 1, 1200}, {1201, 2, 601},
	} {
		if packets, size := split(tc.frame, 1200, 50); packets != tc.packets || size != tc.size {
			t.Errorf("a frame of %d takes %d packets of %d", tc.frame, packets, size)
		}
	}
}
