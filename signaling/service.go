// Package signaling is who is here, who may do what, and who says what to
// whom. A transport opens a visitor for each client, or finds the one that a
// client comes back to, and attaches to it; the visitor's messages are carried
// out on a room and, through Media, on the SFU.
package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// Limits bound what clients can make the server hold or do.
type Limits struct {
	Outbox             session.Bounds
	Sessions           int // in all
	SessionsPerAddress int
	SessionsPerUser    int
	JoinsPerMinute     int // of one address
	// RequestsPerSecond bounds how often one address opens sessions or comes
	// back to them; four times as many in a burst.
	RequestsPerSecond int
	MessageBytes      int
	DescriptionBytes  int // of a message that carries a description
	Slots             int // of one kind, of one peer
	Voices            int // heard at once
	// MessagesPerSecond is of one session, averaged; twice as many in a burst.
	// Each begun 4 KiB of a message counts as one.
	MessagesPerSecond int
}

// Config is what a Service needs.
type Config struct {
	Limits Limits
	// Keys are what access tokens are signed with.
	Keys auth.Keys
	// Anonymous are the grants of who comes without a token; none means that
	// everybody needs one.
	Anonymous auth.Grants
	// Heartbeat is how often a client has to be heard of.
	Heartbeat time.Duration
	// Detached is how long a session lives without a connection.
	Detached time.Duration
	// ICEServers gives the ICE servers for a caller's welcome; session names
	// the user in time-limited credentials.
	ICEServers func(caller Caller, session string) []*protocol.IceServer
	Rooms      *room.Rooms
	// Tracks is how many tracks a peer may publish, for the welcome.
	Tracks     int
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
	// Token is the access token that it brought, or "".
	Token string
	// Transport names what carries the connection, for metrics: one of a few
	// words of ours.
	Transport string
}

// Service opens sessions and brings them into rooms. It is safe for
// concurrent use.
type Service struct {
	config   Config
	metrics  *metrics
	requests *limit.Rate
	joins    *limit.Rate
	users    *limit.Counter[string]
	// life ends when the service closes, and with it what runs for visitors.
	life context.Context
	kill context.CancelFunc

	farewells farewells

	mu       sync.Mutex // guards all below
	visitors map[string]*Visitor
	perAddr  map[netip.Addr]int
	closed   bool
	gone     sync.WaitGroup // visitors not closed yet, and what runs for them
}

