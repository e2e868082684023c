// Package certificate has the certificates that a server shows to clients, of
// three sources: files that somebody else keeps fresh (Files), an authority
// that gives them for nothing (ACME), and none but itself (SelfSigned).
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Source is where certificates come from. It is safe for concurrent use.
type Source interface {
	// GetCertificate returns what a client is shown, as tls.Config wants it.
	// Clients that name no host, or one that is not the server's, are shown the
	// first there is: it is theirs to judge.
	GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
	// Reload takes what is new, if there is something. What is bad is logged and
	// counted, and leaves everything as it was.
	Reload()
	// Close ends what the source does by itself, and waits for it. What it has
	// is still shown.
	Close()
}

// errNone means that there is nothing to show yet.
var errNone = errors.New("certificate: there is none yet")

// counts is what a source tells about itself.
type counts struct {
	expires prometheus.Gauge
	renewed *prometheus.CounterVec
}

// What became of a try to have another certificate.
const (
	resultOK     = "ok"
	resultFailed = "failed"
)

func newCounts(registerer prometheus.Registerer) *counts {
	factory := promauto.With(registerer)
	c := &counts{
		expires: factory.NewGauge(prometheus.GaugeOpts{
			Name: "hiroba_certificate_expires_seconds",
			Help: "When the first certificate to expire does, in seconds since 1970; 0 while there is none.",
		}),
		renewed: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_certificate_renewals_total",
			Help: "Certificates that were read, asked for or made anew, by result.",
		}, []string{"result"}),
	}
	for _, result := range []string{resultOK, resultFailed} {
		c.renewed.WithLabelValues(result)
	}
	return c
}

func (c *counts) tried(err error) {
	result := resultOK
	if err != nil {
		result = resultFailed
	}
	c.renewed.WithLabelValues(result).Inc()
}

func (c *counts) expire(at time.Time) { c.expires.Set(float64(at.Unix())) }

// leafOf is the certificate itself, at the beginning of its chain.
func leafOf(c *tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// stale says why a certificate is of no use at a time; nil if it is.
func stale(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it expired on %s", leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it is not valid before %s", leaf.NotBefore.Format(time.RFC3339))
	}
	return nil
}

// namesOf lists whom a certificate is for.
func namesOf(leaf *x509.Certificate) string {
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return strings.Join(names, " ")
}
