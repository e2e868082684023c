package room

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	maxMetadata = 4 << 10 // bytes
	maxHistory  = 1000    // messages
	maxSeconds  = 7 * 24 * 60 * 60
)

// changed returns settings with a change applied, or why it cannot be.
func (rs *Rooms) changed(settings *protocol.RoomSettings, change *protocol.RoomChange) (*protocol.RoomSettings, *protocol.Error) {
	out := proto.Clone(settings).(*protocol.RoomSettings)
	if change == nil {
		return out, nil
	}
	for _, bound := range []struct {
		name  string
		value *uint32
		most  uint32
	}{
		{"max_peers", change.MaxPeers, uint32(rs.config.Limits.PeersPerRoom)},
		{"history_messages", change.HistoryMessages, maxHistory},
		{"history_seconds", change.HistorySeconds, maxSeconds},
		{"empty_seconds", change.EmptySeconds, maxSeconds},
	} {
		if bound.value != nil && *bound.value > bound.most {
			return nil, protocol.Errorf(protocol.Error_BAD_FIELD, "%s is %d; %d is the most.", bound.name, *bound.value, bound.most)
		}
	}
	if err := checkMetadata(change.GetMetadata()); err != nil {
		return nil, err
	}
	if _, known := protocol.TopologyPolicy_name[int32(change.GetTopology())]; !known {
		return nil, protocol.Errorf(protocol.Error_BAD_FIELD, "topology is %d, which this server does not know.", change.GetTopology())
	}
	set(&out.Metadata, change.Metadata)
	set(&out.Locked, change.Locked)
	set(&out.Lobby, change.Lobby)
	set(&out.MaxPeers, change.MaxPeers)
	set(&out.HistoryMessages, change.HistoryMessages)
	set(&out.HistorySeconds, change.HistorySeconds)
	set(&out.RelayOnly, change.RelayOnly)
	set(&out.EmptySeconds, change.EmptySeconds)
	if change.Topology != nil && change.GetTopology() != protocol.TopologyPolicy_TOPOLOGY_POLICY_UNSPECIFIED {
		out.Topology = change.GetTopology()
	}
	if out.MaxPeers == 0 {
		out.MaxPeers = uint32(rs.config.Limits.PeersPerRoom)
	}
	return out, nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func checkMetadata(metadata string) *protocol.Error {
	if len(metadata) > maxMetadata {
		return protocol.Errorf(protocol.Error_BAD_FIELD, "metadata has %d bytes; %d are allowed.", len(metadata), maxMetadata)
	}
	return nil
}

// Change changes the room's settings. by is the moderator, nil for the server.
func (r *Room) Change(by *Peer, change *protocol.RoomChange) *protocol.Error {
	r.owner.mu.Lock() // an empty room may end by it
	defer r.owner.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayModerate(by); err != nil {
		return err
	}
	if r.owner.rooms[r.name] != r {
		return protocol.Errorf(protocol.Error_NO_SUCH_ROOM, "The room has ended.")
	}
	settings, err := r.owner.changed(r.settings, change)
	if err != nil {
		return err
	}
	if proto.Equal(settings, r.settings) {
		return nil
	}
	r.settings = settings
	r.tell(nil, &protocol.ServerMessage{Body: &protocol.ServerMessage_RoomUpdated{
		RoomUpdated: &protocol.RoomUpdated{Settings: settings},
	}})
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_RoomUpdated{RoomUpdated: r.info()}})
	if !settings.GetLobby() {
		for _, peer := range sorted(r.waiting) {
			r.admit(peer)
		}
	}
	r.history.trim(r.now(), settings)
	if len(r.peers) == 0 {
		r.waitForSomebody()
	}
	r.flow()
	return nil
}

// limit is how many peers the room takes.
func (r *Room) limit() int {
	limit := int(r.settings.GetMaxPeers())
	if r.settings.GetTopology() == protocol.TopologyPolicy_TOPOLOGY_P2P {
		limit = min(limit, 2)
	}
	return limit
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
