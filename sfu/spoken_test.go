package sfu

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
)

// Who is chosen because it speaks is heard from the syllable on for which it
// was chosen, not from the moment of choosing; what follows comes once.
func TestTheFirstSyllableIsHeard(t *testing.T) {
	m := newMetrics(prometheus.NewRegistry())
	w := newWorker(0, nil, m)
	in := newIncoming(1, 42, Audio, newPayloadTypes(opusAs(111, 0)), extensions{level: 1}, 48000, m, []*worker{w}, &peerClock{}, func(rtcp.Packet) {})
	s := newSource(100, Audio)
	s.put(0, in)
	sink := &wire{}
	o := newOutgoing(m, sink, 7, 0, Audio, newPayloadTypes(opusAs(111, 0)), extensions{})
	newDownlink(w, time.Now()).add(o)
	w.do(o.connected)
	speak := func(n uint16, level byte) {
		packet := &rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: n, Timestamp: uint32(n) * 960, SSRC: 42},
			Payload: frame(n),
		}
		_ = packet.SetExtension(1, []byte{level})
		raw, err := packet.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p := newPacket()
		in.receive(time.Now(), p, copy(p.buf[:], raw))
		w.serveAll()
	}
	for n := range uint16(100) {
		level := byte(80)
		if n >= 94 {
			level = 20
		}
		speak(n, level)
	}
	w.do(func(now time.Time) { o.carry(now, load{source: s, late: lookBack{rate: 48000, speech: speakingLevel}}) })
	w.serveAll()
	speak(100, 20)
	speak(101, 20)
	var heard []int
	for _, p := range sink.packets {
		heard = append(heard, int(p.Payload[1]))
	}
	// The word began at 94; three packets before it are its lead.
	if want := []int{91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101}; !slices.Equal(heard, want) {
		t.Errorf("the listener heard %v, not %v", heard, want)
	}
	for i, p := range sink.packets[1:] {
		if p.SequenceNumber != sink.packets[i].SequenceNumber+1 || p.Timestamp != sink.packets[i].Timestamp+960 {
			t.Errorf("packet %d came as %v", i, p.Header)
		}
	}
}
