package sfu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// dataMessageBytes is the largest DataChannel message.
const dataMessageBytes = 64 << 10

// Offer takes the client's offer and returns the answer. New receive-only
// media sections become slots; stopped ones cease to be. An error wraps
// ErrBadDescription or ErrNoCommonCodec when the offer is at fault; it leaves the
// connection as it was, unless it wraps ErrLegLost, too.
func (p *Peer) Offer(_ context.Context, text string) (answer string, err error) {
	limits := p.sfu.config
	offer, err := sdp.Read(text, p.offered, sdp.Limits{Slots: limits.Slots, Tracks: limits.Tracks})
	if err != nil {
		return "", err
	}
	if err := p.count(offer); err != nil {
		return "", err
	}
	if err := p.connection.begin(offer); err != nil {
		return "", err
	}
	var init []byte
	if offer.SCTPPort != 0 {
		if init, err = p.data.agree(offer.SCTPInit); err != nil {
			return "", err
		}
	}
	p.offered = offer
	slots := p.openSlots(offer)
	p.connection.inlet.describe(offer)
	ufrag, pwd := p.connection.ice.Credentials()
	p.version++
	return sdp.Answer(offer, sdp.Local{
		Ufrag: ufrag, Pwd: pwd, FingerprintSHA256: p.sfu.identity.Fingerprint(), Candidates: p.sfu.mux.Candidates(),
		Slots: slots, Session: p.session, Version: p.version, MaxMessageSize: dataMessageBytes, SCTPInit: init,
	}), nil
}

// count refuses what has had more media sections than a connection may have: for
// each there is something that has to be remembered.
func (p *Peer) count(offer *sdp.Offer) error {
	for n := range offer.Sections {
		p.mids[offer.Sections[n].Mid] = true
	}
	if most := 4 * (p.sfu.config.Slots + p.sfu.config.Tracks); len(p.mids) > most {
		return fmt.Errorf("%w: the connection has had %d media sections, more than the %d allowed; make a new one",
			ErrBadDescription, len(p.mids), most)
	}
	return nil
}

// openSlots makes a slot of every new receiving section of the client, and lets
// go of the slots whose section was stopped. It returns how each is sent, by mid.
func (p *Peer) openSlots(offer *sdp.Offer) map[string]sdp.SlotIDs {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.rids = map[string][]string{}
	receiving := map[string]bool{}
	for n := range offer.Sections {
		s := &offer.Sections[n]
		receiving[s.Mid] = s.Role == sdp.Receiving
		if len(s.RIDs) > 0 {
			p.rids[s.Mid] = s.RIDs
		}
	}
	ids := map[string]sdp.SlotIDs{}
	taken := map[Kind]map[int]bool{Audio: {}, Video: {}}
	p.slots = slices.DeleteFunc(p.slots, func(s *slot) bool {
		if receiving[s.mid] {
			ids[s.mid] = s.ids
			taken[s.kind][s.index] = true
			return false
		}
		p.closeSlot(s)
		return true
	})
	for n := range offer.Sections {
		section := &offer.Sections[n]
		if _, open := ids[section.Mid]; open || section.Role != sdp.Receiving {
			continue
		}
		s := p.newSlot(section, taken)
		ids[s.mid] = s.ids
		p.slots = append(p.slots, s)
	}
	p.refill(p.room.audible())
	return ids
}

// newSlot makes a slot of a section. The caller holds room.mu.
func (p *Peer) newSlot(section *sdp.Section, taken map[Kind]map[int]bool) *slot {
	kind := Video
	if section.Kind == sdp.Audio {
		kind = Audio
	}
	index := 0
	for taken[kind][index] {
		index++
	}
	taken[kind][index] = true
	stream := fmt.Sprintf("slot-%d", index)
	s := &slot{mid: section.Mid, kind: kind, index: index, ids: sdp.SlotIDs{
		SSRC: p.freshSSRC(), Stream: stream, Track: stream + "-" + kind.String(),
	}}
	types := p.sfu.types.of(section.Codecs)
	if section.RTX() {
		s.ids.RTX = p.freshSSRC()
	}
	s.out = newOutgoing(p.sfu.metrics, newOutlet(p.connection, s.ids.SSRC, s.ids.RTX), s.ids.SSRC, s.ids.RTX, kind, types, idsOf(section))
	s.out.index = index
	out, live := s.out, p.connected
	p.worker.do(func(now time.Time) {
		p.worker.link(p, now).add(out)
		if live {
			out.connected(now)
		}
	})
	return s
}

// freshSSRC is one that this connection does not send with yet. The caller holds
// room.mu.
func (p *Peer) freshSSRC() uint32 {
	for {
		ssrc := rand.Uint32()
		if ssrc != 0 && !slices.ContainsFunc(p.slots, func(s *slot) bool { return s.ids.SSRC == ssrc || s.ids.RTX == ssrc }) {
			return ssrc
		}
	}
}

// closeSlot ends a slot. The caller holds room.mu.
func (p *Peer) closeSlot(s *slot) {
	p.worker.do(func(now time.Time) {
		s.out.carry(now, load{})
		p.worker.link(p, now).drop(s.out)
	})
}
