package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// readTimeout bounds the arrival of a single request's body, writeTimeout
	// one write: a caller that takes longer does not read.
	readTimeout  = 30 * time.Second
	writeTimeout = 10 * time.Second
	// hurryTimeout bounds both once there is no use in waiting.
	hurryTimeout = time.Second
)

// line is the caller's end of one call, on which nothing waits for ever. One
// goroutine reads and writes; hurry may be called by any.
type line struct {
	http.ResponseWriter
	control *http.ResponseController

	// For the goroutine of the call alone.
	counted bool // in the metrics
	status  int  // that was answered; 0 means 200

	mu      sync.Mutex // guards all below
	reading bool
	writing bool
	hurried bool
	closed  bool // the server may be at the next request of this connection
	late    bool // the caller did not read in time
}

type lineKey struct{}

// lineOf is the line of a call.
func lineOf(ctx context.Context) *line { return ctx.Value(lineKey{}).(*line) }

func newLine(w http.ResponseWriter) *line {
	l := &line{ResponseWriter: w, control: http.NewResponseController(w)}
	l.readUntil(time.Now().Add(readTimeout))
	return l
}

// Unwrap is for http.ResponseController.
func (l *line) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// WriteHeader notes the status.
func (l *line) WriteHeader(status int) {
	l.status = status
	l.ResponseWriter.WriteHeader(status)
}

// Write writes within writeTimeout.
func (l *line) Write(data []byte) (n int, err error) {
	until := l.beginWrite()
	defer func() { l.endWrite(until, err) }()
	return l.ResponseWriter.Write(data)
}

// Flush sends what was written, within writeTimeout.
func (l *line) Flush() { _ = l.FlushError() }

// FlushError is Flush that tells what went wrong.
func (l *line) FlushError() (err error) {
	until := l.beginWrite()
	defer func() { l.endWrite(until, err) }()
	return l.control.Flush()
}

// Deadlines are not to be had from every ResponseWriter; where they are
// missing, there is nothing to be done about it.

func (l *line) beginWrite() (until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = true
	until = time.Now().Add(l.within(writeTimeout))
	_ = l.control.SetWriteDeadline(until)
	return until
}

// endWrite takes the deadline away: over HTTP/2 it would end the stream even
// when nothing is being written.
func (l *line) endWrite(until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
	l.late = l.late || err != nil && !time.Now().Before(until)
	_ = l.control.SetWriteDeadline(time.Time{})
}

// readUntil bounds the reading of the body from now on.
func (l *line) readUntil(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if soon := time.Now().Add(hurryTimeout); l.hurried && at.After(soon) {
		at = soon
	}
	l.reading = true
	_ = l.control.SetReadDeadline(at)
}

// endRead says that the body is of no interest any more: from then on the
// server reads only to learn whether the caller has gone.
func (l *line) endRead() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	_ = l.control.SetReadDeadline(time.Time{})
}

// hurry leaves a second for what is being read or written now, and for
// whatever follows.
func (l *line) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurried = true
	if l.closed {
		return
	}
	soon := time.Now().Add(hurryTimeout)
	if l.reading {
		_ = l.control.SetReadDeadline(soon)
	}
	if l.writing {
		_ = l.control.SetWriteDeadline(soon)
	}
}

// close leaves the rest to the server, which has its time for what is in its
// buffers and for what is left of the body.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.control.SetWriteDeadline(time.Now().Add(l.within(writeTimeout)))
	if l.reading {
		_ = l.control.SetReadDeadline(time.Now().Add(hurryTimeout))
	}
}

// slow says whether the caller did not read in time.
func (l *line) slow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late
}

// within is called with mu held.
func (l *line) within(timeout time.Duration) time.Duration {
	if l.hurried {
		return hurryTimeout
	}
	return timeout
}
