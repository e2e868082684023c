package sfu

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"
)

// Offer takes the client's offer and returns the answer. New receive-only
// media sections become slots; stopped ones cease to be. An error wraps
// ErrBadDescription or ErrNoCommonCodec when the offer is at fault; one that
// wraps ErrLegLost, too, has broken the connection.
func (p *Peer) Offer(ctx context.Context, offer string) (answer string, err error) {
	offered, err := readOffer(offer)
	if err != nil {
		return "", err
	}
	if err := p.check(offered); err != nil {
		return "", err
	}
	if answer, err = p.negotiate(ctx, offer, offered); err != nil {
		return "", fmt.Errorf("%w: %w", ErrLegLost, err)
	}
	p.offered = offered
	p.room.mu.Lock()
	p.rids = offered.rids()
	p.room.mu.Unlock()
	return answer, nil
}

// negotiate takes an offer that was found good. When it fails half way, there
// is no way back.
func (p *Peer) negotiate(ctx context.Context, offer string, offered sections) (answer string, err error) {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadDescription, err)
	}
	fresh, err := p.openSlots(offered)
	if err != nil {
		return "", err
	}
	description, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadDescription, err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(description); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadDescription, err)
	}
	// The candidates are the server's own sockets: there is nothing to ask
	// anybody, and all of them go into the answer.
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("sfu: gathering candidates: %w", ctx.Err())
	}
	p.startSlots(fresh)
	return p.pc.LocalDescription().SDP, nil
}

// check refuses an offer that asks for too much, or does not follow the one
// before.
func (p *Peer) check(offered sections) error {
	limits := p.sfu.config
	audio, video := offered.count(receiving, "audio"), offered.count(receiving, "video")
	tracks := offered.count(sending, "")
	switch {
	case audio > limits.Slots || video > limits.Slots:
		return fmt.Errorf("%w: it has %d receiving audio and %d receiving video sections; %d of each are allowed",
			ErrBadDescription, audio, video, limits.Slots)
	case tracks > limits.Tracks:
		return fmt.Errorf("%w: it has %d sending sections; %d are allowed", ErrBadDescription, tracks, limits.Tracks)
	}
	if err := offered.follows(p.offered); err != nil {
		return err
	}
	// The library keeps a trace of every section there ever was.
	for _, s := range offered {
		p.mids[s.mid] = true
	}
	if most := 4 * (limits.Slots + limits.Tracks); len(p.mids) > most {
		return fmt.Errorf("%w: the connection has had %d media sections, more than the %d allowed; make a new one",
			ErrBadDescription, len(p.mids), most)
	}
	return nil
}

// opening is a slot whose answer is not written yet.
type opening struct {
	slot  *slot
	track *slotTrack
}

// openSlots gives every new receiving section of the client a sender, and lets
// go of the slots whose section was stopped.
func (p *Peer) openSlots(offered sections) ([]opening, error) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	known := map[string]bool{}
	taken := map[webrtc.RTPCodecType]map[int]bool{webrtc.RTPCodecTypeAudio: {}, webrtc.RTPCodecTypeVideo: {}}
	p.slots = slices.DeleteFunc(p.slots, func(s *slot) bool {
		if offered.is(s.mid, receiving) {
			known[s.mid] = true
			taken[s.kind][s.index] = true
			return false
		}
		p.closeSlot(s)
		return true
	})

	var fresh []opening
	for _, t := range p.pc.GetTransceivers() {
		if known[t.Mid()] || !offered.is(t.Mid(), receiving) {
			continue
		}
		index := 0
		for taken[t.Kind()][index] {
			index++
		}
		taken[t.Kind()][index] = true
		track := &slotTrack{kind: t.Kind(), index: index}
		sender, err := p.api.NewRTPSender(track, t.Receiver().Transport())
		if err != nil {
			return nil, fmt.Errorf("sfu: slot %s: %w", t.Mid(), err)
		}
		if err := t.SetSender(sender, track); err != nil {
			return nil, fmt.Errorf("sfu: slot %s: %w", t.Mid(), err)
		}
		fresh = append(fresh, opening{
			slot:  &slot{mid: t.Mid(), kind: t.Kind(), index: index, sender: sender},
			track: track,
		})
	}
	return fresh, nil
}

// closeSlot ends a slot; its feedback loop ends with its sender. The caller
// holds room.mu.
func (p *Peer) closeSlot(s *slot) {
	if err := s.sender.Stop(); err != nil {
		p.sfu.config.Logger.Debug("stopping a slot's sender", "peer", p.id, "mid", s.mid, "err", err)
	}
	p.worker.do(func(now time.Time) {
		s.out.carry(now, load{})
		p.worker.link(p, now).drop(s.out)
	})
}

// startSlots puts new slots to use.
func (p *Peer) startSlots(fresh []opening) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.closed {
		return
	}
	for _, o := range fresh {
		parameters := o.slot.sender.GetParameters()
		encoding := parameters.Encodings[0]
		out := newOutgoing(p.sfu.metrics, o.track, encoding.SSRC, encoding.RTX.SSRC, o.slot.kind,
			p.sfu.types.of(parameters.Codecs), idsOf(parameters.HeaderExtensions))
		out.index = o.slot.index
		o.slot.out = out
		p.slots = append(p.slots, o.slot)
		live := p.connected
		p.worker.do(func(now time.Time) {
			p.worker.link(p, now).add(out)
			if live {
				out.connected(now)
			}
		})
	}
	p.refill(p.room.audible())
}
