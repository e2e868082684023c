package sdp

import (
	"encoding/base64"
	"encoding/binary"
)

const (
	// maxInit is how long an INIT chunk may be, in bytes: clients send some
	// fifty.
	maxInit = 512
	// The fixed part of one (RFC 9260, 3.3.2), and the header of a parameter.
	initHeader, parameterHeader = 20, 4
	chunkInit                   = 1
	// leastWindow is the smallest receive window there may be.
	leastWindow = 1500
)

// readInit reads the value of a=sctp-init; nil for what is no INIT chunk that
// an association could begin with. Such a line is as good as none
// (draft-hancke-tsvwg-snap).
func readInit(value string) []byte {
	if len(value) > base64.StdEncoding.EncodedLen(maxInit) {
		return nil
	}
	chunk, err := base64.StdEncoding.DecodeString(value)
	if err != nil || !isInit(chunk) {
		return nil
	}
	return chunk
}

// isInit says whether a chunk is an INIT that an association can begin with
// (RFC 9260, 3.3.2): one that asks for no more than is known of, and is whole.
func isInit(chunk []byte) bool {
	if len(chunk) < initHeader || len(chunk) > maxInit || chunk[0] != chunkInit || chunk[1] != 0 {
		return false
	}
	length := int(binary.BigEndian.Uint16(chunk[2:]))
	if length < initHeader || length > len(chunk) || len(chunk)-length > 3 {
		return false
	}
	for _, padding := range chunk[length:] {
		if padding != 0 {
			return false
		}
	}
	tag, window := binary.BigEndian.Uint32(chunk[4:]), binary.BigEndian.Uint32(chunk[8:])
	out, in := binary.BigEndian.Uint16(chunk[12:]), binary.BigEndian.Uint16(chunk[14:])
	if tag == 0 || window < leastWindow || out == 0 || in == 0 {
		return false
	}
	for rest := chunk[initHeader:length]; len(rest) > 0; {
		if len(rest) < parameterHeader {
			return false
		}
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if size < parameterHeader || size > len(rest) || !acceptable(kind) {
			return false
		}
		rest = rest[min(len(rest), (size+3)&^3):]
	}
	return true
}

// acceptable says whether an association may begin in spite of a parameter that
// is not known: the first bit of its type says so (RFC 9260, 3.2.1). Those below
// are for addresses and cookies, of which WebRTC has none.
func acceptable(kind uint16) bool { return kind >= 0x8000 }
