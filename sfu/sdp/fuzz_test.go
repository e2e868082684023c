package sdp

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// Whatever a stranger offers is refused, or answered with one section for each
// of its own; and what was taken may be offered again.
func FuzzReadAndAnswer(f *testing.F) {
	// Of each browser the head and a section with simulcast: what is short is
	// varied more.
	for _, name := range []string{"chromium-call", "firefox-call"} {
		sections := strings.Split(recorded(f, name+".offer"), "\r\nm=")
		for _, section := range sections {
			if strings.Contains(section, "a=simulcast:") {
				offer := sections[0] + "\r\nm=" + section + "\r\n"
				f.Add(offer, offer)
			}
		}
	}
	f.Add(offerOf("audio sendrecv 0", "video recvonly 1", "application sendrecv 2"), offerOf("audio inactive 0", "video stopped 1", "application sendrecv 2"))
	f.Add(layered("q", "h")+"a=simulcast:send q;h\r\n", offerOf("video stopped 0"))
	limits := Limits{Slots: 4, Tracks: 2}
	f.Fuzz(func(t *testing.T, first, second string) {
		before, err := Read(first, nil, limits)
		if err != nil {
			return
		}
		if _, err := Read(first, before, limits); err != nil {
			t.Fatalf("the same offer again: %v", err)
		}
		after, err := Read(second, before, limits)
		if err != nil {
			after = before
		}
		for _, o := range []*Offer{before, after} {
			l := server
			l.Slots = map[string]SlotIDs{}
			for _, s := range o.Sections {
				if s.Role == Receiving {
					l.Slots[s.Mid] = SlotIDs{SSRC: 1, RTX: 2, Stream: "s", Track: "t"}
				}
			}
			answer := Answer(o, l)
			var d sdp.SessionDescription
			if err := d.UnmarshalString(answer); err != nil {
				t.Fatalf("%v:\n%s", err, answer)
			}
			if len(d.MediaDescriptions) != len(o.Sections) {
				t.Fatalf("%d sections are answered with %d:\n%s", len(o.Sections), len(d.MediaDescriptions), answer)
			}
			if n := strings.Count(answer, "a=ice-pwd:"); n != len(o.bundle) {
				t.Fatalf("%d sections of %d are open:\n%s", n, len(o.bundle), answer)
			}
		}
	})
}
