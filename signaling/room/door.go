package room

import (
	"net/netip"
	"slices"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	maxWaiting = 100 // peers before one door
	maxBans    = 1000
)

// ban keeps somebody out for a while.
type ban struct {
	user string
	addr netip.Addr
	ends time.Time
}

// of says whether the ban is of somebody: a user by any address, and who says
// no user by the address alone, so that leaving the name out is no way around.
func (b ban) of(who Identity) bool {
	if who.User != "" {
		return b.user == who.User
	}
	return b.addr.IsValid() && b.addr == who.Addr
}

// door judges whether a peer may come in now. wait says that somebody has to
// let it in. The caller holds mu.
func (r *Room) door(peer *Peer) (wait bool, err *protocol.Error) {
	now := r.now()
	r.bans = slices.DeleteFunc(r.bans, func(b ban) bool { return !now.Before(b.ends) })
	moderates := peer.who.Grants.Has(protocol.Grant_ADMIN)
	switch {
	case slices.ContainsFunc(r.bans, func(b ban) bool { return b.of(peer.who) }):
		return false, banned()
	case r.settings.GetLocked() && !moderates:
		return false, protocol.Errorf(protocol.Error_ROOM_LOCKED, "The room is locked. Ask somebody inside to unlock it.")
	case len(r.peers) >= r.limit():
		return false, protocol.Errorf(protocol.Error_ROOM_FULL,
			"The room has %d peers and takes no more. Try again when somebody has left.", len(r.peers))
	}
	return r.settings.GetLobby() && !moderates && !r.admitted[peer.id], nil
}

// MaySend judges whether a user may send data to the room without being a
// peer: the door and what moderators decided hold for it all the same. One
// that has begun is not turned away by a door that was closed later.
func (r *Room) MaySend(user string, begun bool) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if slices.ContainsFunc(r.bans, func(b ban) bool { return now.Before(b.ends) && b.of(Identity{User: user}) }) {
		return banned()
	}
	for _, p := range r.peers {
		if p.who.User != user {
			continue
		}
		if begun = true; p.taken.Has(protocol.Grant_DATA) {
			return protocol.Errorf(protocol.Error_NOT_GRANTED, "A moderator took from you the grant to send data in this room.")
		}
	}
	switch {
	case begun:
	case r.settings.GetLocked():
		return protocol.Errorf(protocol.Error_ROOM_LOCKED, "The room is locked. Data comes in by a token with the grant admin, or from who is inside.")
	case r.settings.GetLobby():
		return protocol.Errorf(protocol.Error_REFUSED, "The room has a lobby. Data comes in by a token with the grant admin, or from who was let in.")
	}
	return nil
}

func banned() *protocol.Error {
	return protocol.Errorf(protocol.Error_BANNED, "A moderator removed you from this room for a while. Try again later.")
}

// Knock brings a peer to the door of the room called name. It reports whether
// the peer has to wait there: then its Member is told when it may enter, and
// Unknock takes it away again. Otherwise it may Enter at once.
func (rs *Rooms) Knock(name string, peer *Peer) (wait bool, err *protocol.Error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.rooms[name]
	if r == nil {
		_, err := rs.roomForOneMore()
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if wait, err = r.door(peer); err != nil || !wait {
		return wait, err
	}
	if len(r.waiting) >= maxWaiting {
		return false, protocol.Errorf(protocol.Error_ROOM_FULL, "%d others wait to be let in already. Try again later.", maxWaiting)
	}
	r.waiting[peer.id] = peer
	r.tellModerators(r.knock(peer, false))
	return true, nil
}

// Unknock takes a peer away from the door, if it waits there.
func (rs *Rooms) Unknock(name string, peer *Peer) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.rooms[name]; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unknock(peer)
	}
}

// unknock is called with mu held.
func (r *Room) unknock(peer *Peer) {
	delete(r.admitted, peer.id)
	if r.waiting[peer.id] == peer {
		delete(r.waiting, peer.id)
		r.tellModerators(r.knock(peer, true))
	}
}

func (r *Room) knock(peer *Peer, over bool) *protocol.ServerMessage {
	return &protocol.ServerMessage{Body: &protocol.ServerMessage_Knock{Knock: &protocol.Knock{
		Peer: peer.id, Name: peer.who.Name, User: peer.who.User, Metadata: peer.who.Metadata, Over: over,
	}}}
}

// knocks lists who waits, for a moderator. The caller holds mu.
func (r *Room) knocks() []*protocol.Knock {
	var out []*protocol.Knock
	for _, peer := range sorted(r.waiting) {
		out = append(out, r.knock(peer, false).GetKnock())
	}
	return out
}

// Admit lets in a peer that waits. by is the moderator, nil for the server.
func (r *Room) Admit(by *Peer, id string) *protocol.Error { return r.atDoor(by, id, r.admit) }

// admit is called with mu held.
func (r *Room) admit(peer *Peer) {
	delete(r.waiting, peer.id)
	r.tellModerators(r.knock(peer, true))
	r.admitted[peer.id] = true
	peer.member.Admit()
}

// Refuse turns away a peer that waits.
func (r *Room) Refuse(by *Peer, id string) *protocol.Error {
	return r.atDoor(by, id, func(peer *Peer) {
		delete(r.waiting, peer.id)
		r.tellModerators(r.knock(peer, true))
		peer.member.Remove(protocol.Errorf(protocol.Error_REFUSED, "You were not let in."))
	})
}

func (r *Room) atDoor(by *Peer, id string, do func(*Peer)) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayModerate(by); err != nil {
		return err
	}
	peer := r.waiting[id]
	if peer == nil {
		return protocol.Errorf(protocol.Error_NO_SUCH_PEER, "Nobody with the id %.64q waits to be let in; they may have gone.", id)
	}
	do(peer)
	return nil
}
