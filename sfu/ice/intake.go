package ice

import (
	"time"

	"github.com/pion/stun/v4"
)

// intake is what one reading goroutine needs to take packets in, and keeps
// from one to the next so as to allocate nothing.
type intake struct {
	mux           *Mux
	check, answer stun.Message
	acks          [maxAcks]uint32
}

// take hands on what came on a path at which known was heard before; nil if
// nothing authentic was. It returns whom the path is known for now. Packets
// are told apart by their first byte (RFC 7983).
func (in *intake) take(now time.Time, b []byte, from path, known *address) *address {
	counts := in.mux.counts
	switch {
	case len(b) == 0:
		counts.dropped(unexpected)
	case b[0] <= 3: // STUN
		return in.judge(now, b, from, known)
	case known == nil:
		if !in.mux.stray(b, from) {
			counts.dropped(unproved)
		}
	case 20 <= b[0] && b[0] <= 63, 128 <= b[0] && b[0] <= 191: // DTLS; RTP and RTCP
		known.hear(now)
		known.owner.handler.Datagram(now, b)
	default:
		counts.dropped(unexpected)
	}
	return known
}

// judge takes a STUN message: it answers a check, and follows from it what the
// client's agent says.
func (in *intake) judge(now time.Time, b []byte, from path, known *address) *address {
	c, bad, ok := readCheck(b, &in.check)
	switch {
	case bad:
		in.mux.counts.checked(malformed)
		return known
	case !ok: // keepalives, and answers to what nobody asked
		if known != nil {
			known.hear(now)
		}
		return known
	}
	v := verdict{result: unknownUser}
	t := in.mux.named(c.ours)
	switch {
	case c.unsigned():
		v.result = unsigned
	case t == nil:
	case known != nil && known.stream != nil && known.owner != t:
		// A connection is its first client's for as long as it lasts.
	default:
		v = t.judge(now, &c, from)
	}
	in.mux.counts.checked(v.result)
	var carries *Embedded
	if c.embedded.there && v.result == answered {
		if c.embedded.bad {
			in.mux.counts.dropped(notEmbedded)
		}
		e := t.handler.Embedded(now, c.embedded.value(&in.acks), room)
		carries = &e
	}
	in.reply(now, &c, v, from, carries)
	if v.at == nil {
		return known
	}
	if v.selected {
		t.handler.Selected(now)
	}
	return v.at
}

// reply answers a check. Who is not authentic is not answered every time: what
// is sent there may go to somebody who never asked.
func (in *intake) reply(now time.Time, c *check, v verdict, from path, carries *Embedded) {
	counts := in.mux.counts
	if v.password == "" && !in.mux.errors.Allow(from.remote.Addr(), now) || !c.answer(v, from.remote, carries, &in.answer) {
		counts.dropped(unanswered)
		return
	}
	if err := in.mux.write(in.answer.Raw, from); err != nil {
		counts.dropped(undelivered)
	}
}
