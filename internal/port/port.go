// Package port is the one TCP port and the one UDP port of the same number
// that all protocols of a server share, so that a firewall needs one rule.
// What a connection or a datagram carries is told by its first bytes: HTTP,
// ICE-TCP and TURN on TCP; ICE with its media, STUN and TURN on UDP.
//
// Nothing is decided here about who may do what, and nothing is answered. What
// strangers can make the package hold is bounded, and everything that is
// handed to nobody is counted.
package port

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// Config says what to listen on. The zero Config is any free port of all
// addresses.
type Config struct {
	// Host is the address to listen on. The zero Addr and the unspecified ones
	// mean all of them.
	//
	// TCP binds to it as it is. UDP has one socket per local address, so that
	// an answer leaves from the address that was asked: for a specific Host
	// that one; for all, and for a loopback Host as well, every unicast address
	// of the machine. Firefox and Safari pair no loopback candidate, so a call
	// page on localhost still needs an address of the machine for its media.
	// The UDP sockets give nothing away by that: without the ICE or TURN
	// credentials of a session there are no answers but a STUN Binding's.
	Host netip.Addr

	// Port is the number for TCP and UDP; 0 takes one that is free for both.
	Port int

	Logger     *slog.Logger          // nil: slog.Default
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// Port is an open port. Its methods are safe for concurrent use.
type Port struct {
	number int
	tcp    *tcp
	udp    []*UDP
}

// attempts is how often Listen looks for a number that is free for TCP and for
// UDP on every address.
const attempts = 50

// Listen opens the port. The error names the address that could not be had,
// and the configuration key to change.
func Listen(config Config) (*Port, error) {
	if config.Port < 0 || config.Port > 65535 {
		return nil, fmt.Errorf(`port: %d is no port number: set "port" to a number from 0 to 65535`, config.Port)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	addrs, err := udpAddresses(config.Host.Unmap())
	if err != nil {
		return nil, err
	}
	for range attempts {
		var listener *net.TCPListener
		var sockets []*udp.Socket
		listener, sockets, err = bind(config, addrs)
		if err == nil {
			return start(config, listener, sockets), nil
		}
		if config.Port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("port: found no number that is free for TCP and UDP in %d tries: %w", attempts, err)
}

// bind opens all sockets, or none.
func bind(config Config, addrs []netip.Addr) (*net.TCPListener, []*udp.Socket, error) {
	tcpAddr := &net.TCPAddr{IP: config.Host.AsSlice(), Zone: config.Host.Zone(), Port: config.Port}
	listener, err := net.ListenTCP("tcp", tcpAddr)
	if err != nil {
		return nil, nil, explain("TCP", tcpAddr.String(), err)
	}
	number := uint16(listener.Addr().(*net.TCPAddr).Port)
	sockets, err := bindUDP(addrs, number, config.Logger)
	if err != nil {
		_ = listener.Close()
		return nil, nil, err
	}
	return listener, sockets, nil
}

func bindUDP(addrs []netip.Addr, number uint16, log *slog.Logger) ([]*udp.Socket, error) {
	var sockets []*udp.Socket
	var failed error
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, number)
		socket, err := udp.Listen(at)
		switch {
		case err == nil:
			sockets = append(sockets, socket)
			continue
		case errors.Is(err, syscall.EADDRNOTAVAIL) && len(addrs) > 1:
			// Listed a moment ago, but gone meanwhile, or IPv6 and still
			// being checked for duplicates (RFC 4862). The others will do.
			log.Warn("a local address cannot be used; going on without it", "addr", addr, "err", err)
			failed = explain("UDP", at.String(), err)
			continue
		}
		for _, s := range sockets {
			_ = s.Close()
		}
		return nil, explain("UDP", at.String(), err)
	}
	if len(sockets) == 0 {
		return nil, failed
	}
	return sockets, nil
}

// explain says what to do about a socket that could not be had.
func explain(network, addr string, err error) error {
	advice := `change "host" or "port"`
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = `another program has it; stop that one, or set "port" to another number (0 takes any free one)`
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = `this machine has no such address; set "host" to one it has, or to 0.0.0.0 for all of them`
	case errors.Is(err, syscall.EACCES):
		advice = `the system reserves low numbers; set "port" to 1024 or more, or give the program the right to them (CAP_NET_BIND_SERVICE)`
	}
	return fmt.Errorf("port: cannot listen on %s %s: %w: %s", network, addr, err, advice)
}

func start(config Config, listener *net.TCPListener, sockets []*udp.Socket) *Port {
	tellBuffers(config.Logger, sockets[0].Buffers)
	counts := newCounts(config.Registerer, sockets)
	p := &Port{
		number: listener.Addr().(*net.TCPAddr).Port,
		tcp:    newTCP(listener, peekTimeout, counts, config.Logger),
	}
	for _, socket := range sockets {
		p.udp = append(p.udp, newUDP(socket, counts))
	}
	return p
}

// Port is the number, of TCP and UDP alike.
func (p *Port) Port() int { return p.number }

// HTTP has the connections that begin with an HTTP method.
func (p *Port) HTTP() net.Listener { return p.tcp.http }

// ICETCP has the connections that begin with a framed STUN message (RFC 6544).
func (p *Port) ICETCP() net.Listener { return p.tcp.ice }

// TURNTCP has the connections that begin with a bare STUN message.
func (p *Port) TURNTCP() net.Listener { return p.tcp.turn }

// UDP has one element per local address. The slice is the caller's to read.
func (p *Port) UDP() []*UDP { return p.udp }

// Close closes everything that the port opened and waits for what it started.
// TCP connections that somebody accepted are theirs to close. It is called
// once, after the owners of the protocols have ended.
func (p *Port) Close() error {
	err := p.tcp.close()
	for _, u := range p.udp {
		err = errors.Join(err, u.close())
	}
	return err
}
