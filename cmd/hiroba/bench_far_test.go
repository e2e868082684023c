package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/internal/lab"
	"github.com/hiroba-rtc/hiroba/signaling/client"
)

const (
	// envFar makes this test binary one of BenchmarkJoinFar's clients: "url kind".
	envFar  = "HIROBA_BENCH_FAR"
	farRoom = "far"
	// farOneWay is how far away the server is from who joins.
	farOneWay = 50 * time.Millisecond
	farJoins  = 15
	// farPublisher is the kind that is near, publishes, and tells what it hears.
	farPublisher = "publisher"
)

// farJoin is one join, in milliseconds since the WebSocket was open.
type farJoin struct {
	Topic                      string
	Opened                     float64 // Unix milliseconds
	Answered, Media, Said, Got float64
}

func unixMillis(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

// BenchmarkJoinFar is after how many round trips a client has media of somebody
// who is in the room already, and its first DataChannel message out: medians,
// from when its WebSocket is open, over a link of 100 ms. It takes what
// internal/lab takes.
func BenchmarkJoinFar(b *testing.B) {
	if err := lab.Ready(); err != nil {
		b.Skip(err)
	}
	for _, kind := range []string{"warp", "go", "pion", "chromium", "chromium-warp"} {
		b.Run(kind, func(b *testing.B) {
			network, err := lab.New()
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := network.Close(); err != nil {
					b.Error(err)
				}
			})
			server := program(b, []string{
				"HIROBA_HOST=" + lab.ServerAddr.String(), "HIROBA_PORT=8080", "HIROBA_ACCESS=open", "HIROBA_ROOMS_TOPOLOGY=sfu",
			}, "serve")
			network.Server.Enter(server)
			url := startProgram(b, server)
			b.Cleanup(func() { stopProgram(b, server) })
			near, far := farLink(b, network, 0), farLink(b, network, farOneWay)
			publisher := startFar(b, near, url, farPublisher)
			if line, err := publisher.ReadString('\n'); err != nil || line != "ready\n" {
				b.Fatalf("the publisher said %q, %v", line, err)
			}
			for b.Loop() {
				var joins []farJoin
				if flags, page := strings.CutPrefix(kind, "chromium"); page {
					joins = farPage(b, far, url, flags == "-warp")
				} else if err := json.NewDecoder(startFar(b, far, url, kind)).Decode(&joins); err != nil {
					b.Fatal(err)
				}
				reportFar(b, joins, publisher)
			}
		})
	}
}

func farLink(b *testing.B, network *lab.Network, delay time.Duration) *lab.Client {
	b.Helper()
	c, err := network.Join(lab.Shape{Delay: delay}, lab.Shape{Delay: delay})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// startFar starts a client behind a link, and returns what it says.
func startFar(b *testing.B, at *lab.Client, url, kind string) *bufio.Reader {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), envFar+"="+url+" "+kind)
	command.Stderr = b.Output()
	at.Enter(command)
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close() // which ends it
		if err := command.Wait(); err != nil {
			b.Errorf("the client %q ended with %v", kind, err)
		}
	})
	return bufio.NewReader(out)
}

