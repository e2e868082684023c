package sfu

import "github.com/pion/webrtc/v4"

// Kind is audio or video.
type Kind int

const (
	// Audio is a sound.
	Audio Kind = iota
	// Video is a moving picture.
	Video
)

func (k Kind) codecType() webrtc.RTPCodecType {
	if k == Audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// Track declares what a sending media section of a peer carries.
type Track struct {
	ID    string
	Mid   string
	Kind  Kind
	Muted bool
	// Detail says that size matters more than the frame rate: a shared screen.
	Detail bool
	// Encodings are by size, the smallest first; nil when nothing is known.
	Encodings []Encoding
}
