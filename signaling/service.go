// Package signaling is who is here, who may do what, and who says what to
// whom. A transport opens a visitor for each client; the visitor's messages
// are carried out on a room and, through Media, on the SFU.
package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// Limits bound what clients can make the server hold or do.
type Limits struct {
	Room               room.Limits
	Outbox             session.Bounds
	Sessions           int // in all
	SessionsPerAddress int
	MessageBytes       int
	DescriptionBytes   int // of a message that carries a description
	Slots              int // of one kind, of one peer
	// MessagesPerSecond is of one session, averaged; twice as many in a burst.
	// Each begun 4 KiB of a message counts as one.
	MessagesPerSecond int
}

// Config is what a Service needs.
type Config struct {
	Limits Limits
	// Heartbeat is how often a client has to be heard of.
	Heartbeat time.Duration
	// ICEServers gives the ICE servers for a caller's welcome; session names
	// the user in time-limited credentials.
	ICEServers func(caller Caller, session string) []*protocol.IceServer
	Media      Media
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Caller is what is known of a client when it connects.
type Caller struct {
	// Addr is the client's address.
	Addr netip.Addr
	// Host is the name or address, without a port, by which the client
	// reached this server.
	Host string
}

// Service opens sessions and brings them into rooms. It is safe for
// concurrent use.
type Service struct {
	config  Config
	rooms   *room.Rooms
	metrics *metrics

	mu       sync.Mutex // guards all below
	visitors map[*Visitor]bool
	perAddr  map[netip.Addr]int
	closed   bool
	gone     sync.WaitGroup // visitors not closed yet
}

// NewService makes a service without sessions.
func NewService(config Config) *Service {
	rooms := room.NewRooms(config.Limits.Room)
	return &Service{
		config:   config,
		rooms:    rooms,
		metrics:  newMetrics(config.Registerer, rooms.Count),
		visitors: map[*Visitor]bool{},
		perAddr:  map[netip.Addr]int{},
	}
}

// Limits are the bounds that transports have to hold.
func (s *Service) Limits() Limits { return s.config.Limits }

// Heartbeat is how often a client has to be heard of; a transport takes one
// that is silent for SilenceAfter as gone.
func (s *Service) Heartbeat() time.Duration { return s.config.Heartbeat }

// SilenceAfter is how long a client may be silent.
func (s *Service) SilenceAfter() time.Duration { return s.config.Heartbeat * 5 / 2 }

// Open begins a session. The caller of Open must call Visitor.Close in the
// end. It fails when a limit is reached or the service is closed.
func (s *Service) Open(caller Caller) (*Visitor, error) {
	// One IPv6 host has a /64 to choose addresses from.
	key := caller.Addr.Unmap()
	if key.Is6() {
		prefix, _ := key.Prefix(64)
		key = prefix.Addr()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		s.metrics.turnedOff.WithLabelValues("shutdown").Inc()
		return nil, fmt.Errorf("this server is shutting down; try again in a moment")
	case len(s.visitors) >= s.config.Limits.Sessions:
		s.metrics.turnedOff.WithLabelValues("sessions").Inc()
		return nil, fmt.Errorf("this server holds %d sessions and takes no more now; try again later", s.config.Limits.Sessions)
	case s.perAddr[key] >= s.config.Limits.SessionsPerAddress:
		s.metrics.turnedOff.WithLabelValues("sessions_per_address").Inc()
		return nil, fmt.Errorf("%d sessions are open from your address and no more are taken; close some", s.config.Limits.SessionsPerAddress)
	}
	v := newVisitor(s, caller, key)
	s.visitors[v] = true
	s.perAddr[key]++
	s.gone.Add(1)
	s.metrics.sessions.Inc()
	return v, nil
}

// forget is called once by each visitor that closes.
func (s *Service) forget(v *Visitor) {
	s.mu.Lock()
	delete(s.visitors, v)
	if s.perAddr[v.key]--; s.perAddr[v.key] == 0 {
		delete(s.perAddr, v.key)
	}
	s.mu.Unlock()
	s.metrics.sessions.Dec()
	s.gone.Done()
}

// Close tells every client that the server stops, and waits until their
// transports have closed them all or the context ends.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for v := range s.visitors {
		v.session.End(protocol.Errorf(protocol.Error_SHUTTING_DOWN, "This server is shutting down. Connect again in a moment."))
	}
	left := len(s.visitors)
	s.mu.Unlock()

	gone := make(chan struct{})
	go func() {
		s.gone.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("of %d sessions, some did not close in time: %w", left, ctx.Err())
	}
}
