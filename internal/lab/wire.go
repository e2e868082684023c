package lab

import (
	"io"
	"sync"
	"time"
)

// Counts are what a Wire has done so far.
type Counts struct {
	// Packets and Bytes have arrived at the far end.
	Packets, Bytes int64
	// Lost at random, Overflowed for want of room in the queue, Severed while
	// the line was cut; in packets.
	Lost, Overflowed, Severed int64
	// Took is how long those that arrived were on their way, in sum.
	Took time.Duration
}

// Wire is a Line at work: it moves packets from a reader to a writer, each when
// the line says. It is safe for concurrent use.
type Wire struct {
	to io.Writer

	mu      sync.Mutex
	line    *Line
	counts  Counts
	waiting []travelling
	changed chan struct{} // holds one when waiting was empty before
}

// travelling is a packet on its way.
type travelling struct {
	packet        []byte
	sent, arrives time.Time
}

func newWire(to io.Writer, line *Line) *Wire {
	return &Wire{to: to, line: line, changed: make(chan struct{}, 1)}
}

// Shape is how the wire is now.
func (w *Wire) Shape() Shape {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.line.Shape()
}

// Change has the wire be another one from now on.
func (w *Wire) Change(change func(*Shape)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	shape := w.line.Shape()
	change(&shape)
	w.line.Change(time.Now(), shape)
}

// Counts are what the wire has done so far.
func (w *Wire) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// run moves packets until the reader ends. Each Read gives one packet, each
// Write takes one; a packet that the writer refuses is gone.
func (w *Wire) run(from io.Reader) {
	ended := make(chan struct{})
	var delivering sync.WaitGroup
	delivering.Go(func() { w.deliver(ended) })
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			break
		}
		w.send(buffer[:n])
	}
	close(ended)
	delivering.Wait()
}

// send puts a packet on its way.
func (w *Wire) send(packet []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	arrives, fate := w.line.Carry(now, len(packet))
	switch fate {
	case Delivered:
		w.waiting = append(w.waiting, travelling{append([]byte(nil), packet...), now, arrives})
		if len(w.waiting) == 1 {
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	case Lost:
		w.counts.Lost++
	case Overflowed:
		w.counts.Overflowed++
	case Severed:
		w.counts.Severed++
	}
}

// deliver hands packets over as they arrive; what has not arrived at the end
// does not.
func (w *Wire) deliver(ended <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next, ok := w.next()
		if !ok {
			select {
			case <-w.changed:
				continue
			case <-ended:
				return
			}
		}
		if rest := time.Until(next.arrives); rest > 0 {
			timer.Reset(rest)
			select {
			case <-timer.C:
			case <-ended:
				return
			}
		}
		if _, err := w.to.Write(next.packet); err == nil {
			w.arrived(next)
		}
	}
}

// next takes the packet that arrives first.
func (w *Wire) next() (next travelling, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return next, false
	}
	next = w.waiting[0]
	w.waiting = w.waiting[1:]
	return next, true
}

// arrived takes note of a packet that was handed over.
func (w *Wire) arrived(packet travelling) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Packets++
	w.counts.Bytes += int64(len(packet.packet))
	w.counts.Took += time.Since(packet.sent)
}
