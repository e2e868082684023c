package sfu

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// wire keeps what is sent.
type wire struct{ packets []rtp.Packet }

func (w *wire) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.packets = append(w.packets, rtp.Packet{Header: h.Clone(), Payload: bytes.Clone(payload)})
	return len(payload), nil
}

var vp8AndRTX = append(vp8[:1:1], sdp.Codec{
	MimeType: "video/rtx", ClockRate: 90000, Fmtp: "apt=96", PayloadType: 97,
})

// rig is one source and one slot on one worker, with no network.
type rig struct {
	in     *incoming
	source *source
	w      *worker
	link   *downlink
	out    *outgoing
	wire   *wire
	rtcp   []rtcp.Packet
}

func newRig(ssrcRTX uint32, codecs []sdp.Codec) *rig {
	r := &rig{wire: &wire{}}
	m := newMetrics(prometheus.NewRegistry())
	r.w = newWorker(0, nil, m)
	r.source = newSource(100, Video)
	r.in = r.stream(m, 1, "")
	r.source.put(0, r.in)
	r.out = newOutgoing(m, r.wire, 7, ssrcRTX, Video, newPayloadTypes(codecs), extensions{level: 2, orientation: 4})
	r.link = newDownlink(r.w, time.Now())
	r.link.add(r.out)
	return r
}

func (r *rig) stream(m *metrics, serial uint64, rid string) *incoming {
	in := newIncoming(serial, 41+uint32(serial), Video, newPayloadTypes(vp8), extensions{level: 1, orientation: 3}, 90000,
		m, []*worker{r.w}, &peerClock{}, func(p rtcp.Packet) { r.rtcp = append(r.rtcp, p) })
	in.rid = rid
	in.setCodec(96)
	return in
}

// carry puts a source into the slot.
func (r *rig) carry(s *source) {
	r.w.do(func(now time.Time) { r.out.carry(now, load{source: s}) })
	r.w.serveAll()
}

func (r *rig) connected() {
	r.w.do(r.out.connected)
	r.w.serveAll()
}

func (r *rig) push(seq uint16, key bool) {
	p := newPacket()
	r.in.receive(time.Now(), p, copy(p.buf[:], rawPacket(seq, key)))
	r.w.serveAll()
}

func TestASlotStartsAtAKeyframe(t *testing.T) {
	r := newRig(0, vp8)
	r.carry(r.source)
	r.push(1, false) // not connected yet
	r.connected()
	if len(r.rtcp) != 1 {
		t.Fatalf("%d keyframe requests were sent", len(r.rtcp))
	}
	r.push(2, false)
	if len(r.wire.packets) != 0 {
		t.Fatal("something was sent before a keyframe")
	}
	r.push(3, true)
	r.push(4, false)
	if len(r.wire.packets) != 2 {
		t.Fatalf("%d packets were sent", len(r.wire.packets))
	}
}

// What a publisher's header extensions mean on its own connection is not
// passed on; what is, comes under the ids of the receiver.
func TestHeaderExtensionsAreWrittenAnew(t *testing.T) {
	r := newRig(0, vp8)
	r.carry(r.source)
	r.connected()
	r.push(1, true)
	h := r.wire.packets[0].Header
	if got := h.GetExtensionIDs(); len(got) != 2 {
		t.Fatalf("extensions %v", got)
	}
	if level := h.GetExtension(2); len(level) != 1 || level[0] != 20 {
		t.Errorf("the audio level came as %v", level)
	}
	if orientation := h.GetExtension(4); len(orientation) != 1 || orientation[0] != 1 {
		t.Errorf("the orientation came as %v", orientation)
	}
}

func TestNACKsAreAnsweredFromTheCache(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ssrc   uint32
		codecs []sdp.Codec
	}{
		{"as it was", 0, vp8},
		{"as a retransmission", 9, vp8AndRTX},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(tc.ssrc, tc.codecs)
			r.carry(r.source)
			r.connected()
			for seq := range uint16(10) {
				r.push(1000+seq, seq == 0)
			}
			lost := r.wire.packets[4]
			r.wire.packets = nil
			r.out.resend(time.Now(), lost.SequenceNumber)
			if len(r.wire.packets) != 1 {
				t.Fatalf("%d packets were sent", len(r.wire.packets))
			}
			got := r.wire.packets[0]
			if got.Timestamp != lost.Timestamp || got.Marker != lost.Marker {
				t.Fatalf("got %v, lost %v", got.Header, lost.Header)
			}
			if tc.ssrc == 0 {
				if got.SequenceNumber != lost.SequenceNumber || got.SSRC != 7 || !bytes.Equal(got.Payload, lost.Payload) {
					t.Fatalf("got %v, lost %v", got.Header, lost.Header)
				}
				return
			}
			// RFC 4588, 4.
			if got.SSRC != 9 || got.PayloadType != 97 ||
				binary.BigEndian.Uint16(got.Payload) != lost.SequenceNumber || !bytes.Equal(got.Payload[2:], lost.Payload) {
				t.Fatalf("got %v, lost %v", got.Header, lost.Header)
			}
		})
	}
}

