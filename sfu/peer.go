package sfu

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// Listener is told what happens to a peer's connection, from any goroutine.
// It must not block or call the peer.
type Listener interface {
	// Slots gives all slots whenever one of them changed.
	Slots(slots []Slot)
	// Speakers gives the peers who speak now, loudest first.
	Speakers(peers []string)
	// Lost says that the connection broke.
	Lost(reason string)
	// Overrun says that frames for the reliable DataChannel were dropped,
	// because the client does not read them.
	Overrun()
	// Demand says what of a track of this peer anybody receives, whenever that
	// changes.
	Demand(demand Demand)
	// Quality gives all that does not get through well, whenever that changes:
	// of the peer itself, which is both its ways, and of what is in its slots.
	// What is not listed is good.
	Quality(list []PeerQuality)
	// Connected says that ICE and DTLS are up, or that the client has not been
	// heard for a while, or closed. Only changes are told, and a connection
	// begins as not connected. One that is not may be again, until Lost.
	Connected(up bool)
}

// Candidate is a trickled ICE candidate, as in RTCIceCandidateInit.
type Candidate struct {
	Candidate        string
	SDPMid           string
	SDPMLineIndex    uint16
	UsernameFragment string
}

// What the errors of a Peer wrap.
var (
	ErrBadDescription = sdp.ErrBadDescription
	ErrNoCommonCodec  = sdp.ErrNoCommonCodec
	ErrBadCandidate   = errors.New("the candidate cannot be used")
	// ErrLegLost says that the connection is of no use any more: it has to be
	// closed, and joined anew.
	ErrLegLost = errors.New("the connection is lost by this")
)

// maxCandidates is how many candidates of one client are taken. An ICE restart
// begins anew.
const maxCandidates = sdp.MaxCandidates

// Peer is the connection to one client. Offer, AddCandidate, Publish, Mute and
// View are called one after the other; Allow, Suspend, Tell and Close may come
// at any time.
type Peer struct {
	id       string
	room     *room
	sfu      *SFU
	listener Listener
	worker   *worker
	clock    peerClock
	data     data
	done     chan struct{} // closed when Close is through

	connection *connection

	// Used by Offer and AddCandidate alone.
	candidates int
	ufrag      string          // the client's, that the candidates belong to
	offered    *sdp.Offer      // the last one that was taken; nil before any
	session    uint64          // of the answers (RFC 8866, 5.2)
	version    uint64          // of the last one
	mids       map[string]bool // all there ever were

	// All below is guarded by room.mu.
	slots     []*slot
	incoming  map[string]map[string]*incoming // by mid and rid
	rids      map[string][]string             // by mid, in the order of the offer
	wanted    View                            // as the client said, bounded
	view      places                          // what that means now
	rights    Rights
	suspended bool
	told      []Slot // nil until View was called: nothing is told before
	connected bool   // it was up once: slots send
	up        bool   // what Listener.Connected was told last
	lost      bool   // Listener.Lost was told
	closed    bool

	rating      rating         // of the way to the client
	worstUplink float64        // of the ways of its tracks
	poorTracks  []TrackQuality // of its own, those that do not come well
	quality     Quality        // of both, as it was told
	qualities   []PeerQuality  // what Listener.Quality was told last

	// figures are what the worker knows of the way to the client; nil for nothing.
	figures atomic.Pointer[downlinkFigures]
}

// Join makes the connection of a client in a room. It has to be closed.
func (s *SFU) Join(roomName, id string, listener Listener) (*Peer, error) {
	p := &Peer{
		id: id, sfu: s, listener: listener, rights: everything,
		incoming: map[string]map[string]*incoming{}, mids: map[string]bool{}, done: make(chan struct{}),
		session: rand.Uint64() >> 1,
	}
	p.data.peer = p
	p.connection = newConnection(p)
	if !s.seat(p, roomName) {
		p.connection.close()
		return nil, ErrClosed
	}
	s.metrics.peers.Inc()
	return p, nil
}

// seat puts a peer into a room; it is false when the SFU is closed.
func (s *SFU) seat(p *Peer, roomName string) bool {
	for {
		r := s.room(roomName)
		if r == nil {
			return false
		}
		r.mu.Lock()
		switch {
		case r.ended:
			r.mu.Unlock()
			continue // its last peer has just left; there is another one now
		case s.room(roomName) == nil:
			r.mu.Unlock()
			return false // whoever closes the SFU did not see this peer
		}
		p.room, p.worker = r, s.workers[(r.first+len(r.peers)/peersTogether)%len(s.workers)]
		r.peers[p.id] = p
		r.mu.Unlock()
		return true
	}
}

