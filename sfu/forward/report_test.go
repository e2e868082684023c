package forward_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

func TestNTPRoundTrip(t *testing.T) {
	for _, at := range []time.Time{start, start.Add(123456789 * time.Nanosecond), time.Unix(0, 0)} {
		got := forward.FromNTP(forward.ToNTP(at))
		if d := got.Sub(at).Abs(); d > time.Nanosecond {
			t.Errorf("%v came back %v off", at, d)
		}
	}
}

// Audio and video of one publisher, reported at different moments and with
// different delays, must name one and the same instant alike.
func TestReportsKeepStreamsInStep(t *testing.T) {
	const ahead = 3 * time.Hour // the publisher's clock
	var clock forward.ClockOffset
	theirs := start.Add(ahead)

	// Audio: 48 kHz, timestamp 1000 at their time 0. Video: 90 kHz, 5000.
	audio := forward.SenderReport{NTP: theirs, RTP: 1000}
	clock.Observe(audio.NTP, start.Add(30*time.Millisecond))
	video := forward.SenderReport{NTP: theirs.Add(2 * time.Second), RTP: 5000 + 180000}
	clock.Observe(video.NTP, start.Add(2*time.Second+90*time.Millisecond))

	now := start.Add(5 * time.Second)
	a := audio.Timestamp(now, clock.Ours(audio.NTP), 48000)
	v := video.Timestamp(now, clock.Ours(video.NTP), 90000)
	audioSeconds := float64(a-1000) / 48000
	videoSeconds := float64(v-5000) / 90000
	if d := audioSeconds - videoSeconds; d > 0.001 || d < -0.001 {
		t.Fatalf("audio is at %.4f s, video at %.4f s", audioSeconds, videoSeconds)
	}
}

// A correction would come to one stream before it comes to another; a clock
// that was set must be followed.
func TestTheClockOffsetStaysUntilTheClockIsSet(t *testing.T) {
	var clock forward.ClockOffset
	theirs := start.Add(3 * time.Hour)
	clock.Observe(theirs, start.Add(200*time.Millisecond))
	for _, late := range []time.Duration{0, 30 * time.Millisecond, 50 * time.Second} {
		clock.Observe(theirs, start.Add(late))
		if got := clock.Ours(theirs).Sub(start); got != 200*time.Millisecond {
			t.Fatalf("after a report that was under way for %v, the first one came %v after it was made", late, got)
		}
	}
	set := theirs.Add(-time.Hour)
	clock.Observe(set, start.Add(10*time.Millisecond))
	if got := clock.Ours(set).Sub(start); got != 10*time.Millisecond {
		t.Errorf("a clock that was set back by an hour is off by %v", got)
	}
}
