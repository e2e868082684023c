package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

// refusalsBeforeEnd is how many messages over the rate are answered before
// the session ends: enough for a client to notice, too few to be a load.
const refusalsBeforeEnd = 100

// bytesPerToken is how much of a message one token of the rate pays for. A
// message to the room goes into everybody's outbox; this keeps what one peer
// can put there (by default 200 KiB a second, 400 KiB in a burst) below what
// an outbox holds (1 MiB).
const bytesPerToken = 4 << 10

// Visitor is one client of the service: its session, and, once it has joined,
// its peer in a room and its leg to the SFU.
//
// It is safe for concurrent use; messages are carried out one after the other.
type Visitor struct {
	service  *Service
	session  *session.Session
	caller   Caller
	key      netip.Addr // what the limit per address counts by
	log      *slog.Logger
	opened   time.Time
	unjoined *time.Timer // ends a session that never joins
	gate     gate
	presence presence
	leg      legHolder
	grants   atomic.Uint32 // auth.Grants, as the room has them now
	welcomed atomic.Bool   // the client knows of the session
	lasting  atomic.Bool   // it has something to come back to: outlives a connection

	attaching sync.Mutex // held while a connection attaches; guards polling
	polling   bool       // the last attachment was a poll

	mu      sync.Mutex // held while a message is carried out; guards all below
	rate    *bucket
	refused int // messages over the rate
	room    *room.Room
	peer    *room.Peer
	waiting *protocol.Join // what it wants to join with, at the door
	view    *protocol.View // the last one, for the next leg; nil means everything
	left    bool           // the client said so
	closed  bool
}

func newVisitor(s *Service, caller Caller, key netip.Addr) *Visitor {
	id := room.NewID()
	perSecond := float64(s.config.Limits.MessagesPerSecond)
	v := &Visitor{
		service: s,
		session: session.New(id, s.config.Limits.Outbox),
		caller:  caller,
		opened:  time.Now(),
		key:     key,
		log:     s.config.Logger.With("session", id),
		rate:    newBucket(time.Now(), perSecond, 2*perSecond),
	}
	v.gate.visitor, v.presence.visitor = v, v
	// Whatever ends the session, the others in the room hear of it at once.
	v.session.OnEnd(func() { v.Close(nil) })
	v.unjoined = time.AfterFunc(s.SilenceAfter(), v.neverJoined)
	return v
}

// neverJoined ends a session that has had the time to join.
func (v *Visitor) neverJoined() {
	after := v.service.SilenceAfter()
	v.session.End(protocol.Errorf(protocol.Error_SILENT, "No join came within %v. Connect again and join.", after))
}

// Session is the visitor's numbered outbox, for a transport to attach to.
func (v *Visitor) Session() *session.Session { return v.session }

// place is where the visitor is; nil before it has joined.
func (v *Visitor) place() (*room.Room, *room.Peer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.room, v.peer
}

// Receive carries out one message of size encoded bytes. The event it
// returns, if any, is about the connection only: the transport sends it
// unnumbered, or drops it when the client does not read.
func (v *Visitor) Receive(ctx context.Context, message *protocol.ClientMessage, size int) *protocol.Event {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || !v.session.Open() {
		return nil
	}
	v.service.metrics.received.WithLabelValues(kind(message)).Inc()

	// A message that is refused has used its number up all the same, so that
	// the next one is in order. One that was seen before has its answer.
	fresh, err := v.number(message)
	unanswered := message
	if !fresh && err == nil {
		unanswered = nil
	}
	if !v.pay(unanswered, size) {
		return nil
	}
	if err == nil {
		err = v.session.Ack(message.GetAck())
	}
	if err != nil {
		v.answer(message, nil, err)
		return nil
	}
	if !fresh {
		return nil
	}
	event, err := v.carryOut(ctx, message, size)
	if message.GetPing() != nil && message.GetId() == "" && err == nil {
		return event // nobody waits for this pong
	}
	v.answer(message, event, err)
	return nil
}

