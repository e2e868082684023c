package room

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// mayModerate judges whether by may moderate; nil is the server itself. The
// caller holds mu.
func (r *Room) mayModerate(by *Peer) *protocol.Error {
	if by == nil || (r.peers[by.id] == by && by.who.Grants.Has(protocol.Grant_ADMIN)) {
		return nil
	}
	return protocol.Errorf(protocol.Error_NOT_GRANTED, "Only moderators may do this; ask one of them.")
}

// subject finds whom a moderator means. The caller holds mu.
func (r *Room) subject(by *Peer, id string) (*Peer, *protocol.Error) {
	if err := r.mayModerate(by); err != nil {
		return nil, err
	}
	if peer := r.peers[id]; peer != nil {
		return peer, nil
	}
	return nil, protocol.Errorf(protocol.Error_NO_SUCH_PEER, "There is no peer %.64q in this room; it may have left.", id)
}

// MuteTrack mutes another peer's track; its publisher can unmute it. It
// returns the track as others see it, as StopTrack does.
func (r *Room) MuteTrack(by *Peer, peer, track string) (*protocol.Track, *protocol.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.subject(by, peer)
	if err != nil {
		return nil, err
	}
	muted, changed, err := r.mute(p, track, true)
	if err != nil {
		return nil, err
	}
	if !changed {
		return public(muted), nil
	}
	p.member.Send(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_TrackUpdated{
		TrackUpdated: &protocol.TrackUpdated{Peer: p.id, Track: muted},
	}}), "")
	return public(muted), nil
}

// StopTrack ends another peer's track.
func (r *Room) StopTrack(by *Peer, peer, track string) (*protocol.Track, *protocol.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.subject(by, peer)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(p.tracks, func(t *protocol.Track) bool { return t.GetId() == track })
	if at < 0 {
		return nil, protocol.Errorf(protocol.Error_NO_SUCH_TRACK, "Peer %s publishes no track %.64q.", peer, track)
	}
	stopped := p.tracks[at]
	r.stop(p, func(t *protocol.Track) bool { return t == stopped })
	return public(stopped), nil
}

// stop ends those of a peer's tracks that fit, and tells everybody, the peer
// included. The caller holds mu.
func (r *Room) stop(p *Peer, fits func(*protocol.Track) bool) {
	var kept []*protocol.Track
	for _, t := range p.tracks {
		if !fits(t) {
			kept = append(kept, t)
			continue
		}
		removed := &protocol.TrackRemoved{Peer: p.id, Track: t.GetId()}
		r.tell(nil, &protocol.ServerMessage{Body: &protocol.ServerMessage_TrackRemoved{TrackRemoved: removed}})
		r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_TrackRemoved{TrackRemoved: removed}})
	}
	if len(kept) == len(p.tracks) {
		return
	}
	p.tracks = kept
	p.member.Publish(kept)
}

// Kick removes a peer, and keeps it out for banSeconds: its user, or, of
// somebody without one, its address. The user's other peers go with it.
func (r *Room) Kick(by *Peer, peer string, banSeconds uint32) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.subject(by, peer)
	if err != nil {
		return err
	}
	if banSeconds > maxSeconds {
		return protocol.Errorf(protocol.Error_BAD_FIELD, "ban_seconds is %d; %d is the most.", banSeconds, maxSeconds)
	}
	reason := protocol.Errorf(protocol.Error_REMOVED, "A moderator removed you from the room.")
	if banSeconds > 0 {
		if len(r.bans) >= maxBans {
			r.bans = slices.Delete(r.bans, 0, 1)
		}
		r.bans = append(r.bans, ban{user: p.who.User, addr: p.who.Addr, ends: r.now().Add(seconds(banSeconds))})
		for _, other := range r.peers {
			if other != p && p.who.User != "" && other.who.User == p.who.User {
				other.member.Remove(reason)
			}
		}
	}
	p.member.Remove(reason)
	return nil
}

// Update is what a moderator or the server API changes of a peer; nil fields
// stay.
type Update struct {
	Name, Metadata, Role *string
	Grants               *auth.Grants
}

// UpdatePeer changes a peer, by a moderator or, with by nil, the server.
func (r *Room) UpdatePeer(by *Peer, peer string, update Update) (*protocol.Peer, *protocol.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.subject(by, peer)
	if err == nil && by != nil && update.Grants != nil {
		err = mayGrant(by, p, *update.Grants)
	}
	if err == nil {
		err = r.update(p, update)
	}
	if err != nil {
		return nil, err
	}
	return p.describe(), nil
}

// mayGrant judges what a moderator wants to let a peer do. Moderating is not a
// way around one's own access token: nobody gives itself anything, and to
// record is given only by who may.
func mayGrant(by, p *Peer, grants auth.Grants) *protocol.Error {
	more := grants &^ p.who.Grants
	switch {
	case by == p && more != 0:
		return protocol.Errorf(protocol.Error_NOT_GRANTED, "You cannot give yourself the grant %v; ask another moderator.", more)
	case more.Has(protocol.Grant_RECORD) && !by.who.Grants.Has(protocol.Grant_RECORD):
		return protocol.Errorf(protocol.Error_NOT_GRANTED, "You cannot give the grant record, which you do not have.")
	}
	return nil
}

