package congestion

import "time"

const (
	// pacingFactor is how much faster than the estimate video may go out, so
	// that a keyframe does not wait long (libwebrtc's pacing factor).
	pacingFactor = 2.5
	// pacingBurst is what may go out at once after a silence.
	pacingBurst = 10 * time.Millisecond
)

// Budget is a leaky bucket that says how much may be sent now. Audio always
// passes, and counts. What to do with video that does not is left to the caller,
// who must bound its queue. The zero value lets everything through until Rate
// is called. It is not safe for concurrent use.
type Budget struct {
	rate float64 // bytes per second
	left float64 // bytes; negative after audio
	at   time.Time
}

// Rate sets the pace for an estimate in bps.
func (b *Budget) Rate(now time.Time, estimate int64) {
	b.fill(now)
	b.rate = pacingFactor * float64(max(estimate, 0)) / 8
}

// Video says whether a packet of size bytes may go out now, and counts it if so;
// else after how long to ask again.
func (b *Budget) Video(now time.Time, size int) (ok bool, wait time.Duration) {
	if b.rate == 0 {
		return true, 0
	}
	b.fill(now)
	if b.left <= 0 {
		return false, max(time.Millisecond, time.Duration(-b.left/b.rate*float64(time.Second)))
	}
	b.left -= float64(size)
	return true, 0
}

// Audio counts a packet of size bytes that goes out now in any case.
func (b *Budget) Audio(now time.Time, size int) {
	b.fill(now)
	b.left -= float64(size)
}

func (b *Budget) fill(now time.Time) {
	most := max(b.rate*pacingBurst.Seconds(), 1500)
	if passed := now.Sub(b.at); b.at.IsZero() {
		b.left = most
	} else if passed > 0 {
		b.left = min(b.left+b.rate*min(passed, time.Second).Seconds(), most)
	}
	// Audio alone never holds video up for longer than this.
	b.left = max(b.left, -2*most)
	if now.After(b.at) {
		b.at = now
	}
}
