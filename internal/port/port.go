// Package port is the one TCP port and the one UDP port of the same number
// that all protocols of a server share, so that a firewall needs one rule.
// What a connection or a datagram carries is told by its first bytes: HTTP,
// ICE-TCP, TURN and TLS on TCP, and inside of TLS again HTTP and TURN; ICE with
// its media, STUN, TURN and DTLS with TURN inside on UDP.
//
// Nothing is decided here about who may do what, and nothing is answered. What
// strangers can make the package hold is bounded, and everything that is
// handed to nobody is counted.
package port

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/records"
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

	// Extra are further numbers to listen on.
	Extra []Extra

	// TLS has the certificates, by its GetCertificate; nil for no TLS. The
	// versions and protocols to speak are added. With acme-tls/1 among its
	// NextProtos it answers challenges.
	TLS *tls.Config

	// DSCP marks what leaves over UDP (RFC 8837), from 0 to 63.
	DSCP int

	Logger     *slog.Logger          // nil: slog.Default
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// Extra is a further number to listen on, for networks that let only some
// through. What is there on TCP is told apart as on the port itself. UDP there
// is for STUN and TURN: media has a port already, and each further socket would
// be one more candidate for every client to check.
type Extra struct {
	Port     int
	TCP, UDP bool
}

// Port is an open port. Its methods are safe for concurrent use.
type Port struct {
	number int
	tcp    *tcp
	udp    []*UDP
	extra  []*UDP
	dtls   *dtlsServer // nil without a certificate
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
		var bound binding
		bound, err = bind(config, addrs)
		if err == nil {
			return start(config, bound), nil
		}
		if config.Port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("port: found no number that is free for TCP and UDP in %d tries: %w", attempts, err)
}

// binding is all that a port has open.
type binding struct {
	tcp   []*net.TCPListener // the port's own first
	udp   []*udp.Socket      // of the port itself
	extra []*udp.Socket
}

func (b *binding) close() {
	for _, l := range b.tcp {
		_ = l.Close()
	}
	for _, s := range slices.Concat(b.udp, b.extra) {
		_ = s.Close()
	}
}

// bind opens all sockets, or none.
func bind(config Config, addrs []netip.Addr) (b binding, err error) {
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := b.listen(config.Host, config.Port, "port"); err != nil {
		return b, err
	}
	number := b.tcp[0].Addr().(*net.TCPAddr).Port
	if b.udp, err = bindUDP(addrs, uint16(number), "port", config.Logger); err != nil {
		return b, err
	}
	for _, extra := range config.Extra {
		if extra.TCP {
			if err := b.listen(config.Host, extra.Port, "listen"); err != nil {
				return b, err
			}
		}
		if extra.UDP {
			sockets, err := bindUDP(addrs, uint16(extra.Port), "listen", config.Logger)
			if err != nil {
				return b, err
			}
			b.extra = append(b.extra, sockets...)
		}
	}
	return b, nil
}

// listen opens a TCP port. key is the setting that says which.
func (b *binding) listen(host netip.Addr, number int, key string) error {
	at := &net.TCPAddr{IP: host.AsSlice(), Zone: host.Zone(), Port: number}
	listener, err := net.ListenTCP("tcp", at)
	if err != nil {
		return explain("TCP", at.String(), key, err)
	}
	b.tcp = append(b.tcp, listener)
	return nil
}

func bindUDP(addrs []netip.Addr, number uint16, key string, log *slog.Logger) ([]*udp.Socket, error) {
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
			failed = explain("UDP", at.String(), key, err)
			continue
		}
		for _, s := range sockets {
			_ = s.Close()
		}
		return nil, explain("UDP", at.String(), key, err)
	}
	if len(sockets) == 0 {
		return nil, failed
	}
	return sockets, nil
}

