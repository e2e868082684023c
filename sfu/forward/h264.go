package forward

// NAL unit types (RFC 6184, 5.2 and H.264 table 7-1).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// h264StartsKeyframe looks for a sequence parameter set, which senders put
// before each IDR picture, or for the beginning of an IDR picture.
func h264StartsKeyframe(payload []byte) bool {
	if len(payload) < 1 {
		return false
	}
	switch payload[0] & 0x1f {
	case nalIDR, nalSPS:
		return true
	case nalSTAPA:
		for rest := payload[1:]; len(rest) > 2; {
			size := int(rest[0])<<8 | int(rest[1])
			if t := rest[2] & 0x1f; t == nalSPS || t == nalIDR {
				return true
			}
			if len(rest) < 2+size {
				return false
			}
			rest = rest[2+size:]
		}
	case nalFUA:
		return len(payload) > 1 && payload[1]&0x80 != 0 && payload[1]&0x1f == nalIDR
	}
	return false
}

// parseH264 tells what RTP and the NAL unit's type tell: RFC 6184 knows no
// layers and no numbers.
func parseH264(payload []byte, newPicture, marker bool, f *Frame) bool {
	f.Starts, f.Ends = newPicture, marker
	f.Keyframe = h264StartsKeyframe(payload)
	// A picture may begin with a delimiter or SEI that was lost or left away:
	// parameter sets are a start of their own.
	f.Starts = f.Starts || f.Keyframe
	f.InterPicture = !f.Keyframe
	return true
}
