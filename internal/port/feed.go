package port

import (
	"errors"
	"syscall"
)

// maxHeld is how many bytes a connection holds back at most. TLS says some by
// itself, because of what the client says.
const maxHeld = 1 << 20

var errHeld = errors.New("port: too much waits to be written for a client that does not read")

// Hold takes the connection out of the hands of TLS: from now on Read returns what
// Feed is given, and Write keeps what it is given until Flush. So one goroutine
// can serve many connections over TLS without waiting for one of them. Feed and
// Read are called by one goroutine at a time.
func (s *stream) Hold() { s.feeding, s.holding = true, true }

// Feed has Read return b, and after that syscall.EAGAIN, which leaves TLS as it is
// (it is temporary). What Read has not taken by the next call is lost.
func (s *stream) Feed(b []byte) { s.fed = b }

// readFed is Read while there is only what was fed.
func (s *stream) readFed(b []byte) (int, error) {
	if len(s.fed) == 0 {
		return 0, syscall.EAGAIN
	}
	n := copy(b, s.fed)
	s.fed = s.fed[n:]
	return n, nil
}

// hold keeps what is to be written, if the connection does that.
func (s *stream) hold(b []byte) (n int, held bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holding {
		return 0, false, nil
	}
	if len(s.held)+len(b) > maxHeld {
		return 0, true, errHeld
	}
	s.held = append(s.held, b...)
	return len(b), true, nil
}

// Held is how many bytes wait for Flush.
func (s *stream) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// Flush writes what was kept, at once, and waits as Write does.
func (s *stream) Flush() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	return s.flush()
}

// flush is Flush for who holds flushing.
func (s *stream) flush() error {
	s.mu.Lock()
	out := s.held
	if len(out) == 0 {
		s.mu.Unlock()
		return nil
	}
	s.held, s.spare = s.spare[:0], nil
	s.mu.Unlock()
	_, err := writeQuickly(s.TCPConn, out)
	if cap(out) <= maxSpare {
		s.mu.Lock()
		s.spare = out[:0]
		s.mu.Unlock()
	}
	return err
}

// maxSpare is how much memory is kept for what is held next.
const maxSpare = 16 << 10

// Release ends Hold, when all was read that was fed. What is written from now on
// comes after all that was held.
func (s *stream) Release() error {
	s.fed, s.feeding = nil, false
	s.flushing.Lock()
	defer s.flushing.Unlock()
	for {
		s.mu.Lock()
		if len(s.held) == 0 {
			s.holding = false
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		if err := s.flush(); err != nil {
			return err
		}
	}
}
