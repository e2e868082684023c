package load

import "encoding/binary"

// The ids of header extensions that offers name (RFC 8285).
const (
	levelID        = 1
	transportID    = 3
	midID          = 4
	streamID       = 10
	repairedID     = 11
	rtpHeader      = 12
	maxHeader      = rtpHeader + 4 + 64
	oneByteProfile = 0xbede
)

// header is what of a received RTP header is looked at.
type header struct {
	payloadType  uint8
	marker       bool
	seq          uint16
	timestamp    uint32
	ssrc         uint32
	transport    uint16 // transport-wide sequence number
	hasTransport bool
}

// readHeader reads the header of a packet (RFC 3550, 5.1); false for what is none.
func readHeader(b []byte) (h header, ok bool) {
	if len(b) < rtpHeader || b[0]>>6 != 2 {
		return h, false
	}
	h = header{
		payloadType: b[1] & 0x7f,
		marker:      b[1]&0x80 != 0,
		seq:         binary.BigEndian.Uint16(b[2:]),
		timestamp:   binary.BigEndian.Uint32(b[4:]),
		ssrc:        binary.BigEndian.Uint32(b[8:]),
	}
	if b[0]&0x10 == 0 {
		return h, true
	}
	at := rtpHeader + 4*int(b[0]&0x0f)
	if len(b) < at+4 {
		return h, false
	}
	end := at + 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	if len(b) < end {
		return h, false
	}
	if binary.BigEndian.Uint16(b[at:]) != oneByteProfile {
		return h, true
	}
	for at += 4; at < end; {
		id, size := b[at]>>4, int(b[at]&0x0f)+1
		if id == 0 { // padding
			at++
			continue
		}
		if id == transportID && size == 2 && at+3 <= end {
			h.transport, h.hasTransport = binary.BigEndian.Uint16(b[at+1:]), true
			return h, true
		}
		at += 1 + size
	}
	return h, true
}

// headerWriter writes an RTP header with extensions of the one-byte form.
type headerWriter struct {
	b  []byte
	at int
}

// begin writes the fixed part. b has room for maxHeader.
func (w *headerWriter) begin(b []byte, payloadType uint8, marker bool, seq uint16, timestamp, ssrc uint32) {
	w.b, w.at = b, rtpHeader+4
	b[0], b[1] = 2<<6|0x10, payloadType
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	binary.BigEndian.PutUint16(b[12:], oneByteProfile)
}

func (w *headerWriter) number(id uint8, n uint16) {
	w.b[w.at] = id<<4 | 1
	binary.BigEndian.PutUint16(w.b[w.at+1:], n)
	w.at += 3
}

func (w *headerWriter) octet(id uint8, n uint8) {
	w.b[w.at], w.b[w.at+1] = id<<4, n
	w.at += 2
}

func (w *headerWriter) text(id uint8, text string) {
	w.b[w.at] = id<<4 | uint8(len(text)-1)
	w.at += 1 + copy(w.b[w.at+1:], text)
}

// end pads the extensions and returns the size of the header.
func (w *headerWriter) end() int {
	for w.at%4 != 0 {
		w.b[w.at] = 0
		w.at++
	}
	binary.BigEndian.PutUint16(w.b[14:], uint16((w.at-rtpHeader-4)/4))
	return w.at
}
