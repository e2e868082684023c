package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// LocalTrack is something to publish.
type LocalTrack struct {
	// Track is what is sent. For RTP that exists already (a camera's RTSP, a
	// pipeline of GStreamer), a *webrtc.TrackLocalStaticRTP: its packets leave as
	// they are written, under the section's own SSRC and payload type. For
	// encoded frames, a *webrtc.TrackLocalStaticSample, which makes packets of
	// them: one Opus packet of 20 ms, or one whole picture, with its duration.
	// Opus, VP8, VP9, H264 and AV1 are forwarded.
	Track webrtc.TrackLocal
	// Layers are the sizes of one video that are sent at once (simulcast), the
	// smallest first, in the place of Track and OnKeyframe: of these each receiver
	// gets one. Handle is told by `trackDemand` which of them anybody receives.
	Layers []LocalLayer
	// Source says what it shows: "camera", "microphone", "screen",
	// "screen-audio" or a word of the application's, up to 32 bytes.
	Source string
	// Muted publishes it muted.
	Muted bool
	// OnKeyframe is told that somebody needs a keyframe to go on: encode one
	// soon. It is called by a goroutine of the track's own. nil for nobody,
	// whose viewers wait for the next one by itself.
	OnKeyframe func()
}

// LocalLayer is one size of a video.
type LocalLayer struct {
	// RID names it, in up to 16 letters and digits. (A track's own is not looked
	// at.)
	RID string
	// Track is what is sent. All layers of a video have the same codec.
	Track webrtc.TrackLocal
	// Width and Height are of its largest picture; 0 while unknown.
	Width, Height int
	// OnKeyframe is as that of a LocalTrack.
	OnKeyframe func()
}

// section is a sending media section. One that is not needed any more becomes
// inactive and is used again, unless it sends several layers: these the library
// cannot begin again. It is never stopped.
type section struct {
	transceiver *webrtc.RTPTransceiver
	sender      *webrtc.RTPSender
	outlets     []*outlet // one for each layer
	codec       string    // MIME type in lower case; "" when the track does not say

	mu        sync.Mutex // guards keyframes
	keyframes map[string]func()
}

// publication is a track that is sent.
type publication struct {
	section   *section
	encodings []*protocol.Encoding
	source    string
	muted     bool            // to begin with
	track     *protocol.Track // as the server knows it; nil before
	ended     bool            // by a moderator
}

// publications is all that this client sends. What is in it changes only while
// an offer has its turn, so that the list told to the server fits the SDP; what
// is known of it, at any time.
type publications struct {
	mu     sync.Mutex // guards all below
	active []*publication
	all    []*section
	free   []*section
	// naming says that an answer with names is on its way; since is what came of
	// own tracks meanwhile, which may be older or newer than that.
	naming bool
	since  []*protocol.ServerMessage
}

// errNoTrack is for a track that this client does not publish.
func errNoTrack(id string) error {
	return fmt.Errorf("client: this client publishes no track %q; it may have been ended by a moderator", id)
}

