package sfu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
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
	ErrBadDescription = errors.New("the description cannot be used")
	ErrNoCommonCodec  = errors.New("no codec in common")
	ErrBadCandidate   = errors.New("the candidate cannot be used")
	// ErrLegLost says that the connection is of no use any more: it has to be
	// closed, and joined anew.
	ErrLegLost = errors.New("the connection is lost by this")
)

// maxCandidates is how many candidates of one client are taken: interfaces
// times families times transports, several times over. An ICE restart begins
// anew.
const maxCandidates = 200

// Peer is the connection to one client. Offer, AddCandidate, Publish, Mute and
// View are called one after the other; Allow, Suspend, Tell and Close may come
// at any time.
type Peer struct {
	id       string
	room     *room
	sfu      *SFU
	listener Listener
	pc       *webrtc.PeerConnection
	api      *webrtc.API // the pc's
	worker   *worker
	clock    peerClock
	reached  addresses
	data     data
	loops    sync.WaitGroup
	done     chan struct{} // closed when Close is through

	// Used by Offer and AddCandidate alone.
	candidates int
	ufrag      string          // the client's, that the candidates belong to
	offered    sections        // the last offer that was taken
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
	}
	var err error
	if p.pc, p.api, err = s.engine.connection(newIntake(s.metrics, p.flooded, p.feedback), &p.reached); err != nil {
		return nil, fmt.Errorf("sfu: making a PeerConnection: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = p.pc.Close()
		return nil, ErrClosed
	}
	r := s.rooms[roomName]
	if r == nil {
		r = &room{name: roomName, sfu: s, peers: map[string]*Peer{}, byID: map[string]*track{}, voices: newVoices(s.config.Voices)}
		s.rooms[roomName] = r
	}
	p.room, p.worker = r, s.workers[s.next%len(s.workers)]
	s.next++
	p.data.peer = p
	r.mu.Lock()
	r.peers[id] = p
	r.mu.Unlock()
	s.metrics.peers.Inc()

	p.pc.OnConnectionStateChange(p.connectionChanged)
	p.pc.OnTrack(p.receive)
	p.pc.OnDataChannel(p.data.opened)
	return p, nil
}

// AddCandidate adds a candidate of the client. An empty one says that there
// are no more.
func (p *Peer) AddCandidate(c Candidate) error {
	if c.Candidate == "" {
		return nil
	}
	if ufrag := ufragOf(p.pc.RemoteDescription()); ufrag != p.ufrag {
		p.ufrag, p.candidates = ufrag, 0
	}
	if p.candidates++; p.candidates > maxCandidates {
		return fmt.Errorf("%w: %d came, which is more than any client has", ErrBadCandidate, p.candidates)
	}
	init := webrtc.ICECandidateInit{Candidate: c.Candidate}
	if c.SDPMid != "" {
		init.SDPMid = &c.SDPMid
	}
	init.SDPMLineIndex = &c.SDPMLineIndex
	if c.UsernameFragment != "" {
		init.UsernameFragment = &c.UsernameFragment
	}
	if err := p.pc.AddICECandidate(init); err != nil {
		return fmt.Errorf("%w: %w", ErrBadCandidate, err)
	}
	return nil
}

// ufragOf is the ICE user fragment of a description: the first, since all its
// sections are bundled. It is another one after an ICE restart.
func ufragOf(description *webrtc.SessionDescription) string {
	if description == nil {
		return ""
	}
	_, after, _ := strings.Cut(description.SDP, "\na=ice-ufrag:")
	ufrag, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(ufrag)
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

// connectionChanged follows ICE and DTLS.
func (p *Peer) connectionChanged(state webrtc.PeerConnectionState) {
	p.sfu.config.Logger.Debug("media connection", "room", p.room.name, "peer", p.id, "state", state.String())
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.closed {
		return
	}
	p.tellConnected()
	switch state {
	case webrtc.PeerConnectionStateConnecting: // for the first time, or by an ICE restart
		p.reached.restarted()
	case webrtc.PeerConnectionStateConnected:
		p.connected = true
		for _, s := range p.slots {
			out := s.out
			p.worker.do(out.connected)
		}
	case webrtc.PeerConnectionStateFailed:
		p.listener.Lost("no answer from the client for " + (disconnectedAfter + failedAfter).String())
	}
}

// tellConnected tells the listener when the connection came up or went down.
// The library reports each state in a goroutine of its own, so an older one may
// come last: what counts is the state now. The caller holds room.mu.
func (p *Peer) tellConnected() {
	up := p.up
	switch p.pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnected:
		up = true
	case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		up = false
	}
	if up != p.up {
		p.up = up
		p.listener.Connected(up)
	}
}

// receive takes a publisher's stream until it ends. The library calls it in a
// goroutine of its own.
func (p *Peer) receive(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	mid := ""
	for _, t := range p.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			mid = t.Mid()
		}
	}
	p.room.mu.Lock()
	if p.closed {
		p.room.mu.Unlock()
		return
	}
	p.loops.Add(1)
	p.room.mu.Unlock()
	defer p.loops.Done()

	parameters := receiver.GetParameters()
	in := newIncoming(p.sfu.nextSerial(), uint32(remote.SSRC()), remote.Kind(),
		p.sfu.types.of(parameters.Codecs), idsOf(parameters.HeaderExtensions), remote.Codec().ClockRate,
		p.sfu.metrics, p.sfu.workers, &p.clock, p.sendRTCP)
	in.rid = remote.RID()
	in.setCodec(uint8(remote.PayloadType()))
	in.codecChanged = func() {
		p.room.mu.Lock()
		defer p.room.mu.Unlock()
		p.room.refill()
	}
	if !p.room.arrived(p, mid, in) {
		return // a second stream in one media section under one rid
	}
	p.loops.Go(func() { p.readReports(receiver, in) })
	in.read(remote)
	p.room.departed(p, mid, in)
	in.end()
}

// flooded is told that the client sends more streams than anybody could have
// offered.
func (p *Peer) flooded() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.closed {
		return
	}
	p.listener.Lost("it sent more streams than it may ever have offered")
	// The library waits for the caller of this when it closes.
	p.loops.Go(func() { _ = p.pc.Close() })
}

func (p *Peer) sendRTCP(packet rtcp.Packet) {
	// It fails only while there is no connection, when nobody would read it.
	_ = p.pc.WriteRTCP([]rtcp.Packet{packet})
}

// Close ends the connection and waits for all that belongs to it.
func (p *Peer) Close() {
	r := p.room
	p.sfu.mu.Lock()
	r.mu.Lock()
	if p.closed {
		r.mu.Unlock()
		p.sfu.mu.Unlock()
		<-p.done
		return
	}
	p.closed = true
	delete(r.peers, p.id)
	if len(r.peers) == 0 {
		delete(p.sfu.rooms, r.name)
	}
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
	r.mu.Unlock()
	p.sfu.mu.Unlock()

	p.data.close()
	if err := p.pc.GracefulClose(); err != nil {
		p.sfu.config.Logger.Debug("closing a media connection", "peer", p.id, "err", err)
	}
	p.loops.Wait()
	p.sfu.metrics.peers.Dec()
	close(p.done)
}
