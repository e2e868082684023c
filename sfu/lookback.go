package sfu

import "time"

const (
	// lookBackMost is how far back is looked.
	lookBackMost = 400 * time.Millisecond
	// lookBackLead is what is sent of before a voice is loud: the consonant
	// that a word begins with may be quiet.
	lookBackLead = 60 * time.Millisecond
	// lookBackPause is how long one voice is quiet between two syllables.
	lookBackPause = 150 * time.Millisecond
)

// lookBack says from where on a track is forwarded that was just chosen, so
// that the syllable for which it was chosen is not lost. What it starts with
// is sent at once: a receiver's jitter buffer takes it, and catches up.
type lookBack struct {
	rate   uint32 // of the track's timestamps, in Hz
	speech uint8  // louder than this, in -dBov, is speech
}

// recentPacket is what came of a track.
type recentPacket struct {
	timestamp uint32
	level     uint8 // -dBov
	arrived   time.Time
}

// from takes the latest packets in the order of their numbers, none of which
// was sent to the receiver before, and returns the index of the first to send;
// len(packets) when nobody speaks in them. None is from longer ago than
// lookBackMost, by arrival and by timestamp: of packets that got stuck on the
// way, many arrive at once.
func (l lookBack) from(now time.Time, packets []recentPacket) int {
	first := len(packets)
	if first == 0 {
		return 0
	}
	newest := packets[first-1]
	onset := newest.timestamp
	speech := false
	for i := len(packets) - 1; i >= 0; i-- {
		p := packets[i]
		if newest.timestamp-p.timestamp >= l.ticks(lookBackMost) || now.Sub(p.arrived) >= lookBackMost {
			break
		}
		quiet := onset - p.timestamp
		if p.level < l.speech {
			if quiet > l.ticks(lookBackPause) {
				break // another word, or a click
			}
			onset, first, speech = p.timestamp, i, true
		} else if speech && quiet <= l.ticks(lookBackLead) {
			first = i
		}
	}
	return first
}

func (l lookBack) ticks(d time.Duration) uint32 {
	return uint32(d.Milliseconds()) * l.rate / 1000
}
