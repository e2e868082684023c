package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// queueLimit is how many jobs may wait for a worker. At a full gigabit that is
// some 40 ms: a worker that is further behind will not catch up by keeping
// more.
const queueLimit = 4096

// Corker holds datagrams back between Cork and Uncork, to send them in few
// system calls.
type Corker interface {
	Cork()
	Uncork()
}

// worker serves the receivers of one shard: it alone touches their outgoing
// streams. It takes all that waits, serves all its receivers, then lets the
// datagrams go at once.
type worker struct {
	index   int
	corkers []Corker
	metrics *metrics

	// links are what goes to each client of this worker, changed those of which
	// something is to be decided after the batch. Only the worker touches them.
	links   map[*Peer]*downlink
	changed []*downlink
	// What a batch forwarded; the metrics are told once per batch.
	packets, bytes int
	// scratch and payload are room for the packet that is just being written.
	scratch  [forward.ScratchSize]byte
	payload  [packetBytes]byte
	datagram [datagramBytes]byte

	// What quality is judged by: how many packets were dropped and taken, and how
	// long some jobs waited, in nanoseconds; and what came of it, which is the
	// ticking goroutine's.
	overloaded, taken  atomic.Int64
	waits, waitedTotal atomic.Int64
	rating             rating

	wake chan struct{} // holds one token when jobs wait

	mu     sync.Mutex // guards jobs and closed
	jobs   []job
	closed bool
}

// job is a packet to forward or, when do is set, something else to do on the
// worker.
type job struct {
	source *incoming
	packet *packet
	do     func(now time.Time)
}

func newWorker(index int, corkers []Corker, m *metrics) *worker {
	return &worker{index: index, corkers: corkers, metrics: m, links: map[*Peer]*downlink{}, wake: make(chan struct{}, 1)}
}

// forward queues a packet of a source and takes over one reference to it. A
// packet that finds the queue full is dropped and counted.
func (w *worker) forward(source *incoming, p *packet) {
	w.mu.Lock()
	if w.closed || len(w.jobs) >= queueLimit {
		w.mu.Unlock()
		w.metrics.dropped.WithLabelValues("overload").Inc()
		w.overloaded.Add(1)
		p.release()
		return
	}
	w.jobs = append(w.jobs, job{source: source, packet: p})
	w.mu.Unlock()
	w.poke()
}

// do has f called on the worker, after what is queued. It reports false when
// the worker has ended, and f is not called.
func (w *worker) do(f func(now time.Time)) bool {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false
	}
	w.jobs = append(w.jobs, job{do: f})
	w.mu.Unlock()
	w.poke()
	return true
}

// try is do for what a stranger can cause at any rate: with a full queue it is
// dropped and counted.
func (w *worker) try(f func(now time.Time)) {
	w.mu.Lock()
	full := len(w.jobs) >= queueLimit
	w.mu.Unlock()
	if full {
		w.metrics.dropped.WithLabelValues("feedback").Inc()
		return
	}
	w.do(f)
}

func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// close makes run return after what is queued.
func (w *worker) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.poke()
}

// run serves until close.
func (w *worker) run() {
	var batch []job
	for range w.wake {
		for {
			w.mu.Lock()
			batch, w.jobs = w.jobs, batch[:0]
			closed := w.closed
			w.mu.Unlock()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			w.serve(batch)
			clear(batch)
		}
	}
}

// serve does one batch between cork and uncork: no datagram waits longer than
// that.
func (w *worker) serve(batch []job) {
	for _, c := range w.corkers {
		c.Cork()
	}
	now := time.Now()
	for i := range batch {
		j := &batch[i]
		if j.do != nil {
			j.do(now)
			continue
		}
		for _, out := range j.source.receivers[w.index] {
			out.forward(now, j.source, j.packet)
		}
		j.packet.release()
	}
	w.taken.Add(int64(len(batch)))
	for _, d := range w.changed {
		d.allocate(now)
	}
	clear(w.changed)
	w.changed = w.changed[:0]
	for _, c := range w.corkers {
		c.Uncork()
	}
	if w.packets > 0 {
		w.metrics.forwarded.Add(float64(w.packets))
		w.metrics.forwardedBytes.Add(float64(w.bytes))
		w.packets, w.bytes = 0, 0
	}
}

// link is what goes to a client; it is made when it is first asked for.
func (w *worker) link(p *Peer, now time.Time) *downlink {
	d := w.links[p]
	if d == nil {
		d = newDownlink(w, now)
		w.links[p] = d
	}
	return d
}

// late is a job that looks how long it has waited.
func (w *worker) late(queued time.Time) func(time.Time) {
	return func(time.Time) {
		w.waits.Add(1)
		w.waitedTotal.Add(int64(time.Since(queued)))
	}
}

// tick lets time pass for all clients.
func (w *worker) tick(now time.Time) {
	for _, d := range w.links {
		d.tick(now)
	}
}
