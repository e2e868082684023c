package sfu

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
)

// What is lost on the way to the server is asked for, and what comes of that
// (RFC 4588) goes on to who watches as if it had come at once.
func TestWhatAPublisherSendsAgainFillsTheGap(t *testing.T) {
	s := runSFU(t)
	ann := newRude(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	bob.shows("track of ann", 320, 180)
	asked := make(chan uint16, 100)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		for {
			packets, _, err := ann.pc.GetSenders()[0].ReadSimulcastRTCP("q")
			if err != nil {
				return
			}
			for _, p := range packets {
				if nack, ok := p.(*rtcp.TransportLayerNack); ok {
					for _, pair := range nack.Nacks {
						for _, seq := range pair.PacketList() {
							asked <- seq
						}
					}
				}
			}
		}
	}()
	t.Cleanup(func() { _ = ann.pc.GracefulClose(); <-reading })

	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	kept, lost, repeats := map[uint16]uint32{}, uint16(0), uint16(0)
	var repaired []uint16
	for n := 0; len(repaired) < 5; n++ {
		select {
		case <-ticker.C:
			h := ann.header(0)
			if n > 100 && n%50 == 0 { // this one gets lost
				lost = h.SequenceNumber
				kept[lost] = h.Timestamp
				continue
			}
			ann.send(h, picture(n%100 == 0, 300))
		case seq := <-asked:
			timestamp, ok := kept[seq]
			if !ok {
				t.Fatalf("%d was asked for; %d was lost", seq, lost)
			}
			h := ann.header(0)
			ann.seqs[0]--
			ann.times[0] -= 1800
			h.SSRC, h.PayloadType, h.SequenceNumber, h.Timestamp = ann.rtx[0], 97, repeats, timestamp
			h.Extension, h.Extensions = false, nil
			_ = h.SetExtension(ann.ids[sdp.SDESMidURI], []byte("0"))
			_ = h.SetExtension(ann.ids[sdp.SDESRepairRTPStreamIDURI], []byte("q"))
			repeats++
			ann.send(h, append(binary.BigEndian.AppendUint16(nil, seq), picture(false, 300)...))
			repaired = append(repaired, seq)
		case <-time.After(soon):
			t.Fatalf("nothing was asked for; %d packets were sent", n)
		}
	}
	until(t, "all of it", func() bool {
		var seqs []uint16
		for _, p := range bob.seen() {
			seqs = append(seqs, p.SequenceNumber)
		}
		if len(seqs) < 150 {
			return false
		}
		first := seqs[0]
		slices.SortFunc(seqs, func(a, b uint16) int { return int(int16(a-first)) - int(int16(b-first)) })
		seqs = slices.Compact(seqs) // the way to it is probed by sending again
		for i, seq := range seqs[1:] {
			if seq != seqs[i]+1 {
				return false
			}
		}
		return true
	})
}

// An encoder that begins anew may use another SSRC: it takes the place of the
// stream that has gone silent.
func TestAStreamThatBeginsAnewTakesItsPlace(t *testing.T) {
	s := runSFU(t)
	ann := newRude(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	bob.shows("track of ann", 320, 180)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	send := func(ssrc uint32, holds func() bool) {
		t.Helper()
		n := 0
		until(t, "media", func() bool {
			h := ann.header(0)
			h.SSRC += ssrc
			ann.send(h, picture(n%20 == 0, 300))
			n++
			return holds()
		})
	}
	send(0, func() bool { return len(bob.seen()) > 30 })
	before := len(bob.seen())
	send(5, func() bool { return len(bob.seen()) > before+30 })
	if lost := ann.told.lost.Load() + bob.told.lost.Load(); lost > 0 {
		t.Errorf("%d connections were ended", lost)
	}
}
