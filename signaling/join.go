package signaling

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// offerTimeout bounds the work on one offer.
const offerTimeout = 10 * time.Second

// authenticate takes an access token: the first, or a fresh one.
func (v *Visitor) authenticate(token string) *protocol.Error {
	if _, open := v.gate.is(); open {
		return v.gate.renewed(token)
	}
	access, err := v.service.verify(token)
	if err == nil {
		err = v.gate.enter(access)
	}
	if err != nil {
		return err.AsFatal()
	}
	return nil
}

// join enters a room. The leg is negotiated first, so that the answer rides
// in joined and a refused offer leaves no trace in the room.
func (v *Visitor) join(ctx context.Context, join *protocol.Join, re string) *protocol.Error {
	if v.room != nil || v.waiting != nil {
		return protocol.Errorf(protocol.Error_ALREADY_JOINED,
			"This session is in a room already; open another session for another room.")
	}
	if err := room.CheckJoin(join); err != nil {
		return err
	}
	access, err := v.gate.claim(join.GetRoom())
	if err == nil {
		err = v.knock(ctx, access, join, re)
	}
	if err != nil {
		v.peer = nil
		v.gate.unclaim()
	}
	return err
}

// knock goes to the room's door, and through it unless it has to wait there.
func (v *Visitor) knock(ctx context.Context, access auth.Access, join *protocol.Join, re string) *protocol.Error {
	if !v.service.joins.Allow(v.caller.Addr, time.Now()) {
		return protocol.Errorf(protocol.Error_TOO_MANY_MESSAGES,
			"More than %d joins a minute came from your address. Wait a little.", v.service.config.Limits.JoinsPerMinute)
	}
	peer := room.NewPeer(room.Identity{
		Name: cmp.Or(access.Name, join.GetName()), User: access.User, Role: access.Role,
		Metadata: cmp.Or(access.Metadata, join.GetMetadata()),
		Grants:   access.Grants, Sources: access.Sources, Addr: v.key, Direct: join.GetDirect(),
		MetadataIsGiven: access.Metadata != "",
	}, (*member)(v))
	// What would be refused inside is refused here, not after a long wait.
	if _, err := v.tracks(peer, join); err != nil {
		return err
	}
	v.peer = peer
	wait, err := v.service.config.Rooms.Knock(join.GetRoom(), peer)
	if err != nil {
		return err
	}
	if wait {
		v.unjoined.Stop()
		v.lasting.Store(true)
		v.waiting = join
		v.session.Send(waiting(), re)
		return nil
	}
	return v.enter(ctx, peer, join, re)
}

func waiting() *protocol.Event {
	return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Waiting{Waiting: &protocol.Waiting{}}})
}

// admitted goes in after waiting at the door.
func (v *Visitor) admitted() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting == nil || v.closed {
		return
	}
	join := v.waiting
	v.waiting = nil
	if err := v.enter(v.service.life, v.peer, join, ""); err != nil {
		v.service.config.Rooms.Unknock(join.GetRoom(), v.peer)
		v.peer = nil
		v.End(err)
	}
}

// enter negotiates the leg and enters the room. The caller holds mu.
func (v *Visitor) enter(ctx context.Context, peer *room.Peer, join *protocol.Join, re string) *protocol.Error {
	tracks, err := v.tracks(peer, join)
	if err != nil {
		return err
	}
	var answer *protocol.Description
	if offer := join.GetOffer(); offer != nil {
		if answer, err = v.offer(ctx, join.GetRoom(), peer.ID(), offer); err != nil {
			return err
		}
	}
	entered, err := v.service.config.Rooms.Enter(join.GetRoom(), peer, tracks, answer, re)
	if err != nil {
		v.dropLeg()
		return err
	}
	v.unjoined.Stop()
	v.lasting.Store(true)
	v.room, v.peer, v.view = entered, peer, join.GetView()
	v.service.metrics.peers.Inc()
	v.log.Info("peer joined", "room", entered.Name(), "peer", peer.ID())
	v.startLeg()
	v.presence.entered()
	return nil
}

