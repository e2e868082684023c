package sdp

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

var roomy = Limits{Slots: 25, Tracks: 8}

func recorded(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// localOf is what an answer says of the server that wrote it.
func localOf(t testing.TB, answer string) Local {
	t.Helper()
	d := parse(t, answer)
	l := Local{Slots: map[string]SlotIDs{}, Session: d.Origin.SessionID, Version: d.Origin.SessionVersion, MaxMessageSize: 64 << 10}
	fingerprint, _ := d.Attribute("fingerprint")
	l.FingerprintSHA256 = strings.TrimPrefix(fingerprint, "sha-256 ")
	for _, m := range d.MediaDescriptions {
		l.Ufrag, _ = m.Attribute("ice-ufrag")
		l.Pwd, _ = m.Attribute("ice-pwd")
		mid, _ := m.Attribute("mid")
		var slot SlotIDs
		for _, a := range m.Attributes {
			fields := strings.Fields(a.Value)
			switch a.Key {
			case "candidate":
				l.Candidates = append(l.Candidates, a.Value)
			case "msid":
				slot.Stream, slot.Track = fields[0], fields[1]
			case "ssrc":
				if slot.SSRC == 0 {
					slot.SSRC = numberOf(t, fields[0])
				}
			case "ssrc-group":
				slot.SSRC, slot.RTX = numberOf(t, fields[1]), numberOf(t, fields[2])
			}
		}
		if slot.SSRC != 0 {
			l.Slots[mid] = slot
		}
	}
	return l
}

func parse(t testing.TB, text string) *sdp.SessionDescription {
	t.Helper()
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return &d
}

func numberOf(t testing.TB, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// linesOf are the lines of a description by section, "" for those before the
// first, without what browsers have forgotten and with RTX last among the
// payload types.
func linesOf(t testing.TB, text string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for i, part := range strings.Split(text, "\r\nm=") {
		mid, rtx := "", []string{}
		var lines []string
		for line := range strings.SplitSeq(strings.TrimSuffix(part, "\r\n"), "\r\n") {
			if name, ok := strings.CutPrefix(line, "a=mid:"); ok {
				mid = name
			}
			if pt, ok := strings.CutSuffix(line, " rtx/90000"); ok {
				rtx = append(rtx, strings.TrimPrefix(pt, "a=rtpmap:"))
			}
			if !strings.Contains(line, " mslabel:") && !strings.Contains(line, " label:") {
				lines = append(lines, line)
			}
		}
		if i > 0 {
			fields := strings.Fields(lines[0])
			formats := slices.DeleteFunc(fields[3:], func(pt string) bool { return slices.Contains(rtx, pt) })
			slices.Sort(rtx)
			lines[0] = "m=" + strings.Join(append(append(fields[:3:3], formats...), rtx...), " ")
		}
		slices.Sort(lines)
		out[mid] = lines
	}
	return out
}

// Offers of clients as they were, and the answers that they got from pion/webrtc:
// these are the differences, each with the role of the sections that have it,
// and all other lines are the same.
func TestAnswersAreThoseOfPion(t *testing.T) {
	roles := map[Role]string{Idle: "idle", Receiving: "slot", Sending: "track", Application: "data"}
	const streamID, repaired = " urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", " urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	const directionOfData = "data lacks a=sendrecv" // it has none
	for _, tc := range []struct {
		name  string
		wants []string
	}{
		{"chromium-slots", []string{directionOfData}},
		// The descriptor is of AV1, which it does not begin with.
		{"chromium-call", []string{directionOfData, "track lacks a=extmap:12 " + URIDescriptor}},
		{"chromium-all", []string{directionOfData, "track lacks a=extmap:12 " + URIDescriptor}},
		{"chromium-off", []string{directionOfData}},
		{"pion-call", []string{directionOfData}},
		{"pion-unpublished", []string{directionOfData}},
		{"libwebrtc-call", []string{
			directionOfData,
			"slot lacks a=rtcp-rsize", "track lacks a=rtcp-rsize", // which it did not offer
		}},
		{"firefox-call", []string{
			"slot lacks a=extmap:8 " + URIDescriptor, "slot lacks a=extmap:9" + streamID, "slot lacks a=extmap:10" + repaired, directionOfData,
			"slot lacks a=rtcp-rsize", "track lacks a=rtcp-rsize", // which it did not offer
			"slot has a=extmap-allow-mixed", "track has a=extmap-allow-mixed",
			// It says that it would not take these.
			"track lacks a=extmap:8 " + URIDescriptor, "track lacks a=extmap:9" + streamID, "track lacks a=extmap:10" + repaired,
			"track has a=extmap:9/recvonly" + streamID, "track has a=extmap:10/recvonly" + repaired,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := recorded(t, tc.name+".answer")
			o, err := Read(recorded(t, tc.name+".offer"), nil, roomy)
			if err != nil {
				t.Fatal(err)
			}
			theirs, ours := linesOf(t, want), linesOf(t, Answer(o, localOf(t, want)))
			if a, b := slices.Sorted(maps.Keys(theirs)), slices.Sorted(maps.Keys(ours)); !slices.Equal(a, b) {
				t.Fatalf("sections %q, want %q", b, a)
			}
			found := map[string]bool{}
			compare := func(does string, some, others map[string][]string) {
				for mid, lines := range some {
					role := "offer"
					if mid != "" {
						role = roles[o.Section(mid).Role]
					}
					for _, line := range lines {
						if !slices.Contains(others[mid], line) {
							found[role+does+line] = true
						}
					}
				}
			}
			compare(" lacks ", theirs, ours)
			compare(" has ", ours, theirs)
			slices.Sort(tc.wants)
			if differences := slices.Sorted(maps.Keys(found)); !slices.Equal(differences, tc.wants) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(differences, "\n"), strings.Join(tc.wants, "\n"))
			}
		})
	}
}
