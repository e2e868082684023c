package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// maxPending is how many tokens may be on their way to one client. A client
// whose connections break while it attaches leaves some behind.
const maxPending = 4

// ticket is the hash of a resume token.
type ticket [sha256.Size]byte

func (t ticket) equals(other ticket) bool { return subtle.ConstantTimeCompare(t[:], other[:]) == 1 }

// tickets are the resume tokens of one session, kept as hashes. One is known
// to have reached the client, because it came back. Those made since may have
// been lost on their way: one that comes back takes its place, and those made
// before it are over. Those made after it stay: they belong to who holds the
// session by now. It is not safe for concurrent use.
type tickets struct {
	known   ticket
	isKnown bool
	pending []ticket // the oldest first
}

// admits says whether token opens this session. The use of a new one ends all
// before it.
func (t *tickets) admits(token string) bool {
	hash := ticket(sha256.Sum256([]byte(token)))
	for i, p := range t.pending {
		if p.equals(hash) {
			t.settle(i)
			return true
		}
	}
	return t.isKnown && t.known.equals(hash)
}

// isLast says whether token is the one made last.
func (t *tickets) isLast(token string) bool {
	hash := ticket(sha256.Sum256([]byte(token)))
	if n := len(t.pending); n > 0 {
		return t.pending[n-1].equals(hash)
	}
	return t.isKnown && t.known.equals(hash)
}

// confirm says that the client has the token made last.
func (t *tickets) confirm() {
	if n := len(t.pending); n > 0 {
		t.settle(n - 1)
	}
}

// settle is called when a pending token has come back.
func (t *tickets) settle(i int) {
	t.known, t.isKnown = t.pending[i], true
	t.pending = append([]ticket(nil), t.pending[i+1:]...)
}

// renew makes a new token of 130 bits.
func (t *tickets) renew() string {
	token := rand.Text()
	if len(t.pending) == maxPending {
		t.pending = t.pending[1:]
	}
	t.pending = append(t.pending, ticket(sha256.Sum256([]byte(token))))
	return token
}
