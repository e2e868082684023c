package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
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

// Send implements api.Data.
func (m media) Send(room, from string, to []string, topic string, payload []byte, lossy bool) error {
	_, err := m.sfu.Send(room, &dataframe.DataFrame{From: from, To: to, Topic: topic, Payload: payload}, !lossy)
	return err
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
		track := sfu.Track{ID: t.GetId(), Mid: t.GetMid(), Kind: kind, Muted: t.GetMuted(), Detail: t.GetSource() == "screen"}
		for _, e := range t.GetEncodings() {
			track.Encodings = append(track.Encodings, sfu.Encoding{RID: e.GetRid(), Width: int(e.GetWidth()), Height: int(e.GetHeight())})
		}
		out = append(out, track)
	}
	l.peer.Publish(out)
}

func (l leg) Mute(track string, muted bool) { l.peer.Mute(track, muted) }

func (l leg) Allow(r signaling.Rights) {
	l.peer.Allow(sfu.Rights{Subscribe: r.Subscribe, Data: r.Data})
}

func (l leg) Suspend(on bool) { l.peer.Suspend(on) }
func (l leg) Tell()           { l.peer.Tell() }

func (l leg) View(view *protocol.View) {
	if view == nil {
		l.peer.View(nil)
		return
	}
	out := sfu.View{}
	for _, s := range view.GetShown() {
		out = append(out, sfu.Shown{
			Track: s.GetTrack(), Priority: s.GetPriority(), Paused: s.GetPaused(), Speaker: s.GetSpeaker(),
			Width: int(min(s.GetWidth(), math.MaxUint16)), Height: int(min(s.GetHeight(), math.MaxUint16)),
		})
	}
	l.peer.View(out)
}

func (l leg) Close() { l.peer.Close() }

// kinds are the errors that both sides know, each in its own words.
var kinds = []struct{ sfu, signaling error }{
	{sfu.ErrLegLost, signaling.ErrLegLost},
	{sfu.ErrBadDescription, signaling.ErrBadDescription},
	{sfu.ErrNoCommonCodec, signaling.ErrNoCommonCodec},
	{sfu.ErrBadCandidate, signaling.ErrBadCandidate},
}

// translate keeps an error's words and gives it signaling's kinds.
func translate(err error) error {
	out := refusal{cause: err}
	for _, kind := range kinds {
		if errors.Is(err, kind.sfu) {
			out.kinds = append(out.kinds, kind.signaling)
		}
	}
	if out.kinds == nil {
		return err
	}
	return out
}

// refusal is an error of the SFU that signaling knows what to do with.
type refusal struct {
	cause error
	kinds []error
}

func (r refusal) Error() string   { return r.cause.Error() }
func (r refusal) Unwrap() []error { return append([]error{r.cause}, r.kinds...) }

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
	sfu.Bandwidth:          protocol.Slot_BANDWIDTH,
}

func (e ear) Speakers(peers []string) { e.listener.Speakers(peers) }
func (e ear) Lost(reason string)      { e.listener.Lost(reason) }
func (e ear) Overrun()                { e.listener.Overrun() }
func (e ear) Connected(up bool)       { e.listener.Connected(up) }

func (e ear) Demand(d sfu.Demand) {
	e.listener.Demand(&protocol.TrackDemand{Track: d.Track, Paused: d.Paused, Rids: d.RIDs})
}

var causes = map[sfu.Cause]protocol.Quality_Cause{
	sfu.Uplink:   protocol.Quality_UPLINK,
	sfu.Downlink: protocol.Quality_DOWNLINK,
	sfu.Server:   protocol.Quality_SERVER,
}

func (e ear) Quality(list []sfu.PeerQuality) {
	out := &protocol.Quality{}
	for _, p := range list {
		peer := &protocol.PeerQuality{Peer: p.Peer, Score: uint32(p.Score), Cause: causes[p.Cause]}
		for _, t := range p.Tracks {
			peer.Tracks = append(peer.Tracks, &protocol.TrackQuality{Track: t.Track, Score: uint32(t.Score), Cause: causes[t.Cause]})
		}
		out.Peers = append(out.Peers, peer)
	}
	e.listener.Quality(out)
}
