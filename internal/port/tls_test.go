package port

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// selfSigned is a certificate for a test.
func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secureTCP is a listener that speaks TLS, and answers challenges.
func secureTCP(t testing.TB, limits timeouts) *tcp {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, NextProtos: []string{alpnACME}}
	port := newTCP([]*net.TCPListener{listener}, config, limits, newCounts(prometheus.NewRegistry(), nil), slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := port.close(); err != nil {
			t.Error(err)
		}
	})
	return port
}

var patient = timeouts{10 * time.Second, 10 * time.Second}

func (t *tcp) dial(test testing.TB) net.Conn {
	test.Helper()
	conn, err := net.Dial("tcp", t.listeners[0].Addr().String())
	if err != nil {
		test.Fatal(err)
	}
	test.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		test.Fatal(err)
	}
	return conn
}

// value is what a counter shows.
func value(t testing.TB, counter prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := counter.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// reaches waits until a counter shows what it should.
func reaches(t testing.TB, counter prometheus.Counter, want float64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); value(t, counter) != want; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("counted %v times, want %v", value(t, counter), want)
		}
	}
}

// What comes inside of TLS is told apart by ALPN, and without it by its first
// bytes; all of it arrives.
func TestTLSIsToldApart(t *testing.T) {
	p := secureTCP(t, patient)
	for name, c := range map[string]struct {
		alpn    []string
		say     []byte
		to      *listener[net.Conn]
		plainly bool // as a *tls.Conn, which net/http wants for HTTP/2
	}{
		"HTTP/2":            {[]string{"h2"}, []byte("PRI * HTTP/2.0\r\n"), p.http, true},
		"HTTP/1.1":          {[]string{"http/1.1"}, []byte("GET / HTTP/1.1\r\n"), p.http, true},
		"a browser":         {[]string{"h2", "http/1.1"}, []byte("PRI * HTTP/2.0\r\n"), p.http, true},
		"HTTP without ALPN": {nil, []byte("GET / HTTP/1.1\r\n"), p.http, false},
		"TURN by ALPN":      {[]string{"stun.turn"}, message(t, allocate), p.turns, true},
		"STUN by ALPN":      {[]string{"stun.nat-discovery"}, message(t, stun.BindingRequest), p.turns, true},
		"TURN without ALPN": {nil, message(t, allocate), p.turns, false},
		"STUN without ALPN": {nil, message(t, stun.BindingRequest), p.turns, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := tls.Client(p.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: c.alpn})
			if _, err := client.Write(c.say); err != nil {
				t.Fatal(err)
			}
			conn, err := c.to.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, plainly := conn.(*tls.Conn); plainly != c.plainly {
				t.Errorf("accepted a %T", conn)
			}
			state := conn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
			if !state.HandshakeComplete || len(c.alpn) > 0 && state.NegotiatedProtocol != c.alpn[0] {
				t.Errorf("the connection is in the state %+v", state)
			}
			got := make([]byte, len(c.say))
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, c.say) {
				t.Fatalf("read %q, %v; want %q", got, err, c.say)
			}
			if _, err := conn.Write([]byte("answer")); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 6)
			if _, err := io.ReadFull(client, answer); err != nil || string(answer) != "answer" {
				t.Fatalf("the answer is %q, %v", answer, err)
			}
		})
	}
}