// attach gives a track a sending section for the next offer.
func (r *Room) attach(t LocalTrack) (*publication, error) {
	layers, err := t.layers()
	if err != nil {
		return nil, err
	}
	s := r.publications.take(layers)
	if s == nil {
		s, err = r.openSection(layers)
	} else {
		s.outlets[0].put(layers[0].Track)
		if err = s.transceiver.SetSender(s.sender, s.outlets[0]); err != nil {
			r.publications.give(s)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("client: publishing %s: %w", t.Source, err)
	}
	p := &publication{section: s, source: t.Source, muted: t.Muted}
	keyframes := map[string]func(){}
	for _, l := range layers {
		keyframes[l.RID] = l.OnKeyframe
		if l.Width > 0 && l.Height > 0 || l.RID != "" {
			p.encodings = append(p.encodings, &protocol.Encoding{Rid: l.RID, Width: uint32(max(0, l.Width)), Height: uint32(max(0, l.Height))})
		}
	}
	s.mu.Lock()
	s.keyframes = keyframes
	s.mu.Unlock()
	r.publications.add(p)
	for _, out := range s.outlets {
		if err := out.refusal(); err != nil {
			r.detach(p)
			return nil, fmt.Errorf("client: publishing %s: %w", t.Source, err)
		}
	}
	return p, nil
}

// layers is what is sent at once. A single one has no rid.
func (t LocalTrack) layers() ([]LocalLayer, error) {
	switch {
	case t.Track == nil && len(t.Layers) == 0:
		return nil, errors.New("client: there is no track to publish")
	case t.Track != nil && len(t.Layers) > 0:
		return nil, errors.New("client: there are a track and layers to publish; give one or the other")
	case t.Track != nil:
		return []LocalLayer{{Track: t.Track, OnKeyframe: t.OnKeyframe}}, nil
	}
	layers := slices.Clone(t.Layers)
	for i, l := range layers {
		named := func(other LocalLayer) bool { return other.RID == l.RID }
		switch {
		case len(layers) > 1 && (l.RID == "" || slices.ContainsFunc(layers[:i], named)):
			return nil, fmt.Errorf("client: layer %d has the rid %q; each of several needs one of its own", i, l.RID)
		case l.Track == nil || l.Track.Kind() != webrtc.RTPCodecTypeVideo:
			return nil, fmt.Errorf("client: layer %q is no video", l.RID)
		case codecOf(l.Track) != codecOf(layers[0].Track):
			return nil, fmt.Errorf("client: layer %q is %s, another is %s; all have to be of one codec", l.RID, codecOf(l.Track), codecOf(layers[0].Track))
		}
	}
	if len(layers) == 1 {
		layers[0].RID = ""
	}
	return layers, nil
}

// openSection adds a sending section for the next offer.
func (r *Room) openSection(layers []LocalLayer) (*section, error) {
	s := &section{codec: codecOf(layers[0].Track)}
	for _, l := range layers {
		s.outlets = append(s.outlets, newOutlet(l.Track))
	}
	if len(layers) > 1 {
		for i, out := range s.outlets {
			out.join(s.outlets[0], layers[i].RID, func() string { return s.transceiver.Mid() })
		}
	}
	var err error
	s.transceiver, err = r.pc.AddTransceiverFromTrack(s.outlets[0], webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		return nil, err
	}
	s.sender = s.transceiver.Sender()
	for _, out := range s.outlets[1:] {
		if err := s.sender.AddEncoding(out); err != nil {
			// A section that was never offered can be stopped.
			_ = s.transceiver.Stop()
			return nil, err
		}
	}
	for _, out := range s.outlets {
		r.running.Go(func() { s.listen(out.rid) })
	}
	return s, nil
}

// detach ends the sending of a track as of the next offer; nothing leaves from
// now on.
func (r *Room) detach(p *publication) {
	s := p.section
	s.mu.Lock()
	s.keyframes = nil
	s.mu.Unlock()
	// What was bound nowhere any more has nothing to be taken from.
	_ = s.transceiver.SetSender(s.sender, nil)
	r.publications.remove(p)
}

// codecOf is the MIME type of what a track sends, in lower case, if it says.
func codecOf(track webrtc.TrackLocal) string {
	if t, ok := track.(interface {
		Codec() webrtc.RTPCodecCapability
	}); ok {
		return strings.ToLower(t.Codec().MimeType)
	}
	return ""
}

// listen reads what receivers ask of the sender, or of one layer: without that
// nothing is sent again either. It ends with the sender.
func (s *section) listen(rid string) {
	read := s.sender.ReadRTCP
	if rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) { return s.sender.ReadSimulcastRTCP(rid) }
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				s.mu.Lock()
				keyframe := s.keyframes[rid]
				s.mu.Unlock()
				if keyframe != nil {
					keyframe()
				}
			}
		}
	}
}

