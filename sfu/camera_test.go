package sfu

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// camera publishes video that has a keyframe where one was asked for, and
// nowhere else.
type camera struct {
	*stranger
	asked atomic.Int64
}

// film joins a publisher of video, 100 packets a second until the test ends.
func film(t *testing.T, s *SFU, room, id string) *camera {
	t.Helper()
	var asking, sending sync.WaitGroup
	t.Cleanup(asking.Wait) // after the connection is closed
	g, track := publish(t, s, room, id)
	c := &camera{stranger: g}
	sender := g.pc.GetSenders()[0]
	asking.Go(func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					c.asked.Add(1)
				}
			}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	sending.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		answered := int64(0)
		for n := uint32(0); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			payload := []byte{0x10, 0x51, 0, 0}
			if asked := c.asked.Load(); asked > answered {
				answered, payload[1] = asked, 0x50
			}
			_, _ = track.WriteRTP(&rtp.Header{
				Version: 2, SSRC: track.ssrc, PayloadType: 96, SequenceNumber: uint16(n), Timestamp: n * 900, Marker: true,
			}, payload)
		}
	})
	t.Cleanup(func() { cancel(); sending.Wait() })
	return c
}

// viewer is a client that keeps what it gets in its one slot.
type viewer struct {
	*stranger
	mu      sync.Mutex
	packets []rtp.Packet
}

// watch joins a viewer.
func watch(t *testing.T, s *SFU, room, id string) *viewer {
	t.Helper()
	v := &viewer{}
	v.stranger = arrive(t, s, room, id, webrtc.NetworkTypeUDP4, func(pc *webrtc.PeerConnection) {
		withSlots(1)(pc)
		pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				v.mu.Lock()
				v.packets = append(v.packets, *p)
				v.mu.Unlock()
			}
		})
	}, nil)
	return v
}

// seen is what the viewer got so far.
func (v *viewer) seen() []rtp.Packet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.packets[:len(v.packets):len(v.packets)]
}

// sees waits for n more packets.
func (v *viewer) sees(t *testing.T, n int) {
	t.Helper()
	before := len(v.seen())
	until(t, "packets for "+v.peer.id, func() bool { return len(v.seen()) >= before+n })
}

// counted is the value of a metric; of those with a label, of one of them.
func counted(t *testing.T, s *SFU, name, label string) int {
	t.Helper()
	families, err := s.config.Registerer.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// settle waits until the workers have done what was queued, and counted it.
func settle(s *SFU) {
	for _, w := range s.workers {
		for range 2 { // what a batch forwarded is counted at its end
			done := make(chan struct{})
			w.do(func(time.Time) { close(done) })
			<-done
		}
	}
}
