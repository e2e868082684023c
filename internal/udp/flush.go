package udp

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// fullWait is how long a Flush waits for a socket whose buffer is full,
// altogether. It is short: behind a buffer of some megabytes, media that does
// not fit is late already.
const fullWait = 5 * time.Millisecond

// outgoing is what a Flush has to count; it goes to the socket's counters all
// at once.
type outgoing struct {
	datagrams, calls, runs, segments uint64
}

// Flush sends all that was added. It does not block but for a full buffer, and
// then for some milliseconds at most. A datagram that the system refuses is
// counted and left out; the ones behind it still go.
func (b *Batch) Flush() {
	if len(b.runs) == 0 {
		b.used = 0
		return
	}
	if d := b.socket.diversion.Load(); d != nil {
		b.divert(*d)
	}
	b.wire.load(b.runs)
	b.deliver()
	b.socket.count(&b.count)
	b.count = outgoing{}
	b.runs, b.datagrams, b.used = b.runs[:0], b.datagrams[:0], 0
}

// deliver offers the runs to the system until each of them was taken or counted
// as dropped. Each turn gets at least one run done, takes one apart, or waits.
func (b *Batch) deliver() {
	var waited bool
	// Of the datagrams of a run that was taken apart: where they end, and what
	// the run met.
	var splitEnd int
	var refusal error
	for at := 0; at < len(b.runs); {
		n, err := b.wire.send(at)
		b.count.calls++
		for i := range n {
			b.sent(&b.runs[at+i])
		}
		if n > 0 && at < splitEnd {
			b.socket.segmentation.refused(time.Now(), refusal)
			b.socket.refusals.Add(1)
			splitEnd = 0
		}
		at += n
		if n > 0 {
			continue // what stopped the rest, if anything, the next call says
		}
		r := &b.runs[at]
		switch {
		case errors.Is(err, net.ErrClosed):
			b.drop(at, len(b.runs), DropClosed)
			return
		case isFull(err):
			if waited || !b.wire.wait(fullWait) {
				b.drop(at, len(b.runs), DropFull)
				return
			}
			waited = true
		case r.count > 1 && mayBeSegmentation(err):
			// The same again without. Only when one of them gets through was it
			// the segmentation that was refused, and not the address.
			splitEnd, refusal = at+int(r.count), err
			b.split(at)
			b.wire.load(b.runs)
		default:
			b.drop(at, at+1, dropOf(err))
			at++
		}
	}
}

func (b *Batch) sent(r *run) {
	b.count.datagrams += uint64(r.count)
	if r.count > 1 {
		b.count.runs++
		b.count.segments += uint64(r.count)
	}
}

func (b *Batch) drop(from, to int, cause Drop) {
	var n uint64
	for _, r := range b.runs[from:to] {
		n += uint64(r.count)
	}
	b.socket.drops[cause].Add(n)
}

// isFull: the buffer of the socket has no room now.
func isFull(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
}

// mayBeSegmentation: EIO says that the way out cannot checksum or encrypts
// (IPsec), EINVAL and EMSGSIZE that the segments do not fit the path. The
// latter two have other reasons as well.
func mayBeSegmentation(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EMSGSIZE)
}
