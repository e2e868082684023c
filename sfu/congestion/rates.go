package congestion

import (
	"math"
	"time"
)

const (
	rateBucket  = 100 * time.Millisecond
	rateBuckets = 20 // two seconds: a keyframe weighs little in them
	// rateSettled is how much must be seen, after a pause too, before it tells the
	// rate: it begins with a keyframe, which is sent at once.
	rateSettled = time.Second
	// rateGrown is how long a layer must have come before its rate is what it
	// stays at: encoders begin low.
	rateGrown = 8 * time.Second
	// rateRise and rateFall are in what time that follows what is measured. A
	// publisher short of uplink or CPU sends less for a while, not for good.
	rateRise = 2 * time.Second
	rateFall = 30 * time.Second
	// rateSilent is how long a layer sends nothing before it counts as paused.
	rateSilent = 700 * time.Millisecond

	// TemporalMost is how many temporal layers a spatial one has at most.
	TemporalMost = 4
)

// LayerRates measures the bitrates of a track's layers as they come in. What
// one layer was last measured at stays known while it is paused. It is not safe
// for concurrent use.
type LayerRates struct {
	dependent bool
	start     time.Time
	layers    [LayersMost][TemporalMost]layerRate
}

type layerRate struct {
	bytes  [rateBuckets]uint32
	newest int64     // bucket number since start
	since  time.Time // of flowing without a pause
	last   time.Time
	known  float64 // bps
	grown  float64 // bps, what it has after rateGrown; 0 if it never came for so long
}

// NewLayerRates begins. dependent says that spatial layers need the ones below
// (SVC other than S and _KEY modes), so that their rates add up.
func NewLayerRates(now time.Time, dependent bool) *LayerRates {
	return &LayerRates{dependent: dependent, start: now}
}

// Add notes a packet of size bytes of a layer.
func (r *LayerRates) Add(now time.Time, spatial, temporal, size int) {
	if spatial < 0 || spatial >= LayersMost || temporal < 0 || temporal >= TemporalMost || size <= 0 {
		return
	}
	r.layers[spatial][temporal].add(now, int64(now.Sub(r.start)/rateBucket), size)
}

func (l *layerRate) add(now time.Time, bucket int64, size int) {
	if l.last.IsZero() || now.Sub(l.last) > rateSettled {
		*l = layerRate{newest: bucket, since: now, known: l.known, grown: l.grown}
	}
	if steps := bucket - l.newest; steps > 0 {
		l.measure(now)
		l.grow(now, time.Duration(steps)*rateBucket)
		for ; l.newest < bucket; l.newest++ {
			l.bytes[(l.newest+1)%rateBuckets] = 0
		}
	}
	l.bytes[max(l.newest, 0)%rateBuckets] += uint32(min(size, 1<<16))
	l.last = now
}

// measure is called when the newest bucket is full.
func (l *layerRate) measure(now time.Time) {
	if span := min(now.Sub(l.since), rateBuckets*rateBucket); span >= rateSettled {
		l.known = l.bits() / span.Seconds()
	}
}

// bits is how much came, as far back as is kept.
func (l *layerRate) bits() float64 {
	sum := 0.0
	for _, bytes := range l.bytes {
		sum += float64(bytes)
	}
	return sum * 8
}

// grow follows what is known, once the encoder had the time to reach it. So
// much time has passed since the last call.
func (l *layerRate) grow(now time.Time, passed time.Duration) {
	switch {
	case now.Sub(l.since) < rateGrown:
	case l.grown == 0:
		l.grown = l.known
	default:
		follow := rateFall
		if l.known > l.grown {
			follow = rateRise
		}
		l.grown += (l.known - l.grown) * min(1, passed.Seconds()/follow.Seconds())
	}
}

// Rate is how many bps somebody is sent who receives this layer, with all that
// it depends on; 0 if that was never measured. Flowing says whether the layer
// comes in now.
func (r *LayerRates) Rate(now time.Time, spatial, temporal int) (bps int64, flowing bool) {
	if spatial < 0 || spatial >= LayersMost || temporal < 0 || temporal >= TemporalMost {
		return 0, false
	}
	top := &r.layers[spatial][temporal]
	if top.known == 0 {
		return 0, false
	}
	return r.sum(spatial, temporal, func(l *layerRate) float64 { return l.known }), now.Sub(top.last) < rateSilent
}

// AtLeast is how many bps that will be at least, by what came so far of a layer
// whose rate is not known yet.
func (r *LayerRates) AtLeast(spatial, temporal int) (bps int64) {
	if spatial < 0 || spatial >= LayersMost || temporal < 0 || temporal >= TemporalMost {
		return 0
	}
	return r.sum(spatial, temporal, func(l *layerRate) float64 {
		if l.known > 0 {
			return l.known
		}
		return l.bits() / rateSettled.Seconds()
	})
}

// Grown is likewise the rate that the layer has when its encoder is given the
// time to reach it; 0 if it never was.
func (r *LayerRates) Grown(spatial, temporal int) (bps int64) {
	if spatial < 0 || spatial >= LayersMost || temporal < 0 || temporal >= TemporalMost || r.layers[spatial][temporal].grown == 0 {
		return 0
	}
	return r.sum(spatial, temporal, func(l *layerRate) float64 { return l.grown })
}

// sum adds up what a layer and all that it depends on have.
func (r *LayerRates) sum(spatial, temporal int, rate func(*layerRate) float64) int64 {
	lowest := spatial
	if r.dependent {
		lowest = 0
	}
	sum := 0.0
	for s := lowest; s <= spatial; s++ {
		for t := 0; t <= temporal; t++ {
			sum += rate(&r.layers[s][t])
		}
	}
	return int64(sum)
}

// Nominal is what a layer of that size may be expected to have before it was
// ever measured, after what browsers give theirs; fps 0 is taken for 30.
func Nominal(width, height int, fps float64) (bps int64) {
	if width <= 0 || height <= 0 {
		return 0
	}
	if fps <= 0 {
		fps = 30
	}
	pixels := float64(width) * float64(height) / (320 * 180)
	return int64(150_000 * math.Pow(pixels, 0.87) * math.Pow(fps/30, 0.6))
}
