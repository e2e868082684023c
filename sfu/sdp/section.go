package sdp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// payloadTypes is how many RTP payload types there are.
const payloadTypes = 128

// sectionReader reads the media sections of one offer, one after the other. Its
// fields are what the lines of the present section say.
type sectionReader struct {
	inactive, receiveOnly, bundleOnly bool
	maps, parameters                  [payloadTypes]string // a=rtpmap, a=fmtp
	feedback                          [payloadTypes]Feedback
	feedbackOfAll                     Feedback // a=rtcp-fb:*
	extensions                        []string // a=extmap
	ssrcs                             []uint32
	manySSRCs                         bool
	groups                            []string // a=ssrc-group
	rids                              []string // a=rid, of encodings that are sent
	simulcast                         string
	sctpPort                          uint16
	maxMessageSize                    uint32
	sctpInit                          []byte

	candidates int // of all sections
}

// protocols are those of sections with media, and dataProtocols those of
// DataChannels (RFC 8829, 5.1.2; RFC 8841, 4). What keys SRTP is DTLS, whatever
// they say.
var (
	protocols     = []string{"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP"}
	dataProtocols = []string{"UDP/DTLS/SCTP", "TCP/DTLS/SCTP"}
)

const dataFormat = "webrtc-datachannel"

// read reads one section; mixed is that of the whole offer. The section may hold
// on to the text of the offer until share was called.
func (r *sectionReader) read(s *Section, media *sdp.MediaDescription, mixed bool) error {
	*r = sectionReader{
		extensions: r.extensions[:0], ssrcs: r.ssrcs[:0], groups: r.groups[:0], rids: r.rids[:0], candidates: r.candidates,
		sctpPort: 5000, maxMessageSize: 64 << 10, // RFC 8841, 6.1
	}
	s.media = "message"
	for i := range media.Attributes {
		r.line(s, &media.Attributes[i])
	}
	if !isMid(s.Mid) {
		return fmt.Errorf("%w: a media section has no a=mid of 1 to %d letters, digits and signs", ErrBadDescription, maxMid)
	}
	switch media.MediaName.Media {
	case "audio":
		s.Kind, s.media = Audio, "audio"
	case "video":
		s.Kind, s.media = Video, "video"
	case "application":
		s.media = "application"
	case "text":
		s.media = "text"
	}
	s.protocol = protocolOf(media)
	s.Rejected = media.MediaName.Port.Value == 0 && !r.bundleOnly
	if s.Role = r.role(s); !s.Rejected {
		if err := r.readMedia(s, media, mixed || s.mixed); err != nil {
			return err
		}
	}
	if len(s.Codecs) == 0 {
		s.format = "0"
		if len(media.MediaName.Formats) > 0 {
			s.format = strings.Clone(media.MediaName.Formats[0])
		}
	}
	return nil
}

// line takes one attribute. Of several of a kind that should be one, the first
// counts.
func (r *sectionReader) line(s *Section, attribute *sdp.Attribute) {
	value := attribute.Value
	switch attribute.Key {
	case "mid":
		if s.Mid == "" {
			s.Mid = strings.Clone(value[:min(len(value), maxMid+1)])
		}
	case "inactive":
		r.inactive = true
	case "recvonly":
		r.receiveOnly = true
	case "bundle-only":
		r.bundleOnly = true
	case "rtcp-rsize":
		s.rsize = true
	case sdp.AttrKeyExtMapAllowMixed:
		s.mixed = true
	case "rtpmap":
		if pt, rest, ok := cutPayloadType(value); ok && r.maps[pt] == "" {
			r.maps[pt] = rest
		}
	case "fmtp":
		if pt, rest, ok := cutPayloadType(value); ok && r.parameters[pt] == "" {
			r.parameters[pt] = rest
		}
	case "rtcp-fb":
		if rest, ok := strings.CutPrefix(value, "* "); ok {
			r.feedbackOfAll.add(rest)
		} else if pt, rest, ok := cutPayloadType(value); ok {
			r.feedback[pt].add(rest)
		}
	case "extmap":
		r.extensions = append(r.extensions, value)
	case "ssrc":
		r.ssrc(value)
	case "ssrc-group":
		r.groups = append(r.groups, value)
	case "rid":
		if rid, rest, _ := strings.Cut(value, " "); rest == "send" || strings.HasPrefix(rest, "send ") {
			r.rids = append(r.rids, rid)
		}
	case "simulcast":
		if r.simulcast == "" {
			r.simulcast = value
		}
	case "sctp-port":
		if port, err := strconv.ParseUint(value, 10, 16); err == nil && port != 0 {
			r.sctpPort = uint16(port)
		}
	case "max-message-size":
		// More than fits is more than anybody sends.
		if size, err := strconv.ParseUint(value, 10, 64); err == nil {
			r.maxMessageSize = uint32(min(size, 1<<32-1))
		}
	case "sctp-init":
		if r.sctpInit == nil {
			r.sctpInit = readInit(value)
		}
	case "candidate":
		r.candidates++
	}
}

// role is what a section is for. That of DataChannels has no direction.
func (r *sectionReader) role(s *Section) Role {
	switch {
	case s.Rejected:
		return Idle
	case s.media == "application":
		return Application
	case r.inactive:
		return Idle
	case r.receiveOnly:
		return Receiving
	}
	return Sending
}

