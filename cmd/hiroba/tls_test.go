package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/dtls/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// pair is a certificate in files, and who trusts it.
type pair struct {
	certificate, key string // files
	roots            *x509.CertPool
}

// newPair makes a certificate for this machine, with a name to know it by.
func newPair(t testing.TB, name string) pair {
	t.Helper()
	p := pair{certificate: filepath.Join(t.TempDir(), "chain.pem"), roots: x509.NewCertPool()}
	p.key = filepath.Join(filepath.Dir(p.certificate), "key.pem")
	p.write(t, name, time.Now().Add(time.Hour))
	return p
}

// write replaces the files by another certificate.
func (p pair) write(t testing.TB, name string, expires time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: expires,
		DNSNames: []string{"localhost", name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.roots.AppendCertsFromPEM(chain)
	for path, text := range map[string][]byte{
		p.certificate: chain, p.key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// relaySecret signs what the tests log in to the relay with.
const relaySecret = "a secret of the tests"

// runSecureServer is runServer with a certificate.
func runSecureServer(t testing.TB, change func(*configs.Config)) (s *server, url string, p pair) {
	t.Helper()
	p = newPair(t, "first.example")
	s, url = runServer(t, func(c *configs.Config) {
		c.TLS.Certificate, c.TLS.Key = p.certificate, p.key
		c.TURN.Secret = relaySecret
		if change != nil {
			change(c)
		}
	})
	return s, strings.Replace(url, "http:", "https:", 1), p
}

// speaking is an HTTP client that trusts the server and speaks one version.
func (p pair) speaking(t testing.TB, version int) *http.Client {
	var versions http.Protocols
	versions.SetHTTP1(version == 1)
	versions.SetHTTP2(version == 2)
	transport := &http.Transport{Protocols: &versions, TLSClientConfig: &tls.Config{RootCAs: p.roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// Everything that is there on the port is there over TLS on the same port.
func TestEverythingOverTLS(t *testing.T) {
	s, url, p := runSecureServer(t, nil)
	for version, want := range map[int]string{1: "HTTP/1.1", 2: "HTTP/2.0"} {
		t.Run(want, func(t *testing.T) {
			response, err := p.speaking(t, version).Get(url + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.Proto != want || string(body) != "ok\n" {
				t.Errorf("got %s %q, %v", response.Proto, body, err)
			}
			if got := response.Header.Get("Strict-Transport-Security"); got != "" {
				t.Errorf("a server without a domain says %q", got)
			}
		})
	}
	t.Run("servers for ICE", func(t *testing.T) {
		response, err := p.speaking(t, 2).Get(url + "/v1/ice")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		for _, want := range []string{"turn:localhost:%d?transport=udp", "turns:localhost:%d?transport=tcp", "turns:localhost:%d?transport=udp"} {
			if want := fmt.Sprintf(want, s.port.Port()); !strings.Contains(string(body), `"`+want+`"`) {
				t.Errorf("no %s in %s, %v", want, body, err)
			}
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON.Subprotocol()}, TLSClientConfig: &tls.Config{RootCAs: p.roots}}
		conn, _, err := dialer.Dial("wss"+strings.TrimPrefix(url, "https")+"/v1/signal", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, welcome, err := conn.ReadMessage(); err != nil || !strings.Contains(string(welcome), `"turns:localhost:`) {
			t.Errorf("the welcome is %s, %v", welcome, err)
		}
	})
	t.Run("gRPC", func(t *testing.T) {
		peer, _ := stream(t, p.speaking(t, 2), url, nil)
		if peer.begin(); peer.welcome.GetSession() == "" {
			t.Errorf("the welcome is %v", peer.welcome)
		}
	})
	t.Run("TURN", func(t *testing.T) {
		conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", s.port.Port()), &tls.Config{RootCAs: p.roots})
		if err != nil {
			t.Fatal(err)
		}
		relays(t, s, turn.NewSTUNConn(conn))
	})
	t.Run("TURN by its name", func(t *testing.T) {
		conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", s.port.Port()), &tls.Config{RootCAs: p.roots, NextProtos: []string{"stun.turn"}})
		if err != nil {
			t.Fatal(err)
		}
		relays(t, s, turn.NewSTUNConn(conn))
	})
}

// TURN over DTLS is on the UDP port of the same number, beside STUN, TURN and
// media.
func TestTURNOverDTLS(t *testing.T) {
	s, _, p := runSecureServer(t, nil)
	relays(t, s, p.overDTLS(t, s.port.Port()))
}

// Media goes over every route beside TLS and DTLS, also of who uses both.
func TestMediaBesideDTLS(t *testing.T) {
	s, url, p := runSecureServer(t, nil)
	relays(t, s, p.overDTLS(t, s.port.Port()))
	url = strings.Replace(url, "https:", "http:", 1)
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
	})
	bob := enter(t, url, "tea", nil)
	bob.receives(20, bob.slotOf(ann.Joined().GetTracks()[0].GetId()), endsWith(face.body))
	relays(t, s, p.overDTLS(t, s.port.Port()))
}

// overDTLS is a client's way to a port over DTLS, which trusts the server.
func (p pair) overDTLS(t *testing.T, port int) net.PacketConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	secure, err := dtls.ClientWithOptions(conn, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port},
		dtls.WithRootCAs(p.roots), dtls.WithServerName("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	return turn.NewSTUNConn(secure)
}

// relays holds that a relay opened over conn carries a question to the server's
// own SFU and the answer back.
func relays(t *testing.T, s *server, conn net.PacketConn) {
	t.Helper()
	defer conn.Close()
	username, credential := auth.TURN{Secret: []byte(relaySecret), TTL: time.Hour}.Issue("ann", time.Now())
	server := fmt.Sprintf("127.0.0.1:%d", s.port.Port())
	client, err := turn.NewClient(&turn.ClientConfig{
		Conn: conn, STUNServerAddr: server, TURNServerAddr: server, Username: username, Password: credential, Realm: "hiroba",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relay, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	question := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("nobody:me"), stun.NewShortTermIntegrity("x"), stun.Fingerprint)
	if err := relay.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server))
	if _, err := relay.WriteTo(question.Raw, to); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	n, from, err := relay.ReadFrom(buf)
	if err != nil {
		t.Fatalf("nothing came back: %v", err)
	}
	answer := stun.Message{Raw: buf[:n]}
	if err := answer.Decode(); err != nil || answer.TransactionID != question.TransactionID {
		t.Errorf("from %v came %v, %v", from, answer, err)
	}
}

// A new certificate is shown without a restart; a bad one leaves the old one
// in place, and is counted.
func TestANewCertificateTakesOver(t *testing.T) {
	s, url, p := runSecureServer(t, nil)
	shown := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{RootCAs: p.roots})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[1]
	}
	if got := shown(); got != "first.example" {
		t.Errorf("at first %s is shown", got)
	}
	p.write(t, "second.example", time.Now().Add(time.Hour))
	s.reload(slog.New(slog.DiscardHandler))
	if got := shown(); got != "second.example" {
		t.Errorf("after the change %s is shown", got)
	}
	p.write(t, "third.example", time.Now().Add(-time.Hour))
	s.reload(slog.New(slog.DiscardHandler))
	if err := os.WriteFile(p.key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.reload(slog.New(slog.DiscardHandler))
	if got := shown(); got != "second.example" {
		t.Errorf("after bad ones %s is shown", got)
	}
	response, err := p.speaking(t, 2).Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if want := `hiroba_certificate_renewals_total{result="failed"} 2`; err != nil || !strings.Contains(string(metrics), want) {
		t.Errorf("metrics without %s, %v", want, err)
	}
}

// Who comes over plain HTTP from another machine is sent to HTTPS.
func TestPlainHTTPLeadsToHTTPS(t *testing.T) {
	config := configs.Default()
	config.Domains = []string{"call.example.org"}
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.99/32")}
	further := config
	further.Listeners = []configs.Listener{{Port: 443, TCP: true}}
	here := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })
	for name, c := range map[string]struct {
		config             configs.Config
		method, host, from string
		secure             bool
		status             int
		location, hsts     string
	}{
		"from elsewhere":        {config, "GET", "call.example.org:8080", "192.0.2.1:5", false, 308, "https://call.example.org:8080/r/tea?a=b", ""},
		"a mapped port":         {config, "GET", "call.example.org:9000", "192.0.2.1:5", false, 308, "https://call.example.org:9000/r/tea?a=b", ""},
		"port 80":               {config, "GET", "call.example.org", "192.0.2.1:5", false, 308, "https://call.example.org:8080/r/tea?a=b", ""},
		"port 80 said":          {further, "GET", "call.example.org:80", "192.0.2.1:5", false, 308, "https://call.example.org/r/tea?a=b", ""},
		"port 80 and 443":       {further, "HEAD", "call.example.org", "192.0.2.1:5", false, 308, "https://call.example.org/r/tea?a=b", ""},
		"an address":            {config, "GET", "192.0.2.7:8080", "192.0.2.1:5", false, 308, "https://192.0.2.7:8080/r/tea?a=b", ""},
		"an IPv6 address":       {further, "GET", "[2001:db8::7]", "192.0.2.1:5", false, 308, "https://[2001:db8::7]/r/tea?a=b", ""},
		"a post":                {config, "POST", "call.example.org", "192.0.2.1:5", false, 403, "", ""},
		"no name":               {config, "GET", "a/b", "192.0.2.1:5", false, 403, "", ""},
		"from this machine":     {config, "GET", "localhost:8080", "127.0.0.1:5", false, 200, "", ""},
		"from its own address":  {config, "GET", "192.0.2.7:8080", "192.0.2.7:5", false, 200, "", ""},
		"through a proxy":       {config, "GET", "call.example.org", "192.0.2.99:5", false, 200, "", ""},
		"secure":                {config, "GET", "call.example.org", "192.0.2.1:5", true, 200, "", hsts},
		"secure by its address": {config, "GET", "192.0.2.7", "192.0.2.1:5", true, 200, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/r/tea?a=b", nil)
			r.Host, r.RemoteAddr = c.host, c.from
			if c.secure {
				r.TLS = &tls.ConnectionState{}
			}
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8080}))
			w := httptest.NewRecorder()
			httpsOnly(c.config, 8080, here).ServeHTTP(w, r)
			if w.Code != c.status || w.Header().Get("Location") != c.location || w.Header().Get("Strict-Transport-Security") != c.hsts {
				t.Errorf("got %d, %v", w.Code, w.Header())
			}
		})
	}
}
