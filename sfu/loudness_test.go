package sfu

import (
	"math"
	"testing"
	"time"
)

// hearFor lets a level last.
func hearFor(l *loudness, now *time.Time, lasts time.Duration, level uint8) {
	for range lasts / (20 * time.Millisecond) {
		*now = now.Add(20 * time.Millisecond)
		l.hear(*now, level, voiceRise, voiceFall)
	}
}

func TestASyllableShowsWithin100ms(t *testing.T) {
	var l loudness
	now := voicesStart
	hearFor(&l, &now, time.Second, 65)
	hearFor(&l, &now, 100*time.Millisecond, 25)
	if got := silence - l.smooth; got > 28 {
		t.Errorf("after 100 ms of -25 dBov it is -%.0f", got)
	}
	hearFor(&l, &now, 600*time.Millisecond, 65)
	if got := silence - l.smooth; got > 34 {
		t.Errorf("after 600 ms of pause it is -%.0f", got)
	}
}

// However often it is looked at, the same sound is as loud.
func TestLoudnessDoesNotDependOnTheInterval(t *testing.T) {
	heard := func(interval time.Duration) float64 {
		var l loudness
		now := voicesStart
		for at := time.Duration(0); at <= time.Second; at += interval {
			level := uint8(60)
			if at > 0 && at <= 600*time.Millisecond {
				level = 20
			}
			l.hear(now.Add(at), level, speakersSmoothing, speakersSmoothing)
		}
		return l.smooth
	}
	often, seldom := heard(20*time.Millisecond), heard(200*time.Millisecond)
	if math.Abs(often-seldom) > 0.1 {
		t.Errorf("%.1f dB looked at often, %.1f seldom", often, seldom)
	}
}

func TestSpeechStandsOutFromNoise(t *testing.T) {
	for _, tc := range []struct {
		name          string
		noise, speech uint8
		after         time.Duration
		want          bool
	}{
		{"in a quiet room, softly", 75, 48, time.Minute, true},
		{"a quiet room itself", 60, 60, time.Minute, false},
		{"a fan, of who has just come", 45, 45, time.Second, false},
		{"a louder fan, at first", 39, 39, 200 * time.Millisecond, true},
		{"a louder fan, after a while", 39, 39, 10 * time.Second, false},
		{"over a fan", 45, 30, time.Minute, true},
		{"just over a fan", 45, 40, time.Minute, false},
		{"music, on and on", 25, 25, time.Minute, true},
		{"after silence that was not sent", silence, 45, time.Minute, true},
	} {
		var l loudness
		now := voicesStart
		hearFor(&l, &now, tc.after, tc.noise)
		hearFor(&l, &now, 40*time.Millisecond, tc.speech)
		if l.speaks() != tc.want {
			t.Errorf("%s: speaks %v", tc.name, l.speaks())
		}
	}
	// A sentence does not become noise.
	var l loudness
	now := voicesStart
	hearFor(&l, &now, time.Second, 65)
	for range 100 {
		hearFor(&l, &now, 400*time.Millisecond, 45)
		if !l.speaks() {
			t.Fatal("who speaks softly is not heard any more")
		}
		hearFor(&l, &now, 100*time.Millisecond, 65)
	}
}

// A device that does not tell how loud it is is heard when it sends more than
// comfort noise, however long it does, and anybody who speaks up is louder.
func TestWhoDoesNotTellItsLevelIsHeard(t *testing.T) {
	now := time.Now()
	var quiet, device, voice loudness
	for range 60 * 20 { // a minute
		now = now.Add(voicesInterval)
		quiet.hear(now, guessedLevel(8), voiceRise, voiceFall)
		device.hear(now, guessedLevel(90), voiceRise, voiceFall)
		voice.hear(now, 25, voiceRise, voiceFall)
	}
	if quiet.speaks() || !device.speaks() || device.smooth+clearlyLouder > voice.smooth {
		t.Errorf("comfort noise speaks: %v; the device: %v, %.0f dB; a voice: %.0f dB", quiet.speaks(), device.speaks(), device.smooth, voice.smooth)
	}
}
