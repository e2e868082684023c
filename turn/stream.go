package turn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

const (
	// writeWithin is how long a client may take to read what is sent to it.
	writeWithin = 10 * time.Second
	// streamQueue is how many bytes wait for a client that reads slowly; what
	// comes from peers beyond that is dropped. Answers may take half as many more.
	streamQueue = 256 << 10
	// recordOverhead is more than TLS adds to a message, in bytes.
	recordOverhead = 64
)

// stream is a connection of one client over TCP or TLS, a stream of messages.
//
// A loop reads it with many others, or a goroutine of its own. What is for the
// client is collected, and written by whoever collected it when that cannot wait
// for the client, else by a goroutine that lives for as long as something waits.
type stream struct {
	link
	net.Conn
	unsent func() (int, bool) // bytes that the system has not sent; false: nobody knows
	inline int                // as many bytes can be given to the system without waiting

	watching sync.Mutex // guards watched
	watched  *udp.Watch // nil: a goroutine reads it
	partial  []byte     // of a message that has not come whole, the loop's
	below    below      // what TLS reads and writes, when a loop reads it; else nil

	mu      sync.Mutex // guards the fields below
	waiting []byte     // whole messages
	spare   []byte
	writing bool
	closed  bool
	// unsentMost is what unsent said last, and all that was written since; what
	// it would say now is no more.
	unsentMost int
}

func (s *Server) newStream(conn net.Conn, transport Transport) *stream {
	st := &stream{Conn: conn}
	st.link = link{server: s, shut: st.close}
	st.from = origin{
		transport: transport, addr: addrPort(conn.RemoteAddr()), local: addrPort(conn.LocalAddr()).Addr(), stream: st,
	}
	st.unsent, st.inline = unsent(conn)
	return st
}

// close closes the connection, which its reader notices if it has one.
func (s *stream) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.unwatch()
	_ = s.Conn.Close()
}

// unwatch has no loop read the connection any more.
func (s *stream) unwatch() {
	s.watching.Lock()
	defer s.watching.Unlock()
	if s.watched != nil {
		s.watched.Close()
		s.watched = nil
	}
}

// resumed is a connection of which something was read before.
type resumed struct {
	net.Conn
	before []byte
}

// Read returns what was read before first.
func (r *resumed) Read(b []byte) (int, error) {
	if len(r.before) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.before)
	r.before = r.before[n:]
	return n, nil
}

// read serves the connection until it ends.
func (s *stream) read() error {
	in := newIntake(s.server)
	var f frames
	for {
		if err := f.fill(s.Conn); err != nil {
			return err
		}
		in.now = s.server.now()
		s.heard()
		joined, err := in.takeAll(s, &f)
		in.out.flush()
		if err != nil {
			return err
		}
		if joined != nil {
			s.joined.Store(true)
			return joined.run(s, f.rest())
		}
	}
}

// take takes a message of a connection.
func (in *intake) take(l *link, message []byte) {
	if len(message) > 0 && message[0]>>6 == 0b01 {
		in.channelData(l.client.Load(), message)
		return
	}
	in.message(l.from, l.client.Load(), message)
}

// answer queues a message of ours, and reports whether flush is to be called.
func (s *stream) answer(message []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting)+len(message) > streamQueue*3/2 {
		return false
	}
	s.waiting = append(s.waiting, message...)
	return true
}

// room is the place of a message of that size behind those that wait, or nil
// when too many do. If it is not nil, the caller unlocks mu when it has written
// it. first says that nothing waited before, so flush is to be called.
func (s *stream) room(size int) (room []byte, first bool) {
	s.mu.Lock()
	at := len(s.waiting)
	if s.closed || at+size > streamQueue {
		s.mu.Unlock()
		return nil, false
	}
	if at+size > cap(s.waiting) {
		s.waiting = append(s.waiting, make([]byte, size)...)
	} else {
		s.waiting = s.waiting[:at+size]
	}
	return s.waiting[at : at+size : at+size], at == 0
}

