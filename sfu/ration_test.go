package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
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

// What one connection sends beyond all measure is counted, and goes no further;
// what it sends later is taken.
func TestAFloodIsTakenUpToAMeasure(t *testing.T) {
	s := runSFU(t)
	g, track := publish(t, s, "tea", "ann")
	inlet, n := g.peer.connection.inlet, uint32(0)
	taken := func(what string) {
		before := counted(t, s, "hiroba_sfu_packets_received_total", "")
		until(t, what, func() bool {
			track.send(track.ssrc, 96, n, 20)
			n++
			return counted(t, s, "hiroba_sfu_packets_received_total", "") > before
		})
	}
	taken("packets being taken")
	datagram := []byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7}
	pli, err := (&rtcp.PictureLossIndication{MediaSSRC: 2}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now() // all of it comes at once, however busy the machine is
	for range 3 * inletPackets {
		inlet.media(now, datagram)
	}
	inlet.mu.Lock()
	for range 3 * inletReports {
		inlet.report(now, pli)
	}
	inlet.mu.Unlock()
	for cause, least := range map[string]int{"flood": inletPackets, "feedback": inletReports} {
		if n := counted(t, s, "hiroba_sfu_packets_dropped_total", cause); n < least {
			t.Errorf("%d packets were refused as %s; at least %d were expected", n, cause, least)
		}
	}
	taken("packets being taken again")
}
