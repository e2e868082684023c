package sdp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// carrying is an offer of one slot with formats and lines of a test's own.
func carrying(kind, direction, formats string, lines ...string) string {
	offer := offerOf(kind + " " + direction + " 0")
	offer = strings.Replace(offer, "SAVPF 96", "SAVPF "+formats, 1)
	offer = strings.Replace(offer, "a=rtpmap:96 VP8/90000\r\n", "", 1)
	offer = strings.Replace(offer, "a=rtpmap:96 opus/48000/2\r\n", "", 1)
	return offer + strings.Join(lines, "\r\n") + "\r\n"
}

func TestCodecs(t *testing.T) {
	h264 := func(pt int, fmtp string) []string {
		return []string{fmt.Sprintf("a=rtpmap:%d H264/90000", pt), fmt.Sprintf("a=fmtp:%d %s", pt, fmtp)}
	}
	const vp8 = "a=rtpmap:96 VP8/90000"
	for _, tc := range []struct {
		name, kind, formats string
		lines               []string
		want                string // payload types and names; "" is refused
	}{
		{"opus", "audio", "111", []string{"a=rtpmap:111 opus/48000/2", "a=fmtp:111 stereo=1;useinbandfec=0"}, "111 audio/opus"},
		{"opus, loud", "audio", "111", []string{"a=rtpmap:111 OPUS/48000/2"}, "111 audio/opus"},
		{"opus of one channel", "audio", "111", []string{"a=rtpmap:111 opus/48000"}, ""},
		{"redundant opus", "audio", "63 111", []string{"a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"}, "63 audio/red, 111 audio/opus"},
		{"redundancy of more", "audio", "111 63", []string{"a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111/111"}, "111 audio/opus, 63 audio/red"},
		{"redundancy of two", "audio", "111 0 63", []string{"a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/0"}, "111 audio/opus"},
		{"redundancy of nobody knows what", "audio", "111 63", []string{"a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2"}, "111 audio/opus"},
		{"redundancy alone", "audio", "63", []string{"a=rtpmap:63 red/48000/2", "a=fmtp:63 63/63"}, ""},
		{"other sound", "audio", "0 8", []string{"a=rtpmap:0 PCMU/8000"}, ""},
		{"the order of the offer", "video", "45 96 98", []string{vp8, "a=rtpmap:98 VP9/90000", "a=rtpmap:45 AV1/90000"}, "45 video/AV1, 96 video/VP8, 98 video/VP9"},
		{"profiles that nobody forwards", "video", "98 45 46", []string{
			"a=rtpmap:98 VP9/90000", "a=fmtp:98 profile-id=2", "a=rtpmap:45 AV1/90000", "a=fmtp:45 profile=1",
			"a=rtpmap:46 AV1/90000", "a=fmtp:46 level-idx=5; profile=0 ;tier=0",
		}, "46 video/AV1"},
		{"nothing but another profile", "video", "98", []string{"a=rtpmap:98 VP9/90000", "a=fmtp:98 profile-id=2"}, ""},
		{"retransmissions", "video", "97 96 99", []string{vp8, "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:99 rtx/90000", "a=fmtp:99 rtx-time=9;apt=98"}, "97 video/rtx, 96 video/VP8"},
		{"retransmissions twice", "video", "96 97 99", []string{vp8, "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:99 rtx/90000", "a=fmtp:99 apt=96"}, "96 video/VP8, 97 video/rtx"},
		{"retransmissions of retransmissions", "video", "96 97 99", []string{vp8, "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=97"}, "96 video/VP8"},
		{"retransmissions of sound", "audio", "111 112", []string{"a=rtpmap:111 opus/48000/2", "a=rtpmap:112 rtx/48000", "a=fmtp:112 apt=111"}, "111 audio/opus"},
		{"payload types of RTCP", "video", "72 96", []string{vp8, "a=rtpmap:72 VP8/90000"}, "96 video/VP8"},
		{"payload types that are none", "video", "* 200 -1 96 96 x", []string{vp8, "a=rtpmap:200 VP8/90000"}, "96 video/VP8"},
		{"another clock", "video", "96", []string{"a=rtpmap:96 VP8/48000"}, ""},
		{"H264 as browsers have it", "video", "1 2 3 4 5 6 7 8 9 10", slices.Concat(
			h264(1, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
			h264(2, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"),
			h264(3, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E034"),
			h264(4, "level-asymmetry-allowed=1;profile-level-id=42e01f"), // packetization-mode 0
			h264(5, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"),
			h264(6, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f"),
			h264(7, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=f4001f"),
			h264(8, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"),
			h264(9, "packetization-mode=2;profile-level-id=42e01f"),
			h264(10, "packetization-mode=1;profile-level-id=42e0"),
		), "1 video/H264, 2 video/H264, 3 video/H264, 4 video/H264, 5 video/H264, 8 video/H264"},
		{"H264 without parameters", "video", "102", []string{"a=rtpmap:102 H264/90000"}, "102 video/H264"},
		{"H264 of another profile, alone", "video", "102 103", append(h264(102, "packetization-mode=1;profile-level-id=640c1f"),
			"a=rtpmap:103 rtx/90000", "a=fmtp:103 apt=102"), "102 video/H264, 103 video/rtx"},
		{"H264 of another profile, among others", "video", "102 96", append(h264(102, "packetization-mode=1;profile-level-id=640c1f"), vp8), "96 video/VP8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, err := Read(carrying(tc.kind, "recvonly", tc.formats, tc.lines...), nil, roomy)
			if err != nil {
				if tc.want != "" {
					t.Fatal(err)
				}
				return
			}
			var got []string
			for _, c := range o.Sections[0].Codecs {
				got = append(got, fmt.Sprintf("%d %s", c.PayloadType, c.MimeType))
				if line := fmt.Sprintf("a=fmtp:%d %s\r\n", c.PayloadType, c.Fmtp); c.Fmtp != "" && !strings.Contains(Answer(o, Local{}), line) {
					t.Errorf("the answer has no %s", line)
				}
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if o.Sections[0].RTX() != strings.Contains(tc.want, "rtx") {
				t.Error("there are retransmissions, or not")
			}
		})
	}
}

func TestFeedback(t *testing.T) {
	for _, tc := range []struct {
		name  string
		kind  string
		codec string
		lines []string
		want  Feedback
	}{
		{"none", "video", "VP8/90000", nil, Feedback{}},
		{"all", "video", "VP8/90000", []string{"96 nack", "96 nack pli", "96 ccm fir", "96 transport-cc", "96 goog-remb", "96 nack rpsi"}, Feedback{true, true, true, true}},
		{"some", "video", "VP8/90000", []string{"96 nack pli", "97 nack"}, Feedback{PLI: true}},
		{"of all codecs", "video", "VP8/90000", []string{"* ccm fir", "96 nack"}, Feedback{NACK: true, FIR: true}},
		{"of sound", "audio", "opus/48000/2", []string{"96 nack", "96 transport-cc"}, Feedback{TransportCC: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lines := []string{"a=rtpmap:96 " + tc.codec}
			for _, line := range tc.lines {
				lines = append(lines, "a=rtcp-fb:"+line)
			}
			o := mustRead(t, carrying(tc.kind, "recvonly", "96", lines...), nil)
			s := o.Sections[0]
			if s.Feedback != tc.want || s.Codecs[0].Feedback != tc.want {
				t.Errorf("got %+v and %+v, want %+v", s.Feedback, s.Codecs[0].Feedback, tc.want)
			}
			answer := Answer(o, Local{})
			for line, taken := range map[string]bool{
				"a=rtcp-fb:96 nack\r\n": tc.want.NACK, "a=rtcp-fb:96 nack pli\r\n": tc.want.PLI,
				"a=rtcp-fb:96 ccm fir\r\n": tc.want.FIR, "a=rtcp-fb:96 transport-cc\r\n": tc.want.TransportCC,
			} {
				if strings.Contains(answer, line) != taken {
					t.Errorf("the answer is\n%s", answer)
				}
			}
		})
	}
}
