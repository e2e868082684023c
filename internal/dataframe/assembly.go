package dataframe

import (
	"errors"
	"fmt"
	"time"
)

// How much an Assembly holds: of one sender, of all, and how long of one that
// sends nothing.
const (
	maxUnfinished  = 16
	maxSenderBytes = 64 << 20
	maxBytes       = 256 << 20
	senderPatience = time.Minute
)

// ErrDropped is what the errors of an Assembly wrap.
var ErrDropped = errors.New("a message in parts was dropped")

// Assembly puts messages in parts together again. What it holds is bounded
// whatever comes: parts are kept as they arrive, so that a total that is only
// claimed costs nothing. The zero value is ready.
type Assembly struct {
	senders map[string]*sender
	bytes   int
}

// sender is what came of one peer's unfinished messages.
type sender struct {
	messages map[uint32]*message
	bytes    int
	heard    time.Time
}

type message struct {
	first   *DataFrame // without its payload
	payload []byte
}

// Take takes a frame from the reliable channel and gives back what is whole by
// it: the frame itself when it is no part, or a frame with the whole message;
// else nil. An error says that messages were given up, once for each; later
// parts of them are passed over. One may come with a frame: it is of another
// sender's then.
func (a *Assembly) Take(now time.Time, frame *DataFrame) (*DataFrame, error) {
	part := frame.GetPart()
	if part == nil {
		return frame, nil
	}
	if !part.fits(len(frame.GetPayload())) {
		return nil, fmt.Errorf("%w: a part from %q has %d bytes at %d of %d", ErrDropped,
			frame.GetFrom(), len(frame.GetPayload()), part.GetOffset(), part.GetTotal())
	}
	s := a.senders[frame.GetFrom()]
	if s == nil {
		if part.GetOffset() != 0 {
			return nil, nil
		}
		s = &sender{messages: map[uint32]*message{}}
		if a.senders == nil {
			a.senders = map[string]*sender{}
		}
		a.senders[frame.GetFrom()] = s
	}
	s.heard = now
	m := s.messages[part.GetMessage()]
	if part.GetOffset() == 0 && m == nil {
		if len(s.messages) == maxUnfinished {
			return nil, fmt.Errorf("%w: %q has %d unfinished ones already", ErrDropped, frame.GetFrom(), maxUnfinished)
		}
		m = &message{first: &DataFrame{From: frame.GetFrom(), To: frame.GetTo(), Topic: frame.GetTopic(), Part: part}}
		s.messages[part.GetMessage()] = m
	}
	return a.add(s, m, frame)
}

// add adds a part to what there is of its message.
func (a *Assembly) add(s *sender, m *message, frame *DataFrame) (*DataFrame, error) {
	part, payload := frame.GetPart(), frame.GetPayload()
	switch {
	case m == nil:
		return nil, nil // given up before
	case int(part.GetOffset())+len(payload) <= len(m.payload):
		return nil, nil // there already
	case int(part.GetOffset()) != len(m.payload) || part.GetTotal() != m.first.GetPart().GetTotal():
		had := len(m.payload)
		a.drop(frame.GetFrom(), s, part.GetMessage(), m)
		return nil, fmt.Errorf("%w: a part of %q for byte %d of %d came after byte %d of %d", ErrDropped,
			frame.GetFrom(), part.GetOffset(), part.GetTotal(), had, m.first.GetPart().GetTotal())
	case s.bytes+len(payload) > maxSenderBytes:
		a.drop(frame.GetFrom(), s, part.GetMessage(), m)
		return nil, fmt.Errorf("%w: more than %d MiB of %q are unfinished", ErrDropped, maxSenderBytes>>20, frame.GetFrom())
	}
	var dropped error
	if a.bytes+len(payload) > maxBytes {
		// Who has sent most pays, not who happens to come now.
		largest := a.largest()
		a.forget(largest)
		dropped = fmt.Errorf("%w: more than %d MiB of all are unfinished; those of %q were the most", ErrDropped, maxBytes>>20, largest)
		if largest == frame.GetFrom() {
			return nil, dropped
		}
	}
	m.payload = append(m.payload, payload...)
	s.bytes += len(payload)
	a.bytes += len(payload)
	if len(m.payload) < int(part.GetTotal()) {
		return nil, dropped
	}
	a.drop(frame.GetFrom(), s, part.GetMessage(), m)
	m.first.Part, m.first.Payload = nil, m.payload
	return m.first, dropped
}

// drop forgets a message, and its sender with the last one.
func (a *Assembly) drop(from string, s *sender, id uint32, m *message) {
	s.bytes -= len(m.payload)
	a.bytes -= len(m.payload)
	if delete(s.messages, id); len(s.messages) == 0 {
		delete(a.senders, from)
	}
}

// largest is the sender of whom there is most.
func (a *Assembly) largest() (id string) {
	most := -1
	for from, s := range a.senders {
		if s.bytes > most {
			id, most = from, s.bytes
		}
	}
	return id
}

// forget gives up what is unfinished of a peer.
func (a *Assembly) forget(peer string) {
	a.bytes -= a.senders[peer].bytes
	delete(a.senders, peer)
}

// Sweep gives up what is unfinished of senders that went silent, and says
// whose it was.
func (a *Assembly) Sweep(now time.Time) (gone []string) {
	for id, s := range a.senders {
		if now.Sub(s.heard) >= senderPatience {
			a.forget(id)
			gone = append(gone, id)
		}
	}
	return gone
}

// Holding says how many bytes of unfinished messages there are, and of how
// many senders.
func (a *Assembly) Holding() (bytes, senders int) { return a.bytes, len(a.senders) }
