package room

import (
	"net/netip"
	"slices"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Member is a peer's client as its room sees it. Its methods are called with
// the room locked: they must not block or call the room.
type Member interface {
	// Send puts an event into the client's outbox; re is the id of the message
	// that it answers, or "".
	Send(event *protocol.Event, re string)
	// Remove ends the client's session for a reason that it is told.
	Remove(reason *protocol.Error)
	// Admit lets the client in: it may enter now.
	Admit()
	// Grant says what the peer may do from now on.
	Grant(grants auth.Grants)
	// Publish gives all that the peer publishes.
	Publish(tracks []*protocol.Track)
	// Mute says that one of its tracks is muted, or no longer.
	Mute(track string, muted bool)
	// Suspend says whether the SFU holds back what it would forward to the
	// peer, because it comes another way.
	Suspend(on bool)
}

// Identity is who a peer is.
type Identity struct {
	Name     string
	User     string // across rooms; empty when nobody vouches for it
	Role     string
	Metadata string
	// MetadataIsGiven says that the metadata comes from an access token: the
	// client cannot change it.
	MetadataIsGiven bool
	Grants          auth.Grants
	// Sources are the track sources that it may publish; nil means all.
	Sources []string
	// Addr is what a ban of somebody without a user goes by.
	Addr netip.Addr
	// Direct says whether its client can connect to another peer directly.
	Direct bool
}

// Peer is one participant in one room.
type Peer struct {
	id     string
	member Member

	// Guarded by Room.mu from the first call of the room on.
	who     Identity
	vouched Vouched // by its access token, at last
	// given and taken are the grants that a moderator changed: they stay so,
	// whatever a later access token says.
	given, taken auth.Grants
	tracks       []*protocol.Track // a track is replaced, never changed
	away         bool
	joined       int64  // Unix milliseconds
	order        uint64 // who came first has the smaller one

	// seen is what others last saw of it while it had no tracks, and seenAs what it
	// was made of.
	seen   *protocol.Peer
	seenAs traits
}

// traits are what others see of a peer, but for its tracks.
type traits struct {
	name, user, role, metadata string
	grants                     auth.Grants
	away                       bool
	joined                     int64
}

// NewPeer makes a peer that is in no room yet.
func NewPeer(who Identity, member Member) *Peer {
	return &Peer{
		id: NewID(), who: who, member: member,
		vouched: Vouched{Grants: who.Grants, Role: who.Role, Sources: who.Sources},
	}
}

// ID names the peer in its room.
func (p *Peer) ID() string { return p.id }

// describe is the peer as others see it. It is not to be changed: who comes into a
// room of a thousand is told of all of them, each time the same.
func (p *Peer) describe() *protocol.Peer {
	if len(p.tracks) == 0 {
		is := traits{p.who.Name, p.who.User, p.who.Role, p.who.Metadata, p.who.Grants, p.away, p.joined}
		if p.seen == nil || p.seenAs != is {
			p.seen, p.seenAs = p.describeAlone(), is
		}
		return p.seen
	}
	out := p.describeAlone()
	for _, track := range p.tracks {
		out.Tracks = append(out.Tracks, public(track))
	}
	return out
}

// describeAlone is the peer without its tracks.
func (p *Peer) describeAlone() *protocol.Peer {
	return &protocol.Peer{
		Id: p.id, Name: p.who.Name, User: p.who.User, Role: p.who.Role, Metadata: p.who.Metadata,
		Grants: p.who.Grants.List(), Away: p.away, JoinedMs: p.joined,
	}
}

// MayPublish judges tracks that the peer wants to publish. It is for a peer
// that is in no room yet, and called by who would call Rooms.Vouch for it;
// Room.Publish judges those of the others.
func (p *Peer) MayPublish(offers []*protocol.TrackOffer) *protocol.Error {
	if len(offers) == 0 {
		return nil
	}
	if !p.who.Grants.Has(protocol.Grant_PUBLISH) {
		return protocol.Errorf(protocol.Error_NOT_GRANTED, "Your access lets you publish nothing in this room.")
	}
	for _, offer := range offers {
		if p.who.Sources != nil && !slices.Contains(p.who.Sources, offer.GetSource()) {
			return protocol.Errorf(protocol.Error_NOT_GRANTED,
				"Your access does not let you publish %q; it lets you publish %q.", offer.GetSource(), p.who.Sources)
		}
	}
	return nil
}