// AddCandidate takes a candidate of the client. An empty one says that there
// are no more. The server needs none (RFC 8445, 2.5): the client comes to it.
func (p *Peer) AddCandidate(c Candidate) error {
	if c.Candidate == "" {
		return nil
	}
	if p.offered != nil && p.offered.Ufrag != p.ufrag {
		p.ufrag, p.candidates = p.offered.Ufrag, 0
	}
	if p.candidates++; p.candidates > maxCandidates {
		return fmt.Errorf("%w: %d came, which is more than any client has", ErrBadCandidate, p.candidates)
	}
	return checkCandidate(c.Candidate)
}

// checkCandidate refuses what is no candidate (RFC 8839, 5.1), so that who made
// it hears of it.
func checkCandidate(candidate string) error {
	fields := strings.Fields(strings.TrimPrefix(candidate, "candidate:"))
	if len(fields) < 8 || fields[6] != "typ" {
		return fmt.Errorf("%w: it reads %.40q; `candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>` was expected",
			ErrBadCandidate, candidate)
	}
	if port, err := strconv.Atoi(fields[5]); err != nil || port < 0 || port > 65535 {
		return fmt.Errorf("%w: its port is %.10q; 0 to 65535 was expected", ErrBadCandidate, fields[5])
	}
	return nil
}

// Publish declares all that the client's sending media sections carry.
func (p *Peer) Publish(tracks []Track) { p.room.publish(p, tracks) }

// Mute stops or starts forwarding of one of the client's tracks.
func (p *Peer) Mute(track string, muted bool) { p.room.mute(p, track, muted) }

// View says what the client shows. Its slots are filled from the first call
// on. Entries beyond twice as many as there may be slots are not looked at.
func (p *Peer) View(view View) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if view != nil {
		view = slices.Clone(view[:min(len(view), 2*p.sfu.config.Slots)])
	}
	p.wanted = view
	if p.told == nil {
		p.told = []Slot{}
		if speaking := p.room.speakers.told; len(speaking) > 0 {
			p.listener.Speakers(speaking)
		}
	}
	p.refill(p.room.audible())
}

// Tell gives the listener slots, speakers, demand and quality as they are now, for a
// client to which messages were lost. Nothing is told before View.
func (p *Peer) Tell() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.closed || p.told == nil {
		return
	}
	p.listener.Slots(slices.Clone(p.told))
	p.listener.Speakers(p.room.speakers.told)
	for _, t := range p.room.tracks {
		if t.peer == p && t.source.asked.known {
			p.listener.Demand(t.demand())
		}
	}
	p.listener.Quality(cloneQualities(p.qualities))
}

// connectionChanged is called when the connection was made, and when it ended.
func (p *Peer) connectionChanged() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.look(time.Now())
}

// connectionLost ends what cannot be mended.
func (p *Peer) connectionLost(reason string) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.lose(reason)
}

// lose tells, once, that the connection is of no use any more. The caller holds
// room.mu.
func (p *Peer) lose(reason string) {
	if !p.closed && !p.lost {
		p.lost = true
		p.listener.Lost(reason)
	}
}

// look follows the connection. The caller holds room.mu.
func (p *Peer) look(now time.Time) {
	if p.closed {
		return
	}
	up, lost := p.connection.state(now)
	if up && !p.connected {
		p.connected = true
		for _, s := range p.slots {
			out := s.out
			p.worker.do(out.connected)
		}
	}
	if up != p.up {
		p.up = up
		p.sfu.config.Logger.Debug("media connection", "room", p.room.name, "peer", p.id, "up", up)
		p.listener.Connected(up)
	}
	if lost {
		p.lose("no answer from the client for " + (disconnectedAfter + failedAfter).String())
	}
}

// flooded is told that the client sends more streams than anybody could have
// offered.
func (p *Peer) flooded() {
	p.connectionLost("it sent more streams than it may ever have offered")
}

func (p *Peer) sendRTCP(packet rtcp.Packet) { p.connection.sendRTCP(packet) }

// Close ends the connection and waits for all that belongs to it.
func (p *Peer) Close() {
	r := p.room
	r.mu.Lock()
	if p.closed {
		r.mu.Unlock()
		<-p.done
		return
	}
	p.closed = true
	delete(r.peers, p.id)
	r.ended = len(r.peers) == 0
	r.remove(func(t *track) bool { return t.peer == p })
	r.listen(time.Now())
	for _, s := range p.slots {
		out := s.out
		p.worker.do(func(now time.Time) { out.carry(now, load{}) })
	}
	p.worker.do(func(now time.Time) {
		p.worker.link(p, now).close()
		delete(p.worker.links, p)
	})
	r.refill()
	if r.ended {
		p.sfu.forget(r)
	}
	r.mu.Unlock()

	p.data.close()
	p.connection.close()
	p.sfu.metrics.peers.Dec()
	close(p.done)
}
