package load

import "encoding/binary"

// codec is how the packets of one are made to look.
type codec struct {
	name, fmtp string // for SDP
	// describe writes how a packet's payload begins, at most maxDescription bytes,
	// and returns how many those are.
	describe func(into []byte, p *packet) int
}

const maxDescription = 24

var codecs = map[string]codec{
	"vp8":  {name: "VP8", describe: describeVP8},
	"vp9":  {name: "VP9", fmtp: "profile-id=0", describe: describeVP9},
	"h264": {name: "H264", fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", describe: describeH264},
}

// describeVP8 writes a descriptor with a picture id (RFC 7741, 4.2) and, in the
// first packet, the frame's own header (RFC 6386, 9.1).
func describeVP8(into []byte, p *packet) int {
	into[0], into[1] = 0x80, 0x80 // X; I
	if p.first {
		into[0] |= 0x10 // S
	}
	binary.BigEndian.PutUint16(into[2:], 0x8000|p.picture)
	if !p.first {
		into[4] = 0
		return 5
	}
	const version = 0x10 // shown
	into[4], into[5], into[6] = version|1, 0, 0
	if !p.key {
		return 7
	}
	into[4] = version
	copy(into[7:], []byte{0x9d, 0x01, 0x2a})
	binary.LittleEndian.PutUint16(into[10:], p.width)
	binary.LittleEndian.PutUint16(into[12:], p.height)
	return 14
}

// describeVP9 writes a descriptor of one layer (RFC 9628, 4.2).
func describeVP9(into []byte, p *packet) int {
	into[0] = 0x80 // I
	if !p.key {
		into[0] |= 0x40 // P
	}
	if p.first {
		into[0] |= 0x08 // B
	}
	if p.last {
		into[0] |= 0x04 // E
	}
	binary.BigEndian.PutUint16(into[1:], 0x8000|p.picture)
	return 3
}

// describeH264 writes the header of a fragment (RFC 6184, 5.8).
func describeH264(into []byte, p *packet) int {
	into[0], into[1] = 0x7c, 1 // FU-A; of a slice
	if p.key {
		into[1] = 5 // of an IDR picture
	}
	if p.first {
		into[1] |= 0x80
	}
	if p.last {
		into[1] |= 0x40
	}
	return 2
}
