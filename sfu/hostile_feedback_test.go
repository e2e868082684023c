package sfu

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// goesOn says how the packets that a viewer got since it had seen so many
// follow each other: none twice with other content, none back in time, and but
// few missing, as a machine loses some when it is busy.
func (v *viewer) goesOn(t *testing.T, since int) {
	t.Helper()
	v.sees(t, 20)
	seen := v.seen()[since:]
	a := audit{ssrc: seen[0].SSRC, repaired: true, sent: map[int64]rtp.Packet{}}
	for _, p := range seen {
		a.check(t, p)
	}
	if missing := a.newest - a.first + 1 - int64(len(a.sent)); missing > int64(len(a.sent)/10) {
		t.Errorf("%s misses %d packets and has %d", v.peer.id, missing, len(a.sent))
	}
}

// bounded holds what a case costs against what it may: goroutines, memory, and
// jobs that wait.
func bounded(t *testing.T, s *SFU) func() {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	return func() {
		t.Helper()
		for _, w := range s.workers {
			w.mu.Lock()
			if n := len(w.jobs); n > queueLimit+100 {
				t.Errorf("%d jobs wait", n)
			}
			w.mu.Unlock()
		}
		settle(s)
		runtime.GC()
		runtime.ReadMemStats(&after)
		// Both sides are in this process, and the viewers keep all they get.
		if grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20; grown > 48 {
			t.Errorf("the heap grew by %d MB", grown)
		}
		until(t, "goroutines that end", func() bool { return runtime.NumGoroutine() < goroutines+60 })
	}
}

// Whatever a receiver says of what it gets, or does not get, others go on as
// before, and their publisher is left in peace.
func TestForgedFeedbackHurtsNobodyElse(t *testing.T) {
	const dropped, resent = "hiroba_sfu_packets_dropped_total", "hiroba_sfu_retransmissions_total"
	s := runSFU(t)
	ann := simulcast(t, s, "tea", "ann")
	bob, mal := watch(t, s, "tea", "bob"), watch(t, s, "tea", "mal")
	eve := arrive(t, s, "tea", "eve", webrtc.NetworkTypeUDP4, func(pc *webrtc.PeerConnection) {
		_, _ = pc.CreateDataChannel("lossy", nil)
	}, nil)
	bob.shows("track of ann", 1280, 720)
	mal.shows("track of ann", 1280, 720)
	bob.gets(t, 2)
	mal.gets(t, 2)
	mine, his := mal.seen()[0].SSRC, bob.seen()[0].SSRC
	everything := make([]rtcp.NackPair, 300)
	for i := range everything {
		everything[i] = rtcp.NackPair{PacketID: uint16(17 * i), LostPackets: 0xffff}
	}
	everybody := make([]uint32, 250)
	for i := range everybody {
		everybody[i] = uint32(i)
	}
	everybody[0] = mine
	unsent := func(n uint32) rtcp.Packet {
		fb := &rtcp.TransportLayerCC{MediaSSRC: mine, BaseSequenceNumber: uint16(n * 977), PacketStatusCount: 65535, ReferenceTime: n * 7919 & 0xffffff, FbPktCount: uint8(n)}
		fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 20})
		for range 20 {
			fb.RecvDeltas = append(fb.RecvDeltas, &rtcp.RecvDelta{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250})
		}
		for range 8 {
			fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketNotReceived, RunLength: 8189})
		}
		fb.Header = rtcp.Header{Padding: true, Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: uint16(fb.MarshalSize()/4 - 1)}
		return fb
	}
	for _, tc := range []struct {
		name          string
		from          *stranger
		say           func(n uint32) rtcp.Packet
		metric, label string // that counts it; "" for what each client may say of itself
	}{
		{"a flood of PLIs", mal.stranger, func(uint32) rtcp.Packet { return &rtcp.PictureLossIndication{MediaSSRC: mine} }, dropped, "feedback"},
		{"a flood of FIRs", mal.stranger, func(uint32) rtcp.Packet {
			return &rtcp.FullIntraRequest{MediaSSRC: mine, FIR: []rtcp.FIREntry{{SSRC: mine}, {SSRC: his}, {SSRC: 1}}}
		}, dropped, "feedback"},
		{"NACKs for everything", mal.stranger, func(n uint32) rtcp.Packet {
			return &rtcp.TransportLayerNack{MediaSSRC: mine, Nacks: everything[n%200:][:50]}
		}, resent, "unknown"},
		{"a REMB of 0", mal.stranger, func(uint32) rtcp.Packet { return &rtcp.ReceiverEstimatedMaximumBitrate{SSRCs: []uint32{mine}} }, "", ""},
		{"a REMB of 2^63", mal.stranger, func(uint32) rtcp.Packet {
			return &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1 << 63, SSRCs: []uint32{mine}}
		}, "", ""},
		{"a REMB for everybody", mal.stranger, func(uint32) rtcp.Packet {
			return &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1 << 40, SSRCs: everybody}
		}, dropped, "feedback"},
		{"transport-wide feedback for what was never sent", mal.stranger, unsent, "", ""},
		{"reports of another's stream", mal.stranger, func(n uint32) rtcp.Packet {
			return &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: his, FractionLost: 255, TotalLost: n, LastSequenceNumber: n * 100}}}
		}, dropped, "unknown stream"},
		{"PLIs and NACKs for another's stream", mal.stranger, func(n uint32) rtcp.Packet {
			if n%2 == 0 {
				return &rtcp.PictureLossIndication{MediaSSRC: his}
			}
			return &rtcp.TransportLayerNack{MediaSSRC: his, Nacks: everything[:50]}
		}, dropped, "unknown stream"},
		{"feedback from who has no slot", eve, func(n uint32) rtcp.Packet {
			if n%2 == 0 {
				return unsent(n)
			}
			return &rtcp.PictureLossIndication{MediaSSRC: his}
		}, dropped, "unknown stream"},
		{"reports about nothing", mal.stranger, func(n uint32) rtcp.Packet {
			return &rtcp.ReceiverReport{SSRC: n, Reports: make([]rtcp.ReceptionReport, 31)}
		}, dropped, "unknown stream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check := bounded(t, s)
			before, asked := len(bob.seen()), ann.asked[2].Load()
			counts := 0
			if tc.metric != "" {
				counts = counted(t, s, tc.metric, tc.label)
			}
			began := time.Now()
			for n := range uint32(2500) {
				if err := tc.from.pc.WriteRTCP([]rtcp.Packet{tc.say(n)}); err != nil {
					t.Fatal(err)
				}
			}
			bob.goesOn(t, before)
			if most := int64(time.Since(began)/(500*time.Millisecond)) + 2; ann.asked[2].Load()-asked > most {
				t.Errorf("the publisher was asked for %d keyframes", ann.asked[2].Load()-asked)
			}
			if tc.metric != "" {
				until(t, "a count of it", func() bool { return counted(t, s, tc.metric, tc.label) > counts })
			}
			check()
		})
	}
	// What it told of itself, it got; and it can take it back.
	if mal.told.lost.Load()+bob.told.lost.Load() > 0 {
		t.Error("a connection was ended")
	}
	// A machine that is busy with all that delays the other receiver's packets, for
	// as long as it lasts.
	bob.gets(t, 2)
}

