package sdp

import (
	"strings"
	"testing"
)

// server is what a server says for itself in these tests.
var server = Local{
	Ufrag: "serverufrag", Pwd: "server-password-of-enough-bytes", FingerprintSHA256: certificate,
	Candidates: []string{"1 1 udp 2130706431 127.0.0.1 5000 typ host", "2 1 tcp 1671430143 127.0.0.1 5000 typ host tcptype passive"},
	Session:    4711, Version: 3, MaxMessageSize: 65536,
}

func TestAnAnswer(t *testing.T) {
	offer := offerOf("audio stopped gone", "video recvonly a", "audio sendrecv b", "video inactive c", "application sendrecv d", "text inactive e", "video recvonly f")
	offer = strings.ReplaceAll(offer, "a=mid:a\r\n", "a=mid:a\r\na=rtcp-rsize\r\n")
	offer = strings.Replace(offer, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:a", "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=mid:a", 1)
	l := server
	l.Slots = map[string]SlotIDs{"a": {SSRC: 11, RTX: 12, Stream: "slot-0", Track: "slot-0-video"}}
	want := strings.ReplaceAll(`v=0
o=- 4711 3 IN IP4 0.0.0.0
s=-
t=0 0
a=msid-semantic:WMS *
a=fingerprint:sha-256 PRINT
a=ice-lite
a=group:BUNDLE a b c d f
m=audio 0 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:gone
a=inactive
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=setup:active
a=mid:a
a=ice-ufrag:serverufrag
a=ice-pwd:server-password-of-enough-bytes
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=sendonly
a=msid:slot-0 slot-0-video
a=ssrc-group:FID 11 12
a=ssrc:11 cname:slot-0
a=ssrc:11 msid:slot-0 slot-0-video
a=ssrc:12 cname:slot-0
a=ssrc:12 msid:slot-0 slot-0-video
a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host
a=candidate:2 1 tcp 1671430143 127.0.0.1 5000 typ host tcptype passive
a=end-of-candidates
m=audio 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:active
a=mid:b
a=ice-ufrag:serverufrag
a=ice-pwd:server-password-of-enough-bytes
a=rtcp-mux
a=rtpmap:96 opus/48000/2
a=recvonly
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:active
a=mid:c
a=ice-ufrag:serverufrag
a=ice-pwd:server-password-of-enough-bytes
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=inactive
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=setup:active
a=mid:d
a=ice-ufrag:serverufrag
a=ice-pwd:server-password-of-enough-bytes
a=sctp-port:5000
a=max-message-size:65536
m=text 0 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:e
a=inactive
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:active
a=mid:f
a=ice-ufrag:serverufrag
a=ice-pwd:server-password-of-enough-bytes
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=inactive
`, "\n", "\r\n")
	want = strings.Replace(want, "PRINT", certificate, 1)
	if got := Answer(mustRead(t, offer, nil), l); got != want {
		t.Errorf("got\n%s", got)
	}
}

// One section needs no bundle, nor gets one; what is idle may be outside of it;
// when all are stopped there is none.
func TestAnswersWithoutABundle(t *testing.T) {
	offer := strings.Replace(offerOf("audio stopped 0", "video recvonly 1"), "a=group:BUNDLE 1\r\n", "", 1)
	answer := Answer(mustRead(t, offer, nil), server)
	if strings.Contains(answer, "BUNDLE") || !strings.Contains(answer, "m=video 9 ") || strings.Count(answer, "a=end-of-candidates") != 1 {
		t.Errorf("got\n%s", answer)
	}
	offer = strings.Replace(offerOf("audio inactive 0", "video recvonly 1"), "BUNDLE 0 1", "BUNDLE 1", 1)
	answer = Answer(mustRead(t, offer, nil), server)
	if !strings.Contains(answer, "a=group:BUNDLE 1\r\n") || !strings.Contains(answer, "m=audio 0 UDP/TLS/RTP/SAVPF 96\r\n") {
		t.Errorf("got\n%s", answer)
	}
	before := mustRead(t, offerOf("audio recvonly 0"), nil)
	answer = Answer(mustRead(t, offerOf("audio stopped 0"), before), server)
	if strings.Contains(answer, "BUNDLE") || !strings.Contains(answer, "m=audio 0 ") {
		t.Errorf("got\n%s", answer)
	}
}

// What a client says of its DataChannels.
func TestDataChannels(t *testing.T) {
	for _, tc := range []struct {
		lines string
		port  uint16
		size  uint32
	}{
		{"", 5000, 65536},
		{"a=sctp-port:5001\r\na=max-message-size:262144\r\n", 5001, 262144},
		{"a=sctp-port:x\r\na=max-message-size:0\r\n", 5000, 0},
		{"a=max-message-size:99999999999\r\n", 5000, 1<<32 - 1},
		{"a=sctp-port:0\r\na=max-message-size:-1\r\n", 5000, 65536},
	} {
		o := mustRead(t, offerOf("application inactive 0")+tc.lines, nil)
		if o.Sections[0].Role != Application || o.SCTPPort != tc.port || o.MaxMessageSize != tc.size {
			t.Errorf("%q: port %d, %d bytes", tc.lines, o.SCTPPort, o.MaxMessageSize)
		}
	}
	if o := mustRead(t, offerOf("audio recvonly 0"), nil); o.SCTPPort != 0 {
		t.Errorf("without DataChannels they are on port %d", o.SCTPPort)
	}
}
