package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

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

// tryEnterWith is tryEnter with a context of its own.
func tryEnterWith(t testing.TB, ctx context.Context, url, room string, change func(*client.Config)) (*participant, error) { //nolint:revive // t comes first, as everywhere
	p := &participant{t: t, changed: make(chan struct{}), packets: map[string][]*rtp.Packet{}}
	config := client.Config{Options: client.Options{URL: url}, Room: room, API: loopbackAPI(t)}
	change(&config)
	var err error
	p.Room, err = client.Join(ctx, config)
	return p, err
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

// publish publishes a source as a camera.
func (p *participant) publish(s *source) *protocol.Track {
	p.t.Helper()
	track, err := p.Publish(bounded(p.t), client.LocalTrack{Track: s.track, Source: "camera"})
	if err != nil {
		p.t.Fatal(err)
	}
	return track
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

// count is how many packets fit.
func (p *participant) count(mid string, fits func(*rtp.Packet) bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, packet := range p.packets[mid] {
		if fits(packet) {
			n++
		}
	}
	return n
}

// unbroken waits until all that came in a slot is one continuous stream. What
// the server sends again to see what the way carries comes twice, and before
// what waits to be read.
func (p *participant) unbroken(mid string) {
	p.t.Helper()
	p.until("what is missing in slot "+mid, func() bool {
		if len(p.packets[mid]) == 0 {
			return false
		}
		first, last, seen := 0, 0, map[int]bool{}
		for _, packet := range p.packets[mid] {
			// Far less than half of all numbers come in a test.
			n := int(int16(packet.SequenceNumber - p.packets[mid][0].SequenceNumber))
			first, last, seen[n] = min(first, n), max(last, n), true
		}
		return len(seen) == last-first+1
	})
}

// ufrag is the ICE user fragment of the last offer that was taken.
func (p *participant) ufrag() string {
	_, after, _ := strings.Cut(p.PeerConnection().LocalDescription().SDP, "a=ice-ufrag:")
	ufrag, _, _ := strings.Cut(after, "\r\n")
	return ufrag
}
