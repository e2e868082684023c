package sfu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
	"github.com/hiroba-rtc/hiroba/sfu/sdp"
)

// opusAs is a codec of tests: Opus, or Opus with redundancy, under the payload
// types given.
func opusAs(opus, red uint8) []sdp.Codec {
	codecs := []sdp.Codec{{
		MimeType: "audio/opus", ClockRate: 48000, Channels: 2, PayloadType: opus,
	}}
	if red != 0 {
		codecs = append(codecs, sdp.Codec{
			MimeType: mimeRED, ClockRate: 48000, Channels: 2, Fmtp: fmt.Sprintf("%d/%d", opus, opus),
			PayloadType: red,
		})
	}
	return codecs
}

// ensemble is a voice and listeners with codecs of their own, with no network.
type ensemble struct {
	in    *incoming
	w     *worker
	outs  []*outgoing
	wires []*wire
}

func newEnsemble(speaker []sdp.Codec, listeners ...[]sdp.Codec) *ensemble {
	m := newMetrics(prometheus.NewRegistry())
	e := &ensemble{w: newWorker(0, nil, m)}
	e.in = newIncoming(1, 42, Audio, newPayloadTypes(speaker), extensions{}, 48000, m, []*worker{e.w}, &peerClock{}, func(rtcp.Packet) {})
	s := newSource(100, Audio)
	s.put(0, e.in)
	for _, codecs := range listeners {
		sink := &wire{}
		o := newOutgoing(m, sink, 7, 0, Audio, newPayloadTypes(codecs), extensions{})
		newDownlink(e.w, time.Now()).add(o)
		e.w.do(o.connected)
		e.w.do(func(now time.Time) { o.carry(now, load{source: s}) })
		e.outs, e.wires = append(e.outs, o), append(e.wires, sink)
	}
	e.w.serveAll()
	return e
}

// frame is the Opus frame that packet n carries: 20 ms, and n.
func frame(n uint16) []byte { return []byte{0x78, byte(n), byte(n >> 8), 1} }

func (e *ensemble) speak(payloadType uint8, n uint16, payload []byte) {
	raw, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: n, Timestamp: uint32(n) * 960, SSRC: 42},
		Payload: payload,
	}).Marshal()
	if err != nil {
		panic(err)
	}
	p := newPacket()
	e.in.receive(time.Now(), p, copy(p.buf[:], raw))
	e.w.serveAll()
}

// heard lists the packets that a listener got by their numbers, counted from
// the first.
func (e *ensemble) heard(listener int) (numbers []int) {
	packets := e.wires[listener].packets
	for _, p := range packets {
		numbers = append(numbers, int(p.SequenceNumber-packets[0].SequenceNumber))
	}
	return numbers
}

// Redundant sound goes as it is to who takes it, with the payload types that
// they know, and as plain Opus to the others, who get what was lost as well.
func TestRedundantSoundIsForwarded(t *testing.T) {
	e := newEnsemble(opusAs(111, 63), opusAs(96, 0), opusAs(111, 63), opusAs(109, 110))
	var maker forward.REDMaker
	for n := range uint16(20) {
		var buf [1200]byte
		red := buf[:maker.Make(buf[:], 111, n, uint32(n)*960, frame(n))]
		if n == 5 || n == 11 || n == 12 {
			continue // lost on the way here
		}
		e.speak(63, n, red)
	}
	if got := e.heard(0); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}) &&
		!slices.Equal(got, []int{0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 13, 11, 12, 14, 15, 16, 17, 18, 19}) {
		t.Errorf("without redundancy, the listener heard %v", got)
	}
	for _, p := range e.wires[0].packets {
		n := p.SequenceNumber - e.wires[0].packets[0].SequenceNumber
		if p.PayloadType != 96 || !slices.Equal(p.Payload, frame(n)) || p.Timestamp-e.wires[0].packets[0].Timestamp != uint32(n)*960 {
			t.Errorf("packet %d came as %v %x", n, p.Header, p.Payload)
		}
	}
	for listener, types := range map[int][2]uint8{1: {63, 111}, 2: {110, 109}} {
		for _, p := range e.wires[listener].packets {
			n := p.SequenceNumber - e.wires[listener].packets[0].SequenceNumber
			var red forward.RED
			switch {
			case n == 5 || n == 11 || n == 12: // found in the next
				if p.PayloadType != types[1] || !slices.Equal(p.Payload, frame(n)) {
					t.Errorf("packet %d came as %v %x", n, p.Header, p.Payload)
				}
			case p.PayloadType != types[0] || !red.Unpack(p.Payload, types[1]) || !slices.Equal(red.Primary, frame(n)):
				t.Errorf("packet %d came as %v %x", n, p.Header, p.Payload)
			}
		}
	}
}

// Who loses packets, and takes redundancy, is sent it although the publisher
// does not.
func TestRedundancyIsMadeForALossyWay(t *testing.T) {
	e := newEnsemble(opusAs(111, 0), opusAs(111, 63), opusAs(111, 63), opusAs(111, 0))
	e.outs[0].wantRED(true)
	e.outs[2].wantRED(true) // it cannot have it
	for n := range uint16(5) {
		e.speak(111, n, frame(n))
	}
	last := e.wires[0].packets[4]
	var red forward.RED
	if last.PayloadType != 63 || !red.Unpack(last.Payload, 111) || len(red.Blocks()) != 2 || !slices.Equal(red.Primary, frame(4)) {
		t.Errorf("the lossy listener got %v %x", last.Header, last.Payload)
	}
	if p := e.wires[2].packets[4]; p.PayloadType != 111 || !slices.Equal(p.Payload, frame(4)) {
		t.Errorf("who takes no redundancy got %v %x", p.Header, p.Payload)
	}
	if p := e.wires[1].packets[4]; p.PayloadType != 111 {
		t.Errorf("who loses nothing got %v", p.Header)
	}
	e.outs[0].wantRED(false)
	e.speak(111, 5, frame(5))
	if p := e.wires[0].packets[5]; p.PayloadType != 111 {
		t.Errorf("after the loss, the listener got %v", p.Header)
	}
}
