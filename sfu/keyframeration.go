package sfu

import (
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

const (
	// keyframesAtOnce is how many requests of one receiver for one stream are
	// passed on one after the other: a decoder on a bad link repeats its
	// request until a keyframe comes through, for 10 s if need be.
	keyframesAtOnce = 20
	// keyframesPerSecond is how many are in the long run. Each is at the cost
	// of everybody who receives the stream.
	keyframesPerSecond = 0.25
)

// keyframeRation is what one receiver may ask for of one stream. It is not
// safe for concurrent use.
type keyframeRation struct {
	ration  ration
	began   time.Time // of the interval that is paid for, or refused
	allowed bool
}

func newKeyframeRation() keyframeRation {
	return keyframeRation{ration: newRation(keyframesPerSecond, keyframesAtOnce)}
}

// take says whether a request counts. Those within one KeyframeInterval cost
// as much as one: no more goes to the publisher.
func (r *keyframeRation) take(now time.Time) bool {
	if since := now.Sub(r.began); r.began.IsZero() || since < 0 || since >= forward.KeyframeInterval {
		r.began, r.allowed = now, r.ration.take(now)
	}
	return r.allowed
}
