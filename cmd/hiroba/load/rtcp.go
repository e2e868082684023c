package load

import "encoding/binary"

// The kinds of RTCP packets that are looked at.
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpRTPF = 205 // transport layer feedback; 1 is a generic NACK
	rtcpPSF  = 206 // payload specific feedback; 1 is PLI, 4 FIR
)

// reports is who is told of what came in an RTCP packet.
type reports interface {
	senderReport(ssrc uint32, ntp uint64)
	receiverReport(ssrc uint32)
	keyframe(ssrc uint32)
	nack(ssrc uint32, first uint16, following uint16)
}

// readReports takes a compound packet apart (RFC 3550, 6; RFC 4585, 6); false for
// what is malformed.
func readReports(b []byte, to reports) bool {
	for len(b) > 0 {
		if len(b) < 8 || b[0]>>6 != 2 {
			return false
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) || size < 8 {
			return false
		}
		packet, count := b[:size], int(b[0]&0x1f)
		b = b[size:]
		blocks := 8
		switch packet[1] {
		case rtcpSR:
			if size < 28 {
				return false
			}
			to.senderReport(binary.BigEndian.Uint32(packet[4:]), binary.BigEndian.Uint64(packet[8:]))
			blocks = 28
			fallthrough
		case rtcpRR:
			for i := range count {
				if at := blocks + 24*i; at+24 <= size {
					to.receiverReport(binary.BigEndian.Uint32(packet[at:]))
				}
			}
		case rtcpRTPF:
			if count != 1 || size < 12 {
				break
			}
			for at := 12; at+4 <= size; at += 4 {
				to.nack(binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[at:]), binary.BigEndian.Uint16(packet[at+2:]))
			}
		case rtcpPSF:
			switch {
			case count == 1 && size >= 12:
				to.keyframe(binary.BigEndian.Uint32(packet[8:]))
			case count == 4:
				for at := 12; at+8 <= size; at += 8 {
					to.keyframe(binary.BigEndian.Uint32(packet[at:]))
				}
			}
		}
	}
	return true
}
