package dtls

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"github.com/hiroba-rtc/hiroba/sfu/srtp"
)

// flightInterval is how long an answer of the handshake is waited for at first,
// before the flight is sent again (RFC 9147, 5.8.2: real-time applications may
// wait less than a second).
const flightInterval = 300 * time.Millisecond

// mtu is how long the library makes datagrams of the handshake, but for some
// headers: they fit into the answers to checks.
const mtu = 1024

// profiles are what SRTP may use, the preferred first.
var profiles = map[dtls.SRTPProtectionProfile]srtp.Profile{
	dtls.SRTP_AEAD_AES_128_GCM:       srtp.AES128GCM,
	dtls.SRTP_AEAD_AES_256_GCM:       srtp.AES256GCM,
	dtls.SRTP_AES128_CM_HMAC_SHA1_80: srtp.AES128CM,
}

// Config is what a Transport needs.
type Config struct {
	Identity *Identity
	// Client says that this end begins the handshake.
	Client bool
	// Remote are the certificates that the client's description allows.
	Remote []Fingerprint
	// Send sends one datagram to the client. It must not block.
	Send func(datagram []byte) error
	// LoggerFactory takes the library's log.
	LoggerFactory logging.LoggerFactory
}

// Transport is one DTLS connection. It is safe for concurrent use.
type Transport struct {
	config Config
	path   *path
	conn   *dtls.Conn

	mu     sync.Mutex // guards what follows
	flight flight
	done   bool // this end has finished the handshake
}

// New makes a Transport. It has to be closed.
func New(config Config) (*Transport, error) {
	t := &Transport{config: config}
	t.path = newPath(t.send)
	shared := []dtls.Option{
		dtls.WithCertificates(config.Identity.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // there is no authority: the fingerprint counts, see verify
		dtls.WithVerifyPeerCertificate(func(chain [][]byte, _ [][]*x509.Certificate) error { return verify(config.Remote, chain) }),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithMTU(mtu),
		dtls.WithLoggerFactory(config.LoggerFactory),
	}
	var err error
	if config.Client {
		var options []dtls.ClientOption
		for _, o := range shared {
			options = append(options, o)
		}
		t.conn, err = dtls.ClientWithOptions(t.path, t.path.LocalAddr(), options...)
	} else {
		options := []dtls.ServerOption{
			dtls.WithClientAuth(dtls.RequireAnyClientCert),
			// ICE has made sure of the address (RFC 8842, 5.1): no cookie is needed.
			dtls.WithInsecureSkipVerifyHello(true),
		}
		for _, o := range shared {
			options = append(options, o)
		}
		t.conn, err = dtls.ServerWithOptions(t.path, t.path.LocalAddr(), options...)
	}
	if err != nil {
		return nil, fmt.Errorf("dtls: %w", err)
	}
	return t, nil
}

// Receive takes a datagram of the client's. It does not block: with too many
// that wait, it is dropped, and reported as false.
func (t *Transport) Receive(datagram []byte) bool {
	switch {
	case handshakes(datagram):
		t.mu.Lock()
		fresh := t.flight.received(datagram)
		t.mu.Unlock()
		if !fresh {
			return true
		}
	case len(datagram) > 0 && datagram[0] == recordApplicationData:
		t.finished()
	}
	return t.path.put(datagram)
}

// Embedded takes what came in a check of the client's, a datagram of the
// handshake or nil and acknowledgements, and returns what its answer is to
// carry: a datagram of at most room bytes that the client may lack or nil, and
// what arrived of its own (draft-hancke-webrtc-sped). What is returned is not
// written to.
func (t *Transport) Embedded(datagram []byte, acks []uint32, room int) (data []byte, arrived []uint32) {
	if handshakes(datagram) {
		t.Receive(datagram) // may be dropped like any
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight.acknowledged(acks)
	return t.flight.next(room), t.flight.arrived
}

// Repeat sends again what the client may lack of the handshake, since it is
// reached on another path now. There is no need to wait for a timer to do it.
func (t *Transport) Repeat() {
	t.mu.Lock()
	pending := t.flight.pending
	if t.done {
		pending = nil
	}
	t.mu.Unlock()
	for _, datagram := range pending {
		_ = t.config.Send(datagram) // lost, as any may be
	}
}

// finished says that the client uses the keys, so that it lacks nothing.
func (t *Transport) finished() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.flight.over && t.done {
		t.flight.finish()
	}
}

// send sends what the library writes. What cannot be sent is lost, as any may be
// on its way: a connection without a route yet, or a full queue, is no reason to
// give up.
func (t *Transport) send(datagram []byte) {
	if handshakes(datagram) {
		t.mu.Lock()
		t.flight.sent(time.Now(), datagram)
		t.mu.Unlock()
	}
	_ = t.config.Send(datagram)
}

// Handshake agrees on keys with the client. A client to be waited for is to be
// reachable by then.
func (t *Transport) Handshake(ctx context.Context) (srtp.Keys, error) {
	if err := t.conn.HandshakeContext(ctx); err != nil {
		return srtp.Keys{}, fmt.Errorf("dtls: %w", err)
	}
	t.mu.Lock()
	t.done = true
	if t.config.Client { // it had the last word
		t.flight.pending = nil
	}
	t.mu.Unlock()
	chosen, ok := t.conn.SelectedSRTPProtectionProfile()
	state, known := t.conn.ConnectionState()
	profile, usable := profiles[chosen]
	if !ok || !known || !usable {
		return srtp.Keys{}, errors.New("dtls: the client takes none of the SRTP ciphers AES-GCM and AES-CM-HMAC-SHA1-80 (RFC 5764)")
	}
	return srtp.Export(&state, profile, t.config.Client)
}

// Conn carries data once the handshake is done. It ends when the client says so.
func (t *Transport) Conn() net.Conn { return t.conn }

// Close tells the client and ends the connection.
func (t *Transport) Close() error { return t.conn.Close() }
