package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

const (
	// retryFirst and retryLast are the shortest and the longest rest after an
	// authority gave nothing. The library repeats an answer for a minute, and
	// Let's Encrypt allows five failures an hour.
	retryFirst, retryLast = 90 * time.Second, time.Hour
	// lookInterval is how often it is looked whether certificates are renewed.
	lookInterval = time.Hour
	// worryBefore is how long before its end a certificate should be renewed.
	worryBefore = 7 * 24 * time.Hour
)

// ACMEConfig says for which names, and by whom.
type ACMEConfig struct {
	// Domains are the names of this server. Its port 443 or 80 must be reached
	// by each: that is how the authority knows that they are.
	Domains []string
	// URL is the authority's directory (RFC 8555, section 7.1.1); Let's
	// Encrypt's when empty.
	URL string
	// Email is told to the authority, to be warned; may be empty.
	Email string
	// Directory keeps keys and certificates, for nobody else's eyes. It is made
	// if it is not there.
	Directory string
	// Client asks the authority; nil: http.DefaultClient.
	Client *http.Client

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// ACME has certificates from an authority (RFC 8555), and renews them in time.
// Only it decides when to ask: whoever connects while there is none gets none,
// so that strangers cannot use up what the authority allows.
type ACME struct {
	config  ACMEConfig
	manager *autocert.Manager
	counts  *counts
	ctx     context.Context // of all that is asked
	cancel  context.CancelFunc
	asking  sync.WaitGroup
	ready   []atomic.Bool // by domain; whether its certificate is in memory
}

// NewACME makes a place for certificates. It asks for none until Begin: the
// authority calls back, so the server has to listen first.
func NewACME(config ACMEConfig) (*ACME, error) {
	err := os.MkdirAll(config.Directory, 0o700)
	if err == nil {
		err = os.Chmod(config.Directory, 0o700) // it may have been there
	}
	if err != nil {
		return nil, fmt.Errorf("certificate: there is no place to keep keys: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends with Close
	client := http.Client{Timeout: time.Minute}
	if config.Client != nil {
		client = *config.Client
	}
	client.Transport = cancelled{ctx, client.Transport}
	url := config.URL
	if url == "" {
		url = autocert.DefaultACMEDirectory
	}
	a := &ACME{
		config: config, counts: newCounts(config.Registerer), ctx: ctx, cancel: cancel,
		ready: make([]atomic.Bool, len(config.Domains)),
		manager: &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			Cache:      autocert.DirCache(config.Directory),
			HostPolicy: autocert.HostWhitelist(config.Domains...),
			Email:      config.Email,
			Client:     &acme.Client{DirectoryURL: url, HTTPClient: &client, UserAgent: "hiroba"},
		},
	}
	a.manager.HTTPHandler(nil) // HTTP-01 as well; see Challenges
	return a, nil
}

// Begin asks for certificates, and renews them, until Close. It does not wait
// for them. It is called once.
func (a *ACME) Begin() {
	for i := range a.config.Domains {
		a.asking.Go(func() { a.obtain(a.ctx, i) })
	}
}

// Challenges answers the authority over plain HTTP (HTTP-01, RFC 8555, section
// 8.3); everything else goes to next.
func (a *ACME) Challenges(next http.Handler) http.Handler {
	answers := a.manager.HTTPHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
			next.ServeHTTP(w, r)
			return
		}
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			copied := *r // the library takes a port for a part of the name
			copied.Host = name
			r = &copied
		}
		answers.ServeHTTP(w, r)
	})
}

// NextProto is what tls.Config must offer by ALPN for the authority's other
// way, TLS-ALPN-01 (RFC 8737).
const NextProto = acme.ALPNProto

// GetCertificate implements Source.
func (a *ACME) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == NextProto {
		return a.manager.GetCertificate(hello) // the authority; nobody else knows a token
	}
	domain := max(0, slices.Index(a.config.Domains, hello.ServerName))
	if !a.ready[domain].Load() {
		return nil, errNone
	}
	return a.certificate(domain)
}

// Reload implements Source. Renewing needs no sign.
func (a *ACME) Reload() {}

// Close implements Source.
func (a *ACME) Close() {
	a.cancel()
	a.asking.Wait()
}

// certificate gets a certificate, from memory if it is there. One key and one
// kind of it do for all clients.
func (a *ACME) certificate(domain int) (*tls.Certificate, error) {
	return a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName:       a.config.Domains[domain],
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
		CipherSuites:     []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
}

// obtain asks for a domain's certificate until there is one, and then watches
// that it is renewed, which the library does.
func (a *ACME) obtain(ctx context.Context, domain int) {
	log := a.config.Logger.With("domain", a.config.Domains[domain])
	rest := retryFirst
	var expires time.Time
	for {
		certificate, err := a.certificate(domain)
		wait := lookInterval
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.counts.tried(err)
			wait, rest = rest, min(2*rest, retryLast)
			log.Error("no certificate; trying again", "after", wait, "err", err,
				"advice", "the name must lead here, and port 443 or 80 of it must reach this server")
		default:
			expires = a.note(log, certificate, expires)
			a.ready[domain].Store(true)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// note tells of a certificate if it is another than the one that expires then.
func (a *ACME) note(log *slog.Logger, certificate *tls.Certificate, then time.Time) time.Time {
	leaf, err := leafOf(certificate)
	if err != nil {
		log.Error("the certificate cannot be read", "err", err)
		return then
	}
	if !leaf.NotAfter.Equal(then) {
		a.counts.tried(nil)
		a.counts.expire(leaf.NotAfter)
		log.Info("using a certificate", "names", namesOf(leaf), "expires", leaf.NotAfter)
	} else if left := time.Until(leaf.NotAfter); left < min(worryBefore, leaf.NotAfter.Sub(leaf.NotBefore)/4) {
		log.Error("the certificate should have been renewed", "expires", leaf.NotAfter)
	}
	return leaf.NotAfter
}
