package turn

import (
	"bytes"
	"errors"
	"net"
	"syscall"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// below is the connection that TLS is spoken over, when it can be taken out of
// the hands of TLS: a loop reads it, and gives TLS what came; what TLS says is
// collected. So TLS waits for nobody.
type below interface {
	syscall.Conn
	Hold()
	Feed(b []byte)
	Held() int
	Flush() error
	Release() error
}

// belowOf finds it; nil when there is none that can do that.
func belowOf(conn net.Conn) below {
	over, ok := conn.(interface{ NetConn() net.Conn })
	if !ok {
		return nil
	}
	found, _ := over.NetConn().(below)
	return found
}

// readSecure is read for a connection over TLS.
func (l *loop) readSecure(s *stream, w *udp.Watch, ending bool) {
	for {
		n, err := w.Read(l.sealed)
		if errors.Is(err, syscall.EAGAIN) {
			return
		}
		if err != nil {
			s.over(err)
			return
		}
		l.in.now = l.in.server.now()
		s.heard()
		s.below.Feed(l.sealed[:n])
		if !l.open(s) || n < len(l.sealed) && !ending {
			return
		}
	}
}

// open takes what TLS makes of what it was fed, and reports whether there may be
// more.
func (l *loop) open(s *stream) bool {
	for {
		space, had := l.space(s)
		n, err := s.Conn.Read(space[had:])
		switch {
		case errors.Is(err, syscall.EAGAIN):
			if s.below.Held() > 0 { // TLS itself has something to say
				l.in.out.streams = append(l.in.out.streams, s)
			}
			return true
		case err != nil:
			s.over(err)
			return false
		}
		if !l.take(s, space, had+n) {
			return false
		}
	}
}

// first takes what the handshake read of what follows it, and reports whether
// that was all there is to do: it has ended, or become a peer's.
func (s *stream) first(in *intake) (done bool) {
	in.now = s.server.now()
	var f frames
	for {
		switch err := f.fill(s.Conn); {
		case errors.Is(err, syscall.EAGAIN):
			s.partial = bytes.Clone(f.rest())
			return false
		case err != nil:
			s.over(err)
			return true
		}
		joined, err := in.takeAll(s, &f)
		in.out.flush()
		switch {
		case err != nil:
			s.over(err)
			return true
		case joined != nil:
			s.hand(joined, bytes.Clone(f.rest()))
			return true
		}
	}
}

// remaining is what TLS still makes of what it was fed.
func (s *stream) remaining() (rest []byte) {
	buffer := make([]byte, leastBuffer)
	for {
		n, err := s.Conn.Read(buffer)
		rest = append(rest, buffer[:n]...)
		if err != nil { // any but EAGAIN comes again
			return rest
		}
	}
}
