package room

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// public is a track as others than its publisher see it.
func public(track *protocol.Track) *protocol.Track {
	out := proto.Clone(track).(*protocol.Track)
	out.Mid, out.Encodings = "", nil
	return out
}

// Tracks turns what a peer wants to publish into tracks: one whose mid is
// among current keeps its id, others get a new one. current belongs to the
// peer, or is nil before it has joined.
func (rs *Rooms) Tracks(current []*protocol.Track, offers []*protocol.TrackOffer) ([]*protocol.Track, *protocol.Error) {
	if limit := rs.config.Limits.TracksPerPeer; len(offers) > limit {
		return nil, protocol.Errorf(protocol.Error_TOO_MANY_TRACKS,
			"%d tracks were offered; one peer may publish %d.", len(offers), limit)
	}
	var tracks []*protocol.Track
	for _, offer := range offers {
		if err := checkOffer(offer); err != nil {
			return nil, err
		}
		if find(tracks, offer.GetMid()) != nil {
			return nil, protocol.Errorf(protocol.Error_BAD_FIELD, "mid %q is listed twice.", offer.GetMid())
		}
		track := &protocol.Track{
			Id: NewID(), Mid: offer.GetMid(),
			Kind: offer.GetKind(), Source: offer.GetSource(), Muted: offer.GetMuted(),
			Encodings: offer.GetEncodings(),
		}
		if old := find(current, offer.GetMid()); old != nil && old.GetKind() == track.GetKind() {
			track.Id = old.GetId()
		}
		tracks = append(tracks, track)
	}
	return tracks, nil
}

func checkOffer(offer *protocol.TrackOffer) *protocol.Error {
	switch {
	case offer.GetMid() == "" || len(offer.GetMid()) > 32:
		return protocol.Errorf(protocol.Error_BAD_FIELD, "A track's mid needs 1 to 32 bytes: that of its media section.")
	case offer.GetKind() != protocol.Kind_AUDIO && offer.GetKind() != protocol.Kind_VIDEO:
		return protocol.Errorf(protocol.Error_BAD_FIELD, "The track at mid %q needs the kind AUDIO or VIDEO.", offer.GetMid())
	case len(offer.GetSource()) > maxSource:
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"The source of the track at mid %q has %d bytes; %d are allowed.", offer.GetMid(), len(offer.GetSource()), maxSource)
	}
	return checkEncodings(offer)
}

func find(tracks []*protocol.Track, mid string) *protocol.Track {
	i := slices.IndexFunc(tracks, func(t *protocol.Track) bool { return t.GetMid() == mid })
	if i < 0 {
		return nil
	}
	return tracks[i]
}

// Brief tells a peer's fresh leg, by its Member, what the room has said before.
func (r *Room) Brief(peer *Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	peer.member.Grant(peer.who.Grants)
	peer.member.Publish(peer.tracks)
	if state := r.topology.told; state.Moved && slices.Contains(state.Peers[:], peer.id) {
		peer.member.Suspend(true)
	}
}

// Publish makes offers all that the peer publishes. The others are told what
// is new, what changed and what ended, and so is the peer's Member: what a
// moderator does at the same time comes before it or after it, everywhere. It
// returns the peer's tracks in the order of the offers.
func (r *Room) Publish(peer *Peer, offers []*protocol.TrackOffer) ([]*protocol.Track, *protocol.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := peer.MayPublish(offers); err != nil {
		return nil, err
	}
	tracks, err := r.owner.Tracks(peer.tracks, offers)
	if err != nil {
		return nil, err
	}
	old := map[string]*protocol.Track{}
	for _, track := range peer.tracks {
		old[track.GetId()] = track
	}
	peer.tracks = tracks
	peer.member.Publish(tracks)
	for _, track := range tracks {
		before, known := old[track.GetId()]
		delete(old, track.GetId())
		switch {
		case !known:
			published := &protocol.TrackPublished{Peer: peer.id, Track: public(track)}
			r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_TrackPublished{TrackPublished: published}})
			r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_TrackPublished{TrackPublished: published}})
		case !proto.Equal(public(before), public(track)):
			r.tellUpdated(peer, track)
		}
	}
	for id := range old {
		removed := &protocol.TrackRemoved{Peer: peer.id, Track: id}
		r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_TrackRemoved{TrackRemoved: removed}})
		r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_TrackRemoved{TrackRemoved: removed}})
	}
	return tracks, nil
}

// Mute mutes one of the peer's tracks, or no longer, and tells the others.
func (r *Room) Mute(peer *Peer, id string, muted bool) *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _, err := r.mute(peer, id, muted)
	return err
}

// mute is called with mu held. It returns the track as it is now.
func (r *Room) mute(peer *Peer, id string, muted bool) (track *protocol.Track, changed bool, err *protocol.Error) {
	i := slices.IndexFunc(peer.tracks, func(t *protocol.Track) bool { return t.GetId() == id })
	if i < 0 {
		return nil, false, protocol.Errorf(protocol.Error_NO_SUCH_TRACK,
			"Peer %s publishes no track %.64q; it has to be published first.", peer.id, id)
	}
	if peer.tracks[i].GetMuted() == muted {
		return peer.tracks[i], false, nil
	}
	track = proto.Clone(peer.tracks[i]).(*protocol.Track)
	track.Muted = muted
	// The old slice may be on its way to the media side.
	peer.tracks = slices.Clone(peer.tracks)
	peer.tracks[i] = track
	peer.member.Mute(id, muted)
	r.tellUpdated(peer, track)
	return track, true, nil
}

func (r *Room) tellUpdated(peer *Peer, track *protocol.Track) {
	updated := &protocol.TrackUpdated{Peer: peer.id, Track: public(track)}
	r.tell(peer, &protocol.ServerMessage{Body: &protocol.ServerMessage_TrackUpdated{TrackUpdated: updated}})
	r.record(&protocol.RoomEvent{Event: &protocol.RoomEvent_TrackUpdated{TrackUpdated: updated}})
}
