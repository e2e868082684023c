package signaling

import (
	"context"
	"errors"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Media is the SFU as signaling sees it: one more peer that descriptions and
// candidates go to. The process that runs both puts them together.
type Media interface {
	// Open makes the leg between the SFU and a peer. What happens to it is
	// told to the listener.
	Open(room, peer string, listener Listener) (Leg, error)
}

// Rights are what a client may do over its leg.
type Rights struct {
	Subscribe bool // get others' tracks
	Data      bool // send over its DataChannels
}

// Leg is the media connection between the SFU and one peer. Offer and
// Candidate are called one after the other, the rest at any time and from any
// goroutine; only Offer and Close may wait for something.
type Leg interface {
	// Offer takes the client's offer and returns the SFU's answer, or an
	// error that wraps ErrBadDescription or ErrNoCommonCodec. One that wraps
	// ErrLegLost says that this leg is of no more use: close it, and make
	// another for the next offer.
	Offer(ctx context.Context, sdp string) (answer string, err error)
	// Candidate adds one of the client's candidates; an empty one says that
	// there are no more. An error wraps ErrBadCandidate.
	Candidate(candidate *protocol.Candidate) error
	// Publish declares which tracks the client's media sections carry.
	Publish(tracks []*protocol.Track)
	// Mute stops or starts forwarding of one of the client's tracks.
	Mute(track string, muted bool)
	// Allow says what the client may do; before the first call, everything.
	Allow(rights Rights)
	// Suspend says whether nothing is forwarded to the client for now, because
	// it gets that another way. Its slots are told as if it were.
	Suspend(on bool)
	// Tell has slots, speakers and quality told again.
	Tell()
	// View says what the client shows. Slots are filled from the first call
	// on; nil means everything.
	View(view *protocol.View)
	// Close ends the leg and waits until it is gone.
	Close()
}

// Listener is told what happens to a leg, from any goroutine. It must not
// block or call the leg.
type Listener interface {
	// Slots gives the state of all the client's slots.
	Slots(slots []*protocol.Slot)
	// Speakers gives the peers who speak now, loudest first.
	Speakers(peers []string)
	// Demand says what of a track of the client anybody receives.
	Demand(demand *protocol.TrackDemand)
	// Quality gives all that does not get through well to or from the client.
	Quality(quality *protocol.Quality)
	// Connected says that the client can be reached, or no longer.
	Connected(up bool)
	// Lost says that the connection broke.
	Lost(reason string)
	// Overrun says that the client does not read its DataChannel: what was
	// sent to it on the reliable one was dropped.
	Overrun()
}

// What a Leg's errors wrap.
var (
	ErrBadDescription = errors.New("the description is of no use")
	ErrNoCommonCodec  = errors.New("no codec in common")
	ErrBadCandidate   = errors.New("the candidate is of no use")
	ErrLegLost        = errors.New("the connection has to be made anew")
)
