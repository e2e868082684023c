package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// marshalled is RTCP as it is sent.
func marshalled(f *testing.F, packets ...rtcp.Packet) []byte {
	f.Helper()
	raw, err := rtcp.Marshal(packets)
	if err != nil {
		f.Fatal(err)
	}
	return raw
}

// FuzzDownlink has a client say whatever RTCP about the stream of its slot, its
// retransmissions and one that it is not sent. The estimate stays in its
// bounds, what is sent again too, and the slot's stream goes on.
func FuzzDownlink(f *testing.F) {
	f.Add(marshalled(f, &rtcp.PictureLossIndication{MediaSSRC: 7}), marshalled(f, &rtcp.FullIntraRequest{MediaSSRC: 7, FIR: []rtcp.FIREntry{{SSRC: 7}, {SSRC: 9}}}))
	f.Add(marshalled(f, &rtcp.TransportLayerNack{MediaSSRC: 7, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}, {PacketID: 60000}}}), []byte{})
	f.Add(marshalled(f, &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1 << 63, SSRCs: []uint32{7, 9, 3}}), marshalled(f, &rtcp.ReceiverEstimatedMaximumBitrate{SSRCs: []uint32{7}}))
	f.Add(marshalled(f, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 7, FractionLost: 255, TotalLost: 1<<24 - 1, LastSequenceNumber: 1<<32 - 1}, {SSRC: 3}}}), []byte{})
	f.Add(marshalled(f, &rtcp.TransportLayerCC{MediaSSRC: 7, PacketStatusCount: 65535, ReferenceTime: 1<<24 - 1, PacketChunks: []rtcp.PacketStatusChunk{
		&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2},
		&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketNotReceived, RunLength: 8191},
	}, RecvDeltas: []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 63750}, {Type: rtcp.TypeTCCPacketReceivedSmallDelta}}}), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		l := newLab(9)
		defer l.close()
		l.carry(l.sources[0])
		seq := uint16(65500)
		push := func() {
			raw := rawPacket(seq, seq == 65500)
			p := newPacket()
			l.in.receive(time.Now(), p, copy(p.buf[:], raw))
			l.w.serveAll()
			seq++
		}
		for range 10 {
			push()
		}
		now := time.Now()
		l.wire.packets = nil
		for round, raw := range [][]byte{first, second, first} {
			now = now.Add(linkInterval)
			for range 9 {
				if fb := (&wideFeedback{}); isWideFeedback(raw) {
					if fb.read(raw) {
						l.link.arrivals(now, &fb.TransportLayerCC)
					}
				} else if packets, err := rtcp.Unmarshal(raw); err == nil {
					l.link.feedback(now, packets)
				}
			}
			l.link.tick(now)
			if e := l.link.estimator.Estimate(); e < 30_000 || e > 50_000_000 {
				t.Fatalf("the estimate is %d", e)
			}
			again := 0
			for _, p := range l.wire.packets {
				if p.SSRC == 9 && !p.Padding && len(p.Payload) > 2 {
					again++
				}
			}
			if again > 3*resendsPerSecond {
				t.Fatalf("%d packets were sent again in round %d", again, round)
			}
		}
		before, sent := l.out.newest, 0
		l.wire.packets = nil
		for range 3 {
			push()
		}
		for _, p := range l.wire.packets {
			if p.SSRC != 7 {
				continue
			}
			if before++; p.SequenceNumber != before {
				t.Fatalf("%d followed on %d", p.SequenceNumber, before-1)
			}
			sent++
		}
		if sent != 3 && !l.out.starved.Load() { // of which the client is told
			t.Fatalf("%d packets of 3 went on", sent)
		}
	})
}
