package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
	"github.com/prometheus/client_golang/prometheus"
)

func TestARation(t *testing.T) {
	now := time.Now()
	a := newRation(10, 3)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true}, {0, true}, {0, true}, {0, false}, // all at once
		{50 * time.Millisecond, false}, {60 * time.Millisecond, true}, {0, false},
		{-time.Second, false}, {time.Second, false}, // the clock goes back and comes again
		{time.Hour, true}, {0, true}, {0, true}, {0, false}, // no more than that gathers
	} {
		now = now.Add(step.after)
		if got := a.take(now); got != step.want {
			t.Fatalf("at %+v it was %v", step, got)
		}
	}
}

// A receiver may ask for keyframes as long as a bad link makes it wait for one,
// but not for ever at everybody's cost.
func TestKeyframesForOneReceiverAreRationed(t *testing.T) {
	for _, tc := range []struct {
		name        string
		every       time.Duration
		span        time.Duration
		least, most int // 500 ms in which there was a request that counts
	}{
		{"a decoder that waits for 8 s", 200 * time.Millisecond, 8 * time.Second, 16, 16},
		{"one that loses a keyframe every 5 s", 5 * time.Second, 10 * time.Minute, 120, 120},
		{"a flood", 10 * time.Millisecond, 10 * time.Minute, 100, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newKeyframeRation()
			start := time.Now()
			windows := map[int]bool{}
			for at := time.Duration(0); at < tc.span; at += tc.every {
				if r.take(start.Add(at)) {
					windows[int(at/(500*time.Millisecond))] = true
				}
			}
			if n := len(windows); n < tc.least || n > tc.most {
				t.Errorf("%d half seconds had a request that counts", n)
			}
		})
	}
}

// What one connection sends beyond all measure is counted, and goes no further.
func TestAFloodIsTakenUpToAMeasure(t *testing.T) {
	s := &SFU{config: Config{Registerer: prometheus.NewRegistry()}}
	m := newMetrics(s.config.Registerer)
	taken := 0
	in := newIntake(m, func() {}, func(uint32, []rtcp.Packet) { taken++ })
	media, reports := in.buffer(packetio.RTPBufferPacket, 1), in.buffer(packetio.RTCPBufferPacket, 2)
	pli, err := rtcp.Marshal([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: 2}})
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for range 3 * intakePackets {
		if _, err := media.Write(make([]byte, 20)); err == nil {
			kept++
		}
		if _, err := reports.Write(pli); err != nil {
			t.Fatal(err)
		}
	}
	// Some time may pass meanwhile.
	if kept < intakePackets || kept > 2*intakePackets {
		t.Errorf("%d packets of %d were kept", kept, 3*intakePackets)
	}
	if taken < intakeReports || taken > 2*intakeReports {
		t.Errorf("%d reports of %d were taken", taken, 3*intakePackets)
	}
	if n := counted(t, s, "hiroba_sfu_packets_dropped_total", "flood"); n != 3*intakePackets-kept {
		t.Errorf("%d dropped packets were counted", n)
	}
	if n := counted(t, s, "hiroba_sfu_packets_dropped_total", "feedback"); n != 3*intakePackets-taken {
		t.Errorf("%d dropped reports were counted", n)
	}
	if err := media.Close(); err != nil || in.waiting.Load() != 0 {
		t.Errorf("%v, %d bytes wait for ever", err, in.waiting.Load())
	}
}