// Publish adds a track and returns it as the server knows it, with its id. It
// returns when the others have been told and media may be sent. When ctx ends
// first, the track may be published all the same.
func (r *Room) Publish(ctx context.Context, t LocalTrack) (*protocol.Track, error) {
	var p *publication
	err := r.negotiate(ctx, change{
		make: func() (err error) {
			p, err = r.attach(t)
			return err
		},
		say: r.declareAndDescribe,
		undo: func() {
			if p != nil {
				r.detach(p)
				// It may have been declared before the offer was refused.
				_ = r.declare(r.life)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return r.publications.known(p), nil
}

// Unpublish ends a track of this client's. Nothing of it leaves any more, even
// when an error says that the server does not know yet. When ctx ends before
// the offer has its turn, the track goes on.
func (r *Room) Unpublish(ctx context.Context, id string) error {
	return r.negotiate(ctx, change{
		make: func() error {
			p := r.publications.find(id)
			if p == nil {
				return errNoTrack(id)
			}
			r.detach(p)
			return nil
		},
		say: r.declareAndDescribe,
	})
}

// Replace sends another source in the place of a published one, from its next
// packet on: the stream goes on, and nobody is told. Both have the same kind
// and codec. A video has to begin with a keyframe.
func (r *Room) Replace(id string, track webrtc.TrackLocal) error {
	p := r.publications.find(id)
	switch {
	case p == nil:
		return errNoTrack(id)
	case track == nil:
		return errors.New("client: there is no track to send; Unpublish ends one")
	case len(p.section.outlets) > 1:
		return fmt.Errorf("client: track %s is sent in %d layers, which one cannot take the place of; publish it", id, len(p.section.outlets))
	case track.Kind() != p.section.kind():
		return fmt.Errorf("client: %s cannot take the place of %s; publish it", track.Kind(), p.section.kind())
	case codecOf(track) != p.section.codec:
		return fmt.Errorf("client: %s cannot take the place of %s; publish it", codecOf(track), p.section.codec)
	}
	if err := p.section.outlets[0].replace(track); err != nil {
		return fmt.Errorf("client: replacing track %s: %w", id, err)
	}
	return nil
}

// Mute stops or starts forwarding of one of this client's own tracks. What it
// sends meanwhile goes no further than the server.
func (r *Room) Mute(ctx context.Context, track string, muted bool) error {
	_, err := r.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Mute{
		Mute: &protocol.Mute{Track: track, Muted: muted},
	}})
	if err == nil {
		r.publications.mute(track, muted)
	}
	return err
}

// Tracks is what this client publishes, as the server knows it: a moderator may
// have muted or ended some of it.
func (r *Room) Tracks() []*protocol.Track { return r.publications.tracks() }

func (r *Room) declareAndDescribe(ctx context.Context, sdp string) (answer string, err error) {
	if err := r.declare(ctx); err != nil {
		return "", err
	}
	return r.describe(ctx, sdp)
}

// declare tells the server what the sending sections carry.
func (r *Room) declare(ctx context.Context) error {
	offers, named := r.publications.offers()
	answer, err := r.insist(ctx, func() *protocol.ClientMessage {
		return &protocol.ClientMessage{Body: &protocol.ClientMessage_Publish{Publish: &protocol.Publish{Tracks: offers}}}
	})
	if err != nil {
		return err
	}
	err = r.publications.name(named, answer.GetPublished().GetTracks(), answer.GetSeq())
	r.path.wake() // one of them may have been ended meanwhile
	return err
}

// release frees the sections of tracks that a moderator has ended.
func (r *Room) release(ctx context.Context) error {
	ended := r.publications.ended()
	if len(ended) == 0 {
		return nil
	}
	return r.negotiate(ctx, change{make: func() error {
		for _, p := range ended {
			r.detach(p)
		}
		return nil
	}})
}

// kind is what it sends.
func (s *section) kind() webrtc.RTPCodecType { return s.outlets[0].Kind() }

// take finds a section that is free for a track; nil when there is none. What
// is sent again is told apart by payload types that do not change with the
// codec, so that a section keeps to one.
func (ps *publications) take(layers []LocalLayer) *section {
	if len(layers) > 1 {
		return nil
	}
	track := layers[0].Track
	ps.mu.Lock()
	defer ps.mu.Unlock()
	at := slices.IndexFunc(ps.free, func(s *section) bool {
		return s.kind() == track.Kind() && s.codec == codecOf(track)
	})
	if at < 0 {
		return nil
	}
	s := ps.free[at]
	ps.free = slices.Delete(ps.free, at, at+1)
	return s
}

// give takes a section back.
func (ps *publications) give(s *section) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.free = append(ps.free, s)
}

func (ps *publications) add(p *publication) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.active = append(ps.active, p)
	if !slices.Contains(ps.all, p.section) {
		ps.all = append(ps.all, p.section)
	}
}

