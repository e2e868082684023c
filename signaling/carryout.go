package signaling

import (
	"context"
	"errors"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// offerTimeout bounds the work on one offer.
const offerTimeout = 10 * time.Second

// carryOut does what a fresh message asks for and returns its answer, unless
// it has sent that itself. The visitor's mutex is held.
func (v *Visitor) carryOut(ctx context.Context, message *protocol.ClientMessage, size int) (*protocol.Event, *protocol.Error) {
	limits := v.service.config.Limits
	allowed := limits.MessageBytes
	if message.GetDescription() != nil || message.GetJoin() != nil {
		allowed = limits.DescriptionBytes
	}
	switch {
	case size > allowed:
		return nil, protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE,
			"The message has %d bytes; %d are allowed. Send large things over the DataChannel.", size, allowed)
	case len(message.GetId()) > 64:
		return nil, protocol.Errorf(protocol.Error_BAD_FIELD, "id has %d bytes; 64 are allowed.", len(message.GetId()))
	case message.GetBody() == nil:
		return nil, protocol.Errorf(protocol.Error_MALFORMED, "The message has no body that this server knows.")
	}

	if message.GetPing() != nil {
		return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Pong{
			Pong: &protocol.Pong{NowMs: time.Now().UnixMilli()},
		}}), nil
	}
	if join := message.GetJoin(); join != nil {
		return nil, v.join(ctx, join, message.GetId())
	}
	if message.GetLeave() != nil {
		v.left = true
		v.answer(message, done(message), nil)
		v.session.End(nil)
		return nil, nil
	}
	if v.room == nil {
		return nil, protocol.Errorf(protocol.Error_JOIN_FIRST,
			"The first message was %s; join a room first.", kind(message)).AsFatal()
	}

	switch body := message.GetBody().(type) {
	case *protocol.ClientMessage_Description:
		return v.describe(ctx, message, body.Description)
	case *protocol.ClientMessage_Candidate:
		return done(message), v.candidate(body.Candidate)
	case *protocol.ClientMessage_Publish:
		tracks, err := v.room.Publish(v.peer, body.Publish.GetTracks())
		if err != nil {
			return nil, err
		}
		if v.leg != nil {
			v.leg.Publish(tracks)
		}
		return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Published{
			Published: &protocol.Published{Tracks: tracks},
		}}), nil
	case *protocol.ClientMessage_Mute:
		if err := v.room.Mute(v.peer, body.Mute.GetTrack(), body.Mute.GetMuted()); err != nil {
			return nil, err
		}
		if v.leg != nil {
			v.leg.Mute(body.Mute.GetTrack(), body.Mute.GetMuted())
		}
	case *protocol.ClientMessage_View:
		v.view = body.View
		if v.leg != nil {
			v.leg.View(body.View)
		}
	case *protocol.ClientMessage_Message:
		return done(message), v.room.Say(v.peer, body.Message, time.Now().UnixMilli())
	}
	return done(message), nil
}

// done is the answer to a message that has no other; none when the client did
// not ask.
func done(message *protocol.ClientMessage) *protocol.Event {
	if message.GetId() == "" {
		return nil
	}
	return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Done{Done: &protocol.Done{}}})
}

// join enters a room. The leg is negotiated first, so that the answer rides
// in joined and a refused offer leaves no trace in the room.
func (v *Visitor) join(ctx context.Context, join *protocol.Join, re string) *protocol.Error {
	if v.room != nil {
		return protocol.Errorf(protocol.Error_ALREADY_JOINED,
			"This session is in a room already; open another session for another room.")
	}
	if err := room.CheckJoin(join); err != nil {
		return err
	}
	tracks, err := v.service.rooms.Tracks(nil, join.GetTracks())
	if err != nil {
		return err
	}
	peer := room.NewPeer(join.GetName(), v.session.Send)
	var answer *protocol.Description
	if offer := join.GetOffer(); offer != nil {
		if answer, err = v.offer(ctx, join.GetRoom(), peer.ID(), offer); err != nil {
			return err
		}
	}
	entered, err := v.service.rooms.Enter(join.GetRoom(), peer, tracks, answer, re)
	if err != nil {
		v.dropLeg()
		return err
	}
	v.unjoined.Stop()
	v.room, v.peer, v.view = entered, peer, join.GetView()
	v.service.metrics.peers.Inc()
	v.log.Info("peer joined", "room", entered.Name(), "peer", peer.ID())
	if v.leg != nil {
		v.startLeg()
	}
	return nil
}

