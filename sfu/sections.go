package sfu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// role is what a media section of the client's offer is for.
type role int

const (
	// idle: nothing now; it may become something again.
	idle role = iota
	// receiving: a slot.
	receiving
	// sending: a track of the client's.
	sending
	// application: the DataChannels.
	application
)

// section is one media section of an offer.
type section struct {
	mid  string
	kind string // "audio", "video" or "application"
	role role
	rids []string // of what it sends with simulcast, in the offer's order
}

// sections are those of an offer, in its order.
type sections []section

// readOffer reads what an offer holds, and refuses one that cannot be used
// whatever came before it.
func readOffer(offer string) (out sections, err error) {
	var description sdp.SessionDescription
	if err := description.UnmarshalString(offer); err != nil {
		return nil, fmt.Errorf("%w: the SDP does not parse: %w", ErrBadDescription, err)
	}
	candidates := 0
	for _, media := range description.MediaDescriptions {
		s := section{kind: media.MediaName.Media, role: roleOf(media)}
		s.mid, _ = media.Attribute("mid")
		if s.role == sending {
			s.rids = ridsOf(media)
		}
		switch {
		case s.mid == "" || len(s.mid) > 32:
			return nil, fmt.Errorf("%w: a media section has no a=mid of 1 to 32 bytes", ErrBadDescription)
		case slices.ContainsFunc(out, func(other section) bool { return other.mid == s.mid }):
			return nil, fmt.Errorf("%w: two media sections have the mid %q", ErrBadDescription, s.mid)
		}
		if err := checkSection(s, media); err != nil {
			return nil, err
		}
		for _, attribute := range media.Attributes {
			if attribute.IsICECandidate() {
				candidates++
			}
		}
		out = append(out, s)
	}
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("%w: it has no media section; offer tracks, slots or a DataChannel", ErrBadDescription)
	case candidates > maxCandidates:
		return nil, fmt.Errorf("%w: it has %d candidates, which is more than any client has", ErrBadDescription, candidates)
	}
	return out, nil
}

func roleOf(media *sdp.MediaDescription) role {
	_, inactive := media.Attribute("inactive")
	_, receiveOnly := media.Attribute("recvonly")
	// With max-bundle, Firefox gives all sections but the first the port 0 and
	// says that they are to be bundled: they are not rejected (RFC 9143, 7.2.1).
	_, bundled := media.Attribute("bundle-only")
	switch {
	case media.MediaName.Port.Value == 0 && !bundled || inactive:
		return idle
	case media.MediaName.Media == "application":
		return application
	case receiveOnly:
		return receiving
	}
	return sending
}

func checkSection(s section, media *sdp.MediaDescription) error {
	if s.role != receiving && s.role != sending {
		return nil
	}
	if s.kind != "audio" && s.kind != "video" {
		return fmt.Errorf("%w: the section with mid %q is of the kind %.20q; audio, video and application are known",
			ErrBadDescription, s.mid, s.kind)
	}
	if !hasKnownCodec(media) {
		return fmt.Errorf("%w: the %s section with mid %q offers none of Opus, VP8, VP9, H264 and AV1; offer one of them",
			ErrNoCommonCodec, s.kind, s.mid)
	}
	_, named := media.Attribute("ssrc")
	declared := declaredRIDs(media)
	switch {
	case max(len(s.rids), len(declared)) > congestion.LayersMost:
		return fmt.Errorf("%w: the section with mid %q sends %d encodings; %d are allowed",
			ErrBadDescription, s.mid, max(len(s.rids), len(declared)), congestion.LayersMost)
	case twice(s.rids) || twice(declared):
		return fmt.Errorf("%w: the section with mid %q names a rid twice; give each encoding one of its own", ErrBadDescription, s.mid)
	case len(s.rids) > 0 && s.kind != "video":
		return fmt.Errorf("%w: the audio section with mid %q has rids; send it as one encoding", ErrBadDescription, s.mid)
	case s.role == sending && !named && len(s.rids) == 0:
		return fmt.Errorf("%w: the sending section with mid %q names neither a=ssrc nor a=rid with a=simulcast; what it sends could not be told from the rest",
			ErrBadDescription, s.mid)
	}
	return nil
}

// ridsOf are those that a section sends with simulcast (RFC 8853, 5.1). Of
// alternatives the first counts.
func ridsOf(media *sdp.MediaDescription) (rids []string) {
	value, _ := media.Attribute("simulcast")
	fields := strings.Fields(value)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != "send" {
			continue
		}
		for stream := range strings.SplitSeq(fields[i+1], ";") {
			rid, _, _ := strings.Cut(stream, ",")
			rids = append(rids, strings.TrimPrefix(rid, "~"))
		}
	}
	return rids
}

// declaredRIDs are those of a section's a=rid lines (RFC 8851, 4): the
// library keeps something for each, whether a=simulcast lists it or not.
func declaredRIDs(media *sdp.MediaDescription) (rids []string) {
	for _, attribute := range media.Attributes {
		if attribute.Key == "rid" {
			rid, _, _ := strings.Cut(attribute.Value, " ")
			rids = append(rids, rid)
		}
	}
	return rids
}

func twice(rids []string) bool {
	for i, rid := range rids {
		if slices.Contains(rids[:i], rid) {
			return true
		}
	}
	return false
}

// hasKnownCodec looks for a codec that is forwarded.
func hasKnownCodec(media *sdp.MediaDescription) bool {
	for _, attribute := range media.Attributes {
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

// follows says whether an offer may come after another on one connection
// (RFC 8829, 5.2.2): sections stay where they are, and a slot does not turn
// into a track, nor a track into a slot, but by way of being idle.
func (s sections) follows(before sections) error {
	if len(s) < len(before) {
		return fmt.Errorf("%w: it has %d media sections where there were %d; keep them and make them inactive", ErrBadDescription, len(s), len(before))
	}
	for i, old := range before {
		fresh := s[i]
		if old.role != idle && fresh.mid != old.mid {
			return fmt.Errorf("%w: media section %d had the mid %q and has %q now; keep it", ErrBadDescription, i, old.mid, fresh.mid)
		}
		if old.role != idle && fresh.role != idle && (old.role != fresh.role || old.kind != fresh.kind) {
			return fmt.Errorf("%w: the section with mid %q changes what it is for; make it inactive first, or add another", ErrBadDescription, fresh.mid)
		}
	}
	return nil
}

// count is how many sections have a role and, unless kind is "", a kind.
func (s sections) count(r role, kind string) (n int) {
	for _, section := range s {
		if section.role == r && (kind == "" || section.kind == kind) {
			n++
		}
	}
	return n
}

// is says whether the section with the mid has a role.
func (s sections) is(mid string, r role) bool {
	return slices.ContainsFunc(s, func(section section) bool { return section.mid == mid && section.role == r })
}

// rids are those of each section that sends with simulcast, by mid.
func (s sections) rids() map[string][]string {
	out := map[string][]string{}
	for _, section := range s {
		if len(section.rids) > 0 {
			out[section.mid] = section.rids
		}
	}
	return out
}
