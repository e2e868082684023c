package forward

// vp9StartsKeyframe reads the VP9 payload descriptor (RFC 9628, 4.2): the
// beginning (B) of a frame that is not predicted from another picture (P),
// on the lowest spatial layer.
func vp9StartsKeyframe(payload []byte) bool {
	if len(payload) < 1 {
		return false
	}
	first := payload[0]
	const i, p, l, b = 0x80, 0x40, 0x20, 0x08
	if first&p != 0 || first&b == 0 {
		return false
	}
	if first&l == 0 {
		return true
	}
	at := 1
	if first&i != 0 { // one or two bytes of picture id
		if len(payload) <= at {
			return false
		}
		if payload[at]&0x80 != 0 {
			at++
		}
		at++
	}
	return len(payload) > at && payload[at]>>1&0x07 == 0 // SID
}