// explain says what to do about a socket that could not be had. key is the
// setting that asks for it.
func explain(network, addr, key string, err error) error {
	advice := fmt.Sprintf(`change "host" or %q`, key)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && key == "port":
		advice = `another program has it; stop that one, or set "port" to another number (0 takes any free one)`
	case errors.Is(err, syscall.EADDRINUSE):
		advice = fmt.Sprintf("another program has it; stop that one, or leave the number out of %q", key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = `this machine has no such address; set "host" to one it has, or to 0.0.0.0 for all of them`
	case errors.Is(err, syscall.EACCES):
		advice = fmt.Sprintf("the system reserves low numbers; set %q to 1024 or more, or give the program the right to them (CAP_NET_BIND_SERVICE)", key)
	}
	return fmt.Errorf("port: cannot listen on %s %s: %w: %s", network, addr, err, advice)
}

func start(config Config, bound binding) *Port {
	tellBuffers(config.Logger, bound.udp[0].Buffers)
	sockets := slices.Concat(bound.udp, bound.extra)
	for _, socket := range sockets {
		if err := socket.Mark(config.DSCP, udp.NotECT); err != nil && config.DSCP != 0 {
			config.Logger.Warn("what leaves is not marked as dscp asks for", "err", err)
		}
	}
	counts := newCounts(config.Registerer, sockets)
	p := &Port{
		number: bound.tcp[0].Addr().(*net.TCPAddr).Port,
		tcp:    newTCP(bound.tcp, config.TLS, timeouts{peekTimeout, handshakeTimeout}, counts, config.Logger),
	}
	if config.TLS != nil {
		p.dtls = newDTLS(bound.udp[0].LocalAddr(), config.TLS, dtlsTimeouts{dtlsTimeout, proveTimeout}, counts, config.Logger)
	}
	for _, socket := range bound.udp {
		p.udp = append(p.udp, newUDP(socket, p.dtls, counts))
	}
	for _, socket := range bound.extra {
		u := newUDP(socket, p.dtls, counts)
		_ = u.ICE().Close() // so that TURN reads the socket itself
		p.extra = append(p.extra, u)
	}
	return p
}

// Port is the number, of TCP and UDP alike.
func (p *Port) Port() int { return p.number }

// HTTP has the connections that begin with an HTTP method, in the clear and
// inside of TLS. Those that agreed on a version of HTTP by ALPN are *tls.Conn;
// the others have its ConnectionState.
func (p *Port) HTTP() net.Listener { return p.tcp.http }

// ICETCP has the connections that begin with a framed STUN message (RFC 6544).
func (p *Port) ICETCP() net.Listener { return p.tcp.ice }

// TURNTCP has the connections that begin with a bare STUN message.
func (p *Port) TURNTCP() net.Listener { return p.tcp.turn }

// TURNTLS has the connections that begin with a STUN message inside of TLS, or
// said by ALPN that they will (RFC 7443).
func (p *Port) TURNTLS() net.Listener { return p.tcp.turns }

// TURNDTLS has the connections over DTLS on the UDP sockets from addresses that
// are no client's of ICE; nil without certificates. Their records come among the
// datagrams of the socket's TURNConn once Begin was called, and are sent by it.
func (p *Port) TURNDTLS() records.Listener {
	if p.dtls == nil {
		return nil
	}
	return p.dtls.listener
}

// UDP has one element per local address. The slice is the caller's to read.
func (p *Port) UDP() []*UDP { return p.udp }

// ExtraUDP has one element per local address and number of Extra. Only the side
// of TURN is open.
func (p *Port) ExtraUDP() []*UDP { return p.extra }

// Close closes everything that the port opened and waits for what it started.
// TCP connections that somebody accepted are theirs to close. It is called
// once, after the owners of the protocols have ended.
func (p *Port) Close() error {
	err := p.tcp.close()
	if p.dtls != nil {
		err = errors.Join(err, p.dtls.close())
	}
	for _, u := range slices.Concat(p.udp, p.extra) {
		err = errors.Join(err, u.close())
	}
	return err
}