// flush writes what waits, or has it written.
func (s *stream) flush() {
	s.mu.Lock()
	if s.writing || !s.waits() {
		s.mu.Unlock() // who writes takes it along
		return
	}
	s.writing = true
	if !s.fits() {
		s.mu.Unlock()
		s.server.loops.Go(func() {
			s.mu.Lock()
			s.drain(false)
		})
		return
	}
	s.drain(true)
}

// waits reports whether there is something to write. The caller holds mu.
func (s *stream) waits() bool { return len(s.waiting) > 0 || s.held() > 0 }

// held is how many bytes TLS has for the client beside that.
func (s *stream) held() int {
	if s.below == nil {
		return 0
	}
	return s.below.Held()
}

// fits reports whether all that waits can be written without waiting. The
// caller holds mu.
func (s *stream) fits() bool {
	if s.unsent == nil {
		return false
	}
	waiting := len(s.waiting) + s.held()
	if s.unsentMost+waiting <= s.inline {
		return true
	}
	unsent, known := s.unsent()
	s.unsentMost = unsent
	return known && unsent+waiting <= s.inline
}

// drain writes until nothing waits. It is called with mu held, by who set
// writing, and unlocks it. Inline, it leaves what does not fit to a goroutine.
func (s *stream) drain(inline bool) {
	var failed error
	for first := true; s.waits() && !s.closed; first = false {
		if inline && !first && !s.fits() {
			s.server.loops.Go(func() {
				s.mu.Lock()
				s.drain(false)
			})
			s.mu.Unlock()
			return
		}
		out := s.waiting
		s.unsentMost += len(out) + recordOverhead*(1+len(out)/64) + s.held()
		s.waiting, s.spare = s.spare[:0], nil
		s.mu.Unlock()
		err := s.write(out, inline)
		s.mu.Lock()
		if cap(out) <= streamQueue {
			s.spare = out[:0]
		}
		if err != nil {
			s.closed, failed = true, err
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.notReading.Store(true)
			}
		}
	}
	s.writing = false
	if !inline { // a burst is over
		s.spare = nil
		if cap(s.waiting) > mostBuffer {
			s.waiting = nil
		}
	}
	s.mu.Unlock()
	if failed != nil {
		s.over(net.ErrClosed)
	}
}

// write gives messages to the connection.
func (s *stream) write(out []byte, inline bool) error {
	if !inline {
		if err := s.SetWriteDeadline(time.Now().Add(s.server.timeouts.write)); err != nil {
			return err
		}
		defer s.SetWriteDeadline(time.Time{})
	}
	if s.from.transport == TCP {
		_, err := s.Conn.Write(out)
		return err
	}
	// A record each: there are clients that lose what is behind the first message
	// of a record (coturn's own).
	for len(out) > 0 {
		size, err := frameLength(out)
		if err != nil {
			return err
		}
		size = (size + 3) &^ 3
		if _, err := s.Conn.Write(out[:size]); err != nil {
			return err
		}
		out = out[size:]
	}
	if s.below != nil {
		return s.below.Flush() // all records at once
	}
	return nil
}

// accept serves the connections of a listener.
func (s *Server) accept(listener Listener) {
	in := newIntake(s)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
				s.log.Error("TURN stopped at a listener: no connection can be accepted",
					"transport", listener.Transport, "address", listener.Addr(), "err", err)
			}
			return
		}
		s.welcome(in, conn, listener.Transport)
	}
}

// welcome has a connection served, by a loop or by a goroutine of its own. in is
// the caller's.
func (s *Server) welcome(in *intake, conn net.Conn, transport Transport) {
	st := s.newStream(conn, transport)
	if !s.admit(&st.link) {
		_ = conn.Close() // there is nobody to tell
		return
	}
	if s.groups[int(s.opened.Add(1))%len(s.groups)].watch(st, in) {
		return
	}
	s.loops.Go(func() { st.over(st.read()) })
}
