package sfu

import (
	"math"
	"time"
)

const (
	// speakingLevel is the level from which somebody is taken to speak, in
	// -dBov: louder than a quiet room, quieter than a low voice.
	speakingLevel = 50
	// noisyLevel is the level from which it is taken for speech in the loudest
	// of rooms: music is no noise, however steady.
	noisyLevel = 35
	// overNoise is by how many dB speech is louder than the noise around it.
	overNoise = 10
	// noiseRise is how fast noise is taken to grow, in dB a second: slowly, so
	// that a sentence does not count as noise before its first pause.
	noiseRise = 2
	// noiseFall is how soon a pause shows how loud the noise is.
	noiseFall = 100 * time.Millisecond
)

const (
	// voiceBytes is how many bytes a packet of Opus has at least when somebody
	// speaks; comfort noise and its updates have less (RFC 6716, 2.1.9).
	voiceBytes = 40
	// unknownLevel is taken for somebody who speaks and does not say how loud: as
	// long as that lasts it is no noise, but everybody who speaks up is louder.
	unknownLevel = noisyLevel - 1
)

// guessedLevel is how loud a packet is taken to be whose sender does not tell.
func guessedLevel(bytes int) uint8 {
	if bytes < voiceBytes {
		return silence
	}
	return unknownLevel
}

// loudness follows how loud a track is from the levels of its packets, which
// it smooths over time, and how loud the noise is that its speech stands out
// from. Levels are in -dBov (RFC 6464); what it gives is in dB above silence.
// The zero value is ready.
type loudness struct {
	smooth float64
	level  float64 // the last one
	noise  float64
	at     time.Time
}

// hear takes the loudest level since the last time. rise and fall are the time
// constants of smoothing upward and downward.
func (l *loudness) hear(now time.Time, level uint8, rise, fall time.Duration) {
	l.level = silence - float64(min(level, silence))
	if l.at.IsZero() {
		l.at, l.smooth = now, l.level
		l.noise = min(l.level, silence-speakingLevel)
		return
	}
	passed := max(now.Sub(l.at), 0)
	l.at = now
	if l.level > l.smooth {
		l.smooth += (l.level - l.smooth) * share(passed, rise)
	} else {
		l.smooth += (l.level - l.smooth) * share(passed, fall)
	}
	switch {
	case level >= silence: // nothing was sent, which says nothing of the noise
	case l.level < l.noise:
		l.noise += (l.level - l.noise) * share(passed, noiseFall)
	default:
		l.noise = min(l.level, l.noise+noiseRise*passed.Seconds())
	}
}

// share is how much of a step shows after some time, smoothed with a time
// constant.
func share(passed, constant time.Duration) float64 {
	return 1 - math.Exp(-passed.Seconds()/constant.Seconds())
}

// speech is the level from which the track is taken to have speech.
func (l *loudness) speech() float64 {
	return min(max(silence-speakingLevel, l.noise+overNoise), silence-noisyLevel)
}

// speaks says whether there was speech since the last time.
func (l *loudness) speaks() bool { return l.level > l.speech() }
