package main

import (
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/turn"
)

// relayAPI is the relay as the server API has it.
type relayAPI struct{ *turn.Server }

// relayed is the relay for the server API; nil without one.
func (s *server) relayed() api.Relay {
	if s.turn == nil {
		return nil
	}
	return relayAPI{s.turn}
}

// Allocations implements api.Relay.
func (r relayAPI) Allocations() (out []*protocol.Allocation) {
	for _, a := range r.Server.Allocations() {
		out = append(out, allocationOf(a))
	}
	return out
}

func allocationOf(a turn.Allocation) *protocol.Allocation {
	out := &protocol.Allocation{
		Id: a.ID, User: a.User, Client: a.Client.String(), Transport: string(a.Transport), SinceMs: a.Since.UnixMilli(),
		ToPeers: trafficOf(a.ToPeers), FromPeers: trafficOf(a.FromPeers),
	}
	for _, relayed := range a.Relayed {
		out.Relayed = append(out.Relayed, relayed.String())
	}
	return out
}

func trafficOf(t turn.Traffic) *protocol.Traffic {
	return &protocol.Traffic{Packets: t.Packets, Bytes: t.Bytes}
}

// relayEvents tells webhooks of allocations. Nothing in it waits for a network.
type relayEvents struct {
	send func(*protocol.RoomEvent)

	mu  sync.Mutex // guards seq, and keeps events in its order
	seq uint64
}

// newRelayEvents begins with the time, so that numbers count up over a restart.
func newRelayEvents(send func(*protocol.RoomEvent), now time.Time) *relayEvents {
	return &relayEvents{send: send, seq: uint64(now.UnixMicro())}
}

func (e *relayEvents) tell(event *protocol.RoomEvent) {
	event.AtMs = time.Now().UnixMilli()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seq++
	event.Seq = e.seq
	e.send(event)
}

func (e *relayEvents) began(a turn.Allocation) {
	e.tell(&protocol.RoomEvent{Event: &protocol.RoomEvent_AllocationBegan{AllocationBegan: allocationOf(a)}})
}

var endReasons = map[string]protocol.AllocationEnded_Reason{
	turn.EndedByClient: protocol.AllocationEnded_RETURNED,
	turn.EndedByTime:   protocol.AllocationEnded_EXPIRED,
	turn.EndedByLink:   protocol.AllocationEnded_DISCONNECTED,
	turn.EndedByUs:     protocol.AllocationEnded_REMOVED,
	turn.EndedByClose:  protocol.AllocationEnded_STOPPED,
}

func (e *relayEvents) ended(a turn.Allocation, why string) {
	e.tell(&protocol.RoomEvent{Event: &protocol.RoomEvent_AllocationEnded{AllocationEnded: &protocol.AllocationEnded{
		Allocation: allocationOf(a), Reason: endReasons[why],
	}}})
}
