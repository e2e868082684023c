package sdp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

const (
	// MaxCandidates is how many candidates of one client are taken: interfaces
	// times families times transports, several times over.
	MaxCandidates = 200
	// MaxBytes is how long an offer may be: sixty sections of a client that
	// offers all it has.
	MaxBytes = 256 << 10
	// maxSSRCs is how many SSRCs a section may name: its encodings, each with
	// retransmissions and error correction, and some over.
	maxSSRCs = 4 * congestion.LayersMost
	// maxMid is how many bytes a section's name may have.
	maxMid = 32
)

// Limits are how much a client may offer.
type Limits struct {
	Slots  int // of one kind
	Tracks int
}

// sections is how many media sections there may be, stopped ones too.
func (l Limits) sections() int { return 4 * (l.Slots + l.Tracks) }

// Read takes an offer apart. Before is the last offer that was taken on the same
// connection, nil for none (RFC 8829, 5.2.2). The candidates in the offer
// are counted and not looked at: clients come to a lite server by themselves.
//
// An error wraps ErrBadDescription or ErrNoCommonCodec.
func Read(offer string, before *Offer, limits Limits) (*Offer, error) {
	if len(offer) > MaxBytes {
		return nil, fmt.Errorf("%w: it has %d bytes; %d are allowed", ErrBadDescription, len(offer), MaxBytes)
	}
	if n, most := strings.Count(offer, "\nm=")+strings.Count(offer, "\rm="), limits.sections(); n > most {
		return nil, fmt.Errorf("%w: it has %d media sections, more than the %d allowed; use stopped ones again, or make a new connection",
			ErrBadDescription, n, most)
	}
	var description sdp.SessionDescription
	if err := description.UnmarshalString(offer); err != nil {
		return nil, fmt.Errorf("%w: the SDP does not parse: %.200s", ErrBadDescription, err.Error())
	}
	o := &Offer{}
	if err := o.readSections(&description); err != nil {
		return nil, err
	}
	if err := o.readBundle(&description); err != nil {
		return nil, err
	}
	if err := o.readTransport(&description, before); err != nil {
		return nil, err
	}
	if err := o.check(limits); err != nil {
		return nil, err
	}
	if before != nil {
		if err := o.follows(before); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// readSections reads the media sections, each by itself.
func (o *Offer) readSections(description *sdp.SessionDescription) error {
	_, o.mixed = description.Attribute(sdp.AttrKeyExtMapAllowMixed)
	o.Sections = make([]Section, len(description.MediaDescriptions))
	var r sectionReader
	for i, media := range description.MediaDescriptions {
		s := &o.Sections[i]
		if err := r.read(s, media, o.mixed); err != nil {
			return err
		}
		s.share(o.Sections[:i])
		if s.Role == Application {
			if o.SCTPPort != 0 {
				return fmt.Errorf("%w: it has two application sections; one carries all DataChannels", ErrBadDescription)
			}
			o.SCTPPort, o.MaxMessageSize, o.SCTPInit = r.sctpPort, r.maxMessageSize, r.sctpInit
		}
	}
	switch {
	case len(o.Sections) == 0:
		return fmt.Errorf("%w: it has no media section; offer tracks, slots or a DataChannel", ErrBadDescription)
	case r.candidates > MaxCandidates:
		return fmt.Errorf("%w: it has %d candidates, which is more than any client has", ErrBadDescription, r.candidates)
	}
	return nil
}

// readBundle finds the sections that share the one transport there is (RFC
// 9143, 7.3). One section needs no group; others outside of it are refused.
func (o *Offer) readBundle(description *sdp.SessionDescription) error {
	byMid := make(map[string]int, len(o.Sections))
	for i := range o.Sections {
		mid := o.Sections[i].Mid
		if _, taken := byMid[mid]; taken {
			return fmt.Errorf("%w: two media sections have the mid %q", ErrBadDescription, mid)
		}
		byMid[mid] = i
	}
	bundled := make([]bool, len(o.Sections))
	add := func(i int) {
		if !o.Sections[i].Rejected && !bundled[i] {
			bundled[i] = true
			o.bundle = append(o.bundle, i)
		}
	}
	o.bundle = make([]int, 0, len(o.Sections))
	for _, attribute := range description.Attributes {
		if mids, ok := strings.CutPrefix(attribute.Value, "BUNDLE"); ok && attribute.Key == sdp.AttrKeyGroup {
			o.grouped = true
			for mid := range strings.FieldsSeq(mids) {
				if i, known := byMid[mid]; known {
					add(i)
				}
			}
			break
		}
	}
	for i := range o.Sections {
		switch s := &o.Sections[i]; {
		case bundled[i] || s.Rejected:
		case !o.grouped && len(o.bundle) == 0:
			add(i)
		case s.Role == Idle:
			s.Rejected = true
		default:
			return fmt.Errorf("%w: the section with mid %q is not in a=group:BUNDLE; all sections share one transport, so bundle them all",
				ErrBadDescription, s.Mid)
		}
	}
	return nil
}

// check refuses an offer that asks for too much.
func (o *Offer) check(limits Limits) error {
	audio, video := o.Count(Receiving, Audio), o.Count(Receiving, Video)
	tracks := o.Count(Sending, Audio) + o.Count(Sending, Video)
	switch {
	case audio > limits.Slots || video > limits.Slots:
		return fmt.Errorf("%w: it has %d receiving audio and %d receiving video sections; %d of each are allowed",
			ErrBadDescription, audio, video, limits.Slots)
	case tracks > limits.Tracks:
		return fmt.Errorf("%w: it has %d sending sections; %d are allowed", ErrBadDescription, tracks, limits.Tracks)
	}
	return nil
}

// follows refuses an offer that may not come after another on one connection
// (RFC 8829, 5.2.2): sections stay where they are, and a slot does not turn
// into a track, nor a track into a slot, but by way of being idle.
func (o *Offer) follows(before *Offer) error {
	if len(o.Sections) < len(before.Sections) {
		return fmt.Errorf("%w: it has %d media sections where there were %d; keep them and make them inactive",
			ErrBadDescription, len(o.Sections), len(before.Sections))
	}
	for i := range before.Sections {
		old, fresh := &before.Sections[i], &o.Sections[i]
		if old.Role != Idle && fresh.Mid != old.Mid {
			return fmt.Errorf("%w: media section %d had the mid %q and has %q now; keep it", ErrBadDescription, i, old.Mid, fresh.Mid)
		}
		if old.Role != Idle && fresh.Role != Idle && (old.Role != fresh.Role || old.Kind != fresh.Kind) {
			return fmt.Errorf("%w: the section with mid %q changes what it is for; make it inactive first, or add another",
				ErrBadDescription, fresh.Mid)
		}
	}
	switch {
	case !slices.Equal(o.Fingerprints, before.Fingerprints):
		return fmt.Errorf("%w: a=fingerprint is another than before; a new certificate needs a new connection", ErrBadDescription)
	case o.Active != before.Active:
		return fmt.Errorf("%w: a=setup turns around who began with DTLS; offer actpass", ErrBadDescription)
	}
	return nil
}
