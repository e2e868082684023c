package signaling

import (
	"context"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

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
			Pong: &protocol.Pong{NowMs: time.Now().UnixMilli(), Received: v.session.Received(), Sent: v.session.Sent()},
		}}), nil
	}
	if body := message.GetAuthenticate(); body != nil {
		return done(message), v.authenticate(body.GetToken())
	}
	if _, open := v.gate.is(); !open {
		return nil, protocol.Errorf(protocol.Error_ACCESS_REQUIRED,
			"This server needs an access token. Send authenticate first, or bring one in the handshake.").AsFatal()
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
	if v.waiting != nil {
		if message.GetCandidate().GetTo() == protocol.SFU {
			// A client gathers while it waits. The SFU is ICE-lite: it answers
			// wherever the client's checks come from, and misses nothing.
			return done(message), nil
		}
		return nil, protocol.Errorf(protocol.Error_JOIN_FIRST,
			"The message was %s, but nobody has let this client in yet; wait for joined.", kind(message))
	}
	if v.room == nil {
		return nil, protocol.Errorf(protocol.Error_JOIN_FIRST,
			"The message was %s, but this session is in no room yet; join one first.", kind(message)).AsFatal()
	}
	if err := granted(auth.Grants(v.grants.Load()), message); err != nil {
		return nil, err
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
		return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Published{
			Published: &protocol.Published{Tracks: tracks},
		}}), nil
	case *protocol.ClientMessage_Mute:
		return done(message), v.room.Mute(v.peer, body.Mute.GetTrack(), body.Mute.GetMuted())
	case *protocol.ClientMessage_View:
		v.view = body.View
		v.leg.do(func(leg Leg) { leg.View(body.View) })
	case *protocol.ClientMessage_Message:
		return done(message), v.room.Say(v.peer, body.Message)
	case *protocol.ClientMessage_Metadata:
		return done(message), v.room.SetMetadata(v.peer, body.Metadata.GetMetadata())
	case *protocol.ClientMessage_Moderate:
		return done(message), v.moderate(body.Moderate)
	case *protocol.ClientMessage_Direct:
		v.room.Direct(v.peer, body.Direct)
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

// describe passes a description on: to the SFU, or to another peer.
func (v *Visitor) describe(ctx context.Context, message *protocol.ClientMessage, d *protocol.Description) (*protocol.Event, *protocol.Error) {
	if d.GetTo() != protocol.SFU {
		return done(message), v.room.Relay(v.peer, d.GetTo(), &protocol.ServerMessage{
			Body: &protocol.ServerMessage_Description{Description: &protocol.Description{
				From: v.peer.ID(), Type: d.GetType(), Sdp: d.GetSdp(), Epoch: d.GetEpoch(),
			}},
		}, d.GetEpoch())
	}
	fresh := v.leg.get() == nil
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
				SdpMLineIndex: c.GetSdpMLineIndex(), UsernameFragment: c.GetUsernameFragment(), Epoch: c.GetEpoch(),
			}},
		}, c.GetEpoch())
	}
	leg := v.leg.get()
	if leg == nil {
		return protocol.Errorf(protocol.Error_BAD_CANDIDATE, "There is no connection to the SFU yet; offer first.")
	}
	if err := leg.Candidate(c); err != nil {
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

// Demand tells the client what of its track anybody receives.
func (l *listener) Demand(demand *protocol.TrackDemand) {
	l.session.Send(protocol.NewEvent(&protocol.ServerMessage{
		Body: &protocol.ServerMessage_TrackDemand{TrackDemand: demand},
	}), "")
}

// Quality tells the client what does not get through well.
func (l *listener) Quality(quality *protocol.Quality) {
	l.session.Send(protocol.NewEvent(&protocol.ServerMessage{
		Body: &protocol.ServerMessage_Quality{Quality: quality},
	}), "")
}

// Connected notes whether the client can be reached.
func (l *listener) Connected(up bool) { l.presence.connected(up) }

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
