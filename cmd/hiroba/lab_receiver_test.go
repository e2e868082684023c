package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// envLabReceiver makes this test binary a receiver of the lab that does not
// decode: "url room width height".
const envLabReceiver = "HIROBA_LAB_RECEIVER"

// labReceiver counts the frames that came whole, and what is missing of the
// sound. It knows VP8 alone.
type labReceiver struct {
	mu      sync.Mutex
	now     heard
	last    time.Time // of the latest frame
	pace    float64   // mean seconds between frames
	samples []heard
}

// labReceiverMain joins and says so, and tells its samples when it is asked to.
// It ends with its standard input.
func labReceiverMain(task string) error {
	var url, room string
	var width, height uint32
	if _, err := fmt.Sscan(task, &url, &room, &width, &height); err != nil {
		return err
	}
	api, err := labReceiverAPI()
	if err != nil {
		return err
	}
	r := &labReceiver{}
	views := make(chan string, 16)
	ctx := context.Background()
	joined, err := client.Join(ctx, client.Config{
		Options: client.Options{URL: url, Handle: func(m *protocol.ServerMessage) {
			for _, s := range m.GetSlots().GetSlots() {
				if s.GetKind() == protocol.Kind_VIDEO && s.GetTrack() != "" {
					select {
					case views <- s.GetTrack():
					default:
					}
				}
			}
		}},
		Room: room, Name: "a receiver in Go", AudioSlots: 1, VideoSlots: 1, API: api, OnTrack: r.receive,
	})
	if err != nil {
		return err
	}
	go func() {
		shown := ""
		for track := range views {
			if track == shown {
				continue
			}
			shown = track
			if err := joined.View(ctx, &protocol.Shown{Track: track, Width: width, Height: height}); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	go r.keep()
	fmt.Println("joined")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		r.mu.Lock()
		err := json.NewEncoder(os.Stdout).Encode(r.samples)
		r.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// labReceiverAPI has VP8 and Opus alone, without RTX: pion's NACKs do not see
// what comes over that, and would ask for it again and again.
func labReceiverAPI() (*webrtc.API, error) {
	var media webrtc.MediaEngine
	for kind, codec := range map[webrtc.RTPCodecType]webrtc.RTPCodecParameters{
		webrtc.RTPCodecTypeVideo: {PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000, RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}},
		}},
		webrtc.RTPCodecTypeAudio: {PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}},
	} {
		if err := media.RegisterCodec(codec, kind); err != nil {
			return nil, err
		}
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(&media)), nil
}

// keep takes a sample every 100 ms for as long as the process lives.
func (r *labReceiver) keep() {
	for now := range time.NewTicker(100 * time.Millisecond).C {
		r.mu.Lock()
		sample := r.now
		sample.At = float64(now.UnixMicro()) / 1000
		r.samples = append(r.samples, sample)
		r.mu.Unlock()
	}
}

func (r *labReceiver) receive(_ string, track *webrtc.TrackRemote) {
	if track.Kind() == webrtc.RTPCodecTypeAudio {
		r.listen(track)
	} else {
		r.watch(track)
	}
}

// listen counts a packet that is missing as 20 ms of concealed sound.
func (r *labReceiver) listen(track *webrtc.TrackRemote) {
	const packetSamples = 960
	var highest uint16
	for begun := false; ; begun = true {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		step := int16(packet.SequenceNumber - highest)
		r.mu.Lock()
		switch {
		case !begun:
			highest = packet.SequenceNumber
		case step > 0:
			highest = packet.SequenceNumber
			r.now.Played += float64(step) * packetSamples
			r.now.Concealed += float64(step-1) * packetSamples
		default: // it was late, but came
			r.now.Concealed = max(0, r.now.Concealed-packetSamples)
		}
		r.mu.Unlock()
	}
}

// watch counts the frames that came whole.
func (r *labReceiver) watch(track *webrtc.TrackRemote) {
	var frames wholeFrames
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		for _, frame := range frames.push(packet, now) {
			r.shown(frame, now)
		}
	}
}

// shown takes note of a whole frame, and of a freeze before it as WebRTC's
// statistics define one.
func (r *labReceiver) shown(frame []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A keyframe's header has its size (RFC 6386, section 9.1).
	if len(frame) >= 10 && frame[0]&1 == 0 {
		r.now.Width = int(binary.LittleEndian.Uint16(frame[6:]) & 0x3fff)
		r.now.Height = int(binary.LittleEndian.Uint16(frame[8:]) & 0x3fff)
	}
	r.now.Decoded++
	if !r.last.IsZero() {
		gap := now.Sub(r.last).Seconds()
		if r.pace > 0 && gap > max(3*r.pace, r.pace+0.15) {
			r.now.Freezes++
			r.now.Frozen += gap
		}
		r.pace += (gap - r.pace) / 30
	}
	r.last = now
}
