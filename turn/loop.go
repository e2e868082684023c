package turn

import (
	"bytes"
	"errors"
	"syscall"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// loopBuffer is what a loop reads of connections before what it read has to be
// sent, in bytes.
const loopBuffer = 256 << 10

// loop reads many relayed addresses and, where the system can do that, many
// connections over TCP and TLS, in one goroutine.
type loop struct {
	*udp.Group
	in     *intake
	buffer []byte // what was read of connections and is not sent yet lies before used
	used   int
	sealed []byte // what was read of one over TLS
}

// run serves until the group is closed.
func (l *loop) run() {
	s := l.in.server
	l.Run(func(owner any, datagrams []udp.Datagram) {
		l.in.out.fromPeers(s.now(), owner.(*relay), datagrams)
	}, l.flush)
}

func (l *loop) flush() {
	l.in.out.flush()
	l.used = 0
}

// watch has the loop read a connection, if that is possible. What was read of it
// before comes first, and is taken by the caller's intake.
func (l *loop) watch(s *stream, in *intake) bool {
	if !udp.CanWatch {
		return false
	}
	var conn syscall.Conn
	if s.from.transport == TLS {
		below := belowOf(s.Conn)
		if below == nil {
			return false
		}
		below.Hold()
		s.below, conn = below, below
		if done := s.first(in); done {
			return true
		}
	} else {
		var ok bool
		if conn, ok = s.Conn.(syscall.Conn); !ok {
			return false
		}
		if before, ok := s.Conn.(interface{ Peeked() []byte }); ok {
			s.partial = before.Peeked()
		}
	}
	// Its first event may come at once.
	s.watching.Lock()
	defer s.watching.Unlock()
	w, err := l.Watch(conn, func(ending bool) { l.read(s, ending) })
	if err == nil {
		s.watched = w
		return true
	}
	if s.below != nil { // nobody else can read it now
		s.server.loops.Go(func() { s.over(err) })
		return true
	}
	if len(s.partial) > 0 { // the goroutine that reads it begins with that
		s.Conn = &resumed{Conn: s.Conn, before: s.partial}
	}
	return false
}

// read reads what there is of a connection; up to its end, if that is there.
func (l *loop) read(s *stream, ending bool) {
	s.watching.Lock()
	w := s.watched
	s.watching.Unlock()
	if w == nil {
		return
	}
	if s.below != nil {
		l.readSecure(s, w, ending)
		return
	}
	for {
		space, had := l.space(s)
		n, err := w.Read(space[had:])
		if errors.Is(err, syscall.EAGAIN) {
			return
		}
		if err != nil {
			s.over(err)
			return
		}
		l.in.now = l.in.server.now()
		s.heard()
		if !l.take(s, space, had+n) || had+n < len(space) && !ending {
			return
		}
	}
}

// space is where the next bytes of a connection go, behind the had ones of a
// message that has begun.
func (l *loop) space(s *stream) (space []byte, had int) {
	if len(l.buffer)-l.used < leastBuffer+len(s.partial) {
		l.flush()
	}
	space = l.buffer[l.used:min(len(l.buffer), l.used+mostBuffer)]
	return space, copy(space, s.partial)
}

// take takes the messages in what was read of a connection, and reports whether
// there may be more of it.
func (l *loop) take(s *stream, space []byte, size int) bool {
	f := frames{buffer: space, end: size}
	joined, err := l.in.takeAll(s, &f)
	switch {
	case err != nil:
		s.over(err)
		return false
	case joined != nil:
		l.flush() // the answer comes before what the peer says
		s.hand(joined, bytes.Clone(f.rest()))
		return false
	}
	s.partial = append(s.partial[:0], f.rest()...)
	if len(s.partial) == 0 {
		s.partial = nil
	}
	l.used += size
	return true
}

// takeAll takes all whole messages. A connection that became a peer's by one of
// them is not read further.
func (in *intake) takeAll(s *stream, f *frames) (joined, error) {
	for {
		message, err := f.next()
		if err != nil || message == nil {
			return nil, err
		}
		in.take(&s.link, message)
		if joined := in.joined; joined != nil {
			in.joined = nil
			return joined, nil
		}
	}
}

// hand gives a connection that became a peer's to a goroutine of its own.
func (s *stream) hand(joined joined, rest []byte) {
	s.joined.Store(true)
	s.unwatch()
	if s.below != nil {
		rest = append(rest, s.remaining()...)
	}
	s.server.loops.Go(func() {
		if s.below != nil {
			_ = s.below.Release() // an error comes again
		}
		s.over(joined.run(s, rest))
	})
}
