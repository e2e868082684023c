package reception

import "encoding/binary"

// rtpHeader is the part of an RTP header that each packet has (RFC 3550, 5.1).
const rtpHeader = 12

// Unwrap turns a retransmission (RFC 4588, 4) in place into the packet that it
// repeats, of the given payload type and SSRC: the sequence number goes back from
// the payload into the header. Everything else stays, header extensions and
// padding too. It gives nothing, and true, for a packet without any payload,
// which is sent to fill or to probe the way; false for one that is malformed. Of
// packet, nothing is changed then.
func Unwrap(packet []byte, payloadType uint8, ssrc uint32) (original []byte, ok bool) {
	if len(packet) < rtpHeader || packet[0]>>6 != 2 {
		return nil, false
	}
	header := rtpHeader + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 != 0 {
		if len(packet) < header+4 {
			return nil, false
		}
		header += 4 + 4*int(binary.BigEndian.Uint16(packet[header+2:]))
	}
	payload := len(packet) - header
	if packet[0]&0x20 != 0 {
		padding := int(packet[len(packet)-1])
		if padding == 0 {
			return nil, false
		}
		payload -= padding
	}
	switch {
	case payload == 0:
		return nil, true
	case payload < 2:
		return nil, false
	}
	packet[1] = packet[1]&0x80 | payloadType&0x7f
	copy(packet[2:4], packet[header:])
	binary.BigEndian.PutUint32(packet[8:], ssrc)
	copy(packet[header:], packet[header+2:])
	return packet[:len(packet)-2], true
}
