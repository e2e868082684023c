// Package room holds who is here and who says what to whom: the roster of
// each room, its tracks, and the messages between its peers. It knows no
// transport and no media.
package room

import (
	"crypto/rand"
	"strings"
	"sync"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Limits bound what peers can make the server hold.
type Limits struct {
	Rooms         int
	PeersPerRoom  int
	TracksPerPeer int
}

// Rooms is every room of this server. A room begins with its first peer and
// ends with its last. It is safe for concurrent use.
type Rooms struct {
	limits Limits

	mu    sync.Mutex // guards rooms, and entering against the last leaving
	rooms map[string]*Room
}

// NewRooms makes an empty set of rooms.
func NewRooms(limits Limits) *Rooms {
	return &Rooms{limits: limits, rooms: map[string]*Room{}}
}

// Count is the number of rooms with somebody in them.
func (rs *Rooms) Count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.rooms)
}

// Enter brings a peer into the room called name, with the tracks it
// publishes. The peer's first event is its own Joined, as the answer to re;
// what happens in the room from then on follows it. answer is the SFU's
// answer for Joined, or nil.
func (rs *Rooms) Enter(name string, peer *Peer, tracks []*protocol.Track, answer *protocol.Description, re string) (*Room, *protocol.Error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.rooms[name]
	if r == nil {
		if len(rs.rooms) >= rs.limits.Rooms {
			return nil, protocol.Errorf(protocol.Error_TOO_MANY_ROOMS,
				"This server holds %d rooms and takes no more now. Try again later.", rs.limits.Rooms)
		}
		r = &Room{name: name, owner: rs, peers: map[string]*Peer{}}
	}
	if err := r.enter(peer, tracks, answer, re); err != nil {
		return nil, err
	}
	rs.rooms[name] = r
	return r, nil
}

// CheckJoin judges what a join says about names before anything is built for
// it.
func CheckJoin(join *protocol.Join) *protocol.Error {
	if err := checkRoomName(join.GetRoom()); err != nil {
		return err
	}
	return checkPeerName(join.GetName())
}

// NewID makes an id for a session, peer or track: 60 bits, in letters and
// digits.
func NewID() string { return strings.ToLower(rand.Text()[:12]) }