func TestForgedNACKsCostLittle(t *testing.T) {
	r := newRig(0, vp8)
	r.carry(r.source)
	r.connected()
	r.push(1, true)
	sent := r.wire.packets[0].SequenceNumber
	r.wire.packets = nil
	now := time.Now()
	for range 10_000 {
		r.out.resend(now, sent)    // the same, all the time
		r.out.resend(now, sent+77) // never sent
	}
	if n := len(r.wire.packets); n != 1 {
		t.Fatalf("%d packets were sent again for one", n)
	}
	for seq := range uint16(300) {
		r.push(2+seq, false)
	}
	r.wire.packets = nil
	for ms := range 1000 { // everything
		for seq := range uint16(300) {
			r.out.resend(now.Add(time.Duration(ms)*time.Millisecond), sent+seq)
		}
	}
	if n := len(r.wire.packets); n > 2*resendsPerSecond || n < resendsPerSecond/2 {
		t.Fatalf("%d packets were sent again in one second", n)
	}
}

// Where the way to a client carries little, little of that goes into sending
// again what it dropped: more would be dropped for it.
func TestSendingAgainStaysBelowWhatAWayCarries(t *testing.T) {
	r := newRig(9, vp8AndRTX)
	r.link.reports = true // its estimate counts
	r.carry(r.source)
	r.connected()
	for seq := range uint16(300) {
		r.push(1+seq, seq == 0)
	}
	first := r.wire.packets[0].SequenceNumber
	r.wire.packets = nil
	now := time.Now()
	bytes := 0
	for ms := range 2000 {
		r.out.resend(now.Add(time.Duration(ms)*time.Millisecond), first+uint16(ms%300))
	}
	for _, p := range r.wire.packets {
		bytes += len(p.Payload)
	}
	if most := resendShare * startRate / 8 * 2.6; float64(bytes) > most || bytes == 0 {
		t.Errorf("%d bytes were sent again in 2 s, where %.0f are a quarter of what goes through", bytes, most)
	}
}

// After a change of source, packets of the one before can still be asked for.
func TestANACKReachesBackOverASwitch(t *testing.T) {
	r := newRig(0, vp8)
	r.carry(r.source)
	r.connected()
	r.push(1, true)
	lost := r.wire.packets[0]

	other := r.stream(r.in.metrics, 2, "")
	source := newSource(101, Video)
	source.put(0, other)
	r.carry(source)
	p := newPacket()
	other.receive(time.Now(), p, copy(p.buf[:], rawPacket(500, true)))
	r.w.serveAll()
	if n := len(r.wire.packets); n != 2 || r.wire.packets[1].SequenceNumber != lost.SequenceNumber+1 {
		t.Fatalf("after the switch: %d packets", n)
	}
	r.out.resend(time.Now(), lost.SequenceNumber)
	if n := len(r.wire.packets); n != 3 || !bytes.Equal(r.wire.packets[2].Payload, lost.Payload) {
		t.Fatalf("%d packets after the NACK", n)
	}
}

// A request or its keyframe may be lost: a slot that still waits asks again.
func TestAWaitingSlotAsksAgain(t *testing.T) {
	r := newRig(0, vp8)
	r.carry(r.source)
	r.connected()
	r.in.mu.Lock()
	r.in.requests = forward.KeyframeRequests{} // long ago
	r.in.mu.Unlock()
	r.push(1, false)
	if len(r.rtcp) != 2 {
		t.Fatalf("%d requests were sent", len(r.rtcp))
	}
}

// No number goes out twice with different content: it would use the cipher's
// nonce twice.
func TestADuplicateIsForwardedOnce(t *testing.T) {
	r := newRig(0, vp8)
	r.carry(r.source)
	r.connected()
	r.push(1, true)
	r.push(2, false)
	r.push(2, true) // the same number, other content
	r.push(3, false)
	r.push(2000, false)
	r.push(3, true) // so late that the cache has forgotten it
	seen := map[uint16]bool{}
	for _, p := range r.wire.packets {
		if seen[p.SequenceNumber] {
			t.Fatalf("%d went out twice", p.SequenceNumber)
		}
		seen[p.SequenceNumber] = true
	}
	if len(seen) != 4 {
		t.Fatalf("%d packets went out", len(seen))
	}
}
