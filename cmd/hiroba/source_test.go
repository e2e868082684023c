package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	samples "github.com/pion/webrtc/v4/pkg/media"
)

// source is a track that a test publishes, with a camera or microphone of its
// own.
type source struct {
	track *webrtc.TrackLocalStaticRTP
	// body marks the packets, to know them again.
	body []byte
}

// newSource makes a track of the codec; its packets end with body.
func newSource(t testing.TB, mime string, body []byte) *source {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, "t", "s")
	if err != nil {
		t.Fatal(err)
	}
	s := &source{track: track, body: body}
	n := uint32(0)
	speak(t, track, func(p *rtp.Packet) {
		p.Payload = append(s.descriptor(n), s.body...)
		n++
	})
	return s
}

// newFarSource makes a VP8 track with other numbers than newSource gives.
func newFarSource(t testing.TB, by uint16, body []byte) *source {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "t", "s")
	if err != nil {
		t.Fatal(err)
	}
	s := &source{track: track, body: body}
	speak(t, track, func(p *rtp.Packet) {
		p.Payload = append(s.descriptor(0), body...)
		p.SequenceNumber += by
		p.Timestamp += uint32(by) << 16
	})
	return s
}

// speak sends packets on a track in a steady beat until the test ends; each is
// given to write first.
func speak(t testing.TB, track *webrtc.TrackLocalStaticRTP, write func(*rtp.Packet)) {
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			packet := &rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: n * 1800, Marker: true},
				Payload: []byte{1, 2, 3},
			}
			write(packet)
			_ = track.WriteRTP(packet) // nobody may be connected yet
		}
	})
	t.Cleanup(func() { cancel(); loop.Wait() })
}

// descriptor is the beginning of a payload: for video, a keyframe every
// second.
func (s *source) descriptor(n uint32) []byte {
	key := n%50 == 0
	switch s.track.Codec().MimeType {
	case webrtc.MimeTypeVP8:
		if key {
			return []byte{0x10, 0x50}
		}
		return []byte{0x10, 0x51}
	case webrtc.MimeTypeVP9:
		if key {
			return []byte{0x8c, 0x01}
		}
		return []byte{0xcc, 0x01}
	case webrtc.MimeTypeH264:
		if key {
			return []byte{0x67, 0x00}
		}
		return []byte{0x41, 0x00}
	case webrtc.MimeTypeAV1:
		if key {
			return []byte{0x18, 0x0a}
		}
		return []byte{0x10, 0x30}
	}
	return nil
}

// newSamples makes a track that sends one frame again and again until the test
// ends.
func newSamples(t testing.TB, mime string, frame func() []byte) *webrtc.TrackLocalStaticSample {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, "t", "s")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_ = track.WriteSample(samples.Sample{Data: frame(), Duration: 20 * time.Millisecond}) // nobody may be connected yet
			}
		}
	})
	t.Cleanup(func() { cancel(); loop.Wait() })
	return track
}
