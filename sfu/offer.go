package sfu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Offer takes the client's offer and returns the answer. New receive-only
// media sections become slots; stopped ones cease to be. An error wraps
// ErrBadDescription or ErrNoCommonCodec when the offer is at fault.
func (p *Peer) Offer(ctx context.Context, offer string) (answer string, err error) {
	if err := p.check(offer); err != nil {
		return "", err
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadDescription, err)
	}
	fresh, err := p.openSlots()
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

// check refuses an offer that is too much, or holds nothing for us.
func (p *Peer) check(offer string) error {
	var description sdp.SessionDescription
	if err := description.UnmarshalString(offer); err != nil {
		return fmt.Errorf("%w: the SDP does not parse: %w", ErrBadDescription, err)
	}
	slots := map[string]int{}
	tracks := 0
	for _, section := range description.MediaDescriptions {
		kind := section.MediaName.Media
		if kind != "audio" && kind != "video" {
			continue
		}
		_, receiveOnly := section.Attribute("recvonly")
		_, inactive := section.Attribute("inactive")
		switch {
		case inactive || section.MediaName.Port.Value == 0:
			continue
		case receiveOnly:
			slots[kind]++
		default:
			tracks++
		}
		if !hasKnownCodec(section) {
			mid, _ := section.Attribute("mid")
			return fmt.Errorf("%w: the %s section with mid %q offers none of Opus, VP8, VP9, H264 and AV1; offer one of them",
				ErrNoCommonCodec, kind, mid)
		}
	}
	limits := p.sfu.config
	switch {
	case len(description.MediaDescriptions) == 0:
		return fmt.Errorf("%w: it has no media section; offer tracks, slots or a DataChannel", ErrBadDescription)
	case len(description.MediaDescriptions) > 4*(limits.Slots+limits.Tracks):
		return fmt.Errorf("%w: it has %d media sections; start a new connection instead of adding more",
			ErrBadDescription, len(description.MediaDescriptions))
	case slots["audio"] > limits.Slots || slots["video"] > limits.Slots:
		return fmt.Errorf("%w: it has %d receiving audio and %d receiving video sections; %d of each are allowed",
			ErrBadDescription, slots["audio"], slots["video"], limits.Slots)
	case tracks > limits.Tracks:
		return fmt.Errorf("%w: it has %d sending sections; %d are allowed", ErrBadDescription, tracks, limits.Tracks)
	}
	return nil
}

// hasKnownCodec looks for a codec that is forwarded.
func hasKnownCodec(section *sdp.MediaDescription) bool {
	for _, attribute := range section.Attributes {
		if attribute.Key != "rtpmap" {
			continue
		}
		_, encoding, _ := strings.Cut(attribute.Value, " ")
		name, _, _ := strings.Cut(encoding, "/")
		switch strings.ToUpper(name) {
		case "OPUS", "VP8", "VP9", "H264", "AV1":
			return true
		}
	}
	return false
}

// opening is a slot whose answer is not written yet.
type opening struct {
	slot   *slot
	sender *webrtc.RTPSender
	track  *slotTrack
}

// openSlots gives every new receive-only section of the client a sender, and
// lets go of the slots whose section was stopped.
func (p *Peer) openSlots() ([]opening, error) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	known := map[string]bool{}
	var kept []*slot
	for _, s := range p.slots {
		known[s.mid] = true
		if p.sends(s.mid) {
			kept = append(kept, s)
			continue
		}
		out := s.out
		p.worker.do(func(time.Time) { out.carry(nil); p.worker.drop(p, out) })
	}
	p.slots = kept

	var fresh []opening
	taken := map[webrtc.RTPCodecType]map[int]bool{webrtc.RTPCodecTypeAudio: {}, webrtc.RTPCodecTypeVideo: {}}
	for _, s := range kept {
		taken[s.kind][s.index] = true
	}
	for _, t := range p.pc.GetTransceivers() {
		if t.Direction() != webrtc.RTPTransceiverDirectionSendonly || known[t.Mid()] {
			continue
		}
		index := 0
		for taken[t.Kind()][index] {
			index++
		}
		taken[t.Kind()][index] = true
		track := &slotTrack{kind: t.Kind(), index: index}
		sender, err := p.sfu.engine.api.NewRTPSender(track, t.Receiver().Transport())
		if err != nil {
			return nil, fmt.Errorf("sfu: slot %s: %w", t.Mid(), err)
		}
		if err := t.SetSender(sender, track); err != nil {
			return nil, fmt.Errorf("sfu: slot %s: %w", t.Mid(), err)
		}
		fresh = append(fresh, opening{
			slot: &slot{mid: t.Mid(), kind: t.Kind(), index: index}, sender: sender, track: track,
		})
	}
	return fresh, nil
}

// sends says whether the media section mid still sends to the client.
func (p *Peer) sends(mid string) bool {
	for _, t := range p.pc.GetTransceivers() {
		if t.Mid() == mid {
			return t.Direction() == webrtc.RTPTransceiverDirectionSendonly
		}
	}
	return false
}

// startSlots puts new slots to use.
func (p *Peer) startSlots(fresh []opening) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.closed {
		return
	}
	for _, o := range fresh {
		parameters := o.sender.GetParameters()
		rate := uint32(90000)
		if o.slot.kind == webrtc.RTPCodecTypeAudio {
			rate = 48000
		}
		encoding := parameters.Encodings[0]
		out := newOutgoing(p.worker, p.sfu.metrics, o.track, encoding.SSRC, encoding.RTX.SSRC,
			newPayloadTypes(parameters.Codecs), idsOf(parameters.HeaderExtensions), rate)
		o.slot.out = out
		p.slots = append(p.slots, o.slot)
		live := p.connected
		p.worker.do(func(time.Time) {
			p.worker.senders[p] = append(p.worker.senders[p], out)
			if live {
				out.connected()
			}
		})
		sender := o.sender
		p.loops.Go(func() { p.readFeedback(sender, out) })
	}
	p.refill()
}
