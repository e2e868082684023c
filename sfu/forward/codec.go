package forward

// Codec is a video codec whose frames can be told from its RTP payload.
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
