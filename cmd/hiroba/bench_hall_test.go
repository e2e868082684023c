package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// A hall is one big room: Pion clients, which decode nothing, in a process of
// their own: this test binary again. It is given orders by its standard input,
// line by line, and answers each with how things stand then.
const envHall = "HIROBA_BENCH_HALL" // the server's URL

const (
	hallAudioSlots = 6
	hallVideoSlots = 4

	// The first clients only listen, behind proxies that count what they get.
	hallWatchers = 2
	// The next speak, and the next after them show something. All others with an
	// odd number publish a muted microphone.
	hallVoices  = 3
	hallCameras = 2

	// hallVoiceRate and hallCameraRate are how many packets a second each of
	// them sends: few, so that it is not the clients that the machine works for.
	hallVoiceRate  = 10
	hallCameraRate = 5
	hallVoiceBytes = 80
	hallFrameBytes = 600

	// hallFeedback is how often each client reports what it got, as browsers do
	// at such rates.
	hallFeedback = 250 * time.Millisecond
	// hallParallel is how many clients join at the same time.
	hallParallel = 8
)

// hallOrder is what a hall shall do.
type hallOrder struct {
	// Do is "fill" to have N clients in all, "talk" to have the sources send, and
	// "hush" to have them stop; anything else does nothing.
	Do string
	N  int
}

// hallState is how things stand.
type hallState struct {
	Peers int
	// Packets is how many all clients have received, Heard how many bytes of
	// signaling each watcher has.
	Packets int64
	Heard   [hallWatchers]int64
	CPU     time.Duration // of the process, so far
}

// hallMain is the process of a hall.
func hallMain(url string) error {
	h := &hall{url: url, api: hallAPI()}
	if err := obey(func(o hallOrder) (hallState, error) {
		err := h.carryOut(o)
		state := hallState{Peers: len(h.rooms), Packets: h.packets.Load(), CPU: cpuTime()}
		for i := range h.heard {
			state.Heard[i] = h.heard[i].Load()
		}
		return state, err
	}); err != nil {
		return err
	}
	return h.leave()
}

type hall struct {
	url     string
	api     *webrtc.API
	rooms   []*client.Room
	talking atomic.Bool
	packets atomic.Int64
	heard   [hallWatchers]atomic.Int64
}

func (h *hall) carryOut(o hallOrder) error {
	switch o.Do {
	case "fill":
		return h.fill(o.N)
	case "talk":
		h.talking.Store(true)
	case "hush":
		h.talking.Store(false)
	}
	return nil
}

// fill has clients join until there are n, each with its media connected.
func (h *hall) fill(n int) error {
	first := len(h.rooms)
	h.rooms = append(h.rooms, make([]*client.Room, n-first)...)
	return h.inTurns(n-first, func(i int) error {
		room, err := h.join(first + i)
		h.rooms[first+i] = room
		if err != nil {
			return fmt.Errorf("client %d: %w", first+i, err)
		}
		return nil
	})
}

