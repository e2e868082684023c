package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// ListPeers tells who is in a room, and who waits to be let in.
func (s service) ListPeers(ctx context.Context, req *connect.Request[protocol.ListPeersRequest]) (*connect.Response[protocol.ListPeersResponse], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err != nil {
		return nil, failed(err)
	}
	out := &protocol.ListPeersResponse{}
	out.Peers, out.Waiting = r.Peers()
	return connect.NewResponse(out), nil
}

// GetPeer tells of one peer in a room.
func (s service) GetPeer(ctx context.Context, req *connect.Request[protocol.GetPeerRequest]) (*connect.Response[protocol.Peer], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err != nil {
		return nil, failed(err)
	}
	peer, err := r.FindPeer(req.Msg.GetPeer())
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(peer), nil
}

// UpdatePeer changes what a peer is and may do, or lets one in that waits.
func (s service) UpdatePeer(ctx context.Context, req *connect.Request[protocol.UpdatePeerRequest]) (*connect.Response[protocol.Peer], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err != nil {
		return nil, failed(err)
	}
	update, err := updateOf(req.Msg)
	if err != nil {
		return nil, failed(err)
	}
	var peer *protocol.Peer
	if req.Msg.GetAdmit() {
		peer, err = admit(r, req.Msg.GetPeer(), update)
	} else {
		peer, err = r.UpdatePeer(nil, req.Msg.GetPeer(), update)
	}
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(peer), nil
}

// updateOf is what a request wants changed of a peer.
func updateOf(msg *protocol.UpdatePeerRequest) (room.Update, *protocol.Error) {
	update := room.Update{Name: msg.Name, Metadata: msg.Metadata, Role: msg.Role}
	if !msg.GetChangeGrants() {
		if len(msg.GetGrants()) > 0 {
			return update, protocol.Errorf(protocol.Error_BAD_FIELD, "grants are given without change_grants; set that, too, if they are to change.")
		}
		return update, nil
	}
	var grants auth.Grants
	for _, grant := range msg.GetGrants() {
		one := auth.GrantsOf(grant)
		if one == 0 {
			return update, protocol.Errorf(protocol.Error_BAD_FIELD, "%d is no grant that this server knows.", grant)
		}
		grants |= one
	}
	update.Grants = &grants
	return update, nil
}

// admit lets in a peer that waits, and returns what is known of it: it enters
// by itself, in a moment.
func admit(r *room.Room, id string, update room.Update) (*protocol.Peer, *protocol.Error) {
	if update != (room.Update{}) {
		return nil, protocol.Errorf(protocol.Error_BAD_FIELD, "A peer that waits cannot be changed; admit it first, and change it when it has come in.")
	}
	_, waiting := r.Peers()
	if err := r.Admit(nil, id); err != nil {
		return nil, err
	}
	out := &protocol.Peer{Id: id}
	for _, knock := range waiting {
		if knock.GetPeer() == id {
			out.Name, out.User, out.Metadata = knock.GetName(), knock.GetUser(), knock.GetMetadata()
		}
	}
	return out, nil
}

// RemovePeer removes a peer from a room, for a while if it says so.
func (s service) RemovePeer(ctx context.Context, req *connect.Request[protocol.RemovePeerRequest]) (*connect.Response[protocol.RemovePeerResponse], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err == nil {
		err = r.Kick(nil, req.Msg.GetPeer(), req.Msg.GetBanSeconds())
	}
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(&protocol.RemovePeerResponse{}), nil
}

// MuteTrack mutes or ends a track.
func (s service) MuteTrack(ctx context.Context, req *connect.Request[protocol.MuteTrackRequest]) (*connect.Response[protocol.Track], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err != nil {
		return nil, failed(err)
	}
	silence := r.MuteTrack
	if req.Msg.GetStop() {
		silence = r.StopTrack
	}
	track, err := silence(nil, req.Msg.GetPeer(), req.Msg.GetTrack())
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(track), nil
}

// SendMessage says something to peers as the server.
func (s service) SendMessage(ctx context.Context, req *connect.Request[protocol.SendMessageRequest]) (*connect.Response[protocol.SendMessageResponse], error) {
	r, err := s.find(ctx, req.Msg.GetRoom())
	if err == nil {
		err = s.say(r, req.Msg)
	}
	if err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(&protocol.SendMessageResponse{}), nil
}

func (s service) say(r *room.Room, msg *protocol.SendMessageRequest) *protocol.Error {
	// As much as a peer may say: it goes into everybody's outbox.
	if n := len(msg.GetText()); n > s.config.MessageBytes {
		return protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE, "text has %d bytes; %d are allowed. Send large things with PublishData.", n, s.config.MessageBytes)
	}
	return r.Say(nil, &protocol.Message{To: msg.GetTo(), Topic: msg.GetTopic(), Text: msg.GetText()})
}