// readMedia reads what an open section carries. An idle one that cannot carry
// anything is rejected, all others are refused for it.
func (r *sectionReader) readMedia(s *Section, media *sdp.MediaDescription, mixed bool) error {
	if s.Role == Application {
		if !slices.Contains(dataProtocols, s.protocol) || !slices.Equal(media.MediaName.Formats, []string{dataFormat}) {
			return fmt.Errorf("%w: the application section with mid %q is not UDP/DTLS/SCTP %s, which is all that is known",
				ErrBadDescription, s.Mid, dataFormat)
		}
		return nil
	}
	if s.Kind != OtherKind && slices.Contains(protocols, s.protocol) {
		r.codecs(s, media.MediaName.Formats)
	}
	switch {
	case s.Role == Idle && len(s.Codecs) == 0:
		s.Rejected = true
		return nil
	case s.Kind == OtherKind:
		return fmt.Errorf("%w: the section with mid %q is of the kind %.20q; audio, video and application are known",
			ErrBadDescription, s.Mid, s.media)
	case !slices.Contains(protocols, s.protocol):
		return fmt.Errorf("%w: the section with mid %q is sent over %s; UDP/TLS/RTP/SAVPF is known", ErrBadDescription, s.Mid, s.protocol)
	case len(s.Codecs) == 0:
		return fmt.Errorf("%w: the %s section with mid %q offers none of Opus, VP8, VP9, H264 and AV1 in a form that is forwarded; offer one of them",
			ErrNoCommonCodec, s.media, s.Mid)
	}
	r.readExtensions(s, mixed)
	if s.Role == Receiving {
		return nil
	}
	if err := r.readRIDs(s); err != nil || s.Role == Idle {
		return err
	}
	return r.readSSRCs(s)
}

// readRIDs reads what a section calls the encodings that it sends, or would.
func (r *sectionReader) readRIDs(s *Section) error {
	listed := sent(r.simulcast)
	switch {
	case max(len(listed), len(r.rids)) > congestion.LayersMost:
		return fmt.Errorf("%w: the section with mid %q sends %d encodings; %d are allowed",
			ErrBadDescription, s.Mid, max(len(listed), len(r.rids)), congestion.LayersMost)
	case twice(listed) || twice(r.rids):
		return fmt.Errorf("%w: the section with mid %q names a rid twice; give each encoding one of its own", ErrBadDescription, s.Mid)
	}
	for _, rid := range listed {
		// One that no a=rid declares is not sent (RFC 8853, 5.2).
		if !slices.Contains(r.rids, rid) {
			continue
		}
		if !isRID(rid) {
			return fmt.Errorf("%w: the section with mid %q has the rid %.20q; 1 to 16 letters, digits, - and _ are expected",
				ErrBadDescription, s.Mid, rid)
		}
		s.RIDs = append(s.RIDs, strings.Clone(rid))
	}
	if len(s.RIDs) > 0 && s.Kind != Video {
		return fmt.Errorf("%w: the audio section with mid %q has rids; send it as one encoding", ErrBadDescription, s.Mid)
	}
	return nil
}

// readSSRCs reads what a sending section calls its streams.
func (r *sectionReader) readSSRCs(s *Section) error {
	s.SSRCs = r.streams()
	switch {
	case r.manySSRCs:
		return fmt.Errorf("%w: the section with mid %q names more than %d SSRCs; send one track in each section",
			ErrBadDescription, s.Mid, maxSSRCs)
	case len(s.SSRCs) == 0 && len(s.RIDs) == 0:
		return fmt.Errorf("%w: the sending section with mid %q names neither a=ssrc nor a=rid with a=simulcast; what it sends could not be told from the rest",
			ErrBadDescription, s.Mid)
	}
	return nil
}

// share has a section keep the codecs and extensions of an earlier one, if
// they are the same: most are. Those of its own are texts of the offer.
func (s *Section) share(earlier []Section) {
	codecs, extensions := s.Codecs == nil, s.Extensions == nil
	for i := len(earlier) - 1; i >= 0 && !(codecs && extensions); i-- {
		e := &earlier[i]
		if !codecs && slices.Equal(s.Codecs, e.Codecs) {
			s.Codecs, codecs = e.Codecs, true
		}
		if !extensions && slices.Equal(s.Extensions, e.Extensions) {
			s.Extensions, extensions = e.Extensions, true
		}
	}
	if !codecs {
		for i := range s.Codecs {
			s.Codecs[i].Fmtp = strings.Clone(s.Codecs[i].Fmtp)
		}
	}
}

// protocolOf is the protocol of an m= line.
func protocolOf(media *sdp.MediaDescription) string {
	protocol := strings.Join(media.MediaName.Protos, "/")
	for _, known := range [][]string{protocols, dataProtocols} {
		if i := slices.Index(known, protocol); i >= 0 {
			return known[i] // which does not have to be kept for each section
		}
	}
	return protocol
}

// cutPayloadType reads "111 rest".
func cutPayloadType(value string) (payloadType uint8, rest string, ok bool) {
	number, rest, _ := strings.Cut(value, " ")
	payloadType, ok = parsePayloadType(number)
	return payloadType, rest, ok
}

// parsePayloadType reads the number of an RTP payload type.
func parsePayloadType(number string) (uint8, bool) {
	n, err := strconv.ParseUint(number, 10, 7)
	return uint8(n), err == nil
}

// isMid says whether a text is the name of a section: a token (RFC 5888, 4).
func isMid(text string) bool {
	return text != "" && len(text) <= maxMid &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
