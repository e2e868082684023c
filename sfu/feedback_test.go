package sfu

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// A receiver that sends feedback faster than its worker gets to it fills the
// queue to its limit and no further; what is too much is counted.
func TestAFloodOfFeedbackDoesNotPileUp(t *testing.T) {
	for _, tc := range []struct {
		name     string
		feedback func(ssrc uint32) rtcp.Packet
	}{
		{"NACKs", func(ssrc uint32) rtcp.Packet {
			return &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}}
		}},
		{"PLIs", func(ssrc uint32) rtcp.Packet { return &rtcp.PictureLossIndication{MediaSSRC: ssrc} }},
		{"FIRs", func(ssrc uint32) rtcp.Packet {
			return &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := runSFU(t)
			film(t, s, "tea", "ann")
			bob := watch(t, s, "tea", "bob")
			bob.sees(t, 10)
			ssrc := bob.seen()[0].SSRC

			w := s.workers[0]
			busy, free := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(free) })
			defer release()
			w.do(func(time.Time) { close(busy); <-free })
			<-busy
			flood := make([]rtcp.Packet, 20)
			for i := range flood {
				flood[i] = tc.feedback(ssrc)
			}
			most := 0
			until(t, "feedback being dropped", func() bool {
				for range 50 {
					if err := bob.pc.WriteRTCP(flood); err != nil {
						t.Fatal(err)
					}
				}
				w.mu.Lock()
				most = max(most, len(w.jobs))
				w.mu.Unlock()
				return most > 2*queueLimit || counted(t, s, "hiroba_sfu_packets_dropped_total", "feedback") > 1000
			})
			release()
			if most > queueLimit+10 {
				t.Fatalf("%d jobs waited", most)
			}
			bob.sees(t, 10)
		})
	}
}
