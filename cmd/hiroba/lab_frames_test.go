package main

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// wholeFrames puts packets of VP8 in order and frames together. A packet is
// waited for as long as a browser would; then what lacks it is left out.
type wholeFrames struct {
	begun   bool
	next    uint16
	waiting map[uint16]*rtp.Packet // that came before those they follow
	gap     time.Time              // when the first of them came
	frame   []byte                 // so far; nil when its beginning is missing
}

const packetPatience = 2 * time.Second

// push takes a packet and returns the frames that are whole with it.
func (f *wholeFrames) push(packet *rtp.Packet, now time.Time) (out [][]byte) {
	if !f.begun {
		f.begun, f.next, f.waiting = true, packet.SequenceNumber, map[uint16]*rtp.Packet{}
	}
	if int16(packet.SequenceNumber-f.next) < 0 {
		return nil // it came twice, or too late
	}
	f.waiting[packet.SequenceNumber] = packet
	for len(f.waiting) > 0 {
		first := f.waiting[f.next]
		if first == nil {
			if f.gap.IsZero() {
				f.gap = now
			}
			if now.Sub(f.gap) <= packetPatience {
				break
			}
			f.frame = nil
			f.next++
			continue
		}
		delete(f.waiting, f.next)
		f.next++
		f.gap = time.Time{}
		if frame := f.add(first); frame != nil {
			out = append(out, frame)
		}
	}
	return out
}

// add takes the next packet in order and returns the frame that it ends.
func (f *wholeFrames) add(packet *rtp.Packet) []byte {
	var vp8 codecs.VP8Packet
	payload, err := vp8.Unmarshal(packet.Payload)
	if err != nil { // padding
		return nil
	}
	if vp8.S == 1 && vp8.PID == 0 {
		f.frame = []byte{}
	}
	if f.frame == nil {
		return nil
	}
	f.frame = append(f.frame, payload...)
	if !packet.Marker {
		return nil
	}
	frame := f.frame
	f.frame = nil
	return frame
}

func TestFramesArePutTogether(t *testing.T) {
	now := time.Now()
	var f wholeFrames
	push := func(number uint16, first, last bool, body string, want ...string) {
		t.Helper()
		descriptor := byte(0)
		if first {
			descriptor = 0x10
		}
		packet := &rtp.Packet{Header: rtp.Header{SequenceNumber: number, Marker: last}, Payload: append([]byte{descriptor}, body...)}
		got := f.push(packet, now)
		if len(got) != len(want) {
			t.Fatalf("packet %d: got %q, want %q", number, got, want)
		}
		for i := range got {
			if string(got[i]) != want[i] {
				t.Errorf("packet %d: got %q, want %q", number, got, want)
			}
		}
	}
	push(65533, false, true, "no beginning")
	push(65534, true, true, "one", "one")
	push(65535, true, false, "two,")
	push(1, true, true, "three") // 0 is late
	push(2, true, false, "four,")
	push(0, false, true, "too", "two,too", "three")
	push(0, false, true, "too") // again
	push(4, true, true, "five") // 3 is lost
	now = now.Add(packetPatience + time.Millisecond)
	push(5, true, true, "six", "five", "six")
}
