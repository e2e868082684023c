package sfu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// allVideo is every codec that is forwarded, with payload types from 96 on.
var allVideo = func() (out []sdp.Codec) {
	for i, mime := range []string{"video/VP8", "video/VP9", "video/H264", "video/AV1"} {
		pt := uint8(96 + 2*i)
		out = append(out,
			sdp.Codec{MimeType: mime, ClockRate: 90000, PayloadType: pt},
			sdp.Codec{
				MimeType: "video/rtx", ClockRate: 90000, Fmtp: fmt.Sprintf("apt=%d", pt),
				PayloadType: pt + 1,
			})
	}
	return out
}()

// lab is two sources and one slot that takes every codec, with no network.
type lab struct {
	*rig
	ins     [2]*incoming
	sources [2]*source
}

// newLab makes one; with an ssrcRTX of 0, what is lost is sent again under its
// own number.
func newLab(ssrcRTX uint32) *lab {
	l := &lab{rig: &rig{wire: &wire{}}}
	m := newMetrics(prometheus.NewRegistry())
	l.w = newWorker(0, nil, m)
	types := newPayloadTypes(allVideo)
	for i := range l.ins {
		l.ins[i] = newIncoming(uint64(1+i), uint32(42+i), Video, types, extensions{level: 1, orientation: 3, descriptor: 5}, 90000,
			m, []*worker{l.w}, &peerClock{}, func(rtcp.Packet) {})
		l.sources[i] = newSource(uint64(100+i), Video)
		l.sources[i].put(0, l.ins[i])
	}
	l.in, l.source = l.ins[0], l.sources[0]
	l.out = newOutgoing(m, l.wire, 7, ssrcRTX, Video, types, extensions{level: 2, orientation: 4, descriptor: 6, transport: 8})
	l.link = newDownlink(l.w, time.Now())
	l.link.add(l.out)
	l.connected()
	return l
}

// close ends what a lab has begun.
func (l *lab) close() {
	l.carry(nil)
	l.link.close()
	for _, in := range l.ins {
		in.end()
	}
}

// audit holds against all that left in a slot's stream what a decoder, and the
// cipher, rely on.
type audit struct {
	ssrc          uint32
	repaired      bool // a client put together what was sent again, without payload type and extensions
	sent          map[int64]rtp.Packet
	numbers       forward.Unwrapper
	first, newest int64
	latest        uint32
}

// check takes the next packet that left.
func (a *audit) check(t *testing.T, p rtp.Packet) {
	t.Helper()
	if p.SSRC != a.ssrc {
		return
	}
	n := a.numbers.Unwrap(p.SequenceNumber)
	if before, ok := a.sent[n]; ok {
		if p.Timestamp != before.Timestamp || p.Marker != before.Marker || !bytes.Equal(p.Payload, before.Payload) ||
			!a.repaired && (p.PayloadType != before.PayloadType || p.Padding != before.Padding || !bytes.Equal(p.GetExtension(6), before.GetExtension(6))) {
			t.Fatalf("%d was sent twice, as %v, then as %v", n, before.String(), p.String())
		}
		return
	}
	first := len(a.sent) == 0
	a.sent[n] = p
	if !first && n <= a.newest {
		return // late: what it was named was left free for it
	}
	if step := int32(p.Timestamp - a.latest); !first && step < -90000 {
		t.Fatalf("%d steps %d back in time", n, -step)
	}
	if first || int32(p.Timestamp-a.latest) > 0 {
		a.latest = p.Timestamp
	}
	a.newest = n
	if first {
		a.first = n
	}
}

