package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// ssrc takes the value of an a=ssrc line (RFC 5576, 4.1).
func (r *sectionReader) ssrc(value string) {
	number, _, _ := strings.Cut(value, " ")
	ssrc := parseSSRC(number)
	if ssrc == 0 || slices.Contains(r.ssrcs, ssrc) {
		return
	}
	if len(r.ssrcs) == maxSSRCs {
		r.manySSRCs = true
		return
	}
	r.ssrcs = append(r.ssrcs, ssrc)
}

// streams are those that the section names, with the retransmissions of each
// where a=ssrc-group:FID says so (RFC 5576, 4.2). Error correction is not taken.
func (r *sectionReader) streams() (out []StreamIDs) {
	second := [maxSSRCs]bool{}
	rtx := [maxSSRCs]uint32{}
	for _, group := range r.groups {
		semantics, rest, _ := strings.Cut(group, " ")
		if semantics != "FID" && semantics != "FEC-FR" && semantics != "FEC" {
			continue
		}
		first, rest, _ := strings.Cut(rest, " ")
		base := slices.Index(r.ssrcs, parseSSRC(first))
		other, _, _ := strings.Cut(rest, " ")
		ssrc := parseSSRC(other)
		if base < 0 || ssrc == 0 {
			continue
		}
		if i := slices.Index(r.ssrcs, ssrc); i >= 0 && i != base {
			second[i] = true
		}
		if semantics == "FID" && ssrc != r.ssrcs[base] {
			rtx[base] = ssrc
		}
	}
	for i, ssrc := range r.ssrcs {
		if !second[i] {
			out = append(out, StreamIDs{SSRC: ssrc, RTX: rtx[i]})
		}
	}
	return out
}

// parseSSRC is 0 for what is none.
func parseSSRC(text string) uint32 {
	ssrc, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(ssrc)
}

// sent are the rids that a section sends with simulcast (RFC 8853, 5.1). Of
// alternatives the first counts.
func sent(simulcast string) (rids []string) {
	fields := strings.Fields(simulcast)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != "send" {
			continue
		}
		for stream := range strings.SplitSeq(fields[i+1], ";") {
			rid, _, _ := strings.Cut(stream, ",")
			rids = append(rids, strings.TrimPrefix(rid, "~"))
		}
	}
	return rids
}

func twice(rids []string) bool {
	for i, rid := range rids {
		if slices.Contains(rids[:i], rid) {
			return true
		}
	}
	return false
}

// isRID says whether a text is the name of an encoding (RFC 8851, 4) that fits
// a header extension of the one-byte form.
func isRID(text string) bool {
	return text != "" && len(text) <= 16 && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	})
}
