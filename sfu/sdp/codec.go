package sdp

import (
	"strconv"
	"strings"
)

// The names of the codecs that are taken.
const (
	mimeOpus = "audio/opus"
	mimeRED  = "audio/red"
	mimeVP8  = "video/VP8"
	mimeVP9  = "video/VP9"
	mimeH264 = "video/H264"
	mimeAV1  = "video/AV1"
	mimeRTX  = "video/rtx"
)

// Codec is a codec under the payload type and with the parameters that the
// client offered, which the answer repeats.
type Codec struct {
	PayloadType uint8
	// MimeType is one of audio/opus, audio/red, video/VP8, video/VP9,
	// video/H264, video/AV1 and video/rtx, spelt so.
	MimeType  string
	ClockRate uint32
	Channels  uint16
	// Fmtp are the parameters, "" for none.
	Fmtp     string
	Feedback Feedback
}

// Feedback is the RTCP feedback that is taken for a codec (RFC 4585, 4.2).
type Feedback struct {
	NACK        bool // nack
	PLI         bool // nack pli
	FIR         bool // ccm fir
	TransportCC bool // transport-cc
}

// add takes one that is offered.
func (f *Feedback) add(value string) {
	switch value {
	case "nack":
		f.NACK = true
	case "nack pli":
		f.PLI = true
	case "ccm fir":
		f.FIR = true
	case "transport-cc":
		f.TransportCC = true
	}
}

func (f Feedback) or(g Feedback) Feedback {
	return Feedback{f.NACK || g.NACK, f.PLI || g.PLI, f.FIR || g.FIR, f.TransportCC || g.TransportCC}
}

// codecs takes those that are forwarded, in the order of the formats, each with
// its retransmissions and its redundancy. H264 is forwarded in the profiles that
// browsers have, and in another one only where there is nothing else.
func (r *sectionReader) codecs(s *Section, formats []string) {
	var order [payloadTypes]uint8
	var seen [payloadTypes]bool
	var taken [payloadTypes]string  // the name of the codec
	var repaired [payloadTypes]bool // it has retransmissions
	offered, found := order[:0], 0
	for _, format := range formats {
		// Between 64 and 95 packets could not be told from RTCP (RFC 5761, 4).
		pt, ok := parsePayloadType(format)
		if ok && !seen[pt] && (pt < 64 || pt > 95) && r.maps[pt] != "" {
			seen[pt] = true
			offered = append(offered, pt)
		}
	}
	take := func(anyProfile bool) {
		for _, pt := range offered {
			if taken[pt] = mediaCodec(s.Kind, r.maps[pt], r.parameters[pt], anyProfile); taken[pt] != "" {
				found++
			}
		}
	}
	if take(false); found == 0 && s.Kind == Video {
		take(true)
	}
	if found == 0 {
		return
	}
	s.Codecs = make([]Codec, 0, 2*found)
	for _, pt := range offered {
		c := Codec{PayloadType: pt, MimeType: taken[pt], ClockRate: 90000, Fmtp: r.parameters[pt]}
		switch {
		case s.Kind == Audio && c.MimeType != "":
			c.ClockRate, c.Channels = 48000, 2
			c.Feedback.TransportCC = r.feedback[pt].or(r.feedbackOfAll).TransportCC
		case s.Kind == Audio:
			if !isEncoding(r.maps[pt], "red", 48000, 2) || !repeatsOne(r.parameters[pt], &taken) {
				continue
			}
			c.MimeType, c.ClockRate, c.Channels = mimeRED, 48000, 2
		case c.MimeType != "":
			c.Feedback = r.feedback[pt].or(r.feedbackOfAll)
		default:
			apt, ok := parsePayloadType(parameter(r.parameters[pt], "apt", ""))
			if !ok || taken[apt] == "" || repaired[apt] || !isEncoding(r.maps[pt], "rtx", 90000, 0) {
				continue
			}
			c.MimeType, repaired[apt] = mimeRTX, true
		}
		s.Feedback = s.Feedback.or(c.Feedback)
		s.Codecs = append(s.Codecs, c)
	}
}

// mediaCodec is the name of a codec that is forwarded; "" for another one.
func mediaCodec(kind Kind, encoding, fmtp string, anyProfile bool) string {
	if kind == Audio {
		if isEncoding(encoding, "opus", 48000, 2) {
			return mimeOpus
		}
		return ""
	}
	switch {
	case isEncoding(encoding, "VP8", 90000, 0):
		return mimeVP8
	case isEncoding(encoding, "VP9", 90000, 0) && parameter(fmtp, "profile-id", "0") == "0":
		return mimeVP9
	case isEncoding(encoding, "AV1", 90000, 0) && parameter(fmtp, "profile", "0") == "0":
		return mimeAV1
	case isEncoding(encoding, "H264", 90000, 0) && (anyProfile || isBrowsersH264(fmtp)):
		return mimeH264
	}
	return ""
}

// isBrowsersH264 says whether H264 is of a profile that browsers have, of
// which the level is no part (RFC 6184, 8.1 and 8.2.2): baseline in both
// packetization modes, main and high in the one that splits pictures.
func isBrowsersH264(fmtp string) bool {
	profile := parameter(fmtp, "profile-level-id", "42000a")
	if len(profile) != 6 {
		return false
	}
	profile = profile[:4]
	switch parameter(fmtp, "packetization-mode", "0") {
	case "0":
		return strings.EqualFold(profile, "42e0") || profile == "4200"
	case "1":
		return strings.EqualFold(profile, "42e0") || strings.EqualFold(profile, "4d00") || profile == "4200" || profile == "6400"
	}
	return false
}

// isEncoding says whether the encoding of an a=rtpmap line is the one named
// (RFC 8866, 6.6). Video has no channels.
func isEncoding(encoding, name string, clockRate uint64, channels uint64) bool {
	got, rest, _ := strings.Cut(encoding, "/")
	if !strings.EqualFold(got, name) {
		return false
	}
	clock, rest, _ := strings.Cut(strings.TrimSpace(rest), "/")
	n, err := strconv.ParseUint(clock, 10, 32)
	if err != nil || n != clockRate {
		return false
	}
	if channels == 0 {
		return true
	}
	n, err = strconv.ParseUint(rest, 10, 16)
	return err == nil && n == channels
}

// repeatsOne says whether the parameters of redundancy (RFC 2198, 5) name one
// codec of the section and nothing else.
func repeatsOne(fmtp string, taken *[payloadTypes]string) bool {
	first, rest, more := strings.Cut(fmtp, "/")
	pt, ok := parsePayloadType(first)
	if !ok || !more || taken[pt] != mimeOpus {
		return false
	}
	for other := range strings.SplitSeq(rest, "/") {
		if other != first {
			return false
		}
	}
	return true
}

// parameter is the value of one of the parameters of a codec.
func parameter(fmtp, name, otherwise string) string {
	for part := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}