// A client that opens and closes its slot all the time, while it shows now this
// size and now that, leaves nothing behind.
func TestSlotsThatComeAndGoLeaveNothingBehind(t *testing.T) {
	s := runSFU(t)
	simulcast(t, s, "tea", "ann")
	bob, mal := watch(t, s, "tea", "bob"), watch(t, s, "tea", "mal")
	bob.shows("track of ann", 1280, 720)
	mal.shows("track of ann", 1280, 720)
	bob.gets(t, 2)
	mal.gets(t, 2)
	before := len(bob.seen())
	check := bounded(t, s)
	offer := mal.pc.LocalDescription().SDP
	for i := range 60 {
		open := strings.ReplaceAll(offer, "a=recvonly", "a=inactive")
		if i%2 == 1 {
			open = offer
		}
		if _, err := mal.peer.Offer(t.Context(), open); err != nil {
			t.Fatal(err)
		}
		mal.shows("track of ann", 320<<(i%3), 180<<(i%3))
	}
	if _, err := mal.peer.Offer(t.Context(), strings.ReplaceAll(offer, "a=recvonly", "a=inactive")); err != nil {
		t.Fatal(err)
	}
	bob.goesOn(t, before)
	outs, probing := -1, true
	until(t, "nothing being sent any more", func() bool {
		done := make(chan struct{})
		s.workers[0].do(func(time.Time) {
			outs, probing = len(s.workers[0].links[mal.peer].outs), s.workers[0].links[mal.peer].probing != nil
			close(done)
		})
		<-done
		return outs == 0 && !probing
	})
	check()
}