// reportFar adds when the publisher heard each, and reports medians.
func reportFar(b *testing.B, joins []farJoin, publisher *bufio.Reader) {
	b.Helper()
	var answered, media, said, heard []float64
	const roundTrip = float64(2*farOneWay) / float64(time.Millisecond)
	for _, j := range joins {
		var f farJoin
		for f.Topic != j.Topic {
			line, err := publisher.ReadBytes('\n')
			if err == nil {
				err = json.Unmarshal(line, &f)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		answered = append(answered, j.Answered/roundTrip)
		media = append(media, j.Media/roundTrip)
		said = append(said, j.Said/roundTrip)
		heard = append(heard, (f.Got-j.Opened)/roundTrip)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(answered), "rt-answer")
	b.ReportMetric(median(media), "rt-media")
	b.ReportMetric(median(said), "rt-message-sent")
	b.ReportMetric(median(heard), "rt-message-heard")
}

// farMain is a client of the benchmark.
func farMain(task string) error {
	url, kind, _ := strings.Cut(task, " ")
	ctx := context.Background()
	if kind == farPublisher {
		return farPublish(ctx, url)
	}
	var joins []farJoin
	for n := range farJoins {
		topic := fmt.Sprint(kind, " ", n)
		var at warpTimes
		var err error
		if kind == "warp" {
			w := &warpClient{sped: true, snap: true}
			if err = w.join(ctx, url, farRoom, topic, true); err == nil {
				at, err = w.at, w.leave()
			}
		} else {
			at, err = farClient(ctx, url, topic, kind == "pion")
		}
		if err != nil {
			return err
		}
		since := func(t time.Time) float64 { return float64(t.Sub(at.opened).Microseconds()) / 1000 }
		joins = append(joins, farJoin{
			Topic: topic, Opened: unixMillis(at.opened), Answered: since(at.answered), Media: since(at.media), Said: since(at.said),
		})
	}
	if err := json.NewEncoder(os.Stdout).Encode(joins); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// farClient joins once with the Go client, plain for pion's PeerConnection as
// it comes.
func farClient(ctx context.Context, url, topic string, plain bool) (at warpTimes, err error) {
	config := client.Config{Options: client.Options{URL: url}, Room: farRoom, AudioSlots: 1}
	if plain {
		config.API = webrtc.NewAPI()
	}
	heard, echoed := make(chan time.Time, 1), make(chan struct{}, 1)
	config.OnData = func(string, *client.DataFrame) { echoed <- struct{}{} }
	config.OnTrack = func(_ string, track *webrtc.TrackRemote) {
		if _, _, err := track.ReadRTP(); err == nil {
			heard <- time.Now()
		}
	}
	r, err := client.Join(opened(ctx, &at.opened), config)
	if err != nil {
		return at, err
	}
	at.answered = time.Now()
	if err := r.SendData(ctx, client.Reliable, topic, nil); err != nil {
		return at, errors.Join(err, r.Drop())
	}
	at.said = time.Now()
	at.media = <-heard
	<-echoed // who leaves at once takes back what is under way
	return at, r.Leave(ctx)
}

// farPublish publishes a packet every 5 ms, and tells of each frame that it
// hears and sends it back, until its standard input ends.
func farPublish(ctx context.Context, url string) error {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "t", "s")
	if err != nil {
		return err
	}
	heard := make(chan *client.DataFrame, 16)
	r, err := client.Join(ctx, client.Config{
		Options: client.Options{URL: url}, Room: farRoom, Tracks: []client.LocalTrack{{Track: track, Source: "microphone"}},
		OnData: func(_ string, f *client.DataFrame) { heard <- f },
	})
	if err != nil {
		return err
	}
	// Its own channel is open then.
	if err := r.SendData(ctx, client.Reliable, "", nil); err != nil {
		return err
	}
	go farSpeak(track)
	go func() {
		out := json.NewEncoder(os.Stdout)
		for f := range heard {
			_ = out.Encode(farJoin{Topic: f.GetTopic(), Got: unixMillis(time.Now())})
			_ = r.SendData(ctx, client.Reliable, f.GetTopic(), nil, f.GetFrom())
		}
	}()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, r.Drop())
}

// farSpeak sends a packet every 5 ms for as long as the process lives.
func farSpeak(track *webrtc.TrackLocalStaticRTP) {
	ticker := time.NewTicker(5 * time.Millisecond)
	for n := uint32(0); ; n++ {
		<-ticker.C
		_ = track.WriteRTP(&rtp.Packet{
			Header: rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: n * 240}, Payload: []byte("voice"),
		})
	}
}

// farMeasure has a page note when its WebSocket was open, when the first sound
// came, and when its reliable channel was open.
const farMeasure = `
	const now = () => performance.timeOrigin + performance.now();
	const mark = (name) => { window.marks[name] ??= now(); };
	window.WebSocket = class extends window.WebSocket {
		constructor(...args) { super(...args); this.addEventListener('open', () => mark('opened')); }
	};
	window.RTCPeerConnection = class extends window.RTCPeerConnection {
		constructor(settings) {
			super({ ...settings, encodedInsertableStreams: true });
			this.addEventListener('track', ({ receiver }) => {
				const { readable, writable } = receiver.createEncodedStreams();
				const transform = (packet, controller) => { mark('media'); controller.enqueue(packet); };
				readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
			});
		}
		async setRemoteDescription(...args) { mark('answered'); return super.setRemoteDescription(...args); }
	};
	const { connect } = await import('/sdk/hiroba.js');`

// farPage joins from a page, with all of WARP that Chromium has or as it comes.
func farPage(b *testing.B, at *lab.Client, url string, warp bool) (joins []farJoin) {
	b.Helper()
	options := append(browserOptions(b, url), chromedp.ModifyCmdFunc(func(command *exec.Cmd) {
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		at.Enter(command)
	}))
	if warp {
		options = append(options, chromedp.Flag("force-fieldtrials", "WebRTC-Sctp-Snap/Enabled/WebRTC-IceHandshakeDtls/Enabled/"),
			chromedp.Flag("disable-features", "WebRtcPqcForDtls"))
	}
	page := launchBrowser(b, options).open("far away", url+"/healthz", "")
	return evaluate[[]farJoin](page, fmt.Sprintf(`(async () => {`+farMeasure+`
		const joins = [];
		for (let n = 0; n < %d; n++) {
			window.marks = {};
			const Topic = 'page ' + n;
			const room = await connect({ room: %q, name: Topic, direct: false });
			const echoed = new Promise((resolve) => room.on('data', resolve));
			await room.send('', { topic: Topic, channel: 'reliable' });
			mark('said');
			await echoed;
			while (!marks.media) await new Promise((resolve) => setTimeout(resolve, 10));
			await room.leave();
			const since = (name) => marks[name] - marks.opened;
			joins.push({ Topic, Opened: marks.opened, Answered: since('answered'), Media: since('media'), Said: since('said') });
		}
		return joins;
	})()`, farJoins, farRoom))
}
