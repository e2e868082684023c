package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

const descriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

// corpusCases are what a browser is asked to send: each becomes corpora of the
// fuzz target of its codec.
var corpusCases = []struct {
	name, codec string
	encodings   string // of sendEncodings
	forward     forward.Codec
}{
	{"one", "VP8", `[{scalabilityMode: 'L1T3'}]`, forward.VP8},
	{"simulcast", "VP8", threeSizes, forward.VP8},
	{"one", "VP9", `[{scalabilityMode: 'L1T3'}]`, forward.VP9},
	{"svc", "VP9", `[{scalabilityMode: 'L3T3'}]`, forward.VP9},
	{"k-svc", "VP9", `[{scalabilityMode: 'L3T3_KEY'}]`, forward.VP9},
	{"simulcast", "VP9", threeSizes, forward.VP9},
	{"one", "H264", `[{}]`, forward.H264},
	{"simulcast", "H264", strings.ReplaceAll(threeSizes, "L1T2", "L1T1"), forward.H264},
	{"one", "AV1", `[{scalabilityMode: 'L1T3'}]`, forward.AV1},
	{"svc", "AV1", `[{scalabilityMode: 'L3T3'}]`, forward.AV1},
	{"k-svc", "AV1", `[{scalabilityMode: 'L3T3_KEY'}]`, forward.AV1},
	{"simulcast", "AV1", threeSizes, forward.AV1},
}

const threeSizes = `[{rid: 'q', scaleResolutionDownBy: 4, scalabilityMode: 'L1T2'}, {rid: 'h', scaleResolutionDownBy: 2, scalabilityMode: 'L1T2'}, {rid: 'f', scalabilityMode: 'L1T2'}]`

// TestRecordCorpus has a browser send every codec in every way, and keeps the
// beginnings of its packets as corpora of the fuzz targets in sfu/forward.
// `make corpus` runs it.
func TestRecordCorpus(t *testing.T) {
	if os.Getenv("HIROBA_CORPUS") == "" {
		t.Skip("HIROBA_CORPUS is not set: `make corpus` records what a browser sends into sfu/forward/testdata")
	}
	_, url := runServer(t, nil)
	b := startBrowser(t)
	for _, tc := range corpusCases {
		t.Run(tc.codec+" "+tc.name, func(t *testing.T) {
			p := b.open("Ann", url, "")
			defer p.close()
			p.t = t
			for rid, data := range record(t, p, tc.codec, tc.encodings, tc.forward) {
				name := "chromium-" + tc.name
				if rid != "" {
					name += "-" + rid
				}
				path := filepath.Join("..", "..", "sfu", "forward", "testdata", "fuzz", "Fuzz"+tc.codec, name)
				if err := os.WriteFile(path, fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", data), 0o644); err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: %d bytes", path, len(data))
			}
		})
	}
}

// record is what a page sends, by rid: some packets from a keyframe on, each cut
// short, in the form that the fuzz targets read.
func record(t *testing.T, p *tab, codec, encodings string, kind forward.Codec) map[string][]byte {
	t.Helper()
	var media webrtc.MediaEngine
	var interceptors interceptor.Registry
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: descriptorURI}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.RegisterDefaultInterceptors(&media, &interceptors); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithInterceptorRegistry(&interceptors), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	var mu sync.Mutex // guards out
	out := map[string]*excerpt{}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		r := &excerpt{codec: kind}
		for _, e := range receiver.GetParameters().HeaderExtensions {
			if e.URI == descriptorURI {
				r.descriptor = uint8(e.ID)
			}
		}
		mu.Lock()
		out[track.RID()] = r
		mu.Unlock()
		began, asked := time.Now(), time.Time{}
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			// Browsers send more layers once they know how much gets through.
			if time.Since(began) > rampUp && time.Since(asked) > time.Second && !r.begun(&mu) {
				asked = time.Now()
				_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
			}
			if !asked.IsZero() {
				mu.Lock()
				r.add(packet)
				mu.Unlock()
			}
		}
	})
	offer := evaluate[string](p, fmt.Sprintf(`(async () => {
		const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
		window.sending = new RTCPeerConnection();
		const transceiver = sending.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', sendEncodings: %s });
		const codecs = RTCRtpSender.getCapabilities('video').codecs;
		transceiver.setCodecPreferences(codecs.filter((c) => c.mimeType === 'video/%s').slice(0, 1));
		await sending.setLocalDescription();
		while (sending.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 20));
		return sending.localDescription.sdp;
	})()`, encodings, codec))
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	evaluate[any](p, fmt.Sprintf(`sending.setRemoteDescription({ type: 'answer', sdp: %q })`, pc.LocalDescription().SDP))

	look, deadline := time.NewTicker(50*time.Millisecond), time.After(2*patience)
	defer look.Stop()
	for want := max(1, strings.Count(encodings, "rid:")); ; {
		mu.Lock()
		done := 0
		data := map[string][]byte{}
		for rid, r := range out {
			if r.packets == corpusPackets {
				done++
			}
			data[rid] = bytes.Clone(r.data)
		}
		mu.Unlock()
		if done == want {
			evaluate[any](p, `void sending.close()`)
			return data
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%d of %d streams came, of %d", done, want, len(data))
		}
	}
}

const (
	// rampUp is how long a browser is left to find out what gets through.
	rampUp = 4 * time.Second
	// corpusPackets is how many packets are kept of a stream, and corpusBytes how
	// much of each payload.
	corpusPackets = 24
	corpusBytes   = 14
)

// excerpt is what is kept of one stream.
type excerpt struct {
	codec      forward.Codec
	descriptor uint8
	data       []byte
	packets    int
	timestamp  uint32
}

// begun says whether a keyframe came; mu guards the excerpt.
func (r *excerpt) begun(mu *sync.Mutex) bool {
	mu.Lock()
	defer mu.Unlock()
	return r.packets > 0
}

// add keeps a packet, from a keyframe on.
func (r *excerpt) add(p *rtp.Packet) {
	if len(p.Payload) == 0 || r.packets == corpusPackets {
		return
	}
	if r.packets == 0 {
		var reader forward.Reader
		var f forward.Frame
		reader.Read(r.codec, p.SequenceNumber, p.Timestamp, p.Marker, p.Payload, p.GetExtension(r.descriptor), &f)
		if !f.Opens() {
			return
		}
	}
	if r.packets > 0 && p.Timestamp == r.timestamp && p.Payload[0] == r.data[len(r.data)-min(corpusBytes, len(r.data))] {
		return // the middle of a frame says what the packet before said
	}
	descriptor := p.GetExtension(r.descriptor)
	payload := p.Payload[:min(len(p.Payload), corpusBytes)]
	r.data = append(r.data, byte(1+len(descriptor)+len(payload)), byte(len(descriptor)))
	r.data = append(append(r.data, descriptor...), payload...)
	r.packets++
	r.timestamp = p.Timestamp
}
