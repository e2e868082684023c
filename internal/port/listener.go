package port

import (
	"io"
	"net"
	"sync"
)

// queueLength is how many connections wait for one protocol's owner to accept
// them; further ones are closed.
const queueLength = 128

// listener is the net.Listener of one protocol, or the like of one: connections that were told
// apart wait here until its owner accepts them. Closing it leaves the port and
// the other protocols as they are.
type listener[C io.Closer] struct {
	addr  net.Addr
	queue chan C

	mu     sync.Mutex // orders offer and Close: nothing is queued after Close
	closed chan struct{}
}

func newListener[C io.Closer](addr net.Addr) *listener[C] {
	return &listener[C]{addr: addr, queue: make(chan C, queueLength), closed: make(chan struct{})}
}

// offer queues a connection without waiting. On false the connection is still
// the caller's.
func (l *listener[C]) offer(conn C) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isClosed(l.closed) {
		return false
	}
	select {
	case l.queue <- conn:
		return true
	default:
		return false
	}
}

// Accept waits for the next connection. After Close it returns net.ErrClosed.
func (l *listener[C]) Accept() (conn C, err error) {
	select {
	case <-l.closed:
		return conn, l.closedError()
	default:
	}
	select {
	case conn = <-l.queue:
		return conn, nil
	case <-l.closed:
		return conn, l.closedError()
	}
}

func (l *listener[C]) closedError() error {
	return &net.OpError{Op: "accept", Net: l.addr.Network(), Addr: l.addr, Err: net.ErrClosed}
}

// Close ends Accept and closes the connections that nobody accepted. Those
// that were accepted are their owner's. It can be called again.
func (l *listener[C]) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isClosed(l.closed) {
		return nil
	}
	close(l.closed)
	for {
		select {
		case conn := <-l.queue:
			_ = conn.Close() // nobody has seen it
		default:
			return nil
		}
	}
}

// Addr is the address of the port that all protocols share.
func (l *listener[C]) Addr() net.Addr { return l.addr }

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
