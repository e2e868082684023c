// Package sdp is the offer/answer of a server that always answers, is ICE-lite
// and has one transport for all media (RFC 8829, RFC 9143, RFC 8445, 2.5).
//
// Read takes a client's offer apart, or refuses it with a sentence for the
// person who wrote the client. An offer's receive-only sections are slots, which
// the server sends in; what else carries media is a track of the client's.
// Answer writes what an Offer is answered with. Nothing here has a clock, a
// socket or a goroutine, and nothing keeps the text of an offer.
package sdp

import "errors"

// What the errors of Read wrap.
var (
	// ErrBadDescription says that an offer cannot be used.
	ErrBadDescription = errors.New("the description cannot be used")
	// ErrNoCommonCodec says that a section has no codec that is forwarded.
	ErrNoCommonCodec = errors.New("no codec in common")
)
