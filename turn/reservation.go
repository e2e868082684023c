package turn

import (
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

const (
	// reserved is how long a relay is kept for who has its token (RFC 8656,
	// section 7.2).
	reserved = 30 * time.Second
	// mostReservations is how many are kept at a time.
	mostReservations = 256
	// tokenLength is the length of a RESERVATION-TOKEN in bytes.
	tokenLength = 8
)

var errNoReservation = errors.New("turn: nothing is kept for that RESERVATION-TOKEN, or no longer")

// reservations are relays that are kept beside others, for RTCP beside RTP.
type reservations struct {
	mu sync.Mutex // guards by
	by map[string]reservation
}

type reservation struct {
	relay *relay
	until time.Time
}

// keep keeps a relay and returns its token. When there are too many, it is
// closed.
func (s *reservations) keep(r *relay, now time.Time) (token string, err error) {
	token = rand.Text()[:tokenLength]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.by) >= mostReservations {
		r.close()
		return "", errors.New("turn: too many relays are kept for others")
	}
	if s.by == nil {
		s.by = make(map[string]reservation)
	}
	s.by[token] = reservation{relay: r, until: now.Add(reserved)}
	return token, nil
}

// take returns what is kept for a token, once; or nil.
func (s *reservations) take(token string, now time.Time) *relay {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.by[token]
	if !ok || !now.Before(kept.until) {
		return nil
	}
	delete(s.by, token)
	return kept.relay
}

// sweep closes what nobody came for.
func (s *reservations) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, kept := range s.by {
		if !now.Before(kept.until) {
			kept.relay.close()
			delete(s.by, token)
		}
	}
}