// startLeg tells a fresh leg what it has to know. Its answer has been sent by
// then: slots are filled from the view on, and the client hears of them after
// the answer.
func (v *Visitor) startLeg() {
	v.leg.Publish(v.room.Tracks(v.peer))
	v.leg.View(v.view)
}

// offer brings an offer to the SFU, over the visitor's leg or a new one.
func (v *Visitor) offer(ctx context.Context, roomName, peer string, offer *protocol.Description) (*protocol.Description, *protocol.Error) {
	if offer.GetType() != protocol.Description_OFFER {
		return nil, protocol.Errorf(protocol.Error_BAD_DESCRIPTION,
			"The description for the SFU is of type %v; toward the SFU the client always offers.", offer.GetType())
	}
	fresh := v.leg == nil
	if fresh {
		leg, err := v.service.config.Media.Open(roomName, peer, (*listener)(v))
		if err != nil {
			return nil, v.mediaError(err)
		}
		v.leg = leg
	}
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	sdp, err := v.leg.Offer(ctx, offer.GetSdp())
	if err != nil {
		if fresh || errors.Is(err, ErrLegLost) {
			v.dropLeg()
		}
		return nil, v.mediaError(err)
	}
	return &protocol.Description{From: protocol.SFU, Type: protocol.Description_ANSWER, Sdp: sdp}, nil
}

func (v *Visitor) dropLeg() {
	if v.leg != nil {
		v.leg.Close()
		v.leg = nil
	}
}

// describe passes a description on: to the SFU, or to another peer.
func (v *Visitor) describe(ctx context.Context, message *protocol.ClientMessage, d *protocol.Description) (*protocol.Event, *protocol.Error) {
	if d.GetTo() != protocol.SFU {
		return done(message), v.room.Relay(v.peer, d.GetTo(), &protocol.ServerMessage{
			Body: &protocol.ServerMessage_Description{Description: &protocol.Description{
				From: v.peer.ID(), Type: d.GetType(), Sdp: d.GetSdp(),
			}},
		})
	}
	fresh := v.leg == nil
	answer, err := v.offer(ctx, v.room.Name(), v.peer.ID(), d)
	if err != nil {
		return nil, err
	}
	v.answer(message, protocol.NewEvent(&protocol.ServerMessage{
		Body: &protocol.ServerMessage_Description{Description: answer},
	}), nil)
	if fresh {
		v.startLeg()
	}
	return nil, nil
}

// candidate passes a candidate on: to the SFU, or to another peer.
func (v *Visitor) candidate(c *protocol.Candidate) *protocol.Error {
	if c.GetTo() != protocol.SFU {
		return v.room.Relay(v.peer, c.GetTo(), &protocol.ServerMessage{
			Body: &protocol.ServerMessage_Candidate{Candidate: &protocol.Candidate{
				From: v.peer.ID(), Candidate: c.GetCandidate(), SdpMid: c.GetSdpMid(),
				SdpMLineIndex: c.GetSdpMLineIndex(), UsernameFragment: c.GetUsernameFragment(),
			}},
		})
	}
	if v.leg == nil {
		return protocol.Errorf(protocol.Error_BAD_CANDIDATE, "There is no connection to the SFU yet; offer first.")
	}
	if err := v.leg.Candidate(c); err != nil {
		return v.mediaError(err)
	}
	return nil
}

// listener is a visitor as its leg sees it.
type listener Visitor

// Slots tells the client what its slots carry.
func (l *listener) Slots(slots []*protocol.Slot) {
	l.session.Send(protocol.NewEvent(&protocol.ServerMessage{
		Body: &protocol.ServerMessage_Slots{Slots: &protocol.Slots{Slots: slots}},
	}), "")
}

// Speakers tells the client who speaks.
func (l *listener) Speakers(peers []string) {
	l.session.Send(protocol.NewEvent(&protocol.ServerMessage{
		Body: &protocol.ServerMessage_Speakers{Speakers: &protocol.Speakers{Peers: peers}},
	}), "")
}

// Lost tells the client that its media connection broke; its session goes on.
func (l *listener) Lost(reason string) {
	err := protocol.Errorf(protocol.Error_MEDIA_LOST,
		"The media connection was lost (%s). Offer again with an ICE restart.", reason)
	l.service.metrics.refuse(err)
	l.session.Send(err.Event(), "")
}

// Overrun tells the client that it missed messages on its DataChannel.
func (l *listener) Overrun() {
	err := protocol.Errorf(protocol.Error_SLOW,
		"This client does not read its reliable DataChannel; messages to it were dropped. Read faster.")
	l.service.metrics.refuse(err)
	l.session.Send(err.Event(), "")
}
