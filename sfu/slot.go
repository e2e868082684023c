package sfu

import (
	"slices"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// Why says why a slot with a track carries no media.
type Why int

const (
	// Flowing: it does, or will with the publisher's first packet; an empty
	// slot is Flowing, too.
	Flowing Why = iota
	// CodecNotNegotiated: the slot's media section does not take the codec.
	CodecNotNegotiated
	// Paused: the view says so.
	Paused
	// Muted: the publisher did it.
	Muted
	// Bandwidth: the way to the client does not carry even the smallest layer.
	Bandwidth
)

// Slot is one receive-only media section of a peer and what is in it.
type Slot struct {
	Mid   string
	Kind  Kind
	Track string // "" when empty
	Peer  string // who publishes it
	Why   Why
}

// slot is one receive-only media section of the client.
type slot struct {
	mid   string
	kind  Kind
	index int // among the slots of its kind
	ids   sdp.SlotIDs
	out   *outgoing
	track string
	load  load      // what out was told to carry
	first *incoming // and of that, the first stream

	judged  string  // the track that these are about
	rating  rating  // of what is sent of what is shown
	quality Quality // as it was told
}

// refill decides anew what sits in this peer's slots and tells the client.
// voices are those of the room. The caller holds room.mu.
func (p *Peer) refill(voices []*track) {
	if p.closed || p.told == nil {
		return
	}
	p.view = newPlaces(p.wanted.resolve(p.room.cameras(p)), 2*p.sfu.config.Slots)
	// Audio first: video goes beside it.
	for _, kind := range []Kind{Audio, Video} {
		p.refillKind(kind, voices)
	}
	told := make([]Slot, 0, len(p.slots))
	for _, s := range p.slots {
		told = append(told, p.describe(s))
	}
	if !slices.Equal(told, p.told) {
		p.told = told
		p.listener.Slots(slices.Clone(told))
	}
}

func (p *Peer) refillKind(kind Kind, voices []*track) {
	var slots []*slot
	var seats []seat
	for _, s := range p.slots {
		if s.kind == kind {
			slots = append(slots, s)
			seats = append(seats, seat{index: s.index, track: s.track})
		}
	}
	near := func(peer string) (int, bool) {
		for _, s := range p.slots {
			if t := p.room.byID[s.track]; s.kind != kind && t != nil && t.peer.id == peer {
				return s.index, true
			}
		}
		return 0, false
	}
	var guests []guest
	if p.rights.Subscribe {
		guests = p.room.guests(p, kind, voices, len(slots))
	}
	for i, id := range assign(seats, guests, near) {
		s := slots[i]
		s.track = id
		l := load{place: p.view.at(id)}
		l.source, _ = p.source(s)
		l.held = p.suspended
		switch {
		case l.source == s.load.source:
			l.late = s.load.late
		case l.source != nil && kind == Audio && len(p.room.chosen) > p.sfu.config.Voices:
			l.late = p.room.voices.lookBack(id, 48000)
		}
		var first *incoming
		if l.source != nil {
			first = l.source.stream(0)
		}
		if l == s.load && first == s.first {
			continue
		}
		s.load, s.first = l, first
		out := s.out
		p.worker.do(func(now time.Time) { out.carry(now, l) })
	}
}

// source is what is to be sent in a slot, or why nothing is. The caller holds
// room.mu.
func (p *Peer) source(s *slot) (*source, Why) {
	t := p.room.byID[s.track]
	switch {
	case t == nil:
		return nil, Flowing
	case t.muted:
		return nil, Muted
	case p.view[t.id].paused:
		return nil, Paused
	case t.source.stream(0) == nil:
		return nil, Flowing // its first packet is on the way
	case !s.out.takes(t.source.codec()):
		return nil, CodecNotNegotiated
	case s.out.starved.Load():
		return t.source, Bandwidth
	}
	return t.source, Flowing
}

// starvation says whether a slot is told to carry something that there is no
// room for, or the other way round. The caller holds room.mu.
func (p *Peer) starvation() bool {
	for i, s := range p.slots {
		if i < len(p.told) && p.told[i].Mid == s.mid {
			if (p.told[i].Why == Bandwidth) != (s.load.source != nil && s.out.starved.Load()) {
				return true
			}
		}
	}
	return false
}

// describe is the slot as the client is told of it.
func (p *Peer) describe(s *slot) Slot {
	out := Slot{Mid: s.mid, Kind: s.kind, Track: s.track}
	if t := p.room.byID[s.track]; t != nil {
		out.Peer = t.peer.id
	}
	_, out.Why = p.source(s)
	return out
}
