package client

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// roster is who else is in the room, what they publish and what of it is
// received, kept by applying the server's messages in their order. Peers are
// never changed but replaced, so that they can be given away.
type roster struct {
	mu    sync.Mutex // guards all below
	self  *protocol.Peer
	peers map[string]*protocol.Peer
	slots []*protocol.Slot
	// poor is what does not get through well.
	poor []*protocol.PeerQuality
}

// me is this client.
func (r *roster) me() *protocol.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.self
}

// everybody is everybody else, in the order of their coming.
func (r *roster) everybody() []*protocol.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.peers), func(a, b *protocol.Peer) int {
		return cmp.Or(cmp.Compare(a.GetJoinedMs(), b.GetJoinedMs()), cmp.Compare(a.GetId(), b.GetId()))
	})
}

// carried is what is in the slots.
func (r *roster) carried() []*protocol.Slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.slots)
}

// quality is how well media of a peer, or of this client, gets through.
func (r *roster) quality(peer string) *protocol.PeerQuality {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.poor {
		if q.GetPeer() == peer {
			return q
		}
	}
	return &protocol.PeerQuality{Peer: peer, Score: 100}
}

// reset starts from what answers join, or from a snapshot.
func (r *roster) reset(joined *protocol.Joined) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.self = joined.GetSelf()
	r.peers = map[string]*protocol.Peer{}
	for _, p := range joined.GetPeers() {
		r.peers[p.GetId()] = p
	}
}

// apply takes one message; those about other things change nothing.
func (r *roster) apply(message *protocol.ServerMessage) {
	switch body := message.GetBody().(type) {
	case *protocol.ServerMessage_Joined:
		r.reset(body.Joined)
	case *protocol.ServerMessage_PeerJoined:
		r.put(body.PeerJoined.GetPeer())
	case *protocol.ServerMessage_PeerUpdated:
		r.update(body.PeerUpdated.GetPeer())
	case *protocol.ServerMessage_PeerLeft:
		r.remove(body.PeerLeft.GetPeer())
	case *protocol.ServerMessage_TrackPublished:
		r.track(body.TrackPublished.GetPeer(), body.TrackPublished.GetTrack().GetId(), body.TrackPublished.GetTrack())
	case *protocol.ServerMessage_TrackUpdated:
		r.track(body.TrackUpdated.GetPeer(), body.TrackUpdated.GetTrack().GetId(), body.TrackUpdated.GetTrack())
	case *protocol.ServerMessage_TrackRemoved:
		r.track(body.TrackRemoved.GetPeer(), body.TrackRemoved.GetTrack(), nil)
	case *protocol.ServerMessage_Slots:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.slots = body.Slots.GetSlots()
	case *protocol.ServerMessage_Quality:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.poor = body.Quality.GetPeers()
	}
}

func (r *roster) put(p *protocol.Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peers[p.GetId()] = p
}

// update takes all of a peer but its tracks, which it does not tell.
func (r *roster) update(p *protocol.Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.GetId() == r.self.GetId() {
		r.self = p
		return
	}
	before := r.peers[p.GetId()]
	if before == nil {
		return
	}
	now := proto.Clone(p).(*protocol.Peer)
	now.Tracks = before.GetTracks()
	r.peers[p.GetId()] = now
}

func (r *roster) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.peers, id)
}

// track puts a peer's track in the place of the one with its id; nil takes it
// away.
func (r *roster) track(peer, id string, track *protocol.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.peers[peer]
	if before == nil {
		return
	}
	now := proto.CloneOf(before)
	at := slices.IndexFunc(now.GetTracks(), func(t *protocol.Track) bool { return t.GetId() == id })
	switch {
	case track == nil && at >= 0:
		now.Tracks = slices.Delete(now.Tracks, at, at+1)
	case track != nil && at >= 0:
		now.Tracks[at] = track
	case track != nil:
		now.Tracks = append(now.Tracks, track)
	}
	r.peers[peer] = now
}
