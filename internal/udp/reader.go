package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
)

const (
	// readBatch is how many messages one system call brings at most.
	readBatch = 16
	// readBytes is the storage of one message: the largest datagram, or many of
	// one sender that the system has put together. What no message reaches
	// into stays without memory behind it.
	readBytes = 64 << 10
	// readStride keeps the beginnings of the messages in different places of the
	// processor's caches; 64 KiB apart they would push each other out.
	readStride = readBytes + 2048
	// readFailures is how many errors in a row that are none of the reader's
	// business (they are about something that was sent) a Read looks past.
	readFailures = 16
)

// Datagram is one that came in.
type Datagram struct {
	Bytes []byte // until the next Read
	From  netip.AddrPort
}

// Reader reads a socket in batches. It is not safe for concurrent use, and a
// socket has one at most: what ReadFromAddrPort would bring beside it can be
// several datagrams in one.
type Reader struct {
	socket    *Socket // nil: it serves a Group
	counters  *counters
	storage   []byte
	datagrams []Datagram
	calls     uint64
	coalesced uint64
	truncated uint64
	intake    intake
}

// NewReader makes the socket's Reader. It takes a megabyte of addresses, and
// about a tenth of that in memory.
func (s *Socket) NewReader() *Reader {
	r := &Reader{socket: s, counters: &s.counters}
	r.intake.init(r)
	return r
}

// buffer is where message i is written to.
func (r *Reader) buffer(i int) []byte {
	start := i * readStride
	return r.storage[start : start+readBytes : start+readBytes]
}

// Read waits for at least one datagram and returns all that are there, up to a
// bound, in the order in which they came. They may be changed, and are valid
// until the next Read. It fails when the socket is closed (net.ErrClosed) or
// its read deadline passes (os.ErrDeadlineExceeded), and when the system keeps
// failing. Once it has grown to what comes at once, it allocates nothing.
func (r *Reader) Read() ([]Datagram, error) {
	r.datagrams = r.datagrams[:0]
	for failures := 0; len(r.datagrams) == 0; {
		if err := r.intake.read(); err != nil {
			failures++
			if failures == readFailures || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				return nil, err
			}
		}
		r.count()
	}
	return r.datagrams, nil
}

func (r *Reader) count() {
	s := r.counters
	s.received.Add(uint64(len(r.datagrams)))
	s.receiveCalls.Add(r.calls)
	if r.coalesced > 0 {
		s.coalesced.Add(r.coalesced)
	}
	if r.truncated > 0 {
		s.drops[DropTruncated].Add(r.truncated)
	}
	r.calls, r.coalesced, r.truncated = 0, 0, 0
}

// deal takes a message apart into datagrams of that size, of which the last may
// be shorter. Size 0 stands for a single one.
func (r *Reader) deal(message []byte, size int, from netip.AddrPort) {
	if size <= 0 || size >= len(message) {
		r.datagrams = append(r.datagrams, Datagram{Bytes: slices.Clip(message), From: from})
		return
	}
	for len(message) > 0 {
		n := min(size, len(message))
		r.datagrams = append(r.datagrams, Datagram{Bytes: message[:n:n], From: from})
		message = message[n:]
		r.coalesced++
	}
}
