package sfu

import (
	"strings"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// codecKey names a codec together with those of its parameters that a decoder
// depends on. Two payload types with one key carry the same thing.
type codecKey string

// keyOf reads the parameters of the payload formats: RFC 6184, 8.1 for H264,
// RFC 9628, 6 for VP9, the AV1 RTP specification, 7.
func keyOf(c sdp.Codec) codecKey {
	key := strings.ToLower(c.MimeType)
	parameters := parseFmtp(c.Fmtp)
	parameter := func(name, otherwise string) string {
		if value, ok := parameters[name]; ok {
			return value
		}
		return otherwise
	}
	switch key {
	case "video/h264":
		profile := strings.ToLower(parameter("profile-level-id", "42001f"))
		if len(profile) == 6 {
			profile = profile[:4] // the level is a bound, not another bitstream
		}
		key += ";" + parameter("packetization-mode", "0") + ";" + profile
	case "video/vp9":
		key += ";" + parameter("profile-id", "0")
	case "video/av1":
		key += ";" + parameter("profile", "0")
	}
	return codecKey(key)
}

func parseFmtp(line string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(line, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		out[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	return out
}

// codecOf is what forwarding has to know of a codec.
func codecOf(mimeType string) forward.Codec {
	switch strings.ToLower(mimeType) {
	case "video/vp8":
		return forward.VP8
	case "video/vp9":
		return forward.VP9
	case "video/h264":
		return forward.H264
	case "video/av1":
		return forward.AV1
	}
	return forward.Other
}

const (
	// mimeRED is Opus with redundancy (RFC 2198).
	mimeRED = "audio/red"
	opusKey = codecKey("audio/opus")
)

// isRTX says whether a codec is the retransmission format of RFC 4588.
func isRTX(mimeType string) bool { return strings.HasSuffix(strings.ToLower(mimeType), "/rtx") }

// payloadTypes is what the payload types of one direction of one media section
// mean. It does not change once it is made.
type payloadTypes struct {
	keys   [128]codecKey
	codecs [128]forward.Codec
	byKey  map[codecKey]uint8
	rtx    [128]uint8 // the payload type of retransmissions, 0 is none
	anyRTX uint8      // one of those, 0 is none
	// repeats says of a payload type of retransmissions what it repeats, 0 is
	// nothing.
	repeats [128]uint8
	// red says of which payload types are redundant Opus; they have Opus's key.
	red     [128]bool
	redType uint8 // the one to send, 0 is none
}

func newPayloadTypes(codecs []sdp.Codec) *payloadTypes {
	p := &payloadTypes{byKey: map[codecKey]uint8{}}
	for _, c := range codecs {
		pt := c.PayloadType & 0x7f
		if isRTX(c.MimeType) {
			if apt, ok := parseApt(c.Fmtp); ok {
				p.rtx[apt], p.anyRTX, p.repeats[pt] = pt, pt, apt
			}
			continue
		}
		if strings.EqualFold(c.MimeType, mimeRED) {
			p.red[pt], p.redType = true, pt
			p.keys[pt] = opusKey
			continue
		}
		key := keyOf(c)
		p.keys[pt], p.codecs[pt] = key, codecOf(c.MimeType)
		if _, taken := p.byKey[key]; !taken {
			p.byKey[key] = pt
		}
	}
	return p
}

// mapFrom says which of our payload types carries what each of theirs does; 0
// is none.
func (p *payloadTypes) mapFrom(theirs *payloadTypes) (out [128]uint8) {
	for pt, key := range theirs.keys {
		if key != "" {
			out[pt] = p.byKey[key]
		}
	}
	return out
}

// parseApt reads the associated payload type (RFC 4588, 8.6).
func parseApt(fmtp string) (uint8, bool) {
	value := parseFmtp(fmtp)["apt"]
	n := 0
	for _, r := range value {
		if r < '0' || r > '9' || n > 127 {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return uint8(n), value != "" && n <= 127
}

// codec is forward.Other for a payload type that was not negotiated.
func (p *payloadTypes) codec(payloadType uint8) forward.Codec { return p.codecs[payloadType&0x7f] }
