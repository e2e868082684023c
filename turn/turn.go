// Package turn is the STUN and TURN server (RFC 8489, RFC 8656): it tells
// clients their mapped address, and relays UDP for those that nothing else
// lets through, over UDP and TCP.
//
// pion/turn keeps the protocol; around it stands what a server in the open
// needs. Each message a client sends is looked at before the library sees it
// (frame.go, admit.go), each datagram to or from a peer is judged with its
// port (policy.go, relay.go), and everything that a stranger can make the
// server hold is bounded and counted.
//
// Where the SFU is at the same UDP address and port, a browser's connection to
// the SFU must not name this server as its STUN or TURN/UDP server, unless it
// is relay-only: Chromium takes every datagram from the address of such a
// server for that server's, so ICE never gets an answer on the direct way
// (seen with version 156; with stun: there is no connection at all, with
// turn: over UDP it is always relayed). Nothing is lost by it: who reaches
// this server by UDP reaches the SFU. TURN over TCP can always be named.
package turn

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/pionlog"
)

// Config says what a Server serves.
type Config struct {
	// UDP are sockets bound to one specific address each; relays for a client
	// sit at the address that it reached. The server reads and closes them.
	UDP []net.PacketConn
	// Listeners have the connections of clients over TCP, TLS and DTLS. The
	// server closes them.
	Listeners []Listener

	// Secret is shared with whoever issues credentials; see authenticator.
	Secret []byte
	// Realm is "hiroba" when empty.
	Realm string
	// Grace is how long after a credential's expiry it keeps the allocations
	// alive that it opened before; 24 hours when 0, none when negative.
	Grace time.Duration

	// Self are the UDP sockets of this server's own SFU: the one exception,
	// port and all, from the addresses that no client reaches as a peer.
	Self []netip.AddrPort
	// Advertise are the addresses by which the world knows this machine when
	// they are not its own, at most one for each address family. Relayed
	// addresses are announced there, and clients reach Self there.
	Advertise []netip.Addr
	// Allow are networks whose addresses clients may reach although they are
	// private or otherwise special.
	Allow []netip.Prefix

	// RelayPortLow to RelayPortHigh are the UDP ports of relayed addresses;
	// both 0 for any.
	RelayPortLow, RelayPortHigh uint16

	Limits Limits

	Logger     *slog.Logger          // nil: slog.Default
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// Listener has connections of clients.
type Listener struct {
	net.Listener
	// Transport is how clients come here. TCP and TLS carry a stream of bytes;
	// what a connection over DTLS reads and writes at once is one datagram.
	Transport Transport
}

// Transport is how a client reaches the server; as a string, a label of
// metrics.
type Transport string

// The transports of RFC 8656, section 3.1.
const (
	UDP  Transport = "udp"
	TCP  Transport = "tcp"
	TLS  Transport = "tls"
	DTLS Transport = "dtls"
)

// Limits bound what clients can make the server hold. Each 0 is its default.
type Limits struct {
	AllocationsPerUser   int // 16
	Allocations          int // in all; 4096
	Connections          int // over TCP, in all; 4096
	ConnectionsPerSource int // over TCP, of one IPv4 address or IPv6 /64; 256
}

// Server is a running server.
type Server struct {
	config     Config
	log        *slog.Logger
	libraryLog logging.LoggerFactory
	counts     *counts
	auth       *authenticator
	policy     *policy
	locals     []netip.Addr // of the UDP sockets
	requests   *limit.Rate
	users      *limit.Counter[string]     // allocations
	sources    *limit.Counter[netip.Addr] // TCP connections
	relays     relays
	timeouts   streamTimeouts

	loops sync.WaitGroup // the accept loop, and each reader of a front or relay

	mu     sync.Mutex // guards fronts; nil once closed
	fronts map[*front]struct{}
}

// New starts a server. An error about the Config leaves its sockets open.
func New(config Config) (*Server, error) {
	return start(config, streamTimeouts{allocateWithin, silence, writeWithin}, time.Now)
}

func start(config Config, timeouts streamTimeouts, now func() time.Time) (*Server, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		config:     config,
		log:        config.Logger,
		libraryLog: pionlog.Factory{Logger: config.Logger},
		auth:       &authenticator{secret: config.Secret, realm: config.Realm, grace: max(0, config.Grace), now: now},
		requests:   limit.NewRate(requestsPerSecond, requestsBurst),
		users:      limit.New[string](config.Limits.Allocations, config.Limits.AllocationsPerUser),
		sources:    limit.New[netip.Addr](config.Limits.Connections, config.Limits.ConnectionsPerSource),
		relays:     relays{by: make(map[netip.AddrPort]*relay)},
		timeouts:   timeouts,
		fronts:     make(map[*front]struct{}),
	}
	for _, conn := range config.UDP {
		s.locals = append(s.locals, addrPort(conn.LocalAddr()).Addr())
	}
	s.policy = newPolicy(config.Self, slices.Concat(s.locals, config.Advertise), config.Allow)
	s.counts = newCounts(config.Registerer)

	for _, conn := range config.UDP {
		if err := s.serve(conn, UDP, s.socketEnded); err != nil {
			return nil, errors.Join(fmt.Errorf("turn: serving UDP %v: %w", conn.LocalAddr(), err), s.Close())
		}
	}
	for _, listener := range config.Listeners {
		s.loops.Go(func() { s.accept(listener) })
	}
	return s, nil
}

