package port

import (
	"io"
	"net"
	"sync"
)

// stream is a TCP connection whose first bytes were read to tell what it is;
// they are read again from here. The rest of *net.TCPConn stays in reach, such
// as half-closing and sendfile. Reads do not run side by side until the first
// one that returned more than the peeked bytes.
type stream struct {
	*net.TCPConn
	peeked  []byte
	release func() // called once, by Close; may be nil
	once    sync.Once

	feeding bool   // see Hold
	fed     []byte // what Read returns then

	flushing    sync.Mutex // held by who writes what was held
	mu          sync.Mutex // guards the fields below
	holding     bool
	held, spare []byte
}

// Close closes the connection.
func (s *stream) Close() error {
	if s.release != nil {
		s.once.Do(s.release)
	}
	s.mu.Lock()
	last := s.held // TLS says goodbye
	s.held, s.holding = nil, false
	s.mu.Unlock()
	if s.flushing.TryLock() { // else it would come in the middle of something
		sendOnce(s.TCPConn, last)
		s.flushing.Unlock()
	}
	return s.TCPConn.Close()
}

// Read returns the peeked bytes first.
func (s *stream) Read(b []byte) (int, error) {
	switch {
	case len(s.peeked) > 0:
		n := copy(b, s.peeked)
		s.peeked = s.peeked[n:]
		return n, nil
	case s.feeding:
		return s.readFed(b)
	}
	return readQuickly(s.TCPConn, b)
}

// Write writes all of it, or keeps it for Flush.
func (s *stream) Write(b []byte) (int, error) {
	if n, held, err := s.hold(b); held {
		return n, err
	}
	return writeQuickly(s.TCPConn, b)
}

// Peeked returns the peeked bytes, once, for who goes on to read the connection
// below.
func (s *stream) Peeked() []byte {
	peeked := s.peeked
	s.peeked = nil
	return peeked
}

// WriteTo is what io.Copy calls; without it the one of *net.TCPConn would skip
// the peeked bytes.
func (s *stream) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s.peeked)
	s.peeked = s.peeked[n:]
	if err != nil {
		return int64(n), err
	}
	rest, err := s.TCPConn.WriteTo(w)
	return int64(n) + rest, err
}
