// Package session holds a peer's signaling link: a numbered outbox that
// outlives any one connection, and the numbered way in.
//
// A transport attaches to a session at a number and reads on from there. A
// new attachment fences the one before it, so reconnecting and changing the
// transport are one operation.
package session

import (
	"errors"
	"slices"
	"sync"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

var (
	// ErrFenced is what an attachment gets when another one took its place.
	ErrFenced = errors.New("session: another connection took this one's place")
	// ErrMissed is what Attach returns when messages after the given number
	// are no longer kept; Restart makes up for them.
	ErrMissed = errors.New("session: messages after that number are not kept")
	// ErrFuture is what Attach returns for a number that was not sent yet.
	ErrFuture = errors.New("session: messages up to that number were never sent")
	// ErrEnded is what an attachment gets, after the last message, when the
	// session has ended; Session.Reason says why.
	ErrEnded = errors.New("session: it has ended")
)

// readAtOnce is how many entries one Read returns at most, so that a
// transport writes them with few system calls but holds only so many.
const readAtOnce = 64

// Session is one peer's link. All methods are safe for concurrent use and
// none of them waits for the network.
type Session struct {
	id   string
	done chan struct{} // closed with the session

	mu       sync.Mutex // guards all below
	endings  []*func()  // called when it has ended
	outbox   *Outbox
	tickets  tickets
	attached *Attachment
	sent     uint64 // the highest number that any attachment has read
	reason   *protocol.Error
	ended    bool
	abrupt   bool
	inbound  uint64 // number of the last message taken from the client
}

// New makes a session that nothing is attached to. The id names it and is no
// secret.
func New(id string, bounds Bounds) *Session {
	return &Session{id: id, done: make(chan struct{}), outbox: NewOutbox(bounds)}
}

// ID names the session.
func (s *Session) ID() string { return s.id }

// Send puts an event into the outbox; re is the id of the message that it
// answers, or "". What is sent after the end is dropped. A client that lags
// so far behind that the outbox has to let go of something it has not read
// loses its session, with the reason SLOW.
func (s *Session) Send(event *protocol.Event, re string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if !s.put(event, re) {
		s.end(protocol.Errorf(protocol.Error_SLOW,
			"This client did not read what the server sent: more than the server keeps was waiting. Connect again."), true)
		return
	}
	s.notify()
}

// End ends the session. What is in the outbox still goes out to whoever is
// attached, then the reason; nil means that the client wanted it. Only the
// first call has an effect.
func (s *Session) End(reason *protocol.Error) { s.EndWith(reason, "") }

// EndWith is End with a reason that answers the message with the id re.
func (s *Session) EndWith(reason *protocol.Error, re string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	kept := reason == nil || s.put(reason.AsFatal().Event(), re)
	s.end(reason, !kept)
}

// put appends to the outbox. It reports false when something that the
// attachment has not read had to go for it: then the session has to end
// abruptly. The caller holds mu.
func (s *Session) put(event *protocol.Event, re string) bool {
	s.outbox.Append(event, re)
	return s.attached == nil || s.attached.read+1 >= s.outbox.First()
}

// end is called with mu held. After an abrupt end nothing more is read.
func (s *Session) end(reason *protocol.Error, abrupt bool) {
	s.ended, s.reason, s.abrupt = true, reason, abrupt
	close(s.done)
	for _, f := range s.endings {
		go (*f)()
	}
	s.endings = nil
	s.notify()
}

// Open says whether the session goes on.
func (s *Session) Open() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// OnEnd calls f in its own goroutine when the session has ended, unless stop
// is called before. stop reports whether it has kept f from being called.
func (s *Session) OnEnd(f func()) (stop func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		go f()
		return func() bool { return false }
	}
	s.endings = append(s.endings, &f)
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.Index(s.endings, &f)
		if i >= 0 {
			s.endings = slices.Delete(s.endings, i, i+1)
		}
		return i >= 0
	}
}

// Reason says why the session ended; nil before, and when the client left.
func (s *Session) Reason() *protocol.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// notify tells whoever is attached that there is something new. The caller
// holds mu.
func (s *Session) notify() {
	if s.attached != nil {
		s.notifyOf(s.attached)
	}
}

func (s *Session) notifyOf(a *Attachment) {
	if a.notified != nil {
		a.notified()
		return
	}
	select {
	case a.wake <- struct{}{}:
	default: // it has been told already
	}
}

// Number judges the number of a message from the client: fresh messages come
// in order and are carried out, ones that were seen before are not.
func (s *Session) Number(seq uint64) (fresh bool, err *protocol.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case seq <= s.inbound:
		return false, nil
	case seq == s.inbound+1:
		s.inbound = seq
		return true, nil
	default:
		return false, protocol.Errorf(protocol.Error_OUT_OF_ORDER,
			"Message %d came, but %d is the next one: send the messages between first.", seq, s.inbound+1)
	}
}