// What does not become TLS, or holds nothing that is spoken here, is closed and
// counted for what it is.
func TestTLSRefusals(t *testing.T) {
	p := secureTCP(t, timeouts{peek: 100 * time.Millisecond, handshake: 100 * time.Millisecond})
	secured := func(config *tls.Config, say []byte) func(*testing.T, net.Conn) {
		return func(t *testing.T, conn net.Conn) {
			config.InsecureSkipVerify = true
			client := tls.Client(conn, config)
			if err := client.Handshake(); err == nil {
				_, _ = client.Write(say)
			}
		}
	}
	plainly := func(say []byte) func(*testing.T, net.Conn) {
		return func(_ *testing.T, conn net.Conn) { _, _ = conn.Write(say) }
	}
	record := func(kind byte, payload []byte) []byte {
		return append([]byte{kind, 3, 1, byte(len(payload) >> 8), byte(len(payload))}, payload...)
	}
	for name, c := range map[string]struct {
		client func(*testing.T, net.Conn)
		reason string
	}{
		"silence after a byte":        {plainly([]byte{0x16}), refusedTLSTimeout},
		"half a hello":                {plainly(record(0x16, []byte{1, 0, 1, 0})), refusedTLSTimeout},
		"a byte now and then":         {drip, refusedTLSTimeout},
		"TLS 1.1":                     {secured(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, nil), refusedTLSFailed},
		"an ALPN of nobody here":      {secured(&tls.Config{NextProtos: []string{"imap"}}, nil), refusedTLSFailed},
		"garbage in a record":         {plainly(record(0x16, bytes.Repeat([]byte{0xAA}, 300))), refusedTLSFailed},
		"a record that is too large":  {plainly([]byte{0x16, 3, 1, 0xFF, 0xFF}), refusedTLSFailed},
		"records that say nothing":    {plainly(bytes.Repeat(record(0x16, nil), 10_000)), refusedTLSFailed},
		"a hello without end":         {plainly(append(record(0x16, append([]byte{1, 0xFF, 0xFF, 0xFF}, make([]byte, 9000)...)), bytes.Repeat(record(0x16, make([]byte, 9000)), 20)...)), refusedTLSFailed},
		"silence after the handshake": {secured(&tls.Config{}, nil), refusedSilent},
		"garbage after the handshake": {secured(&tls.Config{}, []byte("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5")), refusedUnknown},
		"ICE-TCP after the handshake": {secured(&tls.Config{}, framed(message(t, check...))), refusedUnknown},
		"TLS inside of TLS":           {secured(&tls.Config{}, record(0x16, make([]byte, 100))), refusedUnknown},
		"garbage instead of records":  {brokenRecord, refusedTLSFailed},
		"the end after the handshake": {func(t *testing.T, conn net.Conn) { secured(&tls.Config{}, nil)(t, conn); conn.Close() }, refusedGone},
	} {
		t.Run(name, func(t *testing.T) {
			counter := p.counts.refusals.WithLabelValues(c.reason)
			before := value(t, counter)
			conn := p.dial(t)
			c.client(t, conn)
			var timeout net.Error
			if _, err := io.ReadAll(conn); errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatal("the connection is still open")
			}
			reaches(t, counter, before+1)
		})
	}
}

// drip sends a hello so slowly that it never ends.
func drip(_ *testing.T, conn net.Conn) {
	hello := append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3}, make([]byte, 505)...)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for _, b := range hello {
		<-ticker.C
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
	}
}

func brokenRecord(t *testing.T, conn net.Conn) {
	if err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake(); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write(append([]byte{0x17, 3, 3, 0, 64}, make([]byte, 64)...))
}

// An authority's question is answered by the handshake alone (RFC 8737).
func TestTLSChallenge(t *testing.T) {
	p := secureTCP(t, patient)
	client := tls.Client(p.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if got := client.ConnectionState().NegotiatedProtocol; got != "acme-tls/1" {
		t.Errorf("agreed on %q", got)
	}
	if _, err := io.ReadAll(client); err != nil {
		t.Errorf("the connection ends with %v", err)
	}
	if got := value(t, p.counts.connections.WithLabelValues("acme")); got != 1 {
		t.Errorf("counted %v times, want once", got)
	}
}

// Handshakes that never end fill the room of their address, and no more.
func TestUnfinishedHandshakesAreBounded(t *testing.T) {
	p := secureTCP(t, patient)
	for range maxWaitingPerSource {
		if _, err := p.dial(t).Write([]byte{0x16, 3, 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadAll(p.dial(t)); err != nil {
		t.Errorf("one too many is closed with %v", err)
	}
	if got := value(t, p.counts.refusals.WithLabelValues(refusedWaitingPerSource)); got != 1 {
		t.Errorf("counted %v times, want once", got)
	}
}

// FuzzTLS feeds what strangers may send after a first byte that says TLS. It
// must end, with nothing handed on.
func FuzzTLS(f *testing.F) {
	hello := recordHello(f)
	f.Add(hello)
	f.Add(hello[:20])
	f.Add([]byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Add(slices.Concat(hello, []byte{0x15, 3, 3, 0, 2, 2, 40}))
	config := secureConfig(&tls.Config{Certificates: []tls.Certificate{selfSigned(f)}})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || classifyStream(b) != protocolTLS {
			return
		}
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			go func() { _, _ = io.Copy(io.Discard, there) }()
			_, _ = there.Write(b)
			there.Close()
		}()
		if err := tls.Server(here, config).Handshake(); err == nil {
			t.Error("a handshake without the client's keys")
		}
		here.Close()
		<-done
	})
}

// recordHello is what a client says first.
func recordHello(t testing.TB) []byte {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		_ = tls.Client(there, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2"}}).Handshake()
		there.Close()
	}()
	b := make([]byte, 4096)
	n, err := here.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}
