package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// refusalsBeforeEnd is how many messages over the rate are answered before
// the session ends: enough for a client to notice, too few to be a load.
const refusalsBeforeEnd = 100

// Visitor is one client of the service: its session, and, once it has joined,
// its peer in a room and its leg to the SFU.
//
// Receive, Malformed and Close are safe for concurrent use; messages are
// carried out one after the other.
type Visitor struct {
	service  *Service
	session  *session.Session
	caller   Caller
	key      netip.Addr // what the limit per address counts by
	log      *slog.Logger
	unjoined *time.Timer // ends a session that never joins

	mu      sync.Mutex // held while a message is carried out; guards all below
	rate    *bucket
	refused int // messages over the rate
	room    *room.Room
	peer    *room.Peer
	leg     Leg
	left    bool // the client said so
	closed  bool
}

func newVisitor(s *Service, caller Caller, key netip.Addr) *Visitor {
	id := room.NewID()
	perSecond := float64(s.config.Limits.MessagesPerSecond)
	v := &Visitor{
		service: s,
		session: session.New(id, s.config.Limits.Outbox),
		caller:  caller,
		key:     key,
		log:     s.config.Logger.With("session", id),
		rate:    newBucket(time.Now(), perSecond, 2*perSecond),
	}
	// Whatever ends the session, the others in the room hear of it at once.
	v.session.OnEnd(func() { v.Close(nil) })
	v.unjoined = time.AfterFunc(s.SilenceAfter(), func() {
		v.session.End(protocol.Errorf(protocol.Error_SILENT, "No join came within %v. Connect again and join.", s.SilenceAfter()))
	})
	return v
}

// Session is the visitor's numbered outbox, for a transport to attach to.
func (v *Visitor) Session() *session.Session { return v.session }

// Welcome is the first thing that a client is told on a connection.
func (v *Visitor) Welcome() *protocol.Event {
	config := &v.service.config
	return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Welcome{Welcome: &protocol.Welcome{
		Session:    v.session.ID(),
		IceServers: config.ICEServers(v.caller, v.session.ID()),
		Limits: &protocol.Limits{
			MessageBytes:      uint32(config.Limits.MessageBytes),
			DescriptionBytes:  uint32(config.Limits.DescriptionBytes),
			MessagesPerSecond: uint32(config.Limits.MessagesPerSecond),
			Slots:             uint32(config.Limits.Slots),
			Tracks:            uint32(config.Limits.Room.TracksPerPeer),
		},
		HeartbeatMs: uint32(config.Heartbeat.Milliseconds()),
	}}})
}

// Receive carries out one message of size encoded bytes. The event it
// returns, if any, is about the connection only: the transport sends it
// unnumbered.
func (v *Visitor) Receive(ctx context.Context, message *protocol.ClientMessage, size int) *protocol.Event {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	v.service.metrics.received.WithLabelValues(kind(message)).Inc()

	if err := v.session.Ack(message.GetAck()); err != nil {
		v.answer(message, nil, err)
		return nil
	}
	if message.GetPing() != nil && message.GetSeq() == 0 {
		if !v.withinRate(message) {
			return nil
		}
		return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Pong{
			Pong: &protocol.Pong{NowMs: time.Now().UnixMilli()},
		}})
	}
	if message.GetSeq() == 0 {
		v.answer(message, nil, protocol.Errorf(protocol.Error_MALFORMED, "The message has no seq; number messages 1, 2, 3…"))
		return nil
	}
	fresh, err := v.session.Number(message.GetSeq())
	if err != nil {
		v.answer(message, nil, err)
		return nil
	}
	if !fresh || !v.withinRate(message) {
		return nil
	}
	event, err := v.carryOut(ctx, message, size)
	v.answer(message, event, err)
	return nil
}

// Malformed answers what could not be decoded; reason is for the client.
func (v *Visitor) Malformed(reason *protocol.Error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed && v.withinRate(nil) {
		v.answer(nil, nil, reason)
	}
}

// withinRate spends one token on a message; over the rate it answers itself.
func (v *Visitor) withinRate(message *protocol.ClientMessage) bool {
	if v.rate.take(time.Now()) {
		return true
	}
	limit := v.service.config.Limits.MessagesPerSecond
	v.refused++
	err := protocol.Errorf(protocol.Error_TOO_MANY_MESSAGES,
		"More than %d messages a second came; this one was not carried out. Send fewer.", limit)
	if v.refused > refusalsBeforeEnd {
		v.service.metrics.refuse(err)
		v.session.EndWith(err, message.GetId())
		return false
	}
	v.answer(message, nil, err)
	return false
}

// answer sends what a message led to: an error, an event, or done when the
// client asked for an answer and there is no other.
func (v *Visitor) answer(message *protocol.ClientMessage, event *protocol.Event, err *protocol.Error) {
	switch {
	case err != nil:
		v.service.metrics.refuse(err)
		v.log.Debug("message refused", "kind", kind(message), "code", err.GetCode().String(), "reason", err.GetMessage())
		if err.GetFatal() {
			v.session.EndWith(err, message.GetId())
			return
		}
		v.session.Send(err.Event(), message.GetId())
	case event != nil:
		v.session.Send(event, message.GetId())
	}
}

// Close ends the session if it goes on still, for the reason given (nil: the
// client went away), takes the peer out of its room and waits for its leg to
// end. Every visitor has to be closed by its transport; one whose session has
// ended closes itself. Only the first call has an effect.
func (v *Visitor) Close(reason *protocol.Error) {
	if reason != nil && v.session.Open() {
		v.service.metrics.refuse(reason) // first: the client may look at once
	}
	v.session.End(reason)
	v.unjoined.Stop()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	v.closed = true
	why := protocol.PeerLeft_LOST
	ending := "LOST"
	switch {
	case v.left:
		why, ending = protocol.PeerLeft_LEFT, "LEFT"
	case v.session.Reason() != nil:
		why, ending = protocol.PeerLeft_CLOSED, v.session.Reason().GetCode().String()
	}
	if v.room != nil {
		v.room.Leave(v.peer, why)
		v.service.metrics.peers.Dec()
		v.log.Info("peer left", "room", v.room.Name(), "peer", v.peer.ID(), "reason", ending)
	}
	if v.leg != nil {
		v.leg.Close()
	}
	v.service.metrics.endings.WithLabelValues(ending).Inc()
	v.service.forget(v)
}

// mediaError turns a leg's error into one for the client.
func (v *Visitor) mediaError(err error) *protocol.Error {
	switch {
	case errors.Is(err, ErrBadDescription):
		return protocol.Errorf(protocol.Error_BAD_DESCRIPTION, "%v", err)
	case errors.Is(err, ErrNoCommonCodec):
		return protocol.Errorf(protocol.Error_NO_COMMON_CODEC, "%v", err)
	case errors.Is(err, ErrBadCandidate):
		return protocol.Errorf(protocol.Error_BAD_CANDIDATE, "%v", err)
	}
	v.log.Error("the SFU failed", "err", err)
	return protocol.Errorf(protocol.Error_INTERNAL, "The server's media side failed; its log says why. Try again.")
}

// kind names a message's body for a log or a metric.
func kind(message *protocol.ClientMessage) string {
	m := message.ProtoReflect()
	body := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if body == nil {
		return "none"
	}
	return string(body.Name())
}