func (ps *publications) remove(p *publication) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	at := slices.Index(ps.active, p)
	if at < 0 {
		return // it was detached already
	}
	ps.active = slices.Delete(ps.active, at, at+1)
	if len(p.section.outlets) == 1 {
		ps.free = append(ps.free, p.section)
	}
}

// stop ends all senders, those that the PeerConnection does not know of, too.
func (ps *publications) stop() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, s := range ps.all {
		_ = s.sender.Stop()
	}
}

func (ps *publications) find(id string) *publication {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.active {
		if p.track.GetId() == id && !p.ended {
			return p
		}
	}
	return nil
}

func (ps *publications) known(p *publication) *protocol.Track {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.track
}

func (ps *publications) tracks() (out []*protocol.Track) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.active {
		if p.track != nil && !p.ended {
			out = append(out, p.track)
		}
	}
	return out
}

func (ps *publications) ended() (out []*publication) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.active {
		if p.ended {
			out = append(out, p)
		}
	}
	return out
}

// offers is what the server is to be told; name takes its answer.
func (ps *publications) offers() (offers []*protocol.TrackOffer, named []*publication) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.active {
		if p.ended {
			continue // to list it again would bring it back
		}
		muted := p.muted
		if p.track != nil {
			muted = p.track.GetMuted()
		}
		offers = append(offers, &protocol.TrackOffer{
			Mid: p.section.transceiver.Mid(), Kind: kindOf(p.section.kind()), Source: p.source, Muted: muted, Encodings: p.encodings,
		})
		named = append(named, p)
	}
	ps.naming, ps.since = true, nil
	return offers, named
}

// name takes the server's names, which came with the number given.
func (ps *publications) name(named []*publication, tracks []*protocol.Track, seq uint64) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(tracks) != len(named) {
		return fmt.Errorf("client: the server named %d of %d tracks", len(tracks), len(named))
	}
	for i, p := range named {
		p.track = tracks[i]
	}
	for _, message := range ps.since {
		if message.GetSeq() > seq {
			ps.note(message)
		}
	}
	ps.naming, ps.since = false, nil
	return nil
}

func (ps *publications) mute(id string, muted bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.active {
		if p.track.GetId() == id {
			p.track = proto.Clone(p.track).(*protocol.Track)
			p.track.Muted = muted
		}
	}
}

// apply takes what the server, usually for a moderator, has done to own tracks.
// It reports whether one of them has ended.
func (ps *publications) apply(self string, message *protocol.ServerMessage) bool {
	if message.GetTrackUpdated().GetPeer() != self && message.GetTrackRemoved().GetPeer() != self && message.GetJoined() == nil {
		return false
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.naming {
		ps.since = append(ps.since, message)
	}
	return ps.note(message)
}

// note is called with mu held.
func (ps *publications) note(message *protocol.ServerMessage) (ended bool) {
	now := map[string]*protocol.Track{}
	joined, updated, removed := message.GetJoined(), message.GetTrackUpdated(), message.GetTrackRemoved()
	for _, t := range joined.GetTracks() {
		now[t.GetId()] = t
	}
	for _, p := range ps.active {
		id := p.track.GetId()
		switch {
		case id == "":
		case updated.GetTrack().GetId() == id:
			// Others are told of no mid and no encodings; this client knows them.
			track := proto.Clone(updated.GetTrack()).(*protocol.Track)
			track.Mid, track.Encodings = p.section.transceiver.Mid(), p.encodings
			p.track = track
		case removed.GetTrack() == id, joined != nil && now[id] == nil:
			p.ended, ended = true, true
		case joined != nil:
			p.track = now[id]
		}
	}
	return ended
}
