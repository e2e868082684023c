package signaling

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

const (
	// awayAfter is how long a client without a connection is not yet called
	// away: most come back at once.
	awayAfter = 3 * time.Second
	// awayAfterPoll is the same for a client that polls: it is not expected to
	// ask all the time.
	awayAfterPoll = 30 * time.Second
)

// Attachment is one connection's hold on a visitor's session. Ready and Read
// are for one reader; the rest is safe for concurrent use.
type Attachment struct {
	*session.Attachment
	visitor *Visitor
	resume  string
	resumed bool
}

// Hold says how a connection wants to attach to a session.
type Hold struct {
	// Token is the resume token that the client came with; "" for who has just
	// opened the session.
	Token string
	// After is the number of the last message that the client has handled.
	After uint64
	// Poll says that the connection is one of many that follow each other. One
	// that comes with the token that the first of them was given reads on
	// without another Welcome.
	Poll bool
	// Fresh asks for the Welcome in any case.
	Fresh bool
	// Transport names what carries the connection, for metrics.
	Transport string
}

// noSuchSession tells who holds no token that is good nothing about which
// sessions there are.
func noSuchSession() *protocol.Error {
	return protocol.Errorf(protocol.Error_NO_SUCH_SESSION,
		"There is no such session, or it is not yours: it may have ended, or its resume token was used up. Open a new one.")
}

// Attach takes hold of the visitor's session and fences whoever held it. When
// messages after the number are no longer kept, a snapshot of the room takes
// their place.
func (v *Visitor) Attach(hold Hold) (*Attachment, *protocol.Error) {
	a, err := v.attach(hold)
	if err != nil {
		v.service.metrics.refuse(err)
	}
	return a, err
}

func (v *Visitor) attach(hold Hold) (*Attachment, *protocol.Error) {
	a := &Attachment{visitor: v, resumed: hold.Token != "" && v.welcomed.Load()}
	v.attaching.Lock()
	defer v.attaching.Unlock()
	if hold.Token != "" && !v.session.Admits(hold.Token) {
		// It was good when the session was looked up; the client has gone on by
		// another connection since, and is not to lose that one to a late one.
		return nil, noSuchSession()
	}
	var err error
	a.Attachment, err = v.session.Attach(hold.After)
	if errors.Is(err, session.ErrMissed) {
		a.Attachment, err = v.restart()
	}
	switch {
	case errors.Is(err, session.ErrFuture):
		return nil, protocol.Errorf(protocol.Error_BAD_FIELD, "Messages up to %d were never sent to this session. Attach after what has come.", hold.After)
	case errors.Is(err, session.ErrMissed):
		return nil, protocol.Errorf(protocol.Error_NO_SUCH_SESSION, "What this session has missed is gone. Open a new one.")
	case err != nil:
		return nil, noSuchSession()
	}
	v.presence.attached()
	if hold.Poll && !hold.Fresh && v.polling && v.session.Holds(hold.Token) {
		return a, nil
	}
	v.polling = hold.Poll
	a.resume = v.session.Renew()
	v.service.metrics.attachments.WithLabelValues(hold.Transport).Inc()
	return a, nil
}

// restart puts a snapshot into the place of messages that are gone: of the
// room, or of the place before its door.
func (v *Visitor) restart() (a *session.Attachment, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.waiting != nil:
		a, err = v.session.Restart(waiting())
	case v.room != nil:
		err = v.room.Snapshot(v.peer, func(joined *protocol.Event) error {
			a, err = v.session.Restart(joined)
			return err
		})
		v.leg.do(Leg.Tell)
	default:
		return nil, session.ErrMissed
	}
	if err == nil {
		v.service.metrics.snapshots.Inc()
		v.gate.remind()
	}
	return a, err
}

// Welcome is the first thing that the client is told on this connection; nil
// for a poll that reads on, and before a client has shown a token that it
// needs: then the answer to authenticate is the welcome.
func (a *Attachment) Welcome() *protocol.Event {
	if _, open := a.visitor.gate.is(); !open || a.resume == "" {
		return nil
	}
	return a.welcome()
}

func (a *Attachment) welcome() *protocol.Event {
	a.visitor.welcomed.Store(true)
	return a.visitor.welcome(a.resume, a.resumed)
}

// OpenWelcome is the welcome of a session to which nothing is attached yet,
// for who opens it by a request of its own.
func (v *Visitor) OpenWelcome() *protocol.Event {
	v.lasting.Store(true)
	v.presence.detached(awayAfterPoll)
	return v.welcome(v.session.Renew(), false)
}

