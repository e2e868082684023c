package sfu

// Kind is audio or video.
type Kind int

const (
	// Audio is a sound.
	Audio Kind = iota
	// Video is a moving picture.
	Video
)

// String is the word of SDP.
func (k Kind) String() string {
	if k == Audio {
		return "audio"
	}
	return "video"
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
