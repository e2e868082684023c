package signaling

import (
	"sync"
	"time"
)

const (
	// farewellTime is how long the last words of a session can still be read.
	farewellTime = 30 * time.Second
	maxFarewells = 64
)

// farewells are sessions that have ended a moment ago. A client that polls
// learns only from its next request why. It is safe for concurrent use.
type farewells struct {
	mu    sync.Mutex
	ended []farewell // the oldest first
}

type farewell struct {
	visitor *Visitor
	until   time.Time
}

// add keeps a closed visitor whose client may have something to read still:
// one that left, or was told why its session ended. The caller holds the
// visitor's mutex.
func (f *farewells) add(v *Visitor, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tidy(now)
	if !v.session.Unread() || !v.left && v.session.Reason() == nil {
		return
	}
	if len(f.ended) == maxFarewells {
		f.ended = f.ended[1:]
	}
	f.ended = append(f.ended, farewell{v, now.Add(farewellTime)})
}

func (f *farewells) find(id string, now time.Time) *Visitor {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tidy(now)
	for _, ended := range f.ended {
		if ended.visitor.session.ID() == id {
			return ended.visitor
		}
	}
	return nil
}

// tidy is called with mu held.
func (f *farewells) tidy(now time.Time) {
	for len(f.ended) > 0 && !now.Before(f.ended[0].until) {
		f.ended = f.ended[1:]
	}
}
