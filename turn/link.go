package turn

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

const (
	// allocateWithin is how long a connection may stay without an allocation.
	allocateWithin = 10 * time.Second
	// silence is how long a connection with an allocation may send nothing. An
	// allocation is refreshed every ten minutes at least (RFC 8656, section 7).
	silence = 11 * time.Minute
)

// link is what is the same for all connections of clients, over TCP and TLS (see
// stream) and over DTLS (see secure): an allocation, and an end.
type link struct {
	server *Server
	from   origin
	shut   func() // ends what carries it

	client     atomic.Pointer[allocation]
	joined     atomic.Bool // it carries a peer's bytes, and ends with the peer
	notReading atomic.Bool // the client, so it was cut off
	ended      sync.Once
	gone       atomic.Bool // it has ended
	extended   atomic.Int64
}

// started is what link.extended counts from: such time goes on evenly when the
// clock of the machine is set.
var started = time.Now()

// linkTimeouts are the constants above, and writeWithin, but for tests.
type linkTimeouts struct {
	allocate, silence, write time.Duration
}

// hold gives the client an allocation.
func (l *link) hold(a *allocation) {
	l.client.Store(a)
	l.extend()
}

// release takes it away. Without one the connection ends soon, whatever it
// sends meanwhile.
func (l *link) release(a *allocation) {
	if l.client.CompareAndSwap(a, nil) {
		l.extend()
	}
}

// extend lets the client be silent for as long as it may from now on.
func (l *link) extend() { l.extended.Store(int64(time.Since(started))) }

// heard is called when something came. Only a client with an allocation gains
// time by that.
func (l *link) heard() {
	if l.client.Load() != nil {
		l.extend()
	}
}

// late reports whether the client was silent for too long.
func (l *link) late(now time.Time) bool {
	if l.joined.Load() {
		return false
	}
	wait := l.server.timeouts.allocate
	if l.client.Load() != nil {
		wait = l.server.timeouts.silence
	}
	return now.Sub(started)-time.Duration(l.extended.Load()) > wait
}

// overdue ends connections that were silent for too long.
func (s *Server) overdue(now time.Time) {
	s.mu.Lock()
	var late []*link
	for l := range s.links {
		if l.late(now) {
			late = append(late, l)
		}
	}
	s.mu.Unlock()
	for _, l := range late {
		l.over(os.ErrDeadlineExceeded)
	}
}

// admit takes a connection in, if there is room for it.
func (s *Server) admit(l *link) bool {
	l.extend()
	source := limit.Network(l.from.addr.Addr())
	if err := s.sources.Take(source); err != nil {
		reason := refusedConnections
		if errors.Is(err, limit.ErrKey) {
			reason = refusedConnectionsPerSource
		}
		s.counts.refused(reason)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links == nil {
		s.sources.Give(source)
		return false
	}
	s.links[l] = struct{}{}
	s.counts.connections.Inc()
	return true
}

// over ends a connection, once. err is why.
func (l *link) over(err error) {
	l.ended.Do(func() {
		s := l.server
		if reason := l.closeReason(err); reason != "" {
			s.counts.refused(reason)
		}
		l.gone.Store(true)
		l.shut()
		if a := l.client.Load(); a != nil {
			s.end(a, EndedByLink)
		}
		s.mu.Lock()
		delete(s.links, l)
		s.mu.Unlock()
		s.counts.connections.Dec()
		s.sources.Give(limit.Network(l.from.addr.Addr()))
	})
}

// closeReason says for what reason of the refusals a connection ended with err;
// nothing when the client or the server just closed it.
func (l *link) closeReason(err error) string {
	switch {
	case errors.Is(err, errFraming):
		return refusedFraming
	case errors.Is(err, errFrameTooLarge):
		return refusedFrameTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded) && l.client.Load() != nil:
		return refusedSilent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusedIdle
	case l.notReading.Load():
		return refusedNotReading
	}
	return ""
}
