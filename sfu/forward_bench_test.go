package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// discard takes packets and does nothing with them.
type discard struct{ packets int }

func (d *discard) WriteRTP(*rtp.Header, []byte) (int, error) {
	d.packets++
	return 0, nil
}

var vp8 = []sdp.Codec{{
	MimeType: "video/VP8", ClockRate: 90000, PayloadType: 96,
}}

// pipeline is one publisher's stream and n slots on one worker, without a
// network: what is left is our own code.
func pipeline(n int) (*incoming, *worker, *discard) {
	m := newMetrics(prometheus.NewRegistry())
	w := newWorker(0, nil, m)
	in := newIncoming(1, 42, Video, newPayloadTypes(vp8), extensions{level: 1, orientation: 3}, 90000,
		m, []*worker{w}, &peerClock{}, func(rtcp.Packet) {})
	in.setCodec(96)
	sink := &discard{}
	s := newSource(100, Video)
	s.put(0, in)
	for range n {
		o := newOutgoing(m, sink, 7, 0, Video, newPayloadTypes(vp8), extensions{level: 2, orientation: 4})
		newDownlink(w, time.Now()).add(o)
		o.live = true
		o.carry(time.Now(), load{source: s})
	}
	w.serve(nil) // what was changed is decided
	return in, w, sink
}

// rawPacket is an RTP packet as a browser sends it, 1,200 bytes of payload.
func rawPacket(seq uint16, key bool) []byte {
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(seq) * 600, SSRC: 42},
		Payload: make([]byte, 1200),
	}
	p.Payload[0], p.Payload[1] = 0x10, 0x51
	if key {
		p.Payload[1] = 0x50
	}
	_ = p.SetExtension(1, []byte{20})
	_ = p.SetExtension(3, []byte{1})
	_ = p.SetExtension(5, []byte{1, 2})
	raw, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	return raw
}

// BenchmarkForward is the cost of our own code from a received packet to the
// seal, per forwarded packet: it allocates nothing.
func BenchmarkForward(b *testing.B) {
	const receivers = 60
	in, w, sink := pipeline(receivers)
	first, later := rawPacket(0, true), rawPacket(0, false)
	seq := uint16(0)
	b.ReportAllocs()
	for b.Loop() {
		raw := later
		if seq == 0 {
			raw = first
		}
		p := newPacket()
		n := copy(p.buf[:], raw)
		p.buf[2], p.buf[3] = byte(seq>>8), byte(seq)
		in.receive(time.Now(), p, n)
		w.serveAll()
		seq++
	}
	if sink.packets != b.N*receivers {
		b.Fatalf("%d packets were forwarded, not %d", sink.packets, b.N*receivers)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sink.packets), "ns/forward")
}

// Our own code allocates nothing for a forwarded packet once the pool and the
// cache are warm.
func TestForwardingAllocatesNothing(t *testing.T) {
	in, w, sink := pipeline(60)
	raw := rawPacket(0, true)
	seq := uint16(0)
	push := func() {
		p := newPacket()
		n := copy(p.buf[:], raw)
		p.buf[2], p.buf[3] = byte(seq>>8), byte(seq)
		in.receive(time.Now(), p, n)
		w.serveAll()
		seq++
	}
	for range 2 * videoCache {
		push()
	}
	before := sink.packets
	allocs := testing.AllocsPerRun(2000, push)
	// The race detector makes the pool forget at random; that is one packet
	// per incoming one, not one per receiver.
	if perForward := allocs / 60; perForward > 0.05 {
		t.Errorf("%.2f allocations per forwarded packet", perForward)
	}
	if sink.packets-before < 2000*60 {
		t.Fatalf("only %d packets were forwarded", sink.packets-before)
	}
}

// Whatever arrives in place of RTP, nothing panics and what is forwarded is
// what a pipeline of valid packets would forward.
func FuzzReceive(f *testing.F) {
	f.Add(rawPacket(1, true))
	f.Add([]byte{0x80})
	f.Add([]byte{0xa0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 42, 255})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		in, w, _ := pipeline(2)
		for _, packet := range [][]byte{rawPacket(0, true), raw, rawPacket(2, false)} {
			p := newPacket()
			in.receive(time.Now(), p, copy(p.buf[:], packet))
			w.serveAll()
		}
		in.end()
	})
}
