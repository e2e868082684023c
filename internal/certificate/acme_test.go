package certificate

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/hiroba-rtc/hiroba/internal/port"
)

// authority is Let's Encrypt's own authority for tests, in this process.
type authority struct {
	*httptest.Server
	orders sync.Map // URLs that were asked for
}

// newAuthority makes an authority that calls back at ports of this machine,
// whatever the name.
func newAuthority(t *testing.T, httpPort, tlsPort int) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: 90 * 24 * 3600}})
	checker := va.New(quiet, httpPort, tlsPort, false, newResolver(t), store)
	front := wfe.New(quiet, store, checker, issuer, []string{"pebble.example"}, false, false, 0, 0)
	a := &authority{}
	handler := front.Handler()
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.orders.Store(r.URL.Path, true)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

// asked tells whether an order was placed.
func (a *authority) asked() bool {
	_, asked := a.orders.Load("/order-plz")
	return asked
}

// newResolver answers that every name is this machine's, over TCP.
func newResolver(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var answering sync.WaitGroup
	t.Cleanup(func() { listener.Close(); answering.Wait() })
	answering.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answering.Go(func() { resolve(conn) })
		}
	})
	return listener.Addr().String()
}

// resolve answers the questions on one connection (RFC 7766).
func resolve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(question) != nil || len(m.Questions) == 0 {
			return
		}
		q := m.Questions[0]
		reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
		if q.Type == dnsmessage.TypeA {
			reply.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			}}
		}
		packed, err := reply.AppendPack(make([]byte, 2))
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(packed, uint16(len(packed)-2))
		if _, err := conn.Write(packed); err != nil {
			return
		}
	}
}

// site is a server that wants a certificate.
type site struct {
	*ACME
	*port.Port
	registry *prometheus.Registry
}

// newSite listens before it asks, as the certificates are the port's.
func newSite(t *testing.T, protocols ...string) (s *site, begin func(url string, client *http.Client, directory string)) {
	t.Helper()
	s = &site{registry: prometheus.NewRegistry()}
	begun := make(chan struct{})
	var err error
	s.Port, err = port.Listen(port.Config{
		Host: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler),
		TLS: &tls.Config{NextProtos: protocols, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			<-begun
			return s.GetCertificate(hello)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-begun
		s.Challenges(http.NotFoundHandler()).ServeHTTP(w, r)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(s.Port.HTTP()) })
	t.Cleanup(func() {
		server.Close()
		serving.Wait()
		if err := s.Port.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, func(url string, client *http.Client, directory string) {
		s.ACME, err = NewACME(ACMEConfig{
			Domains: []string{"call.example.org", "meet.example.org"}, URL: url, Directory: directory, Client: client,
			Logger: slog.New(slog.DiscardHandler), Registerer: s.registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		close(begun)
		s.Begin()
		t.Cleanup(s.ACME.Close)
	}
}

// obtains waits for the certificate of a name.
func (s *site) obtains(t *testing.T, name string) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-ticker.C {
		certificate, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if err == nil {
			leaf, err := leafOf(certificate)
			if err != nil || leaf.VerifyHostname(name) != nil {
				t.Fatalf("the certificate for %s is for %s, %v", name, namesOf(leaf), err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no certificate for %s: %v", name, err)
		}
	}
}

// failures is how often the authority gave nothing.
func (s *site) failures(t *testing.T) float64 {
	t.Helper()
	var m dto.Metric
	if err := s.counts.renewed.WithLabelValues(resultFailed).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// A closed port, where an authority that calls back finds nobody.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// An authority that asks at the port itself, over TLS or over plain HTTP, gives
// a certificate for each name; after a restart it need not be asked again.
func TestACME(t *testing.T) {
	for name, overTLS := range map[string]bool{"TLS-ALPN-01": true, "HTTP-01": false} {
		t.Run(name, func(t *testing.T) {
			s, begin := newSite(t, NextProto)
			httpPort, tlsPort := s.Port.Port(), closedPort(t)
			if overTLS {
				httpPort, tlsPort = tlsPort, httpPort
			}
			a := newAuthority(t, httpPort, tlsPort)
			directory := filepath.Join(t.TempDir(), "acme")
			begin(a.URL+wfe.DirectoryPath, a.Client(), directory)
			s.obtains(t, "call.example.org")
			s.obtains(t, "meet.example.org")

			if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder of keys has the mode %v, %v", info.Mode(), err)
			}
			files, err := os.ReadDir(directory)
			if err != nil || len(files) == 0 {
				t.Fatalf("nothing is kept, %v", err)
			}
			for _, file := range files {
				if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s has the mode %v, %v", file.Name(), info.Mode(), err)
				}
			}

			again, beginAgain := newSite(t, NextProto)
			other := newAuthority(t, 1, 1)
			beginAgain(other.URL+wfe.DirectoryPath, other.Client(), directory)
			again.obtains(t, "call.example.org")
			again.obtains(t, "meet.example.org")
			if other.asked() {
				t.Error("after a restart the authority was asked for what is there")
			}
		})
	}
}

// While there is no certificate, connections get none and cause no question:
// strangers must not use up what the authority allows.
func TestStrangersCauseNoQuestions(t *testing.T) {
	s, begin := newSite(t, NextProto)
	nowhere := closedPort(t)
	a := newAuthority(t, nowhere, nowhere)
	begin(a.URL+wfe.DirectoryPath, a.Client(), t.TempDir())
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(30 * time.Second); s.failures(t) < 2; <-ticker.C { // one for each name
		if time.Now().After(deadline) {
			t.Fatal("the authority cannot have reached anybody, and nothing failed")
		}
	}
	a.orders.Clear()
	for _, name := range []string{"call.example.org", "meet.example.org", "other.example.org", ""} {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.Port.Port())).String())
		if err != nil {
			t.Fatal(err)
		}
		client := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err := client.Handshake(); err == nil {
			t.Errorf("a client that wants %q is shown a certificate", name)
		}
		conn.Close()
	}
	if a.asked() {
		t.Error("a stranger's connection made the server ask")
	}
}