// Received is the number of the last message taken from the client.
func (s *Session) Received() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbound
}

// Sent is the highest number that was read for the client.
func (s *Session) Sent() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Admits says whether token is a resume token of this session: the one that
// the client used last, or one that was made since. The use of a new one ends
// all others.
func (s *Session) Admits(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tickets.admits(token)
}

// Holds says whether token is the resume token that Renew made last.
func (s *Session) Holds(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tickets.isLast(token)
}

// Renew makes a new resume token. Only hashes of the tokens are kept.
func (s *Session) Renew() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tickets.renew()
}

// Confirm says that the client has got what came with this attachment: the
// token that was made for it is the only one from now on. It reports false
// when the attachment no longer holds the session.
func (a *Attachment) Confirm() bool {
	a.session.mu.Lock()
	defer a.session.mu.Unlock()
	if a.session.attached != a {
		return false
	}
	a.session.tickets.confirm()
	return true
}

// Unread says whether the session has ended with something that nobody has
// read.
func (s *Session) Unread() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended && !s.abrupt && s.sent < s.outbox.Last()
}

// Expire ends the session unless something is attached to it. Nothing of it
// can be read any more: who comes back too late has to begin anew, and is not
// to read the rest and take it for a session that ended as it wished.
func (s *Session) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached == nil && !s.ended {
		s.end(nil, true)
	}
}

// Restart takes event in the place of all that is in the outbox: the client
// has missed so much that it begins anew. Whatever is attached is fenced.
func (s *Session) Restart(event *protocol.Event) (*Attachment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, ErrEnded
	}
	s.outbox.Ack(s.outbox.Last())
	s.outbox.Append(event, "")
	return s.attach(s.outbox.Last() - 1), nil
}

// Ack lets the session forget what the client has handled. A number that was
// not read for it yet is refused.
func (s *Session) Ack(seq uint64) *protocol.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq > s.sent {
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"ack is %d, but the last message that was sent has number %d.", seq, s.sent)
	}
	s.outbox.Ack(seq)
	return nil
}

// Attachment is one transport's hold on a session. One goroutine at a time
// may read.
type Attachment struct {
	session *Session
	wake    chan struct{} // holds one token when there is news

	// Guarded by session.mu.
	notified func() // takes the place of wake; may be nil
	read     uint64
}

// Attach takes hold of the session after the given number: Read returns what
// follows it. Whatever was attached before is fenced. It fails with ErrMissed
// or, when the session has ended and nothing is left to read, ErrEnded.
func (s *Session) Attach(after uint64) (*Attachment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended && (s.abrupt || after >= s.outbox.Last()) {
		return nil, ErrEnded
	}
	if after > s.outbox.Last() {
		return nil, ErrFuture
	}
	if _, ok := s.outbox.After(nil, after, 0); !ok {
		return nil, ErrMissed
	}
	return s.attach(after), nil
}

// attach is called with mu held.
func (s *Session) attach(after uint64) *Attachment {
	s.notify() // the one that is fenced now
	s.attached = &Attachment{session: s, wake: make(chan struct{}, 1), read: after}
	s.notify() // there may be something to read already
	return s.attached
}

// Detach lets go of the session, which goes on without anybody attached: a gap
// in what is kept is no longer the end of it. It reports false when another
// attachment has taken over already.
func (a *Attachment) Detach() bool {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached != a {
		return false
	}
	s.attached = nil
	s.notifyOf(a)
	return true
}

// Ready gives a token whenever there may be something for Read. It is for one
// reader.
func (a *Attachment) Ready() <-chan struct{} { return a.wake }

// Notify has f called whenever there may be something for Read, and once now,
// instead of a token in Ready: for a reader without a goroutine that waits. f is
// called with the session locked. It must not wait, or call the session.
func (a *Attachment) Notify(f func()) {
	a.session.mu.Lock()
	defer a.session.mu.Unlock()
	a.notified = f
	f()
}

// Read appends to dst what has come since the last Read, at most a few dozen
// messages; dst as it was means that there is nothing now. After the last
// message it returns ErrEnded; when another attachment took over, ErrFenced.
func (a *Attachment) Read(dst []Entry) ([]Entry, error) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.attached != a:
		return dst, ErrFenced
	case s.abrupt:
		return dst, ErrEnded
	}
	// What this attachment has not read is there, or was acknowledged by way of
	// an earlier one: what pushes it out ends the session abruptly.
	a.read = max(a.read, s.outbox.First()-1)
	out, _ := s.outbox.After(dst, a.read, readAtOnce)
	if len(out) > len(dst) {
		a.read = out[len(out)-1].Seq
		s.sent = max(s.sent, a.read)
		return out, nil
	}
	if s.ended {
		return dst, ErrEnded
	}
	return dst, nil
}
