package ice

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

const (
	// proveWithin is how long a TCP connection has for its first check.
	proveWithin = 10 * time.Second
	// maxStrangers is how many connections may be without one, and
	// maxStrangersThere how many of one IPv4 address or IPv6 /64.
	maxStrangers      = 1024
	maxStrangersThere = 64
	// maxQueued is how many bytes may wait for a client that reads slowly.
	maxQueued = 1 << 20
	// keepQueue is how much room for them a client keeps that reads well.
	keepQueue = 16 << 10
	// lastWords is how long a connection that ends has to send what waits.
	lastWords = time.Second
)

// stream is a TCP connection to a client (RFC 6544), owned by the goroutine
// that reads it. It belongs to the client that it first proved to be, and ends
// with it.
type stream struct {
	mux  *Mux
	conn net.Conn
	path path

	mu      sync.Mutex // guards the fields below
	changed sync.Cond  // queue or ending
	queue   []byte     // whole frames that wait
	writing int        // how many bytes of them are being written
	ending  bool
}

// accept takes connections until the listener is closed.
func (m *Mux) accept() {
	failures := 0
	for {
		conn, err := m.tcp.Accept()
		switch {
		case err == nil:
			failures = 0
			m.welcome(conn)
		case !m.retry(err, &failures, "cannot accept ICE-TCP connections at the moment; trying on"):
			return
		}
	}
}

// welcome begins to read a connection, if there is room for one more stranger.
func (m *Mux) welcome(conn net.Conn) {
	var remote netip.AddrPort
	if addr, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		remote = addr.AddrPort()
		remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	}
	from := limit.Network(remote.Addr())
	if err := m.strangers.Take(from); err != nil {
		reason := tooMany
		if errors.Is(err, limit.ErrKey) {
			reason = tooManyThere
		}
		m.counts.refused(reason)
		_ = conn.Close()
		return
	}
	s := &stream{mux: m, conn: conn}
	s.path = path{socket: onStream, remote: remote, stream: s}
	s.changed.L = &s.mu
	_ = conn.SetReadDeadline(time.Now().Add(proveWithin)) // a connection that fails this fails to be read

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.streams == nil {
		m.strangers.Give(from)
		_ = conn.Close()
		return
	}
	m.streams[s] = struct{}{}
	m.reading.Go(func() { s.serve(from) })
}

// serve reads the connection until it ends.
func (s *stream) serve(network netip.Addr) {
	in := intake{mux: s.mux}
	var f frames
	f.allow(maxCheck)
	var at *address
	frame, err := s.next(&f)
	if err == nil {
		at = in.take(time.Now(), frame, s.path, nil)
	}
	s.mux.strangers.Give(network)

	var writer sync.WaitGroup
	switch {
	case at != nil:
		writer.Go(s.write)
		f.allow(maxFrame)
		s.trust()
		for !s.ended() {
			if frame, err = s.next(&f); err != nil {
				break
			}
			at = in.take(time.Now(), frame, s.path, at)
			s.mux.drained()
		}
		if errors.Is(err, errFrameTooLong) {
			s.mux.counts.refused(tooLong)
		}
		at.owner.lose(at)
	case !s.ended():
		s.mux.counts.refused(whyRefused(err))
	}

	s.end()
	writer.Wait()
	_ = s.conn.Close()
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	delete(s.mux.streams, s)
}

// whyRefused names why no authentic check came.
func whyRefused(err error) refusal {
	switch {
	case err == nil:
		return unauthentic
	case errors.Is(err, errFrameTooLong):
		return tooLong
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silent
	default:
		return gone
	}
}

// next reads up to the next whole frame.
func (s *stream) next(f *frames) ([]byte, error) {
	for {
		frame, ok, err := f.next()
		if ok || err != nil {
			return frame, err
		}
		n, err := s.conn.Read(f.space())
		f.filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// trust lets the connection be silent from now on.
func (s *stream) trust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		_ = s.conn.SetReadDeadline(time.Time{})
	}
}

// send queues a packet, or drops it if too much waits. It does not block.
func (s *stream) send(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || len(b) > math.MaxUint16 || s.writing+len(s.queue)+frameHeader+len(b) > maxQueued {
		s.mux.counts.dropped(queueFull)
		return
	}
	s.queue = binary.BigEndian.AppendUint16(s.queue, uint16(len(b)))
	s.queue = append(s.queue, b...)
	s.changed.Signal()
}

// write writes what is queued, all that waits at a time, until the connection
// ends or fails.
func (s *stream) write() {
	var batch []byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.queue) == 0 && !s.ending {
			s.changed.Wait()
		}
		if len(s.queue) == 0 {
			return
		}
		batch, s.queue = s.queue, batch[:0]
		s.writing = len(batch)
		s.mu.Unlock()
		_, err := s.conn.Write(batch)
		s.mu.Lock()
		s.writing = 0
		if err != nil {
			s.stop()
			s.queue = nil
			return
		}
		if cap(batch) > keepQueue {
			batch = nil
		}
	}
}

// end ends the connection: nothing more is read, and what waits has a moment to
// leave. It does not wait, and can be called again.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

// stop is end for who holds mu.
func (s *stream) stop() {
	if s.ending {
		return
	}
	s.ending = true
	_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	_ = s.conn.SetWriteDeadline(time.Now().Add(lastWords))
	s.changed.Signal()
}

// ended tells whether it was us who ended it.
func (s *stream) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}
