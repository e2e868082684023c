package http

import (
	"errors"
	"io"
	nethttp "net/http"
	"os"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// readTimeout bounds the arrival of one request's body.
	readTimeout = 10 * time.Second
	// writeTimeout bounds one write: a client that takes longer does not read.
	writeTimeout = 10 * time.Second
	// hurryTimeout bounds both once there is no use in waiting.
	hurryTimeout = time.Second
)

// line is the client's end of one request, on which nothing waits for ever. It
// is safe for concurrent use; one goroutine at a time reads or writes.
type line struct {
	control *nethttp.ResponseController

	mu      sync.Mutex // guards all below
	reading bool       // there is a body that was not read to its end
	writing bool
	hurried bool
	closed  bool // the server may be at the next request of this connection
}

func newLine(w nethttp.ResponseWriter, r *nethttp.Request) *line {
	return &line{control: nethttp.NewResponseController(w), reading: r.Body != nethttp.NoBody}
}

// beginRead is called before the body is read.
func (l *line) beginRead() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.control.SetReadDeadline(l.deadline(readTimeout))
}

// endRead is called when no more of the body is read, and err says why. After
// its end the server reads to learn whether the client has gone; after a
// failure the deadline stays, and nobody waits for the rest.
func (l *line) endRead(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	if err != nil {
		return err
	}
	return l.control.SetReadDeadline(time.Time{})
}

// beginWrite is called before something is written.
func (l *line) beginWrite() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = true
	return l.control.SetWriteDeadline(l.deadline(writeTimeout))
}

// endWrite is called when it was written. Over HTTP/2 a deadline ends the
// stream even when nothing is being written.
func (l *line) endWrite() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
	return l.control.SetWriteDeadline(time.Time{})
}

// deadline is called with mu held.
func (l *line) deadline(timeout time.Duration) time.Time {
	if l.hurried {
		timeout = hurryTimeout
	}
	return time.Now().Add(timeout)
}

// hurry leaves a second for what is being read or written now, and for
// whatever follows.
func (l *line) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurried = true
	l.shorten()
}

// cut is hurry for what is being read or written now, and nothing else.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shorten()
}

// shorten is called with mu held.
func (l *line) shorten() {
	if l.closed {
		return
	}
	// The request finds out by itself when its connection is gone.
	soon := time.Now().Add(hurryTimeout)
	if l.reading {
		_ = l.control.SetReadDeadline(soon)
	}
	if l.writing {
		_ = l.control.SetWriteDeadline(soon)
	}
}

// close leaves the rest to the server: it writes what is in its buffers and
// reads what is left of the body, for as long as a write or a hurry may take.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	last := l.deadline(writeTimeout)
	if l.reading {
		_ = l.control.SetReadDeadline(time.Now().Add(hurryTimeout))
		last = last.Add(hurryTimeout) // it reads before it writes
	}
	_ = l.control.SetWriteDeadline(last)
}

// body copies the request's body, of limit bytes at most. When there is no use
// in going on it has answered, and reports false.
func (q *request) body(limit int64, to io.Writer) bool {
	err := q.line.beginRead()
	if err == nil {
		_, err = io.Copy(to, nethttp.MaxBytesReader(q.w, q.r.Body, limit))
		err = q.line.endRead(err)
	}
	var tooLarge *nethttp.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		q.refuse(protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE,
			"The request's body has more than %d bytes. Send less at once, and large things over the DataChannel.", limit))
	case errors.Is(err, os.ErrDeadlineExceeded):
		q.service.Count(&protocol.Error{Code: protocol.Error_SILENT})
		nethttp.Error(q.w, "The request's body did not come in time. Send it again.", nethttp.StatusRequestTimeout)
	default: // the client is gone, or speaks no HTTP
		nethttp.Error(q.w, "The request's body did not come whole. Send it again.", nethttp.StatusBadRequest)
	}
	return false
}
