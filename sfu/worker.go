package sfu

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/sfu/forward"
	"github.com/hiroba-rtc/hiroba/sfu/ice"
)

// queueLimit is how many jobs may wait for a worker. At a full gigabit that is
// some 40 ms: a worker that is further behind will not catch up by keeping
// more.
const queueLimit = 4096

// warmedAtOnce is for how many streams memory is waited for together: about as
// many reads as a processor has under way at once.
const warmedAtOnce = 8

// worker serves the receivers of one shard: it alone touches their outgoing
// streams. It takes all that waits, serves all its receivers, then lets the
// datagrams go at once.
type worker struct {
	index   int
	batches []*udp.Batch // one for each socket
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

	wake    chan struct{} // holds one token when jobs wait and somebody has to look
	waiting atomic.Bool   // jobs wait

	serving sync.Mutex // held by who serves; guards all above but what others look at
	spare   []job      // serving's
	warmed  int        // means nothing; see outgoing.warm

	mu     sync.Mutex // guards jobs and closed
	jobs   []job
	closed bool
}

// job is a packet to forward, or something else to do on the worker.
type job struct {
	source *incoming
	packet *packet
	// Feedback of a client, instead.
	peer *Peer
	wide *wideFeedback
	do   func(now time.Time)
}

func newWorker(index int, sockets []ice.Socket, m *metrics) *worker {
	w := &worker{index: index, metrics: m, links: map[*Peer]*downlink{}, wake: make(chan struct{}, 1)}
	for _, socket := range sockets {
		w.batches = append(w.batches, socket.NewBatch())
	}
	return w
}

// forward queues a packet of a source and takes over one reference to it. A
// packet that finds the queue full is dropped and counted. It is served when what
// came in with it was queued, too; see SFU.drained.
func (w *worker) forward(source *incoming, p *packet) {
	if !w.queue(job{source: source, packet: p}, queueLimit) {
		w.metrics.dropped.WithLabelValues("overload").Inc()
		w.overloaded.Add(1)
		p.release()
	}
}

// try queues what a client's datagram causes; with a full queue it is dropped and
// counted. It is served like a packet.
func (w *worker) try(f func(now time.Time)) {
	if !w.queue(job{do: f}, queueLimit) {
		w.metrics.dropped.WithLabelValues("feedback").Inc()
	}
}

// do has f called on the worker, after what is queued. It reports false when
// the worker has ended, and f is not called.
func (w *worker) do(f func(now time.Time)) bool {
	if !w.plan(f) {
		return false
	}
	w.poke()
	return true
}

// plan is do for who serves next.
func (w *worker) plan(f func(now time.Time)) bool { return w.queue(job{do: f}, math.MaxInt) }

// queue adds a job, if there are less than limit.
func (w *worker) queue(j job, limit int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.jobs) >= limit {
		return false
	}
	w.jobs = append(w.jobs, j)
	w.waiting.Store(true)
	return true
}

// poke has the worker's own goroutine serve.
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
	for range w.wake {
		w.serving.Lock()
		closed := w.serveAll()
		w.serving.Unlock()
		if closed {
			return
		}
	}
}

// serveNow serves what waits now, unless somebody serves already. The worker's own
// goroutine does what comes meanwhile: who calls this has other things to do.
func (w *worker) serveNow() {
	if !w.serving.TryLock() {
		w.poke()
		return
	}
	w.serveOnce()
	w.serving.Unlock()
	if w.waiting.Load() {
		w.poke() // it came just now, from who found us serving
	}
}

// serveAll serves until nothing waits, and says whether the worker was closed. The
// caller holds serving.
func (w *worker) serveAll() (closed bool) {
	for {
		served, closed := w.serveOnce()
		if served == 0 {
			return closed
		}
	}
}

// serveOnce serves what waits now, and says how much that was. The caller holds
// serving.
func (w *worker) serveOnce() (served int, closed bool) {
	w.mu.Lock()
	batch := w.jobs
	w.jobs, w.spare = w.spare[:0], nil
	closed = w.closed
	w.waiting.Store(false)
	w.mu.Unlock()
	if len(batch) > 0 {
		w.serve(batch)
		clear(batch)
	}
	w.spare = batch[:0]
	return len(batch), closed
}

// serve does one batch and lets the datagrams go at its end. Packets of one
// stream go to one receiver after the other, so that those of a frame leave
// together.
func (w *worker) serve(batch []job) {
	now := time.Now()
	w.taken.Add(int64(len(batch)))
	for len(batch) > 0 {
		switch first := &batch[0]; {
		case first.do != nil:
			first.do(now)
			batch = batch[1:]
			continue
		case first.wide != nil:
			w.arrivals(now, first.peer, first.wide)
			batch = batch[1:]
			continue
		}
		source := batch[0].source
		n := 1
		for n < len(batch) && batch[n].source == source {
			n++
		}
		for group := range slices.Chunk(source.receivers[w.index], warmedAtOnce) {
			for _, out := range group {
				w.warmed += out.warm()
			}
			for _, out := range group {
				for _, j := range batch[:n] {
					out.forward(now, source, j.packet)
				}
			}
		}
		for _, j := range batch[:n] {
			j.packet.release()
		}
		batch = batch[n:]
	}
	for _, d := range w.changed {
		d.allocate(now)
	}
	clear(w.changed)
	w.changed = w.changed[:0]
	for _, b := range w.batches {
		b.Flush()
	}
	if w.packets > 0 {
		w.metrics.forwarded.Add(float64(w.packets))
		w.metrics.forwardedBytes.Add(float64(w.bytes))
		w.packets, w.bytes = 0, 0
	}
}

// arrivals takes what a client says of when packets came.
func (w *worker) arrivals(now time.Time, p *Peer, fb *wideFeedback) {
	if d := w.links[p]; d != nil {
		d.arrivals(now, &fb.TransportLayerCC)
	} else {
		w.metrics.dropped.WithLabelValues("unknown stream").Inc()
	}
	wideFeedbacks.Put(fb)
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
