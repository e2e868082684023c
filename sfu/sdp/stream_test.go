package sdp

import (
	"slices"
	"strings"
	"testing"
)

func TestStreams(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string // beside a=ssrc:7
		ssrcs []StreamIDs
		rids  []string
	}{
		{"one", nil, []StreamIDs{{7, 0}}, nil},
		{"said more than once", []string{"ssrc:7 msid:a b", "ssrc:0 cname:x", "ssrc:x cname:x", "ssrc:4294967296 cname:x"}, []StreamIDs{{7, 0}}, nil},
		{"with retransmissions", []string{"ssrc-group:FID 7 8", "ssrc:8 cname:x"}, []StreamIDs{{7, 8}}, nil},
		{"with what was not named", []string{"ssrc-group:FID 7 8"}, []StreamIDs{{7, 8}}, nil},
		{"with retransmissions and no group", []string{"ssrc:8 cname:x"}, []StreamIDs{{7, 0}, {8, 0}}, nil},
		{"with error correction", []string{"ssrc:8 cname:x", "ssrc:9 cname:x", "ssrc-group:FID 7 8", "ssrc-group:FEC-FR 7 9"}, []StreamIDs{{7, 8}}, nil},
		{"groups of nothing", []string{"ssrc-group:FID", "ssrc-group:FID 7", "ssrc-group:FID 7 7", "ssrc-group:FID 5 6", "ssrc-group:SIM 7 8"}, []StreamIDs{{7, 0}}, nil},
		{"in sizes, as Firefox has it", []string{
			"rid:q send", "rid:h send", "simulcast:send q;h", "ssrc:8 cname:x", "ssrc:9 cname:x", "ssrc:10 cname:x", "ssrc-group:FID 7 8", "ssrc-group:FID 9 10",
		}, []StreamIDs{{7, 8}, {9, 10}}, []string{"q", "h"}},
		{"in sizes, in the order of a=simulcast", []string{"rid:h send", "rid:q send pt=96", "rid:f send", "simulcast:recv x send f;~q,a;h"}, []StreamIDs{{7, 0}}, []string{"f", "q", "h"}},
		{"in sizes that are not declared", []string{"rid:q send", "rid:h recv", "simulcast:send q;h;f"}, []StreamIDs{{7, 0}}, []string{"q"}},
		{"declared and not listed", []string{"rid:q send", "rid:h send"}, []StreamIDs{{7, 0}}, nil},
		{"received in sizes", []string{"rid:q recv", "simulcast:recv q"}, []StreamIDs{{7, 0}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			offer := offerOf("video sendonly 0")
			for _, line := range tc.lines {
				offer += "a=" + line + "\r\n"
			}
			o := mustRead(t, offer, nil)
			s := o.Sections[0]
			if !slices.Equal(s.SSRCs, tc.ssrcs) || !slices.Equal(s.RIDs, tc.rids) {
				t.Errorf("got %v and %q, want %v and %q", s.SSRCs, s.RIDs, tc.ssrcs, tc.rids)
			}
			answer := Answer(o, Local{})
			if got := strings.Contains(answer, "a=simulcast:recv "+strings.Join(tc.rids, ";")+"\r\n"); got != (len(tc.rids) > 0) {
				t.Errorf("the answer is\n%s", answer)
			}
			if strings.Count(answer, "a=rid:") != len(tc.rids) {
				t.Errorf("the answer is\n%s", answer)
			}
		})
	}
	// What a client receives in has no streams of its own, whatever it names.
	if s := mustRead(t, offerOf("video recvonly 0")+"a=ssrc:1 cname:x\r\na=rid:q send\r\na=simulcast:send q\r\n", nil).Sections[0]; s.SSRCs != nil || s.RIDs != nil {
		t.Errorf("a slot has %v and %q", s.SSRCs, s.RIDs)
	}
}
