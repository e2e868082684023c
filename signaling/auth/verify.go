package auth

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// payload is a token's payload, not yet read: nothing in it counts before the
// signature is found good. The library asks its claims for times and names
// only to check them, which readClaims does; RegisteredClaims answers for it
// that there are none.
type payload struct {
	json.RawMessage
	jwt.RegisteredClaims
}

// parser splits tokens and checks signatures. It has no state.
var parser = jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

// Verify checks an access token (a JWT, RFC 7519) and returns what it allows.
// The error wraps ErrExpired or ErrInvalid, is fit to be shown to whoever sent
// the token, and repeats nothing of it. Which method a token is signed by is
// the key's to say, never the token's.
func (k Keys) Verify(token string, now time.Time) (Access, error) {
	if k.Len() == 0 {
		return Access{}, invalid("this server has no keys to check it with")
	}
	if len(token) > maxToken {
		return Access{}, invalid("it has %d bytes; %d are allowed", len(token), maxToken)
	}
	if !isToken(token) {
		return Access{}, invalid("it is no JWT: three parts in base64url with dots between them")
	}
	var signer key
	var refused error // by pick: the library's errors may hold pieces of the token
	claimed := payload{}
	_, err := parser.ParseWithClaims(token, &claimed, func(parsed *jwt.Token) (any, error) {
		signer, refused = k.pick(parsed)
		return signer.material, refused
	})
	switch {
	case refused != nil:
		return Access{}, invalid("%w", refused)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Access{}, invalid("its signature is not one of the key %q", signer.id)
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return Access{}, invalid("it is signed by a method that this server does not know")
	case err != nil:
		return Access{}, invalid("it is no JWT: header and payload must be JSON objects in base64url")
	}
	access, err := readClaims(claimed.RawMessage, now)
	access.KeyID = signer.id
	if err != nil {
		return Access{}, err
	}
	return access, nil
}

// pick finds the key for a token by its header.
func (k Keys) pick(token *jwt.Token) (key, error) {
	if _, critical := token.Header["crit"]; critical {
		// RFC 7515, section 4.1.11: who does not understand them must refuse.
		return key{}, errors.New("it wants extensions (crit) that this server does not have")
	}
	var chosen key
	switch id, isText := token.Header["kid"].(string); {
	case isText && id != "":
		found := false
		if chosen, found = k.find(id); !found {
			return key{}, errors.New("its kid names no key of this server; it may have been taken out, so get a fresh token")
		}
	case token.Header["kid"] != nil && !isText:
		return key{}, errors.New("its kid is no text")
	case k.Len() == 1:
		chosen = k.list[0]
	default:
		return key{}, errors.New("it has no kid, and this server has several keys; say which one signed it")
	}
	if !slices.Contains(chosen.methods, token.Method.Alg()) {
		return key{}, errors.New("it is signed by another method than that of its key")
	}
	return chosen, nil
}

// isToken says whether text has only the characters of a token. The decoder
// would step over line breaks.
func isToken(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return text != ""
}