// NewService makes a service without sessions.
func NewService(config Config) *Service {
	life, kill := context.WithCancel(context.Background())
	limits := config.Limits
	return &Service{
		config:   config,
		metrics:  newMetrics(config.Registerer, config.Rooms.Count),
		requests: limit.NewRate(float64(limits.RequestsPerSecond), 4*float64(limits.RequestsPerSecond)),
		joins:    limit.NewRate(float64(limits.JoinsPerMinute)/60, float64(limits.JoinsPerMinute)),
		users:    limit.New[string](limits.Sessions, limits.SessionsPerUser),
		life:     life, kill: kill,
		visitors: map[string]*Visitor{},
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

// Count says that a transport refused somebody before there was a session to
// count it for.
func (s *Service) Count(err *protocol.Error) { s.metrics.refuse(err) }

// Open begins a session. Visitor.Attach follows, or the session ends by
// itself. Without a token where one is needed it fails with ACCESS_REQUIRED,
// unless later says that the client can still send one in a message.
func (s *Service) Open(caller Caller, later bool) (*Visitor, *protocol.Error) {
	v, err := s.open(caller, later)
	if err != nil {
		s.metrics.refuse(err)
	}
	return v, err
}

func (s *Service) open(caller Caller, later bool) (*Visitor, *protocol.Error) {
	if err := s.admitRequest(caller); err != nil {
		return nil, err
	}
	access, err := s.verify(caller.Token)
	if err != nil && !(later && err.GetCode() == protocol.Error_ACCESS_REQUIRED) {
		return nil, err
	}
	// One IPv6 host has a /64 to choose addresses from.
	key := limit.Network(caller.Addr)

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		s.metrics.turnedOff.WithLabelValues("shutdown").Inc()
		return nil, protocol.Errorf(protocol.Error_SHUTTING_DOWN, "This server is shutting down. Try again in a moment.")
	case len(s.visitors) >= s.config.Limits.Sessions:
		s.metrics.turnedOff.WithLabelValues("sessions").Inc()
		return nil, protocol.Errorf(protocol.Error_TOO_MANY_SESSIONS,
			"This server holds %d sessions and takes no more now. Try again later.", s.config.Limits.Sessions)
	case s.perAddr[key] >= s.config.Limits.SessionsPerAddress:
		s.metrics.turnedOff.WithLabelValues("sessions_per_address").Inc()
		return nil, protocol.Errorf(protocol.Error_TOO_MANY_SESSIONS,
			"%d sessions are open from your address and no more are taken. Close some.", s.config.Limits.SessionsPerAddress)
	}
	v := newVisitor(s, caller, key)
	if err == nil {
		if err := v.gate.enter(access); err != nil {
			v.unjoined.Stop()
			return nil, err
		}
	}
	s.visitors[v.session.ID()] = v
	s.perAddr[key]++
	s.gone.Add(1)
	s.metrics.sessions.Inc()
	return v, nil
}

// Resume finds the session that a client comes back to with a resume token.
func (s *Service) Resume(id, token string, caller Caller) (*Visitor, *protocol.Error) {
	v, err := s.resume(id, token, caller)
	if err != nil {
		s.metrics.refuse(err)
	}
	return v, err
}

// Return is Resume for who wants to read. A session that has ended a moment
// ago is found, too: why it did may not have reached the client yet.
func (s *Service) Return(id, token string, caller Caller) (*Visitor, *protocol.Error) {
	if v := s.ended(id); v != nil && v.session.Admits(token) {
		return v, s.admitRequest(caller)
	}
	return s.Resume(id, token, caller)
}

// ended finds a session that has ended and has something to read still, whether
// or not its visitor has tidied up already.
func (s *Service) ended(id string) *Visitor {
	s.mu.Lock()
	v := s.visitors[id]
	s.mu.Unlock()
	if v != nil {
		if v.session.Unread() {
			return v
		}
		return nil
	}
	return s.farewells.find(id, time.Now())
}

func (s *Service) resume(id, token string, caller Caller) (*Visitor, *protocol.Error) {
	if err := s.admitRequest(caller); err != nil {
		return nil, err
	}
	s.mu.Lock()
	v := s.visitors[id]
	s.mu.Unlock()
	if v == nil || !v.session.Open() || !v.session.Admits(token) {
		return nil, noSuchSession()
	}
	if err := v.gate.again(caller.Token); err != nil {
		return nil, err
	}
	return v, nil
}

// admitRequest holds callers to their rate.
func (s *Service) admitRequest(caller Caller) *protocol.Error {
	if s.requests.Allow(caller.Addr, time.Now()) {
		return nil
	}
	return protocol.Errorf(protocol.Error_TOO_MANY_MESSAGES,
		"More than %d requests a second came from your address. Wait a second and send less.", s.config.Limits.RequestsPerSecond)
}

// forget is called once by each visitor that closes.
func (s *Service) forget(v *Visitor) {
	s.farewells.add(v, time.Now()) // first: it is to be found all the time
	s.mu.Lock()
	delete(s.visitors, v.session.ID())
	if s.perAddr[v.key]--; s.perAddr[v.key] == 0 {
		delete(s.perAddr, v.key)
	}
	s.mu.Unlock()
	s.metrics.sessions.Dec()
	s.gone.Done()
}

// run calls f in a goroutine that Close waits for, if the visitor is not
// closed by then.
func (s *Service) run(v *Visitor, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.visitors[v.session.ID()] == v {
		s.gone.Go(f)
	}
}

// Close tells every client that the server stops, and waits until all are gone
// or the context ends.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for _, v := range s.visitors {
		v.session.End(protocol.Errorf(protocol.Error_SHUTTING_DOWN, "This server is shutting down. Connect again in a moment."))
	}
	left := len(s.visitors)
	s.mu.Unlock()
	s.kill()

	gone := make(chan struct{})
	go func() {
		s.gone.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		s.config.Rooms.Close()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("of %d sessions, some did not close in time: %w", left, ctx.Err())
	}
}