// tracks are those that a peer joins with. The caller holds mu.
func (v *Visitor) tracks(peer *room.Peer, join *protocol.Join) ([]*protocol.Track, *protocol.Error) {
	if err := peer.MayPublish(join.GetTracks()); err != nil {
		return nil, err
	}
	return v.service.config.Rooms.Tracks(nil, join.GetTracks())
}

// vouch tells the room what a fresh access token says.
func (v *Visitor) vouch() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.peer == nil || v.closed {
		return
	}
	name := v.waiting.GetRoom()
	if v.room != nil {
		name = v.room.Name()
	}
	access, _ := v.gate.is()
	v.service.config.Rooms.Vouch(name, v.peer, room.Vouched{Grants: access.Grants, Role: access.Role, Sources: access.Sources})
}

// startLeg tells a fresh leg, if there is one, what it has to know. Its answer
// has been sent by then: slots are filled from the view on, and the client
// hears of them after the answer.
func (v *Visitor) startLeg() {
	v.room.Brief(v.peer)
	v.leg.do(func(leg Leg) { leg.View(v.view) })
}

// offer brings an offer to the SFU, over the visitor's leg or a new one.
func (v *Visitor) offer(ctx context.Context, roomName, peer string, offer *protocol.Description) (*protocol.Description, *protocol.Error) {
	if offer.GetType() != protocol.Description_OFFER {
		return nil, protocol.Errorf(protocol.Error_BAD_DESCRIPTION,
			"The description for the SFU is of type %v; toward the SFU the client always offers.", offer.GetType())
	}
	leg := v.leg.get()
	fresh := leg == nil
	if fresh {
		var err error
		if leg, err = v.service.config.Media.Open(roomName, peer, (*listener)(v)); err != nil {
			return nil, v.mediaError(err)
		}
		leg.Allow(Rights{}) // until startLeg says what it may
		v.leg.set(leg)
	}
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	sdp, err := leg.Offer(ctx, offer.GetSdp())
	if err != nil {
		if fresh || errors.Is(err, ErrLegLost) {
			v.dropLeg()
		}
		return nil, v.mediaError(err)
	}
	return &protocol.Description{From: protocol.SFU, Type: protocol.Description_ANSWER, Sdp: sdp}, nil
}

// dropLeg ends the leg, if there is one.
func (v *Visitor) dropLeg() {
	v.leg.drop()
	v.presence.connected(false)
}

// moderate does what a moderator asks for. Who ends the room is not answered:
// its own session ends by that, with the reason.
func (v *Visitor) moderate(message *protocol.Moderate) *protocol.Error {
	switch action := message.GetAction().(type) {
	case *protocol.Moderate_Mute:
		_, err := v.room.MuteTrack(v.peer, action.Mute.GetPeer(), action.Mute.GetTrack())
		return err
	case *protocol.Moderate_Stop:
		_, err := v.room.StopTrack(v.peer, action.Stop.GetPeer(), action.Stop.GetTrack())
		return err
	case *protocol.Moderate_Kick_:
		if action.Kick.GetPeer() == v.peer.ID() {
			return protocol.Errorf(protocol.Error_BAD_FIELD, "This peer cannot remove itself; it can leave.")
		}
		return v.room.Kick(v.peer, action.Kick.GetPeer(), action.Kick.GetBanSeconds())
	case *protocol.Moderate_Grants:
		grants := auth.GrantsOf(action.Grants.GetGrants()...)
		_, err := v.room.UpdatePeer(v.peer, action.Grants.GetPeer(), room.Update{Grants: &grants, Role: action.Grants.Role})
		return err
	case *protocol.Moderate_Admit:
		return v.room.Admit(v.peer, action.Admit)
	case *protocol.Moderate_Refuse:
		return v.room.Refuse(v.peer, action.Refuse)
	case *protocol.Moderate_Room:
		return v.room.Change(v.peer, action.Room)
	case *protocol.Moderate_End_:
		return v.room.End(v.peer)
	}
	return protocol.Errorf(protocol.Error_MALFORMED, "The message moderate has no action that this server knows.")
}
