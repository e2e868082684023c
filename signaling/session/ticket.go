package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// tickets are the resume tokens of one session, kept as hashes. There is one
// that was given out last, and, until that one is used for the first time, the
// one before it: a client that lost the answer with its new token goes on with
// the old one. It is not safe for concurrent use.
type tickets struct {
	current, previous [sha256.Size]byte
	hasPrevious       bool
	given             bool // whether there is a current one
}

// admits says whether token opens this session. The use of the current one
// ends the one before it.
func (t *tickets) admits(token string) bool {
	hash := sha256.Sum256([]byte(token))
	current := subtle.ConstantTimeCompare(hash[:], t.current[:]) == 1 && t.given
	previous := subtle.ConstantTimeCompare(hash[:], t.previous[:]) == 1 && t.hasPrevious
	if current {
		t.confirm()
	}
	return current || previous
}

// isCurrent says whether token is the one given out last.
func (t *tickets) isCurrent(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return t.given && subtle.ConstantTimeCompare(hash[:], t.current[:]) == 1
}

// confirm ends the token before the current one: the client has the current.
func (t *tickets) confirm() { t.previous, t.hasPrevious = [sha256.Size]byte{}, false }

// renew makes a new token of 130 bits. The one that was used for this, if any,
// stays good until the new one is used.
func (t *tickets) renew(used string) string {
	t.confirm()
	if used != "" {
		t.previous, t.hasPrevious = sha256.Sum256([]byte(used)), true
	}
	token := rand.Text()
	t.current, t.given = sha256.Sum256([]byte(token)), true
	return token
}
