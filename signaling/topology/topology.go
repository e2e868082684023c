// Package topology decides how a room's media flows: over the SFU, or over a
// direct connection (a leg) while exactly two peers are there. It is pure: it
// has no clock, socket or goroutine; time comes in as an argument.
package topology

import (
	"slices"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// moveTime is how long a leg may take from its start until both peers receive
// over it; after that it has failed.
const moveTime = 20 * time.Second

// State is how a room's media flows now.
type State struct {
	Mode protocol.Topology_Mode
	// Epoch counts the changes of Mode. It is even over the SFU, odd over a leg.
	Epoch uint64
	// Peers are the two ends of the leg in the order they joined: the first one
	// offers first, the second one is the polite one of perfect negotiation.
	// Both are empty over the SFU.
	Peers [2]string
	// Moved says that both receive over the leg.
	Moved bool
	// RelayOnly says that the leg's candidates are relayed ones only.
	RelayOnly bool
}

// For is the state in the words of the protocol, as one peer is told it.
func (s State) For(peer string) *protocol.Topology {
	out := &protocol.Topology{Mode: s.Mode, Epoch: s.Epoch}
	if i := slices.Index(s.Peers[:], peer); i >= 0 && s.Mode == protocol.Topology_P2P {
		out.Peer = s.Peers[1-i]
		out.Polite = i == 1
		out.RelayOnly = s.RelayOnly
		out.Moved = s.Moved
	}
	return out
}

// Carries says whether a description or candidate of an epoch may pass from
// one peer to another: they are the ends of the leg that there is now.
func (s State) Carries(from, to string, epoch uint64) bool {
	return s.Mode == protocol.Topology_P2P && epoch == s.Epoch && from != to &&
		slices.Contains(s.Peers[:], from) && slices.Contains(s.Peers[:], to)
}

// Decider decides one room's topology. Its methods take what happened and say
// whether State is another one since; each makes one change at most. After
// each of them, Tick is to be called at Next. It is not safe for concurrent
// use.
type Decider struct {
	cooldown  time.Duration
	policy    protocol.TopologyPolicy
	relayOnly bool
	recording bool
	peers     []peer // in the order they joined

	state     State
	received  [2]bool   // which ends of the leg receive all over it
	started   time.Time // when the leg was
	moved     time.Time // when the leg had moved
	notBefore time.Time // the cool-down's end
	backoff   backoff
}

type peer struct {
	id     string
	suited bool
}

// New makes the decider of an empty room. The cool-down is how long a pair
// stays on the SFU after a third peer was there, or after a leg has ended.
func New(policy protocol.TopologyPolicy, relayOnly bool, cooldown time.Duration) *Decider {
	return &Decider{
		policy: policy, relayOnly: relayOnly, cooldown: cooldown,
		state: State{Mode: protocol.Topology_SFU},
	}
}

// State is how media flows now.
func (d *Decider) State() State { return d.state }

// Join adds a peer. Suited says that it can have a leg: its client understands
// topology, and it is not away.
func (d *Decider) Join(now time.Time, id string, suited bool) (changed bool) {
	if d.find(id) != nil {
		return d.Suit(now, id, suited)
	}
	d.peers = append(d.peers, peer{id: id, suited: suited})
	if len(d.peers) == 2 {
		// Nobody's media is disturbed: these two have never met here.
		d.notBefore = time.Time{}
	}
	return d.decide(now)
}

// Leave takes a peer away.
func (d *Decider) Leave(now time.Time, id string) (changed bool) {
	before := len(d.peers)
	d.peers = slices.DeleteFunc(d.peers, func(p peer) bool { return p.id == id })
	if len(d.peers) == before {
		return false
	}
	d.backoff.forget(id)
	if len(d.peers) == 2 {
		d.notBefore = now.Add(d.cooldown)
	}
	return d.decide(now)
}

// Suit says whether a peer can have a leg from now on.
func (d *Decider) Suit(now time.Time, id string, suited bool) (changed bool) {
	p := d.find(id)
	if p == nil {
		return false
	}
	p.suited = suited
	return d.decide(now)
}

// Record says whether the room is being recorded from now on.
func (d *Decider) Record(now time.Time, recording bool) (changed bool) {
	d.recording = recording
	return d.decide(now)
}

// Set changes what the room's settings say. A leg that may now show addresses
// which are to be hidden ends; the next one is relayed.
func (d *Decider) Set(now time.Time, policy protocol.TopologyPolicy, relayOnly bool) (changed bool) {
	d.policy, d.relayOnly = policy, relayOnly
	return d.decide(now)
}

// Direct takes what a peer says of its leg. Words about another leg than the
// present one have no effect.
func (d *Decider) Direct(now time.Time, id string, epoch uint64, state protocol.Direct_State) (changed bool) {
	end := slices.Index(d.state.Peers[:], id)
	if d.state.Mode != protocol.Topology_P2P || epoch != d.state.Epoch || end < 0 {
		return false
	}
	switch state {
	case protocol.Direct_FAILED:
		d.fail(now)
		return true
	case protocol.Direct_RECEIVED:
		d.received[end] = true
		if d.state.Moved || !d.received[1-end] {
			return false
		}
		d.state.Moved, d.moved = true, now
		return true
	}
	return false
}

// Tick lets time pass.
func (d *Decider) Tick(now time.Time) (changed bool) { return d.decide(now) }

// Next is when to call Tick; zero when nothing waits for a time. A time that
// has passed means at once.
func (d *Decider) Next() time.Time {
	switch {
	case d.state.Mode == protocol.Topology_P2P && d.state.Moved:
		return time.Time{}
	case d.state.Mode == protocol.Topology_P2P:
		return d.started.Add(moveTime)
	case d.suits():
		return d.earliest()
	}
	return time.Time{}
}

// decide makes the one change that is due, if any.
func (d *Decider) decide(now time.Time) (changed bool) {
	if d.state.Mode == protocol.Topology_P2P {
		switch {
		case !d.suits() || d.relayOnly && !d.state.RelayOnly:
			d.end(now)
		case !d.state.Moved && !now.Before(d.started.Add(moveTime)):
			d.fail(now)
		default:
			return false
		}
		return true
	}
	if !d.suits() || now.Before(d.earliest()) {
		return false
	}
	d.state = State{
		Mode: protocol.Topology_P2P, Epoch: d.state.Epoch + 1,
		Peers: d.pair(), RelayOnly: d.relayOnly,
	}
	d.received, d.started = [2]bool{}, now
	return true
}

// suits says whether there may be a leg, but for the time.
func (d *Decider) suits() bool {
	if d.policy == protocol.TopologyPolicy_TOPOLOGY_SFU || d.recording || len(d.peers) != 2 || !d.peers[0].suited || !d.peers[1].suited {
		return false
	}
	return d.state.Mode == protocol.Topology_SFU || d.state.Peers == d.pair()
}

// earliest is when the pair's next leg may start.
func (d *Decider) earliest() time.Time {
	if until := d.backoff.until(d.pair()); until.After(d.notBefore) {
		return until
	}
	return d.notBefore
}

// fail ends a leg that cannot be made or broke.
func (d *Decider) fail(now time.Time) {
	held := d.state.Moved && now.Sub(d.moved) >= heldTime
	d.backoff.failed(now, d.state.Peers, held)
	d.end(now)
}

func (d *Decider) end(now time.Time) {
	d.state = State{Mode: protocol.Topology_SFU, Epoch: d.state.Epoch + 1}
	d.notBefore = now.Add(d.cooldown)
}

func (d *Decider) pair() [2]string { return [2]string{d.peers[0].id, d.peers[1].id} }

func (d *Decider) find(id string) *peer {
	if i := slices.IndexFunc(d.peers, func(p peer) bool { return p.id == id }); i >= 0 {
		return &d.peers[i]
	}
	return nil
}
