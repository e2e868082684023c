package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hiroba-rtc/hiroba/sfu"
	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// media is the SFU as signaling wants it. Neither knows the other; their words
// are turned into each other's here.
type media struct{ sfu *sfu.SFU }

// Open implements signaling.Media.
func (m media) Open(room, peer string, listener signaling.Listener) (signaling.Leg, error) {
	p, err := m.sfu.Join(room, peer, ear{listener})
	if err != nil {
		return nil, err
	}
	return leg{p}, nil
}

// leg is a peer of the SFU as signaling wants it.
type leg struct{ peer *sfu.Peer }

func (l leg) Offer(ctx context.Context, sdp string) (string, error) {
	answer, err := l.peer.Offer(ctx, sdp)
	return answer, translate(err)
}

func (l leg) Candidate(c *protocol.Candidate) error {
	if c.GetSdpMLineIndex() > math.MaxUint16 {
		return fmt.Errorf("%w: sdp_m_line_index is %d; 65535 is the most", signaling.ErrBadCandidate, c.GetSdpMLineIndex())
	}
	return translate(l.peer.AddCandidate(sfu.Candidate{
		Candidate:        c.GetCandidate(),
		SDPMid:           c.GetSdpMid(),
		SDPMLineIndex:    uint16(c.GetSdpMLineIndex()),
		UsernameFragment: c.GetUsernameFragment(),
	}))
}

func (l leg) Publish(tracks []*protocol.Track) {
	var out []sfu.Track
	for _, t := range tracks {
		kind := sfu.Audio
		if t.GetKind() == protocol.Kind_VIDEO {
			kind = sfu.Video
		}
		out = append(out, sfu.Track{ID: t.GetId(), Mid: t.GetMid(), Kind: kind, Muted: t.GetMuted()})
	}
	l.peer.Publish(out)
}

func (l leg) Mute(track string, muted bool) { l.peer.Mute(track, muted) }

func (l leg) View(view *protocol.View) {
	if view == nil {
		l.peer.View(nil)
		return
	}
	out := sfu.View{}
	for _, s := range view.GetShown() {
		out = append(out, sfu.Shown{Track: s.GetTrack(), Priority: s.GetPriority(), Paused: s.GetPaused()})
	}
	l.peer.View(out)
}

func (l leg) Close() { l.peer.Close() }

// translate keeps an error's words and gives it signaling's kind.
func translate(err error) error {
	for from, to := range map[error]error{
		sfu.ErrBadDescription: signaling.ErrBadDescription,
		sfu.ErrNoCommonCodec:  signaling.ErrNoCommonCodec,
		sfu.ErrBadCandidate:   signaling.ErrBadCandidate,
	} {
		if errors.Is(err, from) {
			return refusal{err, to}
		}
	}
	return err
}

// refusal is an error of the SFU that is the client's fault.
type refusal struct{ cause, kind error }

func (r refusal) Error() string   { return r.cause.Error() }
func (r refusal) Unwrap() []error { return []error{r.cause, r.kind} }

// ear is signaling's listener as the SFU wants it.
type ear struct{ listener signaling.Listener }

func (e ear) Slots(slots []sfu.Slot) {
	out := make([]*protocol.Slot, 0, len(slots))
	for _, s := range slots {
		kind := protocol.Kind_AUDIO
		if s.Kind == sfu.Video {
			kind = protocol.Kind_VIDEO
		}
		out = append(out, &protocol.Slot{Mid: s.Mid, Kind: kind, Track: s.Track, Peer: s.Peer, Why: whys[s.Why]})
	}
	e.listener.Slots(out)
}

var whys = map[sfu.Why]protocol.Slot_Why{
	sfu.CodecNotNegotiated: protocol.Slot_CODEC_NOT_NEGOTIATED,
	sfu.Paused:             protocol.Slot_PAUSED,
	sfu.Muted:              protocol.Slot_MUTED,
}

func (e ear) Speakers(peers []string) { e.listener.Speakers(peers) }
func (e ear) Lost(reason string)      { e.listener.Lost(reason) }
func (e ear) Overrun()                { e.listener.Overrun() }
