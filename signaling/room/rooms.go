// Package room holds who is here and who says what to whom: the roster of
// each room, its settings and door, its tracks, the messages between its
// peers, and what moderators do. It knows no transport and no media.
package room

import (
	"cmp"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Limits bound what peers can make the server hold.
type Limits struct {
	Rooms         int
	PeersPerRoom  int
	TracksPerPeer int
}

// Config is what Rooms need.
type Config struct {
	Limits Limits
	// Defaults are the settings of a room that nobody has changed.
	Defaults *protocol.RoomSettings
	// Cooldown is how long the topology stays with the SFU after a direct
	// connection ended.
	Cooldown time.Duration
	// FirstModerates gives the grant ADMIN to whoever has been in a room
	// longest when nobody has it: for servers whose peers have no tokens.
	FirstModerates bool
	// OnEvent is told of all that happens in all rooms, each room's events in
	// their order; it must not block or call the rooms. nil for nobody.
	OnEvent func(*protocol.RoomEvent)
}

// Rooms is every room of this server. A room begins with its first peer, or
// when the server API makes it, and ends when it has been empty for as long as
// its settings say. It is safe for concurrent use.
type Rooms struct {
	config Config
	events feeds

	mu    sync.Mutex // guards rooms, and entering against the last leaving
	rooms map[string]*Room
}

// NewRooms makes an empty set of rooms.
func NewRooms(config Config) *Rooms {
	return &Rooms{config: config, rooms: map[string]*Room{}, events: feeds{open: map[string]*feed{}}}
}

// Count is the number of rooms.
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
	fresh := r == nil
	if fresh {
		least, err := rs.roomForOneMore()
		if err != nil {
			return nil, err
		}
		if least != nil {
			least.close(protocol.RoomEnded_EMPTY)
		}
		r = rs.newRoom(name, rs.config.Defaults)
	}
	if err := r.enter(peer, tracks, answer, re, fresh); err != nil {
		return nil, err
	}
	rs.rooms[name] = r
	return r, nil
}

// roomForOneMore judges whether there may be one more room. One that has been
// empty for longest has to make way when least is not nil. The caller holds mu.
func (rs *Rooms) roomForOneMore() (least *Room, err *protocol.Error) {
	if len(rs.rooms) < rs.config.Limits.Rooms {
		return nil, nil
	}
	var oldest time.Time
	for _, r := range rs.rooms {
		if since, ok := r.empty(); ok && !r.made && (least == nil || since.Before(oldest)) {
			least, oldest = r, since
		}
	}
	if least != nil {
		return least, nil
	}
	return nil, protocol.Errorf(protocol.Error_TOO_MANY_ROOMS,
		"This server holds %d rooms and takes no more now. Try again later.", rs.config.Limits.Rooms)
}

// Create makes a room before anybody is there. When there is one already, it
// stays as it is and fresh is false.
func (rs *Rooms) Create(name string, change *protocol.RoomChange) (info *protocol.RoomInfo, fresh bool, err *protocol.Error) {
	if err := CheckRoomName(name); err != nil {
		return nil, false, err
	}
	settings, err := rs.changed(rs.config.Defaults, change)
	if err != nil {
		return nil, false, err
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.rooms[name]; r != nil {
		return r.Info(), false, nil
	}
	least, err := rs.roomForOneMore()
	if err != nil {
		return nil, false, err
	}
	if least != nil {
		least.close(protocol.RoomEnded_EMPTY)
	}
	r := rs.newRoom(name, settings)
	r.made = true
	rs.rooms[name] = r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_RoomStarted{RoomStarted: r.info()}})
	r.waitForSomebody()
	return r.info(), true, nil
}

// Find returns the room called name, or nil.
func (rs *Rooms) Find(name string) *Room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.rooms[name]
}

// List returns up to limit rooms whose names follow after, in their order, and
// whether there are more.
func (rs *Rooms) List(after string, limit int) (rooms []*protocol.RoomInfo, more bool) {
	rs.mu.Lock()
	all := slices.SortedFunc(maps.Values(rs.rooms), func(a, b *Room) int { return strings.Compare(a.name, b.name) })
	rs.mu.Unlock()
	all = slices.DeleteFunc(all, func(r *Room) bool { return r.name <= after })
	for _, r := range all[:min(limit, len(all))] {
		rooms = append(rooms, r.Info())
	}
	return rooms, len(all) > limit
}

// Watch follows what happens in the room called name, which need not be there
// yet, after the event with the given number. The Watcher has to be closed.
func (rs *Rooms) Watch(name string, after uint64) *Watcher {
	return rs.events.watch(name, after, func() *protocol.RoomSnapshot {
		// So that no room begins or ends between the look and the number.
		rs.mu.Lock()
		defer rs.mu.Unlock()
		if r := rs.rooms[name]; r != nil {
			return r.survey()
		}
		return &protocol.RoomSnapshot{Seq: rs.events.last(name)}
	})
}

// Close ends all rooms' clocks. Nobody may be in a room any more.
func (rs *Rooms) Close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.rooms {
		r.close(protocol.RoomEnded_EMPTY)
	}
}

// CheckJoin judges what a join says about names before anything is built for
// it.
func CheckJoin(join *protocol.Join) *protocol.Error {
	return cmp.Or(CheckRoomName(join.GetRoom()), checkPeerName(join.GetName()), checkMetadata(join.GetMetadata()))
}

// NewID makes an id for a session, peer or track: 60 bits, in letters and
// digits.
func NewID() string { return strings.ToLower(rand.Text()[:12]) }

func sorted[T any](m map[string]T) []T {
	var out []T
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[key])
	}
	return out
}

func byOrder(peers []*Peer) []*Peer {
	slices.SortFunc(peers, func(a, b *Peer) int { return cmp.Compare(a.order, b.order) })
	return peers
}
