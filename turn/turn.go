package turn

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	config   Config
	log      *slog.Logger
	counts   *counts
	now      func() time.Time
	timeouts linkTimeouts

	auth      atomic.Pointer[authenticator]
	policy    atomic.Pointer[policy]
	nonces    *nonces
	requests  *limit.Rate                // of who has no allocation
	strangers *limit.Budget              // answers to all who can be anybody
	paces     *limit.Rate                // allocations
	users     *limit.Counter[string]     // allocations
	sources   *limit.Counter[netip.Addr] // connections
	userBits  userBits

	totalBits *bitRate
	draining  atomic.Bool

	fronts []*front
	locals []netip.Addr // of the fronts
	groups []*loop
	opened atomic.Uint32

	outlets sync.Pool // of *outlet, for what the SFU sends

	relays       relays
	reservations reservations
	connections  connections

	loops sync.WaitGroup // everybody who reads something
	stop  chan struct{}

	mu          sync.Mutex // guards the fields below; the maps are nil once closed
	allocations map[string]*allocation
	links       map[*link]struct{}
	drained     chan struct{} // nil before Drain; closed when no allocation is left
}

// sweepEvery is how often is looked for what ran out.
const sweepEvery = time.Second

// New starts a server. An error about the Config leaves its sockets open.
func New(config Config) (*Server, error) {
	return start(config, linkTimeouts{allocateWithin, silence, writeWithin}, time.Now)
}

func start(config Config, timeouts linkTimeouts, now func() time.Time) (*Server, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	limits := config.Limits
	s := &Server{
		config: config, log: config.Logger, now: now, timeouts: timeouts,
		nonces:      newNonces(),
		requests:    limit.NewRate(float64(limits.AnswersPerSecond), 2*float64(limits.AnswersPerSecond)),
		strangers:   limit.NewBudget(float64(limits.StrangersPerSecond), 2*float64(limits.StrangersPerSecond)),
		paces:       limit.NewRate(float64(limits.AllocationsPerSecond), 4*float64(limits.AllocationsPerSecond)),
		users:       limit.New[string](limits.Allocations, limits.AllocationsPerUser),
		sources:     limit.New[netip.Addr](limits.Connections, limits.ConnectionsPerSource),
		userBits:    userBits{perSecond: limits.BitsPerUser, by: make(map[string]*sharedBitRate)},
		totalBits:   newBitRate(limits.Bits),
		relays:      relays{by: make(map[netip.AddrPort]*relay)},
		stop:        make(chan struct{}),
		allocations: make(map[string]*allocation),
		links:       make(map[*link]struct{}),
	}
	for i, socket := range config.UDP {
		s.fronts = append(s.fronts, &front{
			Socket: socket, server: s, index: i, clients: make(map[netip.AddrPort]*allocation), secures: make(map[netip.AddrPort]*secure),
		})
		s.locals = append(s.locals, socket.Addr().Addr())
	}
	s.arrange()
	s.auth.Store(config.authenticator())
	s.policy.Store(newPolicy(config.Self, slices.Concat(s.locals, config.Advertise), config.Rules))
	for range min(max(1, runtime.GOMAXPROCS(0)/2), 8) {
		group, err := udp.NewGroup()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("turn: %w", err), s.closeGroups())
		}
		s.groups = append(s.groups, &loop{Group: group, buffer: make([]byte, loopBuffer), sealed: make([]byte, mostBuffer)})
	}
	s.counts = newCounts(config.Registerer, s.groups)

	for _, in := range config.Inside {
		in.Divert(&outward{server: s, from: canonical(in.Addr())})
	}
	for _, group := range s.groups {
		group.in = newIntake(s)
		s.loops.Go(group.run)
	}
	for _, f := range s.fronts {
		s.loops.Go(f.serve)
	}
	for _, listener := range config.Listeners {
		s.loops.Go(func() { s.accept(listener) })
	}
	if config.DTLS != nil {
		s.loops.Go(func() { s.acceptSecure(config.DTLS) })
	}
	s.loops.Go(s.tick)
	return s, nil
}

// tick ends what runs out.
func (s *Server) tick() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep(s.now())
			s.overdue(time.Now())
		case <-s.stop:
			return
		}
	}
}

// SetCredentials takes other credentials. Allocations that exist go on, and can
// be refreshed by who can log in with the new ones.
func (s *Server) SetCredentials(credentials Credentials) error {
	config := s.config
	config.Credentials = credentials
	if err := config.checkCredentials(); err != nil {
		return err
	}
	s.auth.Store(config.authenticator())
	return nil
}

// relayAddress is the local address for a relay of a client that reached
// another one: the same, or for the other address family one that is likewise
// loopback or not.
func (s *Server) relayAddress(reached netip.Addr, want6 bool) (netip.Addr, error) {
	if reached.Is6() == want6 {
		return reached, nil
	}
	for _, local := range s.locals {
		if local.Is6() == want6 && local.IsLoopback() == reached.IsLoopback() {
			return local, nil
		}
	}
	return netip.Addr{}, errNoFamily
}

// announced is the address that peers are told for a relay at a local one.
func (s *Server) announced(local netip.Addr) netip.Addr {
	if local.IsLoopback() {
		return local
	}
	for _, addr := range s.config.Advertise {
		if addr.Is6() == local.Is6() {
			return addr
		}
	}
	return local
}

// announcedSelf finds the socket of the SFU that clients know by an announced
// address, for a relay at a local address: the one beside it, if there is one.
func (s *Server) announcedSelf(to netip.AddrPort, local netip.Addr) (self netip.AddrPort, ok bool) {
	if !slices.Contains(s.config.Advertise, to.Addr()) {
		return netip.AddrPort{}, false
	}
	for _, candidate := range s.config.Self {
		if candidate.Port() != to.Port() || candidate.Addr().Is6() != to.Addr().Is6() {
			continue
		}
		if candidate.Addr() == local {
			return candidate, true
		}
		if !ok || self.Addr().IsLoopback() {
			self, ok = candidate, true
		}
	}
	return self, ok
}

// Close ends all allocations and connections, closes the sockets and the
// listeners, and waits for everybody who read them. It is called once.
func (s *Server) Close() error {
	close(s.stop)
	var errs []error
	for _, listener := range s.config.Listeners {
		errs = append(errs, listener.Close())
	}
	if s.config.DTLS != nil {
		errs = append(errs, s.config.DTLS.Close())
	}
	for _, f := range s.fronts {
		if err := f.Close(); !errors.Is(err, net.ErrClosed) { // who closed it before meant the same
			errs = append(errs, err)
		}
	}
	s.mu.Lock()
	links, allocations := s.links, s.allocations
	s.links, s.allocations = nil, nil
	s.mu.Unlock()
	for _, a := range allocations {
		s.end(a, EndedByClose)
	}
	for l := range links {
		l.over(net.ErrClosed)
	}
	s.connections.close()
	errs = append(errs, s.closeGroups())
	s.loops.Wait()
	return errors.Join(errs...)
}

func (s *Server) closeGroups() error {
	var errs []error
	for _, group := range s.groups {
		errs = append(errs, group.Close())
	}
	return errors.Join(errs...)
}
