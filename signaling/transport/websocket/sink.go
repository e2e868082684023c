package websocket

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"
)

// sendFrom is how many bytes are gathered before they are sent without waiting
// for more.
const sendFrom = 32 << 10

// kernelBytes is about how much the kernel keeps of what a client does not read.
// It would take megabytes, for each client that stops reading, before the
// session noticed.
const kernelBytes = 64 << 10

// deadlineSlack is how much later or earlier than asked for a deadline may be:
// to set it anew for each message would cost more than to encode that.
const deadlineSlack = writeTimeout / 20

// gathered are buffers that no sink holds.
var gathered = sync.Pool{New: func() any { return new([]byte) }}

// sink is a connection that can gather what is written to it, to send many
// frames in one system call. It holds a buffer only between gather and flush.
// It is safe for concurrent use.
type sink struct {
	net.Conn

	mu        sync.Mutex // held while something is sent; guards all below
	gathering bool
	held      *[]byte
	deadline  time.Time // of what is gathered
	set       time.Time // the deadline that the connection has
}

// gather has writes wait for flush.
func (s *sink) gather() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering = true
}

// flush sends what was gathered; from then on writes do not wait.
func (s *sink) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering = false
	return s.send()
}

// send is called with mu held.
func (s *sink) send() error {
	if s.held == nil {
		return nil
	}
	buffer := s.held
	s.held = nil
	var err error
	if s.deadline.Sub(s.set).Abs() > deadlineSlack {
		s.set = s.deadline
		err = s.Conn.SetWriteDeadline(s.deadline)
	}
	if err == nil {
		_, err = s.Conn.Write(*buffer)
	}
	if *buffer = (*buffer)[:0]; cap(*buffer) <= 2*sendFrom {
		gathered.Put(buffer)
	}
	return err
}

// Write sends, or gathers; then an error comes with a later call.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gathering {
		return s.Conn.Write(p)
	}
	if s.held == nil {
		s.held = gathered.Get().(*[]byte)
	}
	*s.held = append(*s.held, p...)
	if len(*s.held) >= sendFrom {
		return len(p), s.send()
	}
	return len(p), nil
}

// SetWriteDeadline is for what is written from now on.
func (s *sink) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gathering {
		s.deadline = t
		return nil
	}
	s.set = t
	return s.Conn.SetWriteDeadline(t)
}

// hijacker puts a sink between a WebSocket and the connection that it takes
// from the HTTP server.
type hijacker struct {
	http.ResponseWriter
	sink *sink
}

// Hijack is what the upgrader calls.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(kernelBytes) // without it, the kernel's own bound holds
	}
	h.sink = &sink{Conn: conn}
	return h.sink, buffers, nil
}
