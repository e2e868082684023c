// Package dtls secures the way to one client (RFC 5764, RFC 8827): it agrees on
// keys for SRTP, and carries what SCTP sends.
//
// The protocol is pion/dtls's. This package has it run over datagrams that come
// and go by another way, ICE's, and has it trust the certificates that the
// descriptions named and no others.
package dtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"time"
)

// validFor is how long a certificate is good: clients trust it by its
// fingerprint, and the server makes another one each time it starts.
const validFor = 10 * 365 * 24 * time.Hour

// Identity is the server's certificate, with its key.
type Identity struct {
	certificate tls.Certificate
	fingerprint string
}

// NewIdentity makes a certificate.
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("dtls: making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("dtls: making a serial number: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial,
		// A name that tells nothing (RFC 8827, 6.5).
		Subject:   pkix.Name{CommonName: "WebRTC"},
		NotBefore: time.Now().Add(-24 * time.Hour), // clocks differ
		NotAfter:  time.Now().Add(validFor),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("dtls: making a certificate: %w", err)
	}
	return &Identity{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: fingerprint(sha256.New(), der),
	}, nil
}

// Fingerprint is the SHA-256 of the certificate as SDP has it (RFC 8122, 5).
func (i *Identity) Fingerprint() string { return i.fingerprint }

// Fingerprint names a certificate (RFC 8122, 5).
type Fingerprint struct {
	Algorithm string // "sha-256" and its like, in any case
	Value     string // hexadecimal, with colons, in any case
}

func fingerprint(h hash.Hash, der []byte) string {
	h.Write(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", h.Sum(nil)), " ", ":")
}

// matches says whether it is the fingerprint of a certificate. Hashes that are
// not safe any more match nothing.
func (f Fingerprint) matches(der []byte) bool {
	var h hash.Hash
	switch strings.ToLower(f.Algorithm) {
	case "sha-256":
		h = sha256.New()
	case "sha-384":
		h = sha512.New384()
	case "sha-512":
		h = sha512.New()
	default:
		return false
	}
	return strings.EqualFold(fingerprint(h, der), f.Value)
}

var errForeign = errors.New("the client has another certificate than its description says")

// verify accepts the certificate that was described, and no other.
func verify(described []Fingerprint, chain [][]byte) error {
	if len(chain) > 0 {
		for _, f := range described {
			if f.matches(chain[0]) {
				return nil
			}
		}
	}
	return errForeign
}
