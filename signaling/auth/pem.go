package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	minRSA = 2048 // bits
	// maxRSA keeps a stranger's token from costing more than the rest of a
	// connection.
	maxRSA     = 8192
	largestPEM = 64 << 10 // bytes
)

// readPublicKey reads a PEM file, and tells by which methods its owner signs.
func readPublicKey(path string) (material any, methods []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largestPEM {
		return nil, nil, fmt.Errorf("%s is no file of at most %d KiB", path, largestPEM>>10)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if material, err = parsePublicKey(text); err == nil {
		methods, err = methodsOf(material)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s %w", path, err)
	}
	return material, methods, nil
}

// parsePublicKey reads the one public key in a PEM text. The error goes on
// from the name of the file.
func parsePublicKey(text []byte) (any, error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, errors.New("holds no PEM text; it must begin with -----BEGIN PUBLIC KEY-----")
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, errors.New("holds a private key, which this server should not have; make the public one with openssl pkey -pubout")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("holds more than one PEM block; give each key a file and an id of its own")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds a %s; it must be a PUBLIC KEY", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("holds a public key that cannot be read: %w", err)
	}
	return public, nil
}

// methodsOf says by which methods (RFC 7518, section 3.1) the owner of a
// public key signs; an error is about a key that is too weak or of a kind that
// tokens are not signed with.
func methodsOf(public any) ([]string, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA {
			return nil, fmt.Errorf("holds an RSA key of %d bits; it must have %d to %d", bits, minRSA, maxRSA)
		}
		return []string{"RS256", "PS256"}, nil
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		}
		return nil, fmt.Errorf("holds a key on the curve %s; it must be P-256 or P-384", public.Params().Name)
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("holds a key of another kind than RSA, ECDSA and Ed25519")
}

// parsePrivateKey reads the one private key in a PEM text, as openssl writes
// it.
func parsePrivateKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, _ = pem.Decode(text[bytes.Index(text, []byte("-----END EC PARAMETERS-----")):])
	}
	if block == nil {
		return nil, errors.New("it holds no PEM text; it must begin with -----BEGIN PRIVATE KEY-----")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("it holds a %s; it must be a PRIVATE KEY without a password", block.Type)
	}
	if err != nil {
		return nil, errors.New("it holds a private key that cannot be read")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("it holds a key that signs nothing")
	}
	return signer, nil
}
