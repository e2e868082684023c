package load

import (
	"fmt"
	"strings"
)

// The header extensions that are offered, by their ids.
const (
	uriLevel     = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	uriTransport = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriMid       = "urn:ietf:params:rtp-hdrext:sdes:mid"
	uriStream    = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	uriRepaired  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
)

// offer is what a client offers: all of it in one bundle.
type offer struct {
	ufrag, pwd, fingerprint string
	tracks                  []offeredTrack
	audioSlots, videoSlots  int
	codec                   codec // of video
	data                    bool

	text strings.Builder
	mids int
}

// offeredTrack is a sending section: one stream, or the sizes of one video.
type offeredTrack struct {
	kind    kind
	streams []*stream
}

// String writes the description, and gives each stream the mid of its section.
func (o *offer) String() string {
	o.text.Reset()
	o.mids = 0
	sections := len(o.tracks) + o.audioSlots + o.videoSlots
	if o.data {
		sections++
	}
	o.line("v=0")
	o.line("o=- 1 1 IN IP4 127.0.0.1")
	o.line("s=-")
	o.line("t=0 0")
	o.text.WriteString("a=group:BUNDLE")
	for mid := range sections {
		fmt.Fprintf(&o.text, " %d", mid)
	}
	o.line("")
	o.line("a=extmap-allow-mixed")
	for _, t := range o.tracks {
		mid := o.section(t.kind)
		o.line("a=sendonly")
		for _, s := range t.streams {
			s.mid = mid
		}
		o.streams(t.streams)
	}
	for range o.audioSlots {
		o.section(audio)
		o.line("a=recvonly")
	}
	for range o.videoSlots {
		o.section(video)
		o.line("a=recvonly")
	}
	if o.data {
		o.begin("application 9 UDP/DTLS/SCTP webrtc-datachannel")
		o.line("a=sctp-port:5000")
		o.line("a=max-message-size:65536")
	}
	return o.text.String()
}

func (o *offer) line(format string, arguments ...any) {
	fmt.Fprintf(&o.text, format+"\r\n", arguments...)
}

// begin writes how the client is reached.
func (o *offer) begin(media string) (mid string) {
	mid = fmt.Sprint(o.mids)
	o.mids++
	o.line("m=%s", media)
	o.line("c=IN IP4 0.0.0.0")
	o.line("a=ice-ufrag:%s", o.ufrag)
	o.line("a=ice-pwd:%s", o.pwd)
	o.line("a=fingerprint:sha-256 %s", o.fingerprint)
	o.line("a=setup:actpass")
	o.line("a=mid:%s", mid)
	return mid
}

// section writes one of sound or pictures, but for its direction.
func (o *offer) section(k kind) (mid string) {
	if k == audio {
		mid = o.begin(fmt.Sprintf("audio 9 UDP/TLS/RTP/SAVPF %d", payloadAudio))
	} else {
		mid = o.begin(fmt.Sprintf("video 9 UDP/TLS/RTP/SAVPF %d %d", payloadVideo, payloadRTX))
	}
	o.line("a=rtcp-mux")
	o.line("a=rtcp-rsize")
	o.line("a=extmap:%d %s", transportID, uriTransport)
	o.line("a=extmap:%d %s", midID, uriMid)
	if k == audio {
		o.line("a=extmap:%d %s", levelID, uriLevel)
		o.line("a=rtpmap:%d opus/48000/2", payloadAudio)
		o.line("a=rtcp-fb:%d transport-cc", payloadAudio)
		o.line("a=fmtp:%d minptime=10;useinbandfec=1", payloadAudio)
		return mid
	}
	o.line("a=extmap:%d %s", streamID, uriStream)
	o.line("a=extmap:%d %s", repairedID, uriRepaired)
	o.line("a=rtpmap:%d %s/90000", payloadVideo, o.codec.name)
	for _, feedback := range []string{"transport-cc", "ccm fir", "nack", "nack pli"} {
		o.line("a=rtcp-fb:%d %s", payloadVideo, feedback)
	}
	if o.codec.fmtp != "" {
		o.line("a=fmtp:%d %s", payloadVideo, o.codec.fmtp)
	}
	o.line("a=rtpmap:%d rtx/90000", payloadRTX)
	o.line("a=fmtp:%d apt=%d", payloadRTX, payloadVideo)
	return mid
}

// streams writes what a section sends: by SSRC, or by name with simulcast (RFC
// 8853, 5.2).
func (o *offer) streams(streams []*stream) {
	o.line("a=msid:load %s", streams[0].mid)
	if len(streams) > 1 {
		var names []string
		for _, s := range streams {
			o.line("a=rid:%s send", s.rid)
			names = append(names, s.rid)
		}
		o.line("a=simulcast:send %s", strings.Join(names, ";"))
		return
	}
	s := streams[0]
	if s.rtx != 0 {
		o.line("a=ssrc-group:FID %d %d", s.ssrc, s.rtx)
		o.line("a=ssrc:%d cname:load", s.rtx)
	}
	o.line("a=ssrc:%d cname:load", s.ssrc)
}
