package webhook

import (
	"context"
	"crypto/rand"
	"log/slog"
	random "math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// requestsAtOnce go to one URL. Each is for another room.
const requestsAtOnce = 16

// target delivers to one URL. Its goroutines are there only while something is
// to be sent: they take deliveries from the queue until none is due.
type target struct {
	url       *url.URL
	name      string // the URL as it may be logged
	secret    []byte
	transport *http.Transport
	metrics   *metrics
	log       *slog.Logger
	// ended is cancelled after stop, and cuts requests.
	ended context.Context

	// running counts working goroutines and timers.
	running sync.WaitGroup

	mu      sync.Mutex
	queue   *queue
	working int
	// warned is when it was last logged that events are dropped for want of
	// room.
	warned time.Time
	// closing: there are no new events, and nothing is tried after until. empty
	// is closed when none are left.
	closing bool
	until   time.Time
	empty   chan struct{}
	// stopped: nothing is tried any more. unsent counts what was lost by that
	// and by closing, and why says how the last attempt of it failed.
	stopped bool
	unsent  int
	why     string
}

// send queues an event.
func (t *target) send(event *protocol.RoomEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		t.metrics.drop(outcomeClosed, 1)
		return
	}
	out := t.queue.add(event)
	if lost := out.roomFull + out.full; lost > 0 {
		t.metrics.drop(droppedRoomFull, out.roomFull)
		t.metrics.drop(droppedFull, out.full)
		t.metrics.ended(outcomeCut, len(out.cut))
		t.disarm(out.cut)
		if now := time.Now(); now.Sub(t.warned) >= time.Minute {
			t.warned = now
			t.log.Warn("webhook events are dropped, oldest first, because too many wait; see whether the target answers, and fast enough",
				"url", t.name, "waiting", t.queue.events)
		}
	}
	t.work()
}

// work starts as many goroutines as are of use. The caller holds the mutex.
func (t *target) work() {
	for t.working < requestsAtOnce && t.working < t.queue.active() {
		t.working++
		t.running.Go(t.deliver)
	}
}

// deliver makes attempts until none is due.
func (t *target) deliver() {
	for {
		t.mu.Lock()
		d := t.queue.next()
		if d == nil {
			t.working--
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()

		t.prepare(d)
		t.settle(d, t.post(d))
	}
}

// prepare is done before each attempt. The delivery belongs to the goroutine
// that sends it.
func (t *target) prepare(d *delivery) {
	d.attempt++
	if d.attempt > 1 {
		t.metrics.retries.Inc()
		return
	}
	d.began = time.Now()
	d.id = rand.Text()
	var lost int
	d.body, lost = encode(d.id, d.dropped, d.events)
	t.metrics.drop(droppedUnwritable, lost)
}

// settle does what follows from an attempt.
func (t *target) settle(d *delivery, r result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.checkEmpty()

	if r.verdict == accepted {
		t.queue.finish(d)
		t.metrics.ended(outcomeAccepted, 1)
		return
	}
	outcome := outcomeRefused
	if r.forbidden {
		outcome = outcomeForbidden
	}
	if r.verdict == retry {
		if !t.stopped || t.why == "" { // what stop cut says less than what failed before
			t.why = r.why
		}
		now := time.Now()
		at, again := patience.next(now, d.began, d.attempt, random.Float64(), r.asked)
		if t.stopped || t.closing && at.After(t.until) {
			t.unsent += len(d.events)
			t.queue.lose(d)
			t.metrics.ended(outcomeClosed, 1)
			t.metrics.drop(outcomeClosed, len(d.events))
			return
		}
		if again {
			t.queue.rest(d)
			t.arm(d, at.Sub(now))
			return
		}
		outcome = outcomeExhausted
	}
	t.queue.lose(d)
	t.metrics.ended(outcome, 1)
	t.metrics.drop(outcome, len(d.events))
	t.log.Warn("a webhook delivery was given up", "url", t.name, "id", d.id, "room", d.room.name,
		"events", len(d.events), "attempts", d.attempt, "reason", r.why)
}

// arm wakes a resting delivery later. The caller holds the mutex.
func (t *target) arm(d *delivery, wait time.Duration) {
	t.running.Add(1)
	d.timer = time.AfterFunc(wait, func() {
		defer t.running.Done()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.queue.wake(d)
		t.work()
	})
}

// disarm stops the timers of deliveries. One that has gone off already finds
// that there is nothing to wake. The caller holds the mutex.
func (t *target) disarm(deliveries []*delivery) {
	for _, d := range deliveries {
		if d.timer != nil && d.timer.Stop() {
			t.running.Done()
		}
	}
}

// close takes no more events, and tries at once what rests; what would be
// tried again only after until is given up. The channel is closed when nothing
// is left.
func (t *target) close(until time.Time) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing, t.until = true, until
	resting := t.queue.resting()
	t.disarm(resting)
	for _, d := range resting {
		t.queue.wake(d)
	}
	t.work()
	t.checkEmpty()
	return t.empty
}

// checkEmpty is called with the mutex held, after events have gone.
func (t *target) checkEmpty() {
	if t.closing && t.queue.events == 0 {
		select {
		case <-t.empty:
		default:
			close(t.empty)
		}
	}
}

// stop drops what is left, but for what is being sent at the moment.
func (t *target) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	lost, cut := t.queue.clear()
	t.unsent += lost
	t.disarm(cut)
	t.metrics.ended(outcomeClosed, len(cut))
	t.metrics.drop(outcomeClosed, lost)
	t.checkEmpty()
}

// wait waits until nothing is going on any more, after stop, and returns how
// many events that has cost, and how the last attempt failed.
func (t *target) wait() (unsent int, why string) {
	t.running.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why == "" {
		return t.unsent, "there was no time to try"
	}
	return t.unsent, t.why
}

// held is how many events are not delivered yet.
func (t *target) held() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queue.events
}
