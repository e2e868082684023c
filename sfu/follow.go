package sfu

import (
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// movedAfter is how long nothing may have come from where a client was, before
// a check from elsewhere means that it has moved: longer than clients wait
// between two checks, and shorter than disconnectedAfter.
const movedAfter = 3 * time.Second

// follower decides to which of a client's addresses is sent. The client says so
// by nominating (RFC 8445, 8.1.1). But when a NAT on its way forgets it, or its
// socket was replaced, its checks come from another address, and not every
// client nominates that one: its consent checks are answered, so to the client
// all is well, while what is sent goes to where it was.
//
// The library calls it in the one goroutine of an ICE agent.
type follower struct {
	current *ice.CandidatePair // nil until the client has nominated one
}

// checked takes a check that was found authentic. It reports true when the pair
// that it came on is the one to send on, although it nominates none.
func (f *follower) checked(check *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
	if check.Contains(stun.AttrUseCandidate) {
		f.current = pair
		return false // the library does it
	}
	if f.current == nil || f.current == pair || time.Since(f.current.Remote.LastReceived()) < movedAfter {
		return false
	}
	f.current = pair
	return true
}
