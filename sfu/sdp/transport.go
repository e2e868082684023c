package sdp

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// Fingerprint is the hash of a certificate (RFC 8122, 5).
type Fingerprint struct {
	Algorithm string // "sha-256", in lower case
	Value     string // "0A:1B:…", in upper case
}

// The hashes that are taken, with their bytes. Weaker ones prove nothing.
var hashes = map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}

// transport is what a description, or a section of it, says of how it is
// reached.
type transport struct {
	ufrag, pwd, setup string
	embeds            string // that of embeddings which the client has
	fingerprints      []Fingerprint
	prints            int // fingerprints, known or not
}

func (t *transport) read(attributes []sdp.Attribute) {
	for _, attribute := range attributes {
		switch attribute.Key {
		case "ice-ufrag":
			t.ufrag = attribute.Value
		case "ice-pwd":
			t.pwd = attribute.Value
		case sdp.AttrKeyConnectionSetup:
			t.setup = attribute.Value
		case "ice-options":
			if t.embeds == "" {
				t.embeds = embedding(attribute.Value)
			}
		case "fingerprint":
			t.prints++
			algorithm, value, _ := strings.Cut(attribute.Value, " ")
			algorithm, value = strings.ToLower(algorithm), strings.ToUpper(strings.TrimSpace(value))
			f := Fingerprint{Algorithm: algorithm, Value: value}
			// A list without end is one of nobody's certificate.
			if isHash(f) && len(t.fingerprints) < 4 && !slices.Contains(t.fingerprints, f) {
				t.fingerprints = append(t.fingerprints, Fingerprint{strings.Clone(algorithm), strings.Clone(value)})
			}
		}
	}
}

// embeddings are the ICE options that say that DTLS may be inside of checks
// (draft-hancke-webrtc-sped): that of the draft, and what libwebrtc called it
// before. The first one that is offered is answered.
var embeddings = []string{"sped", "googspedv1", "goog-sped-v1"}

func embedding(options string) string {
	offered := strings.Fields(options)
	for _, name := range embeddings {
		if slices.Contains(offered, name) {
			return name
		}
	}
	return ""
}

// isHash says whether a fingerprint has the form of its algorithm.
func isHash(f Fingerprint) bool {
	size, known := hashes[f.Algorithm]
	if !known || len(f.Value) != 3*size-1 {
		return false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(f.Value, ":", ""))
	return err == nil && len(raw) == size
}

// readTransport reads how the client is reached: what the tagged section says,
// or else the whole description (RFC 9143, 7.1.3). An offer that stops all
// sections says nothing, and what was before stays.
func (o *Offer) readTransport(description *sdp.SessionDescription, before *Offer) error {
	if _, lite := description.Attribute(sdp.AttrKeyICELite); lite {
		return fmt.Errorf("%w: it has a=ice-lite; the server is lite, so the client has to check the ways", ErrBadDescription)
	}
	if len(o.bundle) == 0 {
		if before == nil {
			return fmt.Errorf("%w: all its media sections are stopped; offer tracks, slots or a DataChannel", ErrBadDescription)
		}
		o.Ufrag, o.Pwd, o.Fingerprints, o.Active, o.embeds = before.Ufrag, before.Pwd, before.Fingerprints, before.Active, before.embeds
		return nil
	}
	var all, tagged transport
	all.read(description.Attributes)
	tagged.read(description.MediaDescriptions[o.bundle[0]].Attributes)
	ufrag, pwd := cmp.Or(tagged.ufrag, all.ufrag), cmp.Or(tagged.pwd, all.pwd)
	if tagged.prints == 0 {
		tagged.fingerprints = all.fingerprints
	}
	switch {
	case !isCredential(ufrag, 4) || !isCredential(pwd, 22):
		return fmt.Errorf("%w: a=ice-ufrag of 4 to 256 letters, digits and signs, or a=ice-pwd of 22 to 256, is missing in the section with mid %q",
			ErrBadDescription, o.Sections[o.bundle[0]].Mid)
	case len(tagged.fingerprints) == 0:
		return fmt.Errorf("%w: it has no a=fingerprint of sha-256, sha-384 or sha-512", ErrBadDescription)
	}
	o.Ufrag, o.Pwd, o.Fingerprints = strings.Clone(ufrag), strings.Clone(pwd), tagged.fingerprints
	o.embeds = cmp.Or(tagged.embeds, all.embeds)
	switch setup := cmp.Or(tagged.setup, all.setup); setup {
	case "", "actpass":
		// The roles stay as they are (RFC 8842, 5.3). At first the server begins,
		// as soon as it hears of the client; but a client that begins inside of
		// its first check is a round trip earlier.
		o.Active = before == nil && o.embeds == "" || before != nil && before.Active
	case "passive":
		o.Active = true
	case "active":
	default:
		return fmt.Errorf("%w: it has a=setup:%.20q; actpass, active and passive are known", ErrBadDescription, setup)
	}
	return nil
}

// isCredential says whether a text may be a ufrag or password: of a length
// (RFC 8839, 5.4), and without what would be something else in a STUN username.
func isCredential(text string, least int) bool {
	return len(text) >= least && len(text) <= 256 &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}
