package dataframe

// The bounds that both ends keep; docs/protocol/media.md tells them to others.
const (
	// MaxFrame is the most bytes of a frame, encoded.
	MaxFrame = 64 << 10
	// MaxTopic is the most bytes of a topic.
	MaxTopic = 64
	// MaxMessage is the most bytes of a message in parts.
	MaxMessage = 16 << 20
	// MinPart is the fewest bytes of a part that is not a message's last: small
	// ones would cost more than they carry.
	MinPart = 16 << 10
	// Window is how far beyond the offset that the SFU said READY for a run's
	// parts may reach.
	Window = 256 << 10
)

// fits tells whether a part is one, and of a payload of that length.
func (p *Part) fits(length int) bool {
	end := uint64(p.GetOffset()) + uint64(length)
	return length > 0 && p.GetTotal() <= MaxMessage && end <= uint64(p.GetTotal())
}

// Fits tells whether a frame's part is one that may be sent: within its
// message, and not smaller than parts are.
func (f *DataFrame) Fits() bool {
	p, length := f.GetPart(), len(f.GetPayload())
	return p.fits(length) && (length >= MinPart || p.GetOffset()+uint32(length) == p.GetTotal())
}
