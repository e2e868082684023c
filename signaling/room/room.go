package room

import (
	"maps"
	"slices"
	"sync"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Room is where peers meet. It is safe for concurrent use; everybody in it is
// told of changes in one order.
type Room struct {
	name  string
	owner *Rooms

	mu    sync.Mutex // guards all below, and Peer.tracks
	peers map[string]*Peer
}

// Peer is one participant in one room.
type Peer struct {
	id   string
	name string
	send func(event *protocol.Event, re string)

	tracks []*protocol.Track // guarded by Room.mu; a track is replaced, never changed
}

// NewPeer makes a peer that is in no room yet. send must not block.
func NewPeer(name string, send func(event *protocol.Event, re string)) *Peer {
	return &Peer{id: NewID(), name: name, send: send}
}

// ID names the peer in its room.
func (p *Peer) ID() string { return p.id }

// Name is the room's name.
func (r *Room) Name() string { return r.name }

// enter is called with the owner's mutex held.
func (r *Room) enter(peer *Peer, tracks []*protocol.Track, answer *protocol.Description, re string) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit := r.owner.limits.PeersPerRoom; len(r.peers) >= limit {
		return protocol.Errorf(protocol.Error_ROOM_FULL,
			"The room has %d peers and takes no more. Try again when somebody has left.", limit)
	}
	peer.tracks = tracks
	joined := &protocol.Joined{Room: r.name, Peer: peer.id, Answer: answer, Tracks: tracks}
	for _, id := range slices.Sorted(maps.Keys(r.peers)) {
		joined.Peers = append(joined.Peers, r.peers[id].describe())
	}
	r.peers[peer.id] = peer
	peer.send(protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Joined{Joined: joined}}), re)
	r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_PeerJoined{
		PeerJoined: &protocol.PeerJoined{Peer: peer.describe()},
	}})
	return nil
}

// Leave takes a peer out of the room and tells the others; the room ends with
// its last peer. Only the first call has an effect.
func (r *Room) Leave(peer *Peer, reason protocol.PeerLeft_Reason) {
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[peer.id] != peer {
		return
	}
	delete(r.peers, peer.id)
	if len(r.peers) == 0 {
		delete(r.owner.rooms, r.name)
	}
	r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_PeerLeft{
		PeerLeft: &protocol.PeerLeft{Peer: peer.id, Reason: reason},
	}})
}

// describe is the peer as others see it.
func (p *Peer) describe() *protocol.Peer {
	out := &protocol.Peer{Id: p.id, Name: p.name}
	for _, track := range p.tracks {
		out.Tracks = append(out.Tracks, public(track))
	}
	return out
}

// tell sends one event to everybody but the one it is about. The caller holds
// mu.
func (r *Room) tell(about *Peer, message *protocol.ServerMessage) {
	event := protocol.NewEvent(message)
	for _, peer := range r.peers {
		if peer != about {
			peer.send(event, "")
		}
	}
}

// Relay sends one event to one other peer.
func (r *Room) Relay(from *Peer, to string, message *protocol.ServerMessage) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	peer, err := r.other(from, to)
	if err != nil {
		return err
	}
	peer.send(protocol.NewEvent(message), "")
	return nil
}

// Say sends a message of a peer to those it names, or to everybody else. When
// one of them is not here, nobody gets it.
func (r *Room) Say(from *Peer, message *protocol.Message, nowMs int64) *protocol.Error {
	if len(message.GetTopic()) > maxTopic {
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"topic has %d bytes; %d are allowed.", len(message.GetTopic()), maxTopic)
	}
	if len(message.GetTo()) > maxRecipients {
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"to names %d peers; %d are allowed.", len(message.GetTo()), maxRecipients)
	}
	out := &protocol.ServerMessage{Body: &protocol.ServerMessage_Message{Message: &protocol.Message{
		To: message.GetTo(), From: from.id, Topic: message.GetTopic(), Text: message.GetText(), SentMs: nowMs,
	}}}

	r.mu.Lock()
	defer r.mu.Unlock()
	if len(message.GetTo()) == 0 {
		r.tell(from, out)
		return nil
	}
	recipients := map[*Peer]bool{}
	for _, id := range message.GetTo() {
		peer, err := r.other(from, id)
		if err != nil {
			return err
		}
		recipients[peer] = true
	}
	event := protocol.NewEvent(out)
	for peer := range recipients {
		peer.send(event, "")
	}
	return nil
}

// other finds a peer that is not from. The caller holds mu.
func (r *Room) other(from *Peer, id string) (*Peer, *protocol.Error) {
	if peer := r.peers[id]; peer != nil && peer != from {
		return peer, nil
	}
	return nil, protocol.Errorf(protocol.Error_NO_SUCH_PEER,
		"There is no other peer %.64q in this room; it may have left.", id)
}
