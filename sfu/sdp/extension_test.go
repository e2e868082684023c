package sdp

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestExtensions(t *testing.T) {
	all := []string{
		"1 " + URIMid, "2 " + URIStreamID, "3 " + URIRepairedStreamID, "4 " + URITransportCC, "5 " + URIDescriptor,
		"6 " + URIVideoOrientation, "7 " + URIAudioLevel, "8 urn:ietf:params:rtp-hdrext:toffset",
	}
	for _, tc := range []struct {
		name, kind, direction string
		offered               []string
		mixed                 bool
		want                  map[string]uint8
		answered              []string
	}{
		{"a slot of pictures", "video", "recvonly", all, false,
			map[string]uint8{URIMid: 1, URIStreamID: 2, URIRepairedStreamID: 3, URITransportCC: 4, URIDescriptor: 5, URIVideoOrientation: 6}, []string{"1 " + URIMid, "2 " + URIStreamID}},
		{"a slot of sound", "audio", "recvonly", all, false, map[string]uint8{URIMid: 1, URITransportCC: 4, URIAudioLevel: 7}, nil},
		{"a track of pictures", "video", "sendonly", all, false,
			map[string]uint8{URIMid: 1, URIStreamID: 2, URIRepairedStreamID: 3, URITransportCC: 4, URIVideoOrientation: 6}, []string{"2 " + URIStreamID}},
		{"a track of sound", "audio", "sendrecv", all, false, map[string]uint8{URIMid: 1, URITransportCC: 4, URIAudioLevel: 7}, nil},
		{"nothing now", "video", "inactive", all[:2], false, map[string]uint8{URIMid: 1, URIStreamID: 2}, nil},
		{"what a slot's client sends", "video", "recvonly", []string{"5/sendonly " + URIDescriptor, "4/recvonly " + URITransportCC, "6/inactive " + URIVideoOrientation}, false,
			map[string]uint8{URITransportCC: 4}, []string{"4/sendonly " + URITransportCC}},
		{"what a track's client receives", "video", "sendonly", []string{"5/sendonly " + URIDescriptor, "4/recvonly " + URITransportCC, "6/sendrecv " + URIVideoOrientation}, false,
			map[string]uint8{URIVideoOrientation: 6}, []string{"6 " + URIVideoOrientation}},
		{"one id for two", "video", "recvonly", []string{"4 " + URITransportCC, "4 " + URIDescriptor, "5 " + URITransportCC}, false, map[string]uint8{URITransportCC: 4}, nil},
		{"ids that are none", "video", "recvonly", []string{"0 " + URIMid, "15 " + URITransportCC, "256 " + URIDescriptor, "x " + URIVideoOrientation, ""}, true, nil, nil},
		{"long ids in a track", "video", "sendonly", []string{"16 " + URIMid, "255 " + URITransportCC}, true, map[string]uint8{URIMid: 16, URITransportCC: 255}, nil},
		{"long ids that are not allowed", "video", "sendonly", []string{"16 " + URIMid}, false, nil, nil},
		{"long ids in a slot", "video", "recvonly", []string{"16 " + URIMid, "4 " + URITransportCC}, true, map[string]uint8{URITransportCC: 4}, nil},
		{"what comes after", "video", "recvonly", []string{"4 " + URITransportCC + " 2"}, false, map[string]uint8{URITransportCC: 4}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			offer := offerOf(tc.kind + " " + tc.direction + " 0")
			for _, e := range tc.offered {
				offer += "a=extmap:" + e + "\r\n"
			}
			for _, everywhere := range []bool{true, false} {
				text := offer
				switch {
				case tc.mixed && everywhere:
					text = strings.Replace(offer, "a=setup", "a=extmap-allow-mixed\r\na=setup", 1)
				case tc.mixed:
					text += "a=extmap-allow-mixed\r\n"
				}
				o := mustRead(t, text, nil)
				s := o.Sections[0]
				got := map[string]uint8{}
				for _, e := range s.Extensions {
					got[e.URI] = e.ID
					if s.ExtensionID(e.URI) != e.ID {
						t.Errorf("%s has the ids %d and %d", e.URI, e.ID, s.ExtensionID(e.URI))
					}
				}
				if len(got)+len(tc.want) > 0 && !reflect.DeepEqual(got, tc.want) || s.ExtensionID("urn:x") != 0 {
					t.Errorf("got %v, want %v", got, tc.want)
				}
				answer := Answer(o, Local{Slots: map[string]SlotIDs{"0": {SSRC: 1}}})
				if n := strings.Count(answer, "a=extmap:"); n != len(tc.want) {
					t.Errorf("%d are answered", n)
				}
				for _, line := range tc.answered {
					if !strings.Contains(answer, fmt.Sprintf("a=extmap:%s\r\n", line)) {
						t.Errorf("the answer has no %s:\n%s", line, answer)
					}
				}
				head, _, _ := strings.Cut(answer, "\r\nm=")
				if strings.Contains(answer, "a=extmap-allow-mixed") != tc.mixed || strings.Contains(head, "a=extmap-allow-mixed") != (tc.mixed && everywhere) {
					t.Errorf("whether both forms may come is elsewhere:\n%s", answer)
				}
			}
		})
	}
}

// What the dependency descriptor says, VP8 and VP9 say themselves, unless they are
// allowed to leave it out; AV1 does not.
func TestDescriptorsAreTakenOfAV1(t *testing.T) {
	offer := offerOf("video sendonly 0") + "a=extmap:5/sendonly " + URIDescriptor + "\r\n"
	for encoding, want := range map[string]uint8{"VP8": 0, "VP9": 0, "AV1": 5} {
		s := mustRead(t, strings.ReplaceAll(offer, "VP8/90000", encoding+"/90000"), nil).Sections[0]
		if got := s.ExtensionID(URIDescriptor); got != want {
			t.Errorf("of %s its id is %d, want %d", encoding, got, want)
		}
	}
}
