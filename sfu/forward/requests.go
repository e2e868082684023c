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
	// first is when the first one was sent of those in vain; zero for none.
	first time.Time
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
	r.sent(now)
	return true, 0
}

// Due says whether the merged request is to be sent now.
func (r *KeyframeRequests) Due(now time.Time) (send bool) {
	if !r.pending {
		return false
	}
	r.pending = false
	r.sent(now)
	return true
}

func (r *KeyframeRequests) sent(now time.Time) {
	if r.first.IsZero() || !r.asking(now) {
		r.first = now
	}
	r.last = now
}

// asking says whether somebody waits for a keyframe: who does asks again with each
// packet.
func (r *KeyframeRequests) asking(now time.Time) bool { return now.Sub(r.last) <= 2*KeyframeInterval }

// InVain is for how long keyframes have been asked for, time and again until now,
// that did not come.
func (r *KeyframeRequests) InVain(now time.Time) time.Duration {
	if r.first.IsZero() || !r.asking(now) {
		return 0
	}
	return now.Sub(r.first)
}

// Excuse takes no request for one in vain that was sent until now: nothing comes of
// the source at all.
func (r *KeyframeRequests) Excuse() { r.first = time.Time{} }

// Arrived notes a keyframe: what was asked for before it is served.
func (r *KeyframeRequests) Arrived() { r.pending, r.first = false, time.Time{} }