// Malformed answers size bytes that could not be decoded; reason is for the
// client.
func (v *Visitor) Malformed(reason *protocol.Error, size int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed && v.pay(nil, size) {
		v.answer(nil, nil, reason)
	}
}

// pay spends the tokens that a message of size bytes costs. Without enough of
// them it refuses the message itself, and reports false.
func (v *Visitor) pay(message *protocol.ClientMessage, size int) bool {
	cost := max(1, (size+bytesPerToken-1)/bytesPerToken)
	if v.rate.take(time.Now(), float64(cost)) {
		return true
	}
	v.refused++
	err := protocol.Errorf(protocol.Error_TOO_MANY_MESSAGES,
		"More than %d messages a second came, each begun %d bytes counted as one; this one was not carried out. Send less.",
		v.service.config.Limits.MessagesPerSecond, bytesPerToken)
	if v.refused > refusalsBeforeEnd {
		err = err.AsFatal()
	}
	v.answer(message, nil, err)
	return false
}

// number judges a message's number and uses it up. A ping may go without.
func (v *Visitor) number(message *protocol.ClientMessage) (fresh bool, err *protocol.Error) {
	if message.GetSeq() != 0 {
		return v.session.Number(message.GetSeq())
	}
	if message.GetPing() != nil {
		return true, nil
	}
	return false, protocol.Errorf(protocol.Error_MALFORMED, "The message has no seq; number messages 1, 2, 3…")
}

// answer sends what a message led to: an error, an event, or done when the
// client asked for an answer and there is no other.
func (v *Visitor) answer(message *protocol.ClientMessage, event *protocol.Event, err *protocol.Error) {
	switch {
	case err != nil:
		v.service.metrics.refuse(err)
		reason := err.GetMessage()
		if err.GetCode() == protocol.Error_MALFORMED {
			reason = "" // it quotes the client, and that may be a token
		}
		v.log.Debug("message refused", "kind", kind(message), "code", err.GetCode().String(), "reason", reason)
		if err.GetFatal() {
			v.session.EndWith(err, message.GetId())
			return
		}
		v.session.Send(err.Event(), message.GetId())
	case event != nil:
		v.session.Send(event, message.GetId())
	}
}

// End ends the session for a reason that the client is told; the rest follows
// by itself.
func (v *Visitor) End(reason *protocol.Error) {
	if v.session.Open() {
		v.service.metrics.refuse(reason) // first: the client may look at once
	}
	v.session.End(reason)
}

// Leave ends the session because the client wants it, as its message leave
// does. The rest follows by itself.
func (v *Visitor) Leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.session.Open() {
		v.left = true
		v.session.End(nil)
	}
}

// Close ends the session if it goes on still, for the reason given (nil: the
// client went away), takes the peer out of its room and waits for its leg to
// end. A visitor whose session has ended closes itself. Only the first call
// has an effect.
func (v *Visitor) Close(reason *protocol.Error) {
	if reason != nil {
		v.End(reason)
	}
	v.session.End(nil)
	v.unjoined.Stop()
	v.presence.close()
	v.gate.close()
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
	case v.session.Reason().GetCode() == protocol.Error_REMOVED:
		why, ending = protocol.PeerLeft_REMOVED, "REMOVED"
	case v.session.Reason() != nil:
		why, ending = protocol.PeerLeft_CLOSED, v.session.Reason().GetCode().String()
	}
	if v.waiting != nil {
		v.service.config.Rooms.Unknock(v.waiting.GetRoom(), v.peer)
	}
	if v.room != nil {
		v.room.Leave(v.peer, why)
		v.service.metrics.peers.Dec()
		v.log.Info("peer left", "room", v.room.Name(), "peer", v.peer.ID(), "reason", ending)
	}
	v.dropLeg()
	v.service.metrics.endings.WithLabelValues(ending).Inc()
	v.service.forget(v)
}

// mediaError turns a leg's error into one for the client.
func (v *Visitor) mediaError(err error) *protocol.Error {
	switch {
	case errors.Is(err, ErrLegLost):
		return protocol.Errorf(protocol.Error_BAD_DESCRIPTION, "%v. Make a new PeerConnection and offer again.", err)
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
