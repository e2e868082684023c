package forward

import "encoding/binary"

// parseVP8 reads the VP8 payload descriptor (RFC 7741, 4.2). It reports false
// for one that is cut short, or describes nothing.
func parseVP8(payload []byte, marker bool, f *Frame) bool {
	if len(payload) < 1 {
		return false
	}
	first := payload[0]
	f.Starts = first&0x10 != 0 && first&0x07 == 0 // S, partition 0
	f.Ends = marker
	at := 1
	if first&0x80 != 0 { // X
		if len(payload) < 2 {
			return false
		}
		extension := payload[1]
		at = 2
		if extension&0x80 != 0 { // I
			if at = readPictureID(payload, at, f); at == 0 {
				return false
			}
		}
		if extension&0x40 != 0 { // L
			at++
		}
		if extension&0x30 != 0 { // T or K share a byte
			if len(payload) <= at {
				return false
			}
			if extension&0x20 != 0 { // T
				f.Temporal = payload[at] >> 6
				f.SwitchUp = payload[at]&0x20 != 0 // Y
			}
			at++
		}
	}
	if len(payload) <= at {
		return false
	}
	f.headSize = uint8(at)
	f.Keyframe = f.Starts && payload[at]&0x01 == 0
	f.InterPicture = !f.Keyframe
	return true
}

// readPictureID reads a picture id of one or two bytes, as VP8 and VP9 have
// them, and returns what follows it; 0 when it is cut short.
func readPictureID(payload []byte, at int, f *Frame) (next int) {
	if len(payload) <= at {
		return 0
	}
	f.pictureAt = uint8(at)
	if payload[at]&0x80 == 0 { // M
		f.PictureID, f.PictureIDBits = uint16(payload[at]), 7
		return at + 1
	}
	if len(payload) < at+2 {
		return 0
	}
	f.PictureID, f.PictureIDBits = binary.BigEndian.Uint16(payload[at:])&0x7fff, 15
	return at + 2
}

// rewriteVP8 appends the payload descriptor with a new picture id to head, and
// returns it with the rest of the payload, which stays as it is.
//
// The numbers of temporal layers (TL0PICIDX, TID, KEYIDX) are left out. Browsers
// that read them go on with the next picture that can be decoded, and leave out
// one of a higher layer whose packet was lost, though it is on its way again;
// without, they wait for it.
func rewriteVP8(head, payload []byte, f *Frame, picture int64) (rewritten, tail []byte) {
	tail = payload[f.headSize:]
	if f.PictureIDBits == 0 {
		return append(head, payload[0]&^0x80), tail
	}
	head = append(append(head, payload[0], 0x80), payload[f.pictureAt:f.pictureAt+(f.PictureIDBits+1)/8]...)
	writePictureID(head[2:], f.PictureIDBits, picture)
	return head, tail
}

// writePictureID writes a picture id of so many bits.
func writePictureID(to []byte, bits uint8, id int64) {
	switch bits {
	case 7:
		to[0] = uint8(id) & 0x7f
	case 15:
		binary.BigEndian.PutUint16(to, 0x8000|uint16(id))
	}
}