func (v *Visitor) welcome(resume string, resumed bool) *protocol.Event {
	config := &v.service.config
	return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Welcome{Welcome: &protocol.Welcome{
		Session:    v.session.ID(),
		Resume:     resume,
		Resumed:    resumed,
		Received:   v.session.Received(),
		IceServers: config.ICEServers(v.caller, v.session.ID()),
		Limits: &protocol.Limits{
			MessageBytes:      uint32(config.Limits.MessageBytes),
			DescriptionBytes:  uint32(config.Limits.DescriptionBytes),
			MessagesPerSecond: uint32(config.Limits.MessagesPerSecond),
			Slots:             uint32(config.Limits.Slots),
			Voices:            uint32(config.Limits.Voices),
			Tracks:            uint32(config.Tracks),
		},
		HeartbeatMs: uint32(config.Heartbeat.Milliseconds()),
		DetachedMs:  uint32(config.Detached.Milliseconds()),
	}}})
}

// Receive is Visitor.Receive for what comes over this connection: whoever
// speaks over it has the resume token that it was given. What comes after
// another connection took over is dropped: the client says it again there.
func (a *Attachment) Receive(ctx context.Context, message *protocol.ClientMessage, size int) *protocol.Event {
	if !a.Confirm() {
		return nil
	}
	if _, open := a.visitor.gate.is(); open {
		return a.visitor.Receive(ctx, message, size)
	}
	answer := a.visitor.Receive(ctx, message, size)
	if _, open := a.visitor.gate.is(); open && message.GetAuthenticate() != nil {
		return a.welcome()
	}
	return answer
}

// sameSilence is how much earlier a connection may begin to wait than its session
// does, on a busy machine.
const sameSilence = time.Second

// Detach says that the connection is gone. The session goes on for a while, so
// that the client can come back to it.
func (a *Attachment) Detach() {
	v := a.visitor
	v.joining()
	if held, lasting := a.detach(); held && !lasting {
		// Its connection, which is older, may have been given up for the same silence
		// a moment before.
		if time.Since(v.opened) >= v.service.SilenceAfter()-sameSilence {
			v.neverJoined()
		}
		// It has nothing to come back to.
		if v.session.Expire(); !v.session.Open() {
			v.Close(nil)
		}
	}
}

// joining waits for the message that is being carried out, which may be a join
// that came another way than the connection that is gone.
func (v *Visitor) joining() {
	v.mu.Lock()
	defer v.mu.Unlock()
}

func (a *Attachment) detach() (held, lasting bool) {
	v := a.visitor
	// Who attaches meanwhile is not to be taken for gone.
	v.attaching.Lock()
	defer v.attaching.Unlock()
	held, lasting = a.Attachment.Detach(), v.lasting.Load()
	if held && lasting {
		patience := awayAfter
		if v.polling {
			patience = awayAfterPoll
		}
		v.presence.detached(patience)
	}
	return held, lasting
}

// presence is whether a client can be reached: by a connection, or by its
// media. It is safe for concurrent use.
type presence struct {
	visitor *Visitor

	telling sync.Mutex // one at a time tells the room

	mu     sync.Mutex // guards all below
	hold   bool       // a connection is attached
	media  bool       // the leg is connected
	long   bool       // it has been detached for awayAfter
	told   bool       // the room knows it as away
	due    bool       // tell will be called, or is about to look
	soon   *time.Timer
	ending *time.Timer
	over   bool
}

func (p *presence) attached() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold, p.long = true, false
	p.stop()
	p.changed()
}

// changed has the room told when there is something to tell. The caller holds
// mu, and perhaps much else: the room is told by a goroutine of its own.
func (p *presence) changed() {
	if p.away() != p.told && !p.due && !p.over {
		p.due = true
		p.visitor.service.run(p.visitor, p.tell)
	}
}

// entered says that there is a room to tell from now on.
func (p *presence) entered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed()
}

func (p *presence) away() bool { return p.long && !p.media }

func (p *presence) detached(patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = false
	p.stop()
	if p.over {
		return
	}
	// A clock that has run out while it was being stopped finds another in its
	// place.
	var soon, ending *time.Timer
	soon = time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.soon == soon {
			p.long = !p.hold
			p.changed()
		}
	})
	ending = time.AfterFunc(p.visitor.service.config.Detached, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.ending == ending {
			p.visitor.session.Expire() // the visitor closes by that
		}
	})
	p.soon, p.ending = soon, ending
}

// connected follows the leg.
func (p *presence) connected(up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.media = up
	p.changed()
}

// tell tells the room when the client has gone out of reach, or is back.
func (p *presence) tell() {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	p.due = false // what changes from here on is told once more
	p.mu.Unlock()
	room, peer := p.visitor.place()
	p.mu.Lock()
	away := p.away()
	p.told = away && room != nil
	p.mu.Unlock()
	if room != nil {
		room.SetAway(peer, away)
	}
}

// stop is called with mu held.
func (p *presence) stop() {
	for _, timer := range []*time.Timer{p.soon, p.ending} {
		if timer != nil {
			timer.Stop()
		}
	}
	p.soon, p.ending = nil, nil
}

func (p *presence) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.stop()
}