// complete fills in defaults and says what is wrong.
func (c *Config) complete() error {
	if len(c.UDP) == 0 && len(c.Listeners) == 0 {
		return errors.New("turn: neither UDP nor TCP to serve")
	}
	for _, l := range c.Listeners {
		if l.Transport != TCP && l.Transport != TLS && l.Transport != DTLS {
			return fmt.Errorf("turn: the transport of listener %v is %q; it can be tcp, tls or dtls", l.Addr(), l.Transport)
		}
	}
	for _, conn := range c.UDP {
		if at := addrPort(conn.LocalAddr()); !at.IsValid() || at.Addr().IsUnspecified() {
			return fmt.Errorf("turn: UDP %v is not at one specific address, where relays could sit", conn.LocalAddr())
		}
	}
	if len(c.Secret) == 0 {
		return errors.New("turn: no secret, so anybody could log in; set one, or make a random one")
	}
	if c.RelayPortLow > c.RelayPortHigh || c.RelayPortLow == 0 && c.RelayPortHigh != 0 {
		return fmt.Errorf("turn: %d-%d is no range of relay ports; give the lower one first, from 1 on, or 0 twice for any",
			c.RelayPortLow, c.RelayPortHigh)
	}
	c.Self = slices.Clone(c.Self)
	for i, addr := range c.Self {
		c.Self[i] = canonical(addr)
	}
	c.Advertise = slices.Clone(c.Advertise)
	for i, addr := range c.Advertise {
		c.Advertise[i] = addr.Unmap()
	}
	setDefault(&c.Realm, "hiroba")
	setDefault(&c.Grace, 24*time.Hour)
	setDefault(&c.Limits.AllocationsPerUser, 16)
	setDefault(&c.Limits.Allocations, 4096)
	setDefault(&c.Limits.Connections, 4096)
	setDefault(&c.Limits.ConnectionsPerSource, 256)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

// serve starts a front. ended is called once when reading it has ended; when
// serve fails, it is not.
func (s *Server) serve(conn net.PacketConn, transport Transport, ended func(net.PacketConn, error)) error {
	f := &front{
		PacketConn: conn,
		server:     s,
		transport:  transport,
		local:      addrPort(conn.LocalAddr()).Addr(),
		clients:    make(map[netip.AddrPort]*client),
	}
	f.closed = func(err error) {
		s.forget(f)
		ended(conn, err)
		s.loops.Done()
	}
	s.mu.Lock()
	if s.fronts == nil {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.fronts[f] = struct{}{}
	s.loops.Add(1)
	s.mu.Unlock()
	if err := f.open(); err != nil {
		s.forget(f)
		s.loops.Done()
		return err
	}
	return nil
}

func (s *Server) forget(f *front) {
	s.mu.Lock()
	delete(s.fronts, f)
	s.mu.Unlock()
}

func (s *Server) socketEnded(conn net.PacketConn, err error) {
	if !errors.Is(err, net.ErrClosed) {
		s.log.Error("TURN over UDP stopped: the socket cannot be read", "address", conn.LocalAddr(), "err", err)
	}
}

// accept serves each connection as a front of its own.
func (s *Server) accept(listener Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.Error("TURN stopped at a listener: no connection can be accepted", "transport", listener.Transport, "address", listener.Addr(), "err", err)
			}
			return
		}
		s.welcome(conn, listener.Transport)
	}
}

func (s *Server) welcome(conn net.Conn, transport Transport) {
	source := limit.Network(addrPort(conn.RemoteAddr()).Addr())
	if err := s.sources.Take(source); err != nil {
		reason := refusedConnections
		if errors.Is(err, limit.ErrKey) {
			reason = refusedConnectionsPerSource
		}
		s.counts.refused(reason)
		_ = conn.Close() // there is nobody to tell
		return
	}
	s.counts.connections.Inc()
	leave := func() {
		_ = conn.Close()
		s.counts.connections.Dec()
		s.sources.Give(source)
	}
	stream := newStream(conn, transport, s.timeouts)
	err := s.serve(stream, transport, func(_ net.PacketConn, err error) {
		if reason := stream.closeReason(err); reason != "" {
			s.counts.refused(reason)
		}
		leave()
	})
	if err != nil {
		leave()
		if !errors.Is(err, net.ErrClosed) {
			s.log.Error("serving a TURN connection", "client", conn.RemoteAddr(), "err", err)
		}
	}
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
	family := "IPv4"
	if want6 {
		family = "IPv6"
	}
	return netip.Addr{}, fmt.Errorf("turn: this machine has no %s address for a relay", family)
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
// listener, and waits for everybody who read them. It is called once.
func (s *Server) Close() error {
	var err error
	for _, listener := range s.config.Listeners {
		err = errors.Join(err, listener.Close())
	}
	s.mu.Lock()
	fronts := s.fronts
	s.fronts = nil
	s.mu.Unlock()
	for f := range fronts {
		if e := f.PacketConn.Close(); !errors.Is(e, net.ErrClosed) { // the client may have been faster
			err = errors.Join(err, e)
		}
	}
	s.relays.close()
	s.loops.Wait()
	return err
}
