package forward

// Codec is a video codec whose keyframes can be told from its RTP payload.
type Codec int

const (
	// Other is audio, or anything whose every packet can be started at.
	Other Codec = iota
	// VP8 is RFC 7741.
	VP8
	// VP9 is RFC 9628.
	VP9
	// H264 is RFC 6184.
	H264
	// AV1 is the AV1 RTP specification of AOMedia.
	AV1
)

// StartsKeyframe says whether a decoder that knows nothing yet can start at
// the packet with this payload.
func (c Codec) StartsKeyframe(payload []byte) bool {
	switch c {
	case VP8:
		return vp8StartsKeyframe(payload)
	case VP9:
		return vp9StartsKeyframe(payload)
	case H264:
		return h264StartsKeyframe(payload)
	case AV1:
		return av1StartsKeyframe(payload)
	default:
		return true
	}
}
