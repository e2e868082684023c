package websocket

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// However links come and go, each is called for once a heartbeat, first one
// heartbeat after it came, and no more once it has gone.
func TestBeatsCallForEachLinkOnceAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 10 * time.Second
		const slack = every / beatSlots
		calls := map[*link]*atomic.Int32{}
		b := newBeats(every, func(l *link) { calls[l].Add(1) })
		early, late := &link{}, &link{}
		calls[early], calls[late] = new(atomic.Int32), new(atomic.Int32)
		after := func(pause time.Duration, wantEarly, wantLate int32) {
			t.Helper()
			<-time.After(pause)
			synctest.Wait()
			if e, l := calls[early].Load(), calls[late].Load(); e != wantEarly || l != wantLate {
				t.Fatalf("they were called for %d and %d times instead of %d and %d", e, l, wantEarly, wantLate)
			}
		}

		forgetEarly := b.add(early)
		after(every-slack, 0, 0)
		after(2*slack, 1, 0)
		after(every/2, 1, 0)
		forgetLate := b.add(late)
		after(every, 2, 1)
		after(10*every, 12, 11)
		forgetEarly()
		after(10*every, 12, 21)
		forgetLate()
		after(10*every, 12, 21)
		forgetEarly = b.add(early)
		after(every+slack, 13, 21)
		forgetEarly()
	})
}
