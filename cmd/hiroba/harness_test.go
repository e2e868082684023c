package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// runServer starts a whole server on a free port and stops it with the test.
// After that no goroutine may be left over.
func runServer(t testing.TB, change func(*configs.Config)) (s *server, url string) {
	t.Helper()
	return runServerLogging(t, t.Output(), change)
}

// runServerLogging is runServer for a test that reads the log.
func runServerLogging(t testing.TB, log io.Writer, change func(*configs.Config)) (s *server, url string) {
	t.Helper()
	check := leftNothing(t)
	config := configs.Default()
	config.Port = 0
	if change != nil {
		change(&config)
	}
	s, err := start(config, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: config.Log.Level})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.close(ctx); err != nil {
			t.Errorf("the server did not end cleanly: %v", err)
		}
		check()
	})
	return s, fmt.Sprintf("http://localhost:%d", s.port.Port())
}

// participant is a Pion client in a room, with all that it was told.
type participant struct {
	*client.Room
	t testing.TB

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every news
	heard   []*protocol.ServerMessage
	frames  []*dataframe.DataFrame
	packets map[string][]*rtp.Packet // by mid
}

// enter joins a room with slots for others and the tracks given.
func enter(t testing.TB, url, room string, change func(*client.Config)) *participant {
	t.Helper()
	p, err := tryEnter(t, url, room, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Drop() })
	return p
}

func tryEnter(t testing.TB, url, room string, change func(*client.Config)) (*participant, error) {
	p := &participant{t: t, changed: make(chan struct{}), packets: map[string][]*rtp.Packet{}}
	config := client.Config{
		Options: client.Options{
			URL:    url,
			Handle: func(m *protocol.ServerMessage) { p.note(func() { p.heard = append(p.heard, m) }) },
		},
		Room: room, Name: t.Name(), AudioSlots: 2, VideoSlots: 2, API: loopbackAPI(t),
		OnData: func(_ string, f *dataframe.DataFrame) {
			p.note(func() { p.frames = append(p.frames, f) })
		},
		OnTrack: func(mid string, track *webrtc.TrackRemote) {
			for {
				packet, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				p.note(func() { p.packets[mid] = append(p.packets[mid], packet) })
			}
		},
	}
	if change != nil {
		change(&config)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	p.Room, err = client.Join(ctx, config)
	return p, err
}

// loopbackAPI is pion's default API with loopback candidates, so that tests
// need no network.
func loopbackAPI(t testing.TB) *webrtc.API {
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
}

func (p *participant) note(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// until waits until what is asked for holds; it is asked again at every news.
func (p *participant) until(what string, holds func() bool) {
	p.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		ok, changed := holds(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-p.Link().Done():
			p.t.Fatalf("the link ended (%v) while waiting for %s", p.Link().Err(), what)
		case <-timeout.C:
			p.t.Fatalf("nothing came of %s; heard %v", what, p.heard)
		}
	}
}

// hears waits for a message that fits.
func (p *participant) hears(what string, fits func(*protocol.ServerMessage) bool) (found *protocol.ServerMessage) {
	p.t.Helper()
	p.until(what, func() bool {
		for _, m := range p.heard {
			if fits(m) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// slotOf waits until a track sits in a slot and returns the slot's mid.
func (p *participant) slotOf(track string) string {
	p.t.Helper()
	mid := ""
	p.until("a slot for track "+track, func() bool {
		mid = ""
		for _, m := range p.heard {
			if m.GetSlots() == nil {
				continue
			}
			mid = ""
			for _, s := range m.GetSlots().GetSlots() {
				if s.GetTrack() == track {
					mid = s.GetMid()
				}
			}
		}
		return mid != ""
	})
	return mid
}

// receives waits for n packets in a slot that fit.
func (p *participant) receives(n int, mid string, fits func(*rtp.Packet) bool) {
	p.t.Helper()
	p.until(fmt.Sprintf("%d packets in slot %s", n, mid), func() bool {
		count := 0
		for _, packet := range p.packets[mid] {
			if fits(packet) {
				count++
			}
		}
		return count >= n
	})
}

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