// SetMetadata is a peer changing its own.
func (r *Room) SetMetadata(p *Peer, metadata string) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.who.MetadataIsGiven {
		return protocol.Errorf(protocol.Error_NOT_GRANTED, "Your metadata is that of your access token; the server API can change it.")
	}
	return r.update(p, Update{Metadata: &metadata})
}

// Vouched is what an access token says of a peer and what a later one may
// change.
type Vouched struct {
	Grants  auth.Grants
	Role    string
	Sources []string // nil means all
}

// Vouch takes what a fresh access token says of a peer that is in the room
// called name, or wants to be. Grants that a moderator has given or taken stay
// so; a role that is the same as in the token before leaves the peer's alone.
func (rs *Rooms) Vouch(name string, p *Peer, vouched Vouched) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.rooms[name]; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.vouch(p, vouched)
	}
}

// vouch is called with mu held.
func (r *Room) vouch(p *Peer, vouched Vouched) {
	grants := (vouched.Grants | p.given) &^ p.taken
	update := Update{Grants: &grants}
	if vouched.Role != p.vouched.Role {
		update.Role = &vouched.Role
	}
	p.vouched, p.who.Sources = vouched, vouched.Sources
	if r.peers[p.id] != p {
		// Nobody knows of it but those it knocks for.
		p.who.Grants, p.who.Role = grants, vouched.Role
		if r.waiting[p.id] == p && grants.Has(protocol.Grant_ADMIN) {
			r.admit(p)
		}
		return
	}
	given, taken := p.given, p.taken
	// Tokens are held to the same bounds as peers.
	_ = r.update(p, update)
	p.given, p.taken = given, taken
	if p.who.Sources != nil {
		r.stop(p, func(t *protocol.Track) bool { return !slices.Contains(p.who.Sources, t.GetSource()) })
	}
}

// update is called with mu held.
func (r *Room) update(p *Peer, update Update) *protocol.Error {
	who := p.who
	set(&who.Name, update.Name)
	set(&who.Metadata, update.Metadata)
	set(&who.Role, update.Role)
	set(&who.Grants, update.Grants)
	if err := cmp.Or(checkPeerName(who.Name), checkMetadata(who.Metadata), checkRole(who.Role)); err != nil {
		return err
	}
	if update.Grants != nil {
		p.given, p.taken = who.Grants&^p.vouched.Grants, p.vouched.Grants&^who.Grants
	}
	before := p.describeAlone()
	grants := p.who.Grants
	p.who = who
	if proto.Equal(before, p.describeAlone()) {
		return nil
	}
	r.tellPeer(p)
	if who.Grants != grants {
		r.regrant(p, who.Grants&^grants)
	}
	return nil
}

// regrant does what follows from other grants of a peer, of which more are
// those that it did not have. The caller holds mu.
func (r *Room) regrant(p *Peer, more auth.Grants) {
	p.member.Grant(p.who.Grants)
	if !p.who.Grants.Has(protocol.Grant_PUBLISH) {
		r.stop(p, func(*protocol.Track) bool { return true })
	}
	if more.Has(protocol.Grant_ADMIN) {
		for _, k := range r.knocks() {
			p.member.Send(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Knock{Knock: k}}), "")
		}
	}
	r.flow()
	r.keepModerated()
}

// SetAway notes that a peer's client cannot be reached now, or can again.
func (r *Room) SetAway(p *Peer, away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[p.id] != p || p.away == away {
		return
	}
	p.away = away
	r.tellPeer(p)
	r.flow()
}

// tellPeer tells everybody, the peer included, what a peer is now. The caller
// holds mu.
func (r *Room) tellPeer(p *Peer) {
	alone := p.describeAlone()
	r.tell(nil, &protocol.ServerMessage{Body: &protocol.ServerMessage_PeerUpdated{
		PeerUpdated: &protocol.PeerUpdated{Peer: alone},
	}})
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_PeerUpdated{PeerUpdated: alone}})
}

// tellModerators sends one event to those who may moderate. The caller holds
// mu.
func (r *Room) tellModerators(message *protocol.ServerMessage) {
	event := protocol.NewEvent(message)
	for _, p := range r.peers {
		if p.who.Grants.Has(protocol.Grant_ADMIN) {
			p.member.Send(event, "")
		}
	}
}

// keepModerated gives a room whose peers nobody vouches for a moderator: who
// has been there longest. The caller holds mu.
func (r *Room) keepModerated() {
	if !r.owner.config.FirstModerates {
		return
	}
	var eldest *Peer
	for _, p := range r.peers {
		if p.who.Grants.Has(protocol.Grant_ADMIN) {
			return
		}
		if eldest == nil || p.order < eldest.order {
			eldest = p
		}
	}
	if eldest == nil {
		return
	}
	grants := eldest.who.Grants.With(protocol.Grant_ADMIN)
	// Grants alone can always be changed.
	_ = r.update(eldest, Update{Grants: &grants})
}
