package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// offering is a browser's PeerConnection whose offers are answered by sfu/sdp
// alone: there is nobody at the other end.
type offering struct {
	t    *testing.T
	run  func(script string) (json string)
	last *sdp.Offer
	n    uint64
}

// agreed is what the PeerConnection makes of an answer.
type agreed struct {
	Directions []string // mid and direction of each transceiver, in order
	Sizes      []string // the rids that the camera sends
	All        bool     // and it sends all of them
	Streams    []string // the media streams of what is received
	Data       bool     // there are DataChannels
}

// round offers, and takes the answer.
func (o *offering) round() (*sdp.Offer, agreed) {
	o.t.Helper()
	var offer string
	if err := json.Unmarshal([]byte(o.run(`(async () => {
		await pc.setLocalDescription();
		return pc.localDescription.sdp;
	})()`)), &offer); err != nil {
		o.t.Fatal(err)
	}
	read, err := sdp.Read(offer, o.last, sdp.Limits{Slots: 4, Tracks: 4})
	if err != nil {
		o.t.Fatalf("%v:\n%s", err, offer)
	}
	o.last = read
	o.n++
	l := sdp.Local{
		Ufrag: "serverufrag", Pwd: "server-password-of-enough-bytes", FingerprintSHA256: strings.Repeat("AB:", 31) + "AB",
		Candidates: []string{"1 1 udp 2130706431 127.0.0.1 9 typ host"}, Slots: map[string]sdp.SlotIDs{},
		Session: 4711, Version: o.n, MaxMessageSize: 65536,
	}
	for i, s := range read.Sections {
		if s.Role == sdp.Receiving {
			stream := fmt.Sprintf("slot-%d", i)
			l.Slots[s.Mid] = sdp.SlotIDs{SSRC: uint32(1000 + i), RTX: uint32(2000 + i), Stream: stream, Track: stream + "-track"}
		}
	}
	answer := sdp.Answer(read, l)
	var got agreed
	if err := json.Unmarshal([]byte(o.run(fmt.Sprintf(`(async () => {
		await pc.setRemoteDescription({ type: 'answer', sdp: %q });
		return {
			Directions: pc.getTransceivers().map((t) => t.mid + ' ' + t.currentDirection),
			Sizes: camera.sender.getParameters().encodings.map((e) => e.rid),
			All: camera.sender.getParameters().encodings.every((e) => e.active !== false),
			Streams: streams,
			Data: pc.sctp !== null,
		};
	})()`, answer))), &got); err != nil {
		o.t.Fatalf("%v:\n%s", err, answer)
	}
	return read, got
}

// Browsers take the answers: with slots, DataChannels and a camera in sizes; with
// the camera off and on again; when its section is stopped, and when that is
// used for something else.
func TestBrowsersTakeTheAnswers(t *testing.T) {
	for _, bundle := range []string{"max-bundle", "balanced"} {
		t.Run("Chromium "+bundle, func(t *testing.T) {
			p := startBrowser(t).open("Ann", "about:blank", "")
			takesTheAnswers(t, bundle, true, func(script string) string {
				return evaluate[string](p, "(async () => JSON.stringify((await ("+script+")) ?? null))()")
			})
		})
		t.Run("Firefox "+bundle, func(t *testing.T) {
			needInterop(t)
			f := startFirefox(t)
			f.open("about:blank")
			takesTheAnswers(t, bundle, false, f.evaluate)
		})
	}
}

// takesTheAnswers runs the rounds in one browser. Again says that it offers all
// sizes again after it offered none, which Firefox does not.
func takesTheAnswers(t *testing.T, bundle string, again bool, run func(script string) string) {
	run(fmt.Sprintf(`(() => {
		window.pc = new RTCPeerConnection({ bundlePolicy: %q });
		window.streams = [];
		pc.addEventListener('track', (e) => { streams.push(...e.streams.map((s) => s.id)); });
		pc.createDataChannel('data');
		pc.addTransceiver('audio', { direction: 'recvonly' });
		pc.addTransceiver('video', { direction: 'recvonly' });
		const canvas = document.createElement('canvas');
		canvas.getContext('2d').fillRect(0, 0, 10, 10);
		window.camera = pc.addTransceiver(canvas.captureStream(5).getVideoTracks()[0], {
			direction: 'sendonly',
			sendEncodings: [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }],
		});
	})()`, bundle))
	o := &offering{t: t, run: run}
	read, got := o.round()
	mids := make([]string, 3)
	for i, transceiver := range got.Directions {
		mids[i], _, _ = strings.Cut(transceiver, " ")
	}
	expect := func(when string, directions ...string) {
		t.Helper()
		for i, transceiver := range got.Directions {
			if want := mids[i] + " " + directions[i]; transceiver != want {
				t.Errorf("%s, a transceiver is %q, not %q", when, transceiver, want)
			}
		}
		if len(got.Directions) != len(directions) {
			t.Errorf("%s, there are %q", when, got.Directions)
		}
	}
	camera := func() *sdp.Section { return read.Section(mids[2]) }
	expect("at first", "recvonly", "recvonly", "sendonly")
	if !slices.Equal(got.Sizes, []string{"q", "h", "f"}) || !slices.Equal(camera().RIDs, got.Sizes) {
		t.Errorf("it sends %q, and the offer has %q", got.Sizes, camera().RIDs)
	}
	if len(got.Streams) != 2 || !got.Data {
		t.Errorf("it receives %q; DataChannels: %v", got.Streams, got.Data)
	}
	for _, uri := range []string{sdp.URIMid, sdp.URIStreamID, sdp.URIRepairedStreamID, sdp.URITransportCC} {
		if camera().ExtensionID(uri) == 0 {
			t.Errorf("its camera comes without %s", uri)
		}
	}
	for range 2 {
		run(`void (camera.direction = 'inactive')`)
		read, got = o.round()
		expect("with the camera off", "recvonly", "recvonly", "inactive")
		if camera().Role != sdp.Idle || camera().Rejected {
			t.Errorf("with the camera off its section is %+v", camera())
		}
		run(`void (camera.direction = 'sendonly')`)
		read, got = o.round()
		expect("with the camera on", "recvonly", "recvonly", "sendonly")
		if again && (!slices.Equal(camera().RIDs, []string{"q", "h", "f"}) || !got.All) {
			t.Errorf("with the camera on again its offer has %q, and it sends all of them: %v", camera().RIDs, got.All)
		}
	}
	run(`void camera.stop()`)
	read, got = o.round()
	expect("without a camera", "recvonly", "recvonly")
	sections := len(read.Sections)
	run(`void pc.addTransceiver('video', { direction: 'recvonly' })`)
	if read, got = o.round(); len(got.Directions) != 3 || !strings.HasSuffix(got.Directions[2], " recvonly") || len(read.Sections) != sections {
		t.Errorf("a slot in its place is %q among %d sections", got.Directions, len(read.Sections))
	}
	run(`void pc.close()`)
}
