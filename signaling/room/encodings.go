package room

import (
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	maxEncodings = 4     // of one track
	maxRID       = 16    // bytes
	maxSide      = 16384 // pixels; no codec has larger pictures
)

// checkEncodings looks at what a section is said to send at once.
func checkEncodings(offer *protocol.TrackOffer) *protocol.Error {
	encodings := offer.GetEncodings()
	if len(encodings) > maxEncodings {
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"The track at mid %q has %d encodings; %d are allowed.", offer.GetMid(), len(encodings), maxEncodings)
	}
	known := map[string]bool{}
	for _, encoding := range encodings {
		rid := encoding.GetRid()
		switch {
		case !isRID(rid):
			return protocol.Errorf(protocol.Error_BAD_FIELD,
				"%.40q is no rid of the track at mid %q; a rid has up to %d letters and digits.", rid, offer.GetMid(), maxRID)
		case rid == "" && len(encodings) > 1:
			return protocol.Errorf(protocol.Error_BAD_FIELD,
				"The track at mid %q has %d encodings; each of several needs its rid.", offer.GetMid(), len(encodings))
		case known[rid]:
			return protocol.Errorf(protocol.Error_BAD_FIELD, "The rid %q of the track at mid %q is listed twice.", rid, offer.GetMid())
		case encoding.GetWidth() > maxSide || encoding.GetHeight() > maxSide:
			return protocol.Errorf(protocol.Error_BAD_FIELD, "An encoding of the track at mid %q is said to have %d × %d pixels; %d are allowed a side.",
				offer.GetMid(), encoding.GetWidth(), encoding.GetHeight(), maxSide)
		}
		known[rid] = true
	}
	return nil
}

// isRID says whether s can stand in a=rid (RFC 8852, section 3.1), or is empty,
// as without simulcast.
func isRID(s string) bool {
	if len(s) > maxRID {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
