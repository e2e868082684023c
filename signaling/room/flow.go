package room

import (
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/topology"
)

// flow is how a room's media flows: topology.Decider with a clock, and the
// peers told. It is guarded by its room.
type flow struct {
	decider *topology.Decider
	known   map[*Peer]bool // whom the decider has been told of
	told    topology.State
	clock   *time.Timer
	stopped bool
}

func newFlow(rs *Rooms, settings *protocol.RoomSettings) flow {
	d := topology.New(settings.GetTopology(), settings.GetRelayOnly(), rs.config.Cooldown)
	return flow{decider: d, known: map[*Peer]bool{}, told: d.State()}
}

// flow tells the decider who is here, and everybody what it decides. The
// caller holds mu, and calls it after every change of peers or settings.
func (r *Room) flow() {
	f, now := &r.topology, r.now()
	for p := range f.known {
		if r.peers[p.id] != p {
			delete(f.known, p)
			f.decider.Leave(now, p.id)
		}
	}
	f.decider.Set(now, r.settings.GetTopology(), r.settings.GetRelayOnly())
	for _, p := range r.inOrder() {
		f.known[p] = true
		f.decider.Join(now, p.id, p.suited())
	}
	r.follow()
}

// suited says whether the peer can have a direct connection now.
func (p *Peer) suited() bool {
	return p.who.Direct && !p.away && p.who.Grants.Has(protocol.Grant_PUBLISH) && p.who.Grants.Has(protocol.Grant_SUBSCRIBE)
}

// inOrder are the peers in the order they came: only the first three matter to
// the topology, but all have to be known.
func (r *Room) inOrder() []*Peer {
	var news []*Peer
	for _, p := range r.peers {
		if !r.topology.known[p] || len(r.peers) <= 2 {
			news = append(news, p)
		}
	}
	return byOrder(news)
}

// follow tells everybody when the topology has changed, and sets the clock.
// The caller holds mu.
func (r *Room) follow() {
	f := &r.topology
	if f.stopped {
		return
	}
	if state := f.decider.State(); state != f.told {
		before := f.told
		f.told = state
		r.turn(before, state)
	}
	if f.clock != nil {
		f.clock.Stop()
	}
	if next := f.decider.Next(); !next.IsZero() {
		f.clock = time.AfterFunc(max(0, next.Sub(r.now())), func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			f.decider.Tick(r.now())
			r.follow()
		})
	}
}

// turn tells the peers of another topology. The SFU forwards again before they
// are told so, and stops after. The caller holds mu.
func (r *Room) turn(before, now topology.State) {
	if before.Moved && !now.Moved {
		r.suspend(before, false)
	}
	for _, p := range r.peers {
		p.member.Send(protocol.NewEvent(&protocol.ServerMessage{
			Body: &protocol.ServerMessage_Topology{Topology: now.For(p.id)},
		}), "")
	}
	if now.Moved && !before.Moved {
		r.suspend(now, true)
	}
	if before.Mode != now.Mode {
		r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_RoomUpdated{RoomUpdated: r.info()}})
	}
}

// suspend stops or starts what the SFU forwards to the ends of a direct
// connection. The caller holds mu.
func (r *Room) suspend(state topology.State, on bool) {
	for _, id := range state.Peers {
		if p := r.peers[id]; p != nil {
			p.member.Suspend(on)
		}
	}
}

// Direct takes what a peer says of its direct connection.
func (r *Room) Direct(p *Peer, said *protocol.Direct) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.topology.decider.Direct(r.now(), p.id, said.GetEpoch(), said.GetState())
	r.follow()
}

// stop ends the clock. The caller holds the room's mutex.
func (f *flow) stop() {
	f.stopped = true
	if f.clock != nil {
		f.clock.Stop()
	}
}
