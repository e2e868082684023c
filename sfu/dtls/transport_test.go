package dtls

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/sfu/srtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ends are the two of a connection over a way that loses what lose says of the
// n-th datagram of either.
func ends(t *testing.T, described func(a, b *Identity) (ofA, ofB []Fingerprint), lose func(n int) bool) (client, server *Transport) {
	t.Helper()
	a, b := identity(t), identity(t)
	ofA, ofB := described(a, b)
	var n atomic.Int32
	way := func(to **Transport) func([]byte) error {
		return func(d []byte) error {
			if !lose(int(n.Add(1))) {
				(*to).Receive(bytes.Clone(d))
			}
			return nil
		}
	}
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
	var err error
	if client, err = New(Config{Identity: a, Client: true, Remote: ofB, Send: way(&server), LoggerFactory: quiet}); err != nil {
		t.Fatal(err)
	}
	if server, err = New(Config{Identity: b, Remote: ofA, Send: way(&client), LoggerFactory: quiet}); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func identity(t *testing.T) *Identity {
	t.Helper()
	i, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func honest(a, b *Identity) (ofA, ofB []Fingerprint) {
	return []Fingerprint{{"sha-1", "00"}, {"SHA-256", strings.ToLower(a.Fingerprint())}}, []Fingerprint{{"sha-256", b.Fingerprint()}}
}

// shake has both ends shake hands.
func shake(client, server *Transport) (ofClient, ofServer srtp.Keys, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		var err error
		ofServer, err = server.Handshake(ctx)
		failed <- err
	}()
	ofClient, err = client.Handshake(ctx)
	if err != nil {
		cancel()
	}
	return ofClient, ofServer, errors.Join(err, <-failed)
}

// openings are the connections that an end opens since the other one said
// something. It is called before the handshake.
func openings(t *Transport) <-chan net.Conn {
	opened := make(chan net.Conn, 1)
	t.config.Opened = func(conn net.Conn) { opened <- conn }
	return opened
}

func TestBothEndsGetTheSameKeys(t *testing.T) {
	client, server := ends(t, honest, func(int) bool { return false })
	opened := openings(server)
	keys, theirs, err := shake(client, server)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := srtp.NewSealer(keys)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := srtp.NewOpener(theirs)
	if err != nil {
		t.Fatal(err)
	}
	h := rtp.Header{Version: 2, SSRC: 7}
	packet := make([]byte, 100)
	at, err := h.MarshalTo(packet)
	if err != nil {
		t.Fatal(err)
	}
	stream := srtp.NewStream(7)
	n, err := sealer.Seal(&stream, 0, packet, at, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := opener.RTP(packet[:n], &h); err != nil || string(opened[at:]) != "hello" {
		t.Fatalf("%q was opened: %v", opened, err)
	}

	// Data goes both ways, and one end hears of the other's end.
	conn, err := client.Open()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = conn.Write([]byte("data")) }()
	into := make([]byte, 100)
	other := <-opened
	if n, err := other.Read(into); err != nil || string(into[:n]) != "data" {
		t.Fatalf("%q was read: %v", into[:n], err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Read(into); !errors.Is(err, io.EOF) {
		t.Fatalf("after the client's end: %v; io.EOF was expected", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if server.Receive([]byte("late")) {
		t.Error("a closed transport takes datagrams")
	}
}

func TestForeignCertificatesAreRefused(t *testing.T) {
	for name, described := range map[string]func(a, b *Identity) (ofA, ofB []Fingerprint){
		"of the client": func(_, b *Identity) (ofA, ofB []Fingerprint) {
			return []Fingerprint{{"sha-256", b.Fingerprint()}}, []Fingerprint{{"sha-256", b.Fingerprint()}}
		},
		"of the server": func(a, _ *Identity) (ofA, ofB []Fingerprint) {
			return []Fingerprint{{"sha-256", a.Fingerprint()}}, []Fingerprint{{"sha-256", a.Fingerprint()}}
		},
		"none described": func(*Identity, *Identity) (ofA, ofB []Fingerprint) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			client, server := ends(t, described, func(int) bool { return false })
			if _, _, err := shake(client, server); err == nil {
				t.Error("the handshake came to an end")
			}
			_, _ = client.Close(), server.Close()
		})
	}
}

func TestAHandshakeGetsOverLosses(t *testing.T) {
	// Without a rhythm: with one, the same datagram of each flight could be lost.
	client, server := ends(t, honest, func(n int) bool { return rand.New(rand.NewPCG(1, uint64(n))).IntN(3) == 0 })
	if _, _, err := shake(client, server); err != nil {
		t.Error(err)
	}
	_, _ = client.Close(), server.Close()
}

// Who rests still says the last word again to who has missed it, and reads what
// came before the handshake was over.
func TestTheLastWordIsSaidAgain(t *testing.T) {
	client, server := ends(t, honest, func(int) bool { return false })
	opened, deliver := openings(server), server.config.Send
	var lost atomic.Int32
	server.config.Send = func(datagram []byte) error {
		if datagram[0] == recordChangeCipherSpec && lost.Add(1) <= 2 {
			return nil
		}
		return deliver(datagram)
	}
	for n := range maxEarly + 1 {
		if kept := server.Receive([]byte{recordApplicationData, byte(n)}); kept != (n < maxEarly) {
			t.Errorf("of what came early, number %d is kept: %v", n, kept)
		}
	}
	if _, _, err := shake(client, server); err != nil {
		t.Fatal(err)
	}
	if n := lost.Load(); n != 3 {
		t.Errorf("the last word was said %d times; the third one was heard", n)
	}
	conn, err := client.Open()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = conn.Write([]byte("data")) }()
	into := make([]byte, 100)
	if n, err := (<-opened).Read(into); err != nil || string(into[:n]) != "data" {
		t.Errorf("%q was read: %v", into[:n], err)
	}
	_, _ = client.Close(), server.Close()
}

func TestAHandshakeCanBeGivenUp(t *testing.T) {
	client, _ := ends(t, honest, func(int) bool { return true })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Handshake(ctx); err == nil {
		t.Error("the handshake came to an end")
	}
	_ = client.Close()
}