// FuzzSource sends whatever RTP from two sources into a slot that goes from one
// to the other, and whose receiver asks for what was sent again. Each step is
// an operation, what it needs, and a payload.
func FuzzSource(f *testing.F) {
	step := func(op byte, seq int16, time int32, payload ...byte) []byte {
		out := []byte{op}
		out = binary.BigEndian.AppendUint16(out, uint16(seq))
		out = binary.BigEndian.AppendUint32(out, uint32(time))
		return append(append(out, byte(len(payload))), payload...)
	}
	key, delta := []byte{0x90, 0x80, 1, 0x10, 0}, []byte{0x90, 0x80, 2, 0x11, 0}
	for _, steps := range [][][]byte{
		{step(0, 1, 3000, key...), step(0, 1, 3000, delta...), step(0, 3, 3000, delta...), step(4, 0, 0), step(1, 1, 3000, key...), step(1, -1, -3000, delta...)},
		{step(0, 1, 3000, key...), step(0, 32767, 3000), step(0, 32767, 3000, delta...), step(0, 32767, -900000, delta...), step(5, 1, 0)},
		{step(0, 1, 3000, key...), step(0, 1, 3000, delta...), step(0, 30000, 0, delta...), step(0, -30000, 0, key...), step(5, 2, 0)},
		{step(0x10, 1, 3000, 0x8a, 1, 0x08, 1, 0x14, 1, 9), step(0x30, 1, 3000, 0x10, 0, 1), step(0x20, 1, 3000, 0x65, 1), step(4, 1, 0)},
		{step(0, 1, 3000, key...), step(0x40, 1, -1<<31, delta...), step(0x80, 1, 1<<31-1, delta...), step(0x80, 1, -90001, delta...), step(5, 0, 0)},
	} {
		f.Add(bytes.Join(steps, nil), true)
		f.Add(bytes.Join(steps, nil), false)
	}
	f.Fuzz(func(t *testing.T, script []byte, rtx bool) {
		ssrcRTX := uint32(0)
		if rtx {
			ssrcRTX = 9
		}
		l := newLab(ssrcRTX)
		defer l.close()
		l.carry(l.sources[0])
		seqs, times := [2]uint16{65000, 1000}, [2]uint32{1 << 31, 5}
		a := audit{ssrc: 7, sent: map[int64]rtp.Packet{}}
		for steps := 0; len(script) >= 8 && steps < 300; steps++ {
			op, by, passed, size := script[0], binary.BigEndian.Uint16(script[1:]), binary.BigEndian.Uint32(script[3:]), int(script[7])
			script = script[8:]
			payload := script[:min(size, len(script))]
			script = script[len(payload):]
			switch op & 7 {
			case 4:
				l.carry(l.sources[by&1])
			case 5: // a NACK for something sent lately
				l.out.resend(time.Now(), l.out.newest-by%600)
			case 6:
				layer := forward.Layer{Spatial: uint8(by & 7), Temporal: uint8(by >> 3 & 7)}
				l.out.aim(time.Now(), l.out.current, layer, 0)
			default:
				i := int(op & 1)
				seqs[i] += by
				times[i] += passed
				p := rtp.Packet{Header: rtp.Header{
					Version: 2, PayloadType: 96 + 2*(op>>4&3), SequenceNumber: seqs[i], Timestamp: times[i], SSRC: 42, Marker: op&8 != 0,
				}, Payload: payload}
				if op&0x40 != 0 && len(payload) > 0 { // what it begins with is a dependency descriptor
					n := min(int(payload[0])%40, len(payload)-1)
					p.Payload = payload[1+n:]
					if n > 0 {
						_ = p.SetExtension(5, payload[1:1+n])
					}
				}
				if op&0x80 != 0 {
					_ = p.SetExtension(3, []byte{byte(by)})
				}
				raw, err := p.Marshal()
				if err != nil {
					continue
				}
				l.ins[i].changed = time.Time{} // codecs may change all the time
				q := newPacket()
				l.ins[i].receive(time.Now(), q, copy(q.buf[:], raw))
				l.w.serveAll()
			}
			for _, p := range l.wire.packets {
				a.check(t, p)
			}
			l.wire.packets = l.wire.packets[:0]
		}
	})
}