// inTurns does something n times, a few of them at the same time.
func (h *hall) inTurns(n int, do func(i int) error) error {
	var next atomic.Int64
	errs := make([]error, hallParallel)
	var all sync.WaitGroup
	for worker := range hallParallel {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[worker] == nil; i = int(next.Add(1)) - 1 {
				errs[worker] = do(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// join is the i-th client's.
func (h *hall) join(i int) (*client.Room, error) {
	config := client.Config{
		Options: client.Options{URL: h.url, Format: protocol.Binary},
		Room:    "hall", Name: fmt.Sprintf("Client %d", i),
		AudioSlots: hallAudioSlots, VideoSlots: hallVideoSlots, API: h.api, OnTrack: h.receive,
	}
	voices, cameras := hallWatchers+hallVoices, hallWatchers+hallVoices+hallCameras
	switch {
	case i < hallWatchers:
		url, err := counted(h.url, &h.heard[i])
		if err != nil {
			return nil, err
		}
		config.URL = url
		if i%2 == 1 {
			config.Format = protocol.JSON
		}
	case i < voices:
		config.Tracks = []client.LocalTrack{h.voice()}
	case i < cameras:
		config.Tracks = []client.LocalTrack{h.camera()}
	case i%2 == 1:
		config.Tracks = []client.LocalTrack{{Track: hallTrack(webrtc.MimeTypeOpus), Source: "microphone", Muted: true}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	room, err := client.Join(ctx, config)
	if err != nil {
		return nil, err
	}
	select {
	case <-room.Connected():
		return room, nil
	case <-ctx.Done():
		return room, errors.New("its media did not connect")
	}
}

// leave takes everybody out of the room.
func (h *hall) leave() error {
	h.talking.Store(false)
	return h.inTurns(len(h.rooms), func(i int) error {
		if h.rooms[i] == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return h.rooms[i].Leave(ctx)
	})
}

// receive counts what comes in a slot.
func (h *hall) receive(_ string, track *webrtc.TrackRemote) {
	buffer := make([]byte, 1600)
	for {
		if _, _, err := track.Read(buffer); err != nil {
			return
		}
		h.packets.Add(1)
	}
}

// voice is a microphone that somebody speaks into.
func (h *hall) voice() client.LocalTrack {
	track := hallTrack(webrtc.MimeTypeOpus)
	go h.send(track, hallVoiceRate, 48000, func(p *rtp.Packet) {
		p.Payload = make([]byte, hallVoiceBytes)
		_ = p.SetExtension(1, []byte{20}) // the audio level, see hallAPI
	})
	return client.LocalTrack{Track: track, Source: "microphone"}
}

// camera has a keyframe where one was asked for.
func (h *hall) camera() client.LocalTrack {
	track := hallTrack(webrtc.MimeTypeVP8)
	var asked atomic.Bool
	go h.send(track, hallCameraRate, 90000, func(p *rtp.Packet) {
		p.Payload = make([]byte, hallFrameBytes)
		p.Payload[0], p.Payload[1] = 0x10, 0x51
		if asked.Swap(false) {
			p.Payload[1] = 0x50
		}
	})
	return client.LocalTrack{Track: track, Source: "camera", OnKeyframe: func() { asked.Store(true) }}
}

func hallTrack(mime string) *webrtc.TrackLocalStaticRTP {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, "t", "s")
	if err != nil {
		panic(err)
	}
	return track
}

// send sends so many packets a second while the hall talks, for as long as the
// process lives.
func (h *hall) send(track *webrtc.TrackLocalStaticRTP, rate, clock int, write func(*rtp.Packet)) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	began, seq := time.Now(), uint16(0)
	for now := range ticker.C {
		if !h.talking.Load() {
			continue
		}
		seq++
		p := &rtp.Packet{Header: rtp.Header{
			Version: 2, SequenceNumber: seq, Timestamp: uint32(now.Sub(began) * time.Duration(clock) / time.Second), Marker: true,
		}}
		write(p)
		_ = track.WriteRTP(p) // nobody may be connected yet
	}
}

// hallAPI is what all clients of a hall are made with: they have one address,
// and say what they receive, but ask for nothing to be sent again.
func hallAPI() *webrtc.API {
	var media webrtc.MediaEngine
	feedback, err := twcc.NewSenderInterceptor(twcc.SendInterval(hallFeedback))
	if err := errors.Join(
		err, media.RegisterDefaultCodecs(),
		// The first one has the id 1.
		media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}, webrtc.RTPCodecTypeAudio),
		media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}, webrtc.RTPCodecTypeAudio),
		media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}, webrtc.RTPCodecTypeVideo),
	); err != nil {
		panic(err)
	}
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, webrtc.RTPCodecTypeVideo)
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, webrtc.RTPCodecTypeAudio)
	interceptors := &interceptor.Registry{}
	interceptors.Add(feedback)
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIPFilter(net.IP.IsLoopback)
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(&media), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(settings),
	)
}

// counted is another URL of the server, which counts what comes from it.
func counted(url string, bytes *atomic.Int64) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := strings.TrimPrefix(url, "http://")
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				defer far.Close()
				_, _ = io.Copy(far, near)
			}()
			go func() {
				defer near.Close()
				_, _ = io.Copy(io.MultiWriter(near, byteCounter{bytes}), far)
			}()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return "http://localhost:" + port, err
}

// byteCounter is a writer that counts bytes.
type byteCounter struct{ bytes *atomic.Int64 }

func (c byteCounter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}
