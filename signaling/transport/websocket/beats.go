package websocket

import (
	"sync"
	"time"
)

// beatSlots is over how many moments of a heartbeat the links are spread.
const beatSlots = 16

// beats calls tick once every heartbeat for each link. All links share one
// timer: a timer for each would wake an idle process more often than its
// clients do. It is safe for concurrent use.
type beats struct {
	every time.Duration // the heartbeat
	tick  func(*link)

	mu    sync.Mutex // guards all below
	slots [beatSlots]map[*link]struct{}
	now   int // the slot that was called last
	links int
	timer *time.Timer // runs while there are links
}

func newBeats(every time.Duration, tick func(*link)) *beats {
	b := &beats{every: every, tick: tick}
	for i := range b.slots {
		b.slots[i] = map[*link]struct{}{}
	}
	return b
}

// add begins to call for a link, a heartbeat from now. What it returns ends
// that; a call that has begun may still be under way then.
func (b *beats) add(l *link) (remove func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	slot := b.slots[b.now]
	slot[l] = struct{}{}
	if b.links++; b.links == 1 {
		b.timer = time.AfterFunc(b.every/beatSlots, b.turn)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(slot, l)
		if b.links--; b.links == 0 {
			b.timer.Stop()
		}
	}
}

// turn calls for the links of the next slot.
func (b *beats) turn() {
	b.mu.Lock()
	b.now = (b.now + 1) % beatSlots
	due := make([]*link, 0, len(b.slots[b.now]))
	for l := range b.slots[b.now] {
		due = append(due, l)
	}
	if b.links > 0 {
		b.timer.Reset(b.every / beatSlots)
	}
	b.mu.Unlock()
	for _, l := range due {
		b.tick(l)
	}
}
