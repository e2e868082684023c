package turn

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// streamBuffer is what is read of a connection ahead, in bytes; the only
	// memory that grows with what a stranger sends, and its bound.
	streamBuffer = 2 * maxFrame
	// allocateWithin is how long a connection may stay without an allocation.
	allocateWithin = 10 * time.Second
	// silence is how long a connection with an allocation may send nothing. An
	// allocation is refreshed every ten minutes at least (RFC 8656, section 7).
	silence = 11 * time.Minute
	// writeWithin is how long a client may take to read what is sent to it.
	writeWithin = 10 * time.Second
)

// stream is a TCP connection of one client as a net.PacketConn: each ReadFrom
// returns one whole message, each WriteTo sends one. An error ends it.
type stream struct {
	net.Conn
	reader     *bufio.Reader // nil: each Read of Conn is a message
	timeout    streamTimeouts
	notReading atomic.Bool // the client, so it was cut off

	mu        sync.Mutex // guards allocated, together with the read deadline
	allocated bool
}

// streamTimeouts are the constants above, but for tests.
type streamTimeouts struct {
	allocate, silence, write time.Duration
}

func newStream(conn net.Conn, transport Transport, timeout streamTimeouts) *stream {
	s := &stream{Conn: conn, timeout: timeout}
	if transport != DTLS {
		s.reader = bufio.NewReaderSize(conn, streamBuffer)
	}
	s.setAllocated(false)
	return s
}

// setAllocated says whether the client has an allocation. Without one the
// connection ends soon, whatever it sends meanwhile.
func (s *stream) setAllocated(allocated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allocated = allocated
	wait := s.timeout.allocate
	if allocated {
		wait = s.timeout.silence
	}
	// An error means that the connection is closed, which the reader learns.
	_ = s.SetReadDeadline(time.Now().Add(wait))
}

// isAllocated returns what setAllocated said last.
func (s *stream) isAllocated() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.allocated
}

// ReadFrom waits for the next message.
func (s *stream) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := s.readMessage(p)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	if s.allocated {
		_ = s.SetReadDeadline(time.Now().Add(s.timeout.silence))
	}
	s.mu.Unlock()
	return n, s.RemoteAddr(), nil
}

func (s *stream) readMessage(p []byte) (int, error) {
	if s.reader == nil {
		return s.Read(p)
	}
	return readFrame(s.reader, p)
}

// WriteTo sends one message to the client, whatever the address. A client that
// does not read loses the connection, as half a message could not be mended.
func (s *stream) WriteTo(p []byte, _ net.Addr) (int, error) {
	err := s.SetWriteDeadline(time.Now().Add(s.timeout.write))
	if err == nil {
		_, err = s.Write(p)
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.notReading.Store(true)
		}
		_ = s.Close()
		return 0, err
	}
	return len(p), nil
}

// closeReason says for what reason of the refusals reading ended with err;
// nothing when the client or the server just closed the connection.
func (s *stream) closeReason(err error) string {
	switch {
	case errors.Is(err, errFraming):
		return refusedFraming
	case errors.Is(err, errFrameTooLarge):
		return refusedFrameTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded) && s.isAllocated():
		return refusedSilent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusedIdle
	case s.notReading.Load():
		return refusedNotReading
	}
	return ""
}
