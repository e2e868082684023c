package sdp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// The RTP header extensions that are taken, where they are offered.
const (
	URIMid              = sdp.SDESMidURI
	URIStreamID         = sdp.SDESRTPStreamIDURI
	URIRepairedStreamID = sdp.SDESRepairRTPStreamIDURI
	URITransportCC      = sdp.TransportCCURI
	URIAudioLevel       = sdp.AudioLevelURI
	URIVideoOrientation = "urn:3gpp:video-orientation"
	URIDescriptor       = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

// Extension is an RTP header extension and what it is called in packets (RFC
// 8285). Those of slots are of the one-byte form.
type Extension struct {
	URI string
	ID  uint8

	directed bool // the offer says in which direction
}

// The extensions of each kind. The mid belongs to every section of a bundle
// (RFC 9143, 15). Slots have no use for the names of encodings, and take them all
// the same: what Chromium was refused in the first sections of a kind, it does not
// offer in later ones, and simulcast needs them.
var (
	audioExtensions = []string{URIMid, URITransportCC, URIAudioLevel}
	videoExtensions = []string{URIMid, URITransportCC, URIDescriptor, URIVideoOrientation, URIStreamID, URIRepairedStreamID}
)

// readExtensions takes those that are known and may be used in the direction
// in which packets go. Of two with one id the first counts.
func (r *sectionReader) readExtensions(s *Section, mixed bool) {
	known := audioExtensions
	if s.Kind == Video {
		known = videoExtensions
	}
	for _, value := range r.extensions {
		name, rest, _ := strings.Cut(value, " ")
		uri, _, _ := strings.Cut(rest, " ")
		number, direction, directed := strings.Cut(name, "/")
		i := slices.Index(known, uri)
		id, err := strconv.ParseUint(number, 10, 8)
		if i < 0 || err != nil || !usable(direction, s.Role) {
			continue
		}
		// 15 means something else in the one-byte form, which is all that is
		// written here (RFC 8285, 4.2). Clients may send the other one.
		if id == 0 || id == 15 || id > 15 && (!mixed || s.Role == Receiving) {
			continue
		}
		if known[i] == URIDescriptor && s.Role == Sending && !s.prefersAV1() {
			continue
		}
		e := Extension{URI: known[i], ID: uint8(id), directed: directed && direction != "sendrecv"}
		if !slices.ContainsFunc(s.Extensions, func(other Extension) bool { return other.ID == e.ID || other.URI == e.URI }) {
			if s.Extensions == nil {
				s.Extensions = make([]Extension, 0, len(known))
			}
			s.Extensions = append(s.Extensions, e)
		}
	}
}

// prefersAV1 says whether a section begins with AV1. Where Chromium may send a
// dependency descriptor, it leaves out of VP8's own what that says, too, the
// temporal layers among it; only AV1 has nothing else to say it by.
func (s *Section) prefersAV1() bool { return len(s.Codecs) > 0 && s.Codecs[0].MimeType == mimeAV1 }

// usable says whether an extension that a client offers for a direction may be
// used in a section of its.
func usable(direction string, role Role) bool {
	switch direction {
	case "", "sendrecv":
		return true
	case "recvonly":
		return role == Receiving
	case "sendonly":
		return role != Receiving
	}
	return false
}
