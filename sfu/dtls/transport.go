package dtls

import (
	"bytes"
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
	// Opened is called when the client first sends something after the handshake,
	// with the connection to read it from. It must not block, and nothing of the
	// Transport's be called in it. With nil, what the client sends is dropped.
	Opened func(conn net.Conn)
	// LoggerFactory takes the library's log.
	LoggerFactory logging.LoggerFactory
}

// Transport is one DTLS connection. It is safe for concurrent use.
//
// The library keeps four goroutines and all messages of the handshake for a
// connection. Most clients of a large room only receive media, and send nothing
// over theirs: after the handshake it rests, which is to say there is only what
// it can go on from, until the client sends something.
type Transport struct {
	config  Config
	options []dtls.Option
	saying  sync.WaitGroup // what is sent again

	mu     sync.Mutex // guards what follows
	path   *path
	conn   *dtls.Conn
	flight flight
	done   bool        // this end has finished the handshake
	rests  *dtls.State // what to go on from; nil unless it rests
	early  [][]byte    // what came before it could be read, oldest first
	closed bool
}

// maxEarly is how many datagrams are kept that come before this end has finished
// the handshake, maxEarlyBytes how long each may be: what begins SCTP is shorter.
const maxEarly, maxEarlyBytes = 16, 2 << 10

// New makes a Transport. It has to be closed.
func New(config Config) (*Transport, error) {
	t := &Transport{config: config}
	t.path = newPath(t.send)
	t.options = []dtls.Option{
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
		for _, o := range t.options {
			options = append(options, o)
		}
		t.conn, err = dtls.ClientWithOptions(t.path, t.path.LocalAddr(), options...)
	} else {
		options := []dtls.ServerOption{
			dtls.WithClientAuth(dtls.RequireAnyClientCert),
			// ICE has made sure of the address (RFC 8842, 5.1): no cookie is needed.
			dtls.WithInsecureSkipVerifyHello(true),
		}
		for _, o := range t.options {
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
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed || len(datagram) == 0:
		return false
	case handshakes(datagram):
		switch {
		case !t.flight.received(datagram):
			return true // it came before
		case t.done:
			// The client has not heard the end. Who receives may hold what sending needs.
			again := t.flight.pending
			t.saying.Go(func() { t.say(again) })
			return true
		}
		return t.path.put(datagram)
	case datagram[0] != recordApplicationData && datagram[0] != recordAlert:
		return true // nothing that this end has a use for
	case t.done:
		if datagram[0] == recordApplicationData {
			t.flight.finish() // it uses the keys, so it lacks nothing
		}
		return t.deliver(datagram)
	case datagram[0] == recordAlert:
		return t.path.put(datagram)
	case len(t.early) == maxEarly || len(datagram) > maxEarlyBytes:
		return false
	}
	t.early = append(t.early, bytes.Clone(datagram))
	return true
}

// say sends datagrams, which may be lost, as any.
func (t *Transport) say(datagrams [][]byte) {
	for _, datagram := range datagrams {
		_ = t.config.Send(datagram)
	}
}

// deliver has a datagram read, now that there is something to read. The caller
// holds mu.
func (t *Transport) deliver(datagram []byte) bool {
	if t.rests != nil {
		if t.config.Opened == nil || t.resume() != nil {
			return false
		}
		t.config.Opened(t.conn)
	}
	return t.path.put(datagram)
}

// resume goes on from where it rested. The caller holds mu.
func (t *Transport) resume() error {
	path := newPath(t.send)
	conn, err := dtls.ResumeWithOptions(t.rests, path, path.LocalAddr(), t.options...)
	if err != nil {
		return fmt.Errorf("dtls: going on after the handshake: %w", err)
	}
	t.path, t.conn, t.rests = path, conn, nil
	for _, datagram := range t.early {
		t.path.put(datagram)
	}
	t.early = nil
	return nil
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
	t.say(pending)
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
	chosen, ok := t.conn.SelectedSRTPProtectionProfile()
	state, known := t.conn.ConnectionState()
	profile, usable := profiles[chosen]
	if !ok || !known || !usable {
		return srtp.Keys{}, errors.New("dtls: the client takes none of the SRTP ciphers AES-GCM and AES-CM-HMAC-SHA1-80 (RFC 5764)")
	}
	keys, err := srtp.Export(&state, profile, t.config.Client)
	if err != nil {
		return srtp.Keys{}, err
	}
	return keys, t.rest(&state)
}

// rest ends what the handshake needed, and goes on if the client has begun to.
func (t *Transport) rest(state *dtls.State) error {
	t.path.mute() // the library would say goodbye
	if err := t.conn.Close(); err != nil {
		return fmt.Errorf("dtls: ending the handshake: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	t.done, t.rests = true, state
	if t.config.Client { // it had the last word
		t.flight.pending = nil
	}
	if len(t.early) == 0 || t.config.Opened == nil {
		return nil
	}
	if err := t.resume(); err != nil {
		return err
	}
	t.config.Opened(t.conn)
	return nil
}

// Open is the connection after the handshake for who has something to say first.
// Opened is not called then.
func (t *Transport) Open() (net.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rests != nil {
		if err := t.resume(); err != nil {
			return nil, err
		}
	}
	return t.conn, nil
}

// Close tells the client and ends the connection. Nothing is opened after that.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	rested := t.rests != nil
	if rested {
		if err := t.resume(); err != nil {
			t.mu.Unlock()
			return err
		}
	}
	conn := t.conn
	t.mu.Unlock()
	t.saying.Wait()
	if rested {
		_ = conn.Handshake() // which is done: only so does it say goodbye
	}
	return conn.Close()
}
