package forward

import "time"

// KeyframeInterval is how far apart two keyframe requests to one source are:
// a keyframe costs its publisher, and everybody who receives it, many times a
// delta frame.
const KeyframeInterval = 500 * time.Millisecond

// KeyframeRequests merges the requests of many receivers for one source. The
// first goes out at once, those that follow within KeyframeInterval as one at
// its end. It is not safe for concurrent use.
type KeyframeRequests struct {
	last    time.Time // when one was sent
	pending bool
}

// Request notes that a receiver needs a keyframe. It returns whether to send
// a request now, or else after how long to call Due.
func (r *KeyframeRequests) Request(now time.Time) (send bool, wait time.Duration) {
	if r.pending {
		return false, 0 // Due is on its way
	}
	if wait = r.last.Add(KeyframeInterval).Sub(now); !r.last.IsZero() && wait > 0 {
		r.pending = true
		return false, wait
	}
	r.last = now
	return true, 0
}

// Due says whether the merged request is to be sent now.
func (r *KeyframeRequests) Due(now time.Time) (send bool) {
	if !r.pending {
		return false
	}
	r.pending = false
	r.last = now
	return true
}

// Arrived notes a keyframe: what was asked for before it is served.
func (r *KeyframeRequests) Arrived() { r.pending = false }
