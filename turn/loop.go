package turn

import (
	"errors"
	"syscall"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// loopBuffer is what a loop reads of connections before what it read has to be
// sent, in bytes.
const loopBuffer = 256 << 10

// loop reads many relayed addresses and, where the system can do that, many
// connections over TCP, in one goroutine.
type loop struct {
	*udp.Group
	in     *intake
	buffer []byte // what was read of connections and is not sent yet lies before used
	used   int
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
// before comes first.
func (l *loop) watch(s *stream) bool {
	conn, ok := s.Conn.(syscall.Conn)
	if !ok || s.from.transport != TCP {
		return false
	}
	if before, ok := s.Conn.(interface{ Peeked() []byte }); ok {
		s.partial = before.Peeked()
	}
	// Its first event may come at once.
	s.watching.Lock()
	defer s.watching.Unlock()
	w, err := l.Watch(conn, func(ending bool) { l.read(s, ending) })
	if err != nil {
		if len(s.partial) > 0 { // the goroutine that reads it begins with that
			s.Conn = &resumed{Conn: s.Conn, before: s.partial}
		}
		return false
	}
	s.watched = w
	return true
}

// read reads what there is of a connection; up to its end, if that is there.
func (l *loop) read(s *stream, ending bool) {
	s.watching.Lock()
	w := s.watched
	s.watching.Unlock()
	for w != nil {
		if len(l.buffer)-l.used < leastBuffer+len(s.partial) {
			l.flush()
		}
		space := l.buffer[l.used:min(len(l.buffer), l.used+mostBuffer)]
		had := copy(space, s.partial)
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
		f := frames{buffer: space, end: had + n}
		for {
			message, err := f.next()
			if err != nil {
				s.over(err)
				return
			}
			if message == nil {
				break
			}
			l.in.take(&s.link, message)
			if joined := l.in.joined; joined != nil {
				l.in.joined = nil
				l.hand(s, joined, append([]byte(nil), f.rest()...))
				return
			}
		}
		s.partial = append(s.partial[:0], f.rest()...)
		if len(s.partial) == 0 {
			s.partial = nil
		}
		l.used += had + n
		if had+n < len(space) && !ending {
			return
		}
	}
}

// hand gives a connection that became a peer's to a goroutine of its own.
func (l *loop) hand(s *stream, joined joined, rest []byte) {
	l.flush() // the answer comes before what the peer says
	s.unwatch()
	s.server.loops.Go(func() { s.over(joined.run(s, rest)) })
}
