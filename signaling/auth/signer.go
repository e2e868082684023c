package auth

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Signer makes access tokens with one key. It never changes, and shows its
// key to nobody.
type Signer struct {
	id       string
	method   jwt.SigningMethod
	material any
}

// Signer returns the signer of the key with this id, or, when id is empty, of
// the first key that has a shared secret. Public keys sign nothing.
func (k Keys) Signer(id string) (Signer, error) {
	var kept []string
	for _, candidate := range k.list {
		if _, secret := candidate.material.([]byte); !secret {
			if candidate.id == id {
				return Signer{}, fmt.Errorf("the key %q is a public one, which checks tokens but signs none; give its private key", id)
			}
			continue
		}
		if id == "" || candidate.id == id {
			return Signer{candidate.id, jwt.GetSigningMethod(candidate.methods[0]), candidate.material}, nil
		}
		kept = append(kept, candidate.id)
	}
	switch {
	case k.Len() == 0:
		return Signer{}, errors.New("there are no keys")
	case id == "":
		return Signer{}, errors.New("all keys are public ones, which check tokens but sign none; give a private key")
	case len(kept) == 0:
		return Signer{}, fmt.Errorf("there is no key %q", id)
	}
	return Signer{}, fmt.Errorf("there is no key %q; those with a secret are %s", id, strings.Join(kept, ", "))
}

// PrivateSigner returns the signer of a private key, given as PEM text, to one
// of the public keys: its id is that key's.
func (k Keys) PrivateSigner(text []byte) (Signer, error) {
	private, err := parsePrivateKey(text)
	if err != nil {
		return Signer{}, err
	}
	public, known := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	for _, candidate := range k.list {
		if known && public.Equal(candidate.material) {
			return Signer{candidate.id, jwt.GetSigningMethod(candidate.methods[0]), private}, nil
		}
	}
	return Signer{}, errors.New("none of the keys is the public half of this private key")
}

// KeyID is the id that the tokens name.
func (s Signer) KeyID() string { return s.id }

// Token signs an access that begins at now and ends after ttl, or earlier, by
// less than a second. The access' own times and key are not used, but for
// NotBefore. What Verify would refuse is an error.
func (s Signer) Token(access Access, now time.Time, ttl time.Duration) (string, error) {
	if ttl < time.Second {
		return "", fmt.Errorf("a token that is good for %v is good for nothing; give it a second or more", ttl)
	}
	access.Expires = now.Add(ttl)
	if access.Expires.Unix() > lastDate {
		return "", fmt.Errorf("a token that is good for %v ends after the year 9999; give it less", ttl)
	}
	if err := access.check(); err != nil {
		return "", invalid("%w", err)
	}
	body, err := writeClaims(access, now)
	if err != nil {
		return "", err
	}
	unsigned := jwt.NewWithClaims(s.method, payload{RawMessage: body})
	unsigned.Header["kid"] = s.id
	token, err := unsigned.SignedString(s.material)
	if err != nil {
		return "", fmt.Errorf("signing with the key %q: %w", s.id, err)
	}
	if len(token) > maxToken {
		return "", invalid("it has %d bytes; %d are allowed, so say less in it", len(token), maxToken)
	}
	return token, nil
}

// Format keeps the key from every way of printing.
func (s Signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "signer "+s.id) }
