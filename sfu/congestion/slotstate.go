package congestion

import "time"

const (
	// upRoom is how far above its need the estimate must be for upAfter before
	// a slot goes up, upAtOnce how far without waiting.
	upRoom   = 1.12
	upAtOnce = 1.35
	upAfter  = time.Second
	// upPause is the least time between two ups of a slot.
	upPause = time.Second
	// An up that is taken back within upProven has failed: the next one waits
	// for upHold, doubled by each failure.
	upProven   = 6 * time.Second
	upHold     = 3 * time.Second
	upHoldMost = 48 * time.Second
)

// slotState is what an Allocator remembers of a slot.
type slotState struct {
	id    uint64
	seen  bool // in the slots of now
	fresh bool // nothing was sent since it is shown, and nothing was taken away

	sent              bool // whether there is a target
	spatial, temporal int  // the target

	raised   time.Time // the last up
	hold     time.Time // no up before
	failures int       // of ups, in a row
	waiting  time.Time // since when there is room for an up; zero if there is none
}

// mayRise is the step that a slot at step kept may go up to, given the step for
// which there is room and the one for which there is plenty.
func (s *slotState) mayRise(now time.Time, kept, roomy, plenty int) int {
	if s.fresh {
		return roomy
	}
	if roomy <= kept {
		s.waiting = time.Time{}
		return kept
	}
	if s.waiting.IsZero() {
		s.waiting = now
	}
	if now.Before(s.hold) || now.Sub(s.raised) < upPause {
		return kept
	}
	if now.Sub(s.waiting) >= upAfter {
		return roomy
	}
	return plenty
}

// lowered notes that there was no room for the target any more.
func (s *slotState) lowered(now time.Time) {
	s.waiting = time.Time{}
	if now.Sub(s.raised) > upProven {
		s.failures = 0
		return
	}
	s.hold = now.Add(min(upHold<<s.failures, upHoldMost))
	s.failures = min(s.failures+1, 8)
}

// keep remembers the target of a plan.
func (s *slotState) keep(p *plan) {
	target := p.target()
	if s.sent = target != Paused; s.sent {
		s.spatial, s.temporal = p.layers[target].Spatial, p.layers[target].Temporal
		s.fresh = false
	} else if len(p.steps) == 0 {
		s.fresh = true // not shown, or nothing to show
	}
}
