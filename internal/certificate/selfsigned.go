package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// selfSignedLife is how long a certificate of one's own is good. Apple's
	// systems take none that is good for more than 825 days.
	selfSignedLife = 800 * 24 * time.Hour
	// selfSignedSpare is how much of that must be left at a start.
	selfSignedSpare = 60 * 24 * time.Hour
	// selfSignedFile has the certificate and its key.
	selfSignedFile = "self-signed.pem"
)

// SelfSignedConfig says whom a certificate is for, and where it is kept.
type SelfSignedConfig struct {
	Names     []string
	Addresses []netip.Addr
	// Directory keeps it over restarts, so that a device has to be told only
	// once to trust it. It is made if it is not there.
	Directory string

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// SelfSigned is a certificate that nobody vouches for: a browser asks its user
// whether to go on.
type SelfSigned struct {
	certificate *tls.Certificate
}

// NewSelfSigned takes the certificate that is kept, or makes one if there is
// none that fits and will last.
func NewSelfSigned(config SelfSignedConfig) (*SelfSigned, error) {
	counts := newCounts(config.Registerer)
	path := filepath.Join(config.Directory, selfSignedFile)
	now := time.Now()
	certificate, leaf, err := loadSelfSigned(path)
	if err != nil || !covers(leaf, config) || now.Add(selfSignedSpare).After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		if certificate, leaf, err = makeSelfSigned(path, config, now); err != nil {
			return nil, fmt.Errorf("certificate: cannot make one: %w", err)
		}
		counts.tried(nil)
		config.Logger.Info("made a certificate", "file", path, "names", namesOf(leaf), "expires", leaf.NotAfter)
	}
	counts.expire(leaf.NotAfter)
	return &SelfSigned{certificate}, nil
}

// GetCertificate implements Source.
func (s *SelfSigned) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.certificate, nil
}

// Reload implements Source. Nothing is new while the server runs.
func (s *SelfSigned) Reload() {}

// Close implements Source.
func (s *SelfSigned) Close() {}

// covers says whether a certificate is for everybody that it should be for.
func covers(leaf *x509.Certificate, config SelfSignedConfig) bool {
	for _, name := range config.Names {
		if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	for _, addr := range config.Addresses {
		if !slices.ContainsFunc(leaf.IPAddresses, net.IP(addr.AsSlice()).Equal) {
			return false
		}
	}
	return true
}

func loadSelfSigned(path string) (*tls.Certificate, *x509.Certificate, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := leafOf(&certificate)
	return &certificate, leaf, err
}

func makeSelfSigned(path string, config SelfSignedConfig, now time.Time) (*tls.Certificate, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Hiroba on this network"},
		// Clocks in a local network differ.
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(selfSignedLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: config.Names,
	}
	for _, addr := range config.Addresses {
		template.IPAddresses = append(template.IPAddresses, addr.WithZone("").AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	var file bytes.Buffer
	_ = pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a Buffer takes all
	_ = pem.Encode(&file, &pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if err := keep(path, file.Bytes()); err != nil {
		return nil, nil, err
	}
	return loadSelfSigned(path)
}

// keep writes a file for nobody else's eyes, whole or not at all.
func keep(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // readable by its owner alone
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
