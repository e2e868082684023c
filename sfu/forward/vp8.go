package forward

// vp8StartsKeyframe reads the VP8 payload descriptor (RFC 7741, 4.2) up to
// the first bytes of the frame (4.3), whose P bit is 0 in a keyframe.
func vp8StartsKeyframe(payload []byte) bool {
	if len(payload) < 1 {
		return false
	}
	first := payload[0]
	if first&0x10 == 0 || first&0x07 != 0 { // S set, partition 0
		return false
	}
	at := 1
	if first&0x80 != 0 { // X
		if len(payload) < 2 {
			return false
		}
		extension := payload[1]
		at = 2
		if extension&0x80 != 0 { // I: one or two bytes of picture id
			if len(payload) <= at {
				return false
			}
			if payload[at]&0x80 != 0 {
				at++
			}
			at++
		}
		if extension&0x40 != 0 { // L: TL0PICIDX
			at++
		}
		if extension&0x30 != 0 { // T or K share a byte
			at++
		}
	}
	return len(payload) > at && payload[at]&0x01 == 0
}
