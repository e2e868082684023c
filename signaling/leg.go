package signaling

import "sync"

// legHolder holds a visitor's leg, if it has one. The room reaches for it
// while the visitor may be busy with a message: it has a lock of its own,
// under which nothing waits.
type legHolder struct {
	mu  sync.Mutex // guards leg
	leg Leg
}

func (h *legHolder) get() Leg {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leg
}

func (h *legHolder) set(leg Leg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leg = leg
}

// do calls f with the leg, if there is one.
func (h *legHolder) do(f func(Leg)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leg != nil {
		f(h.leg)
	}
}

// drop closes the leg, if there is one, and waits for its end.
func (h *legHolder) drop() {
	leg := h.get()
	h.set(nil)
	if leg != nil {
		leg.Close()
	}
}
