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
			if len(payload) <= at {
				return false
			}
			f.TL0PICIDX, f.HasTL0PICIDX = payload[at], true
			f.tl0At = uint8(at)
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
			if extension&0x10 != 0 { // K
				f.KEYIDX, f.HasKEYIDX = payload[at]&0x1f, true
				f.keyAt = uint8(at)
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

// rewriteVP8 appends the payload descriptor with new numbers to head, and
// returns it with the rest of the payload, which stays as it is.
func rewriteVP8(head, payload []byte, f *Frame, to numbers) (rewritten, tail []byte) {
	head = append(head, payload[:f.headSize]...)
	writePictureID(head, f, to.picture)
	if f.tl0At != 0 {
		head[f.tl0At] = to.tl0
	}
	if f.keyAt != 0 {
		head[f.keyAt] = head[f.keyAt]&^0x1f | to.key&0x1f
	}
	return head, payload[f.headSize:]
}

// withoutLayers takes TL0PICIDX, TID and KEYIDX out of a payload descriptor, in
// place, if there is a picture id: without one, nothing else tells pictures apart.
func withoutLayers(head []byte) []byte {
	if len(head) < 3 || head[0]&0x80 == 0 || head[1]&0x80 == 0 {
		return head
	}
	end := 3
	if head[2]&0x80 != 0 { // M
		end = 4
	}
	if len(head) < end {
		return head
	}
	head[1] = 0x80
	return head[:end]
}

// writePictureID puts a picture id where the source has it, as wide.
func writePictureID(head []byte, f *Frame, id int64) {
	switch f.PictureIDBits {
	case 7:
		head[f.pictureAt] = uint8(id) & 0x7f
	case 15:
		binary.BigEndian.PutUint16(head[f.pictureAt:], 0x8000|uint16(id))
	}
}
