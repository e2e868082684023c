package load

import (
	"math"
	"math/rand/v2"
)

const (
	// keyframeSize is how many times as large as others a keyframe is.
	keyframeSize = 5
	// payBack is over how many frames an encoder makes up for a large one.
	payBack = 15
	// frameVariance is the standard deviation of frame sizes, of their logarithm.
	frameVariance = 0.25
	// startRate is what an encoder begins with, in bits a second; it doubles every
	// half second until it is what was asked for, as browsers let it.
	startRate = 300_000
	doubling  = 0.5 // s
)

// camera gives the sizes of frames as an encoder makes them: around the bitrate,
// which begins low, each another, keyframes larger, what they took too much saved on the next ones.
type camera struct {
	average float64 // bytes
	steady  bool    // all are of that size
	start   float64 // bytes, to begin with
	growth  float64 // from one frame to the next, until it is average
	debt    float64 // bytes above the bitrate so far
	random  *rand.Rand
}

func newCamera(bitrate, fps float64, steady bool, random *rand.Rand) camera {
	return camera{
		average: bitrate / 8 / fps, steady: steady, random: random,
		start: startRate / 8 / fps, growth: math.Exp2(1 / fps / doubling),
	}
}

// next is the size of the next frame in bytes.
func (c *camera) next(key bool) int {
	if c.steady {
		return int(math.Round(c.average))
	}
	average := min(c.start, c.average)
	c.start = min(c.start*c.growth, c.average)
	want := max(average-c.debt/payBack, average/4)
	if key {
		want = keyframeSize * average
	}
	size := want * math.Exp(frameVariance*c.random.NormFloat64()-frameVariance*frameVariance/2)
	c.debt = min(max(c.debt+size-average, -2*average), 2*keyframeSize*average)
	return int(math.Round(size))
}

// split is how many packets a frame takes, and the payload of each, but for the
// last, in bytes: as equal as they can be, so that none is very small.
func split(frame, most, least int) (packets, size int) {
	packets = max((frame+most-1)/most, 1)
	return packets, max((frame+packets-1)/packets, least)
}
