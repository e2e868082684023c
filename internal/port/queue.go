package port

import (
	"net/netip"
	"sync"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

const (
	// turnQueue is how many datagrams wait for TURN; further ones are dropped,
	// as a full socket would.
	turnQueue = 1024
	// turnQueueBytes is how many bytes of them wait at most.
	turnQueueBytes = 1 << 20
)

// queue has datagrams wait for a reader who takes all of them at once. There
// are two halves: one is filled while the reader is at the other.
type queue struct {
	came chan struct{} // holds one word when something may be there

	mu             sync.Mutex // guards the fields below
	filling, taken *half
	out            []udp.Datagram
}

// half is the storage of a number of datagrams, and who they are from.
type half struct {
	bytes []byte
	waits []waiting
}

type waiting struct {
	from netip.AddrPort
	end  int // in bytes; it begins where the one before ends
}

func newQueue() queue {
	return queue{came: make(chan struct{}, 1), filling: new(half), taken: new(half)}
}

// push copies a datagram into the queue, or reports that it is full.
func (q *queue) push(payload []byte, from netip.AddrPort) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.filling
	if len(h.waits) == turnQueue || len(h.bytes)+len(payload) > turnQueueBytes {
		return false
	}
	h.bytes = append(h.bytes, payload...)
	h.waits = append(h.waits, waiting{from: from, end: len(h.bytes)})
	return true
}

// tell wakes the reader if something waits.
func (q *queue) tell() {
	q.mu.Lock()
	waits := len(q.filling.waits) > 0
	q.mu.Unlock()
	if !waits {
		return
	}
	select {
	case q.came <- struct{}{}:
	default: // it is being told
	}
}

// take returns all that waits. It is valid until the next call.
func (q *queue) take() []udp.Datagram {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.filling, q.taken = q.taken, q.filling
	q.filling.bytes, q.filling.waits = q.filling.bytes[:0], q.filling.waits[:0]
	q.out = q.out[:0]
	start := 0
	for _, w := range q.taken.waits {
		q.out = append(q.out, udp.Datagram{Bytes: q.taken.bytes[start:w.end:w.end], From: w.from})
		start = w.end
	}
	return q.out
}
