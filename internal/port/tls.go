package port

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"time"

	"golang.org/x/crypto/acme"
)

// handshakeTimeout is how long a TLS handshake may take, from the first byte to
// the last. A client that is far away takes two round trips.
const handshakeTimeout = 5 * time.Second

// What clients may say by ALPN (RFC 7301) that they want to speak.
const (
	alpnHTTP2 = "h2"
	alpnHTTP1 = "http/1.1"
	alpnTURN  = "stun.turn"          // RFC 7443
	alpnSTUN  = "stun.nat-discovery" // RFC 7443
	alpnACME  = acme.ALPNProto       // acme-tls/1, RFC 8737
)

// secureConfig is what TLS is spoken with, given what the caller wants: at
// least TLS 1.2, and the protocols that are here.
func secureConfig(given *tls.Config) *tls.Config {
	if given == nil {
		return nil
	}
	config := given.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	// Of what a client offers the first of these is taken. Who offers TURN wants
	// it, also behind http/1.1, as coturn's client does.
	wanted := []string{alpnTURN, alpnSTUN}
	for _, name := range slices.Concat(config.NextProtos, []string{alpnHTTP2, alpnHTTP1}) {
		if !slices.Contains(wanted, name) {
			wanted = append(wanted, name)
		}
	}
	config.NextProtos = wanted
	return config
}

// shake makes the handshake with a client over a connection that begins like TLS, and tells
// what it carries: by what was agreed on, or else, as most TURN clients say
// nothing, by the first bytes that come out.
func (t *tcp) shake(raw *stream) (net.Conn, protocol, string) {
	if t.secure == nil {
		return nil, unknown, refusedTLS
	}
	conn := tls.Server(raw, t.secure)
	if err := raw.SetDeadline(time.Now().Add(t.timeouts.handshake)); err != nil {
		return nil, unknown, refusedGone
	}
	if err := conn.Handshake(); err != nil {
		if isTimeout(err) {
			return nil, unknown, refusedTLSTimeout
		}
		return nil, unknown, refusedTLSFailed
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, unknown, refusedGone
	}
	switch conn.ConnectionState().NegotiatedProtocol {
	case alpnHTTP2, alpnHTTP1:
		return conn, protocolHTTPS, ""
	case alpnTURN, alpnSTUN:
		return conn, protocolTURNS, ""
	case alpnACME:
		// The handshake was all that the authority wanted.
		return conn, protocolACME, ""
	}
	peeked, inside, err := peek(conn, t.timeouts.peek)
	switch {
	case isTimeout(err):
		return nil, unknown, refusedSilent
	case isAlert(err):
		return nil, unknown, refusedTLSFailed
	case err != nil:
		return nil, unknown, refusedGone
	}
	handed := &secured{Conn: conn, peeked: peeked}
	switch inside {
	case protocolHTTP:
		return handed, protocolHTTPS, ""
	case protocolTURN:
		return handed, protocolTURNS, ""
	}
	return nil, unknown, refusedUnknown // also ICE-TCP, which is in the clear
}

// isAlert tells whether TLS itself found fault with what came.
func isAlert(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var failed *net.OpError
	return errors.As(err, &alert) || errors.As(err, &record) || errors.As(err, &failed) && failed.Op == "local error"
}

// secured is a TLS connection whose first bytes were read to tell what it is;
// they are read again from here. What *tls.Conn tells of itself stays in reach.
type secured struct {
	*tls.Conn
	peeked []byte
}

// Read returns the peeked bytes first.
func (s *secured) Read(b []byte) (int, error) {
	if len(s.peeked) == 0 {
		return s.Conn.Read(b)
	}
	n := copy(b, s.peeked)
	s.peeked = s.peeked[n:]
	return n, nil
}
