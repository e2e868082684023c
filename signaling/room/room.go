package room

import (
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Room is where peers meet. It is safe for concurrent use; everybody in it is
// told of changes in one order.
type Room struct {
	name    string
	owner   *Rooms
	made    bool // by the server API
	created time.Time

	mu         sync.Mutex // guards all below, and what Peer says
	settings   *protocol.RoomSettings
	peers      map[string]*Peer
	order      uint64           // of the last peer that came
	waiting    map[string]*Peer // at the door
	admitted   map[string]bool  // by peer id, until they enter
	bans       []ban
	history    history
	topology   flow
	emptySince time.Time
	expiry     *time.Timer // runs while nobody is there
	ended      bool
}

func (rs *Rooms) newRoom(name string, settings *protocol.RoomSettings) *Room {
	r := &Room{
		name: name, owner: rs, created: time.Now(), settings: settings,
		peers: map[string]*Peer{}, waiting: map[string]*Peer{}, admitted: map[string]bool{},
	}
	r.topology = newFlow(rs, settings)
	return r
}

// Name is the room's name.
func (r *Room) Name() string { return r.name }

func (r *Room) now() time.Time { return time.Now() }

// enter is called with the owner's mutex held.
func (r *Room) enter(peer *Peer, tracks []*protocol.Track, answer *protocol.Description, re string, fresh bool) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		err := protocol.Errorf(protocol.Error_ROOM_ENDED, "The room is just being ended. Try again in a moment.")
		err.Retry = true
		return err
	}
	wait, err := r.door(peer)
	if err != nil {
		return err
	}
	if wait {
		return protocol.Errorf(protocol.Error_REFUSED, "The room has just got a lobby. Join again to knock.")
	}
	r.unknock(peer)
	if r.expiry != nil {
		r.expiry.Stop()
	}
	if fresh {
		r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_RoomStarted{RoomStarted: r.info()}})
	}
	r.order++
	peer.order, peer.joined, peer.tracks = r.order, r.now().UnixMilli(), tracks
	r.peers[peer.id] = peer
	peer.member.Grant(peer.who.Grants)
	// Before joined is made, so that it tells all.
	r.moderateFirst(peer)
	joined := r.describeTo(peer)
	joined.Answer, joined.Tracks = answer, tracks
	peer.member.Send(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Joined{Joined: joined}}), re)
	described := peer.describe()
	r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_PeerJoined{
		PeerJoined: &protocol.PeerJoined{Peer: described},
	}})
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_PeerJoined{PeerJoined: described}})
	r.flow()
	return nil
}

// moderateFirst gives the first peer of a room that has no moderator the grant
// to be one. The caller holds mu.
func (r *Room) moderateFirst(peer *Peer) {
	if r.owner.config.FirstModerates && len(r.peers) == 1 {
		peer.given = auth.GrantsOf(protocol.Grant_ADMIN)
		peer.who.Grants |= peer.given
		peer.member.Grant(peer.who.Grants)
	}
}

// describeTo is the room as it is for one of its peers. The caller holds mu.
func (r *Room) describeTo(peer *Peer) *protocol.Joined {
	joined := &protocol.Joined{
		Room: r.name, Peer: peer.id, Self: peer.describeAlone(), Tracks: peer.tracks,
		Settings: r.settings, Topology: r.topology.told.For(peer.id),
	}
	for _, other := range sorted(r.peers) {
		if other != peer {
			joined.Peers = append(joined.Peers, other.describe())
		}
	}
	r.history.trim(r.now(), r.settings)
	joined.History = append(joined.History, r.history.messages...)
	if peer.who.Grants.Has(protocol.Grant_ADMIN) {
		joined.Knocks = r.knocks()
	}
	return joined
}

// Snapshot gives take a Joined that says all there is now, in a moment when
// nothing else is said to the peer.
func (r *Room) Snapshot(peer *Peer, take func(*protocol.Event) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	joined := r.describeTo(peer)
	joined.Snapshot = true
	return take(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Joined{Joined: joined}}))
}

