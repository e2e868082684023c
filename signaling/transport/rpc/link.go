package rpc

import (
	"context"
	"errors"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// link is a stream that reads a session. One goroutine writes it.
type link struct {
	call    *call
	visitor *signaling.Visitor
	hold    *signaling.Attachment
	send    func(*response) error
	// direct holds what goes out unnumbered.
	direct chan *protocol.Event
	// finish is closed when the client will say no more: what there is for it
	// goes out, and the stream ends.
	finish chan struct{}
	// beat is when to tell a client that the stream is alive, if ever.
	beat <-chan time.Time

	// For the writer alone.
	slow  *time.Timer // cuts a write that takes too long
	told  bool        // the client has been told why the session ends
	batch []session.Entry
}

// newLink attaches to the visitor's session.
func newLink(c *call, visitor *signaling.Visitor, hold signaling.Hold, send func(*response) error) (*link, *protocol.Error) {
	l := &link{
		call: c, visitor: visitor, send: send,
		direct: make(chan *protocol.Event, 4), finish: make(chan struct{}),
		slow: time.AfterFunc(writeTimeout, c.cut),
	}
	l.slow.Stop()
	var err *protocol.Error
	l.hold, err = visitor.Attach(hold)
	return l, err
}

// write sends what the session holds until the stream or the session ends, and
// returns the stream's status.
func (l *link) write(ctx context.Context) error {
	if welcome := l.hold.Welcome(); welcome != nil {
		if err := l.say(welcome, 0, ""); err != nil {
			return err
		}
	}
	for {
		select {
		case <-l.hold.Ready():
			if ended, err := l.drain(); ended {
				return err
			}
		case event := <-l.direct:
			if err := l.say(event, 0, ""); err != nil {
				return err
			}
		case <-l.beat:
			if err := l.say(l.pong(), 0, ""); err != nil {
				return err
			}
		case <-l.finish:
			return l.rest()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain sends what there is to read now. It reports whether the stream is to
// end, and with what.
func (l *link) drain() (ended bool, err error) {
	for {
		l.batch, err = l.hold.Read(l.batch[:0])
		if err != nil {
			return true, l.status(err)
		}
		if len(l.batch) == 0 {
			return false, nil
		}
		for _, entry := range l.batch {
			if err := l.say(entry.Event, entry.Seq, entry.Re); err != nil {
				return true, err
			}
		}
		clear(l.batch) // what was sent is not for us to keep
	}
}

// rest sends all that there is for a client that has said its last.
func (l *link) rest() error {
	if ended, err := l.drain(); ended {
		return err
	}
	for {
		select {
		case event := <-l.direct:
			if err := l.say(event, 0, ""); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (l *link) say(event *protocol.Event, seq uint64, re string) error {
	l.slow.Reset(writeTimeout)
	err := l.send(&response{event, seq, re})
	l.slow.Stop()
	l.told = l.told || event.Message().GetError().GetFatal()
	return err
}

// pong tells a client that has asked nothing how far both sides are.
func (l *link) pong() *protocol.Event {
	s := l.visitor.Session()
	return protocol.NewEvent(&protocol.ServerMessage{Body: &protocol.ServerMessage_Pong{
		Pong: &protocol.Pong{NowMs: time.Now().UnixMilli(), Received: s.Received(), Sent: s.Sent()},
	}})
}

// status is what a stream ends with that has nothing more to read.
func (l *link) status(err error) error {
	if !errors.Is(err, session.ErrEnded) {
		return refuse(transport.Fenced())
	}
	if reason := l.visitor.Session().Reason(); reason != nil && !l.told {
		return refuse(reason)
	}
	return nil
}
