package sdp

// Offer is a client's offer as understood. It does not change once Read has
// returned it; sections with the same codecs share them.
type Offer struct {
	// Sections are those of the offer, in its order.
	Sections []Section
	// Ufrag and Pwd are the client's ICE credentials. When they are other ones
	// than before, the client restarts ICE (RFC 8445, 9).
	Ufrag, Pwd string
	// Fingerprints are of the client's certificate, which has to match one of
	// them (RFC 8122, 5). They are the same in all offers of one connection.
	Fingerprints []Fingerprint
	// Active says that the server begins with DTLS, which the answer says
	// as a=setup:active; the client does otherwise. It is the same in all
	// offers of one connection.
	Active bool
	// SCTPPort is where the client's end of the DataChannels is, 0 without
	// DataChannels (RFC 8841, 5).
	SCTPPort uint16
	// MaxMessageSize is how many bytes the client takes in one DataChannel
	// message; 0 is any number (RFC 8841, 6).
	MaxMessageSize uint32
	// SCTPInit is the INIT chunk of the client's SCTP, nil for none: an answer
	// with one of the server's spares both the handshake (draft-hancke-tsvwg-snap).
	SCTPInit []byte

	bundle  []int  // the accepted sections, the tagged one first (RFC 9143, 7.3)
	grouped bool   // the offer has a=group:BUNDLE
	mixed   bool   // a=extmap-allow-mixed for all sections
	embeds  string // the ICE option for DTLS inside of checks, as it is called; empty without
}

// Section is one media section of an offer.
type Section struct {
	Mid  string
	Kind Kind
	Role Role
	// Rejected sections are answered with the port 0: the client stopped them,
	// or they are idle and of no use. The others are open; an idle one of those
	// may be used again.
	Rejected bool
	// Codecs are those in common, in the offer's order of preference. RTX and
	// redundant Opus are among them.
	Codecs []Codec
	// Feedback is what is taken of any of the codecs.
	Feedback Feedback
	// Extensions are the RTP header extensions that are taken, with the ids
	// of the offer.
	Extensions []Extension
	// SSRCs are the streams that a sending section names. One with RIDs may
	// name them or not.
	SSRCs []StreamIDs
	// RIDs are the encodings of a section that sends with simulcast, in the
	// offer's order; nil without simulcast. An idle section may have some, too:
	// Chromium would go on with one alone if they were not answered.
	RIDs []string

	media, protocol, format string // of its m= line; the first format alone
	rsize, mixed            bool   // a=rtcp-rsize, a=extmap-allow-mixed
}

// StreamIDs are the SSRCs of one stream of RTP and of its retransmissions
// (RFC 4588), 0 for none.
type StreamIDs struct{ SSRC, RTX uint32 }

// Kind is what a media section carries.
type Kind uint8

// The kinds; OtherKind is neither sound nor picture.
const (
	OtherKind Kind = iota
	Audio
	Video
)

// Role is what a media section is for.
type Role uint8

const (
	// Idle is for nothing now; it may become something again.
	Idle Role = iota
	// Receiving is a slot: the client receives in it what the server sends.
	Receiving
	// Sending is a track of the client's.
	Sending
	// Application carries the DataChannels.
	Application
)

// Count is how many sections have a role and a kind.
func (o *Offer) Count(role Role, kind Kind) (n int) {
	for i := range o.Sections {
		if o.Sections[i].Role == role && o.Sections[i].Kind == kind {
			n++
		}
	}
	return n
}

// Section is the one with a mid; nil for none.
func (o *Offer) Section(mid string) *Section {
	for i := range o.Sections {
		if o.Sections[i].Mid == mid {
			return &o.Sections[i]
		}
	}
	return nil
}

// RTX says whether retransmissions may go in streams of their own.
func (s *Section) RTX() bool {
	for i := range s.Codecs {
		if s.Codecs[i].MimeType == mimeRTX {
			return true
		}
	}
	return false
}

// ExtensionID is the id of an RTP header extension; 0 if it is not taken.
func (s *Section) ExtensionID(uri string) uint8 {
	for i := range s.Extensions {
		if s.Extensions[i].URI == uri {
			return s.Extensions[i].ID
		}
	}
	return 0
}