// Leave takes a peer out of the room and tells the others. Only the first call
// has an effect.
func (r *Room) Leave(peer *Peer, reason protocol.PeerLeft_Reason) {
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[peer.id] != peer {
		return
	}
	delete(r.peers, peer.id)
	left := &protocol.PeerLeft{Peer: peer.id, Reason: reason}
	r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_PeerLeft{PeerLeft: left}})
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_PeerLeft{PeerLeft: left}})
	r.flow()
	r.keepModerated()
	switch {
	case len(r.peers) > 0:
	case r.ended:
		r.closeLocked(protocol.RoomEnded_ENDED)
	default:
		r.waitForSomebody()
	}
}

// waitForSomebody ends the empty room after its time. The caller holds mu, and
// the owner's, too, when that time is none.
func (r *Room) waitForSomebody() {
	r.emptySince = r.now()
	if r.expiry != nil {
		r.expiry.Stop()
	}
	patience := seconds(r.settings.GetEmptySeconds())
	if patience == 0 && !r.made {
		r.closeLocked(protocol.RoomEnded_EMPTY)
		return
	}
	r.expiry = time.AfterFunc(patience, func() {
		r.owner.mu.Lock()
		defer r.owner.mu.Unlock()
		if since, ok := r.empty(); ok && r.now().Sub(since) >= patience {
			r.close(protocol.RoomEnded_EMPTY)
		}
	})
}

// empty says since when nobody has been here.
func (r *Room) empty() (since time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.emptySince, len(r.peers) == 0
}

// close ends the room. The caller holds the owner's mutex.
func (r *Room) close(reason protocol.RoomEnded_Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeLocked(reason)
}

// closeLocked is called with both mutexes held.
func (r *Room) closeLocked(reason protocol.RoomEnded_Reason) {
	if r.owner.rooms[r.name] != r {
		return
	}
	delete(r.owner.rooms, r.name)
	if r.expiry != nil {
		r.expiry.Stop()
	}
	r.topology.stop()
	for _, peer := range r.waiting {
		peer.member.Remove(protocol.Errorf(protocol.Error_ROOM_ENDED, "The room has ended."))
	}
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_RoomEnded{RoomEnded: &protocol.RoomEnded{Reason: reason}}})
}

// End ends the room for everybody. by is the moderator, nil for the server.
func (r *Room) End(by *Peer) *protocol.Error {
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayModerate(by); err != nil {
		return err
	}
	r.ended = true
	for _, peer := range r.peers {
		peer.member.Remove(protocol.Errorf(protocol.Error_ROOM_ENDED, "The room was ended for everybody."))
	}
	if len(r.peers) == 0 {
		r.closeLocked(protocol.RoomEnded_ENDED)
	}
	return nil
}

// tell sends one event to everybody but the one it is about, or to all when
// that is nil. The caller holds mu.
func (r *Room) tell(about *Peer, message *protocol.ServerMessage) {
	event := protocol.NewEvent(message)
	for _, peer := range r.peers {
		if peer != about {
			peer.member.Send(event, "")
		}
	}
}

// info is the room as a back end sees it. The caller holds mu.
func (r *Room) info() *protocol.RoomInfo {
	return &protocol.RoomInfo{
		Name: r.name, Settings: r.settings, CreatedMs: r.created.UnixMilli(),
		Peers: uint32(len(r.peers)), Waiting: uint32(len(r.waiting)), Topology: r.topology.told.Mode,
	}
}

// Info is the room as a back end sees it.
func (r *Room) Info() *protocol.RoomInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info()
}

// Peers are those in the room, by id, and those at its door.
func (r *Room) Peers() (inside []*protocol.Peer, waiting []*protocol.Knock) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, peer := range sorted(r.peers) {
		inside = append(inside, peer.describe())
	}
	return inside, r.knocks()
}

// FindPeer is the peer with this id as others see it.
func (r *Room) FindPeer(id string) (*protocol.Peer, *protocol.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	peer, err := r.subject(nil, id)
	if err != nil {
		return nil, err
	}
	return peer.describe(), nil
}
