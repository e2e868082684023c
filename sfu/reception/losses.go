package reception

import (
	"math/bits"
	"slices"
	"time"

	"github.com/pion/rtcp"
)

const (
	// reorderNumbers and reorderTime are how long a missing packet may only be
	// late: until the numbers are so much further, or for so long.
	reorderNumbers = 3
	reorderTime    = 10 * time.Millisecond
	// foundTogether is how far apart in time packets may be missed that are asked
	// for together.
	foundTogether = 2 * time.Millisecond

	// maxAsks is how often one packet is asked for, maxAge for how long, and
	// maxReach how many numbers back: later, it would be of no use.
	maxAsks  = 10
	maxAge   = time.Second
	maxReach = 512

	// unknownRTT is taken for a round trip nobody has measured; minRTT and maxAge
	// are the bounds of what is believed.
	unknownRTT = 100 * time.Millisecond
	minRTT     = 20 * time.Millisecond

	// maxGaps is how much is remembered to be missing.
	maxGaps = 64
	// gapWidth is how many numbers one gap can hold.
	gapWidth = 32
)

// Losses finds out which packets of a stream are missing and says when to ask
// for them by generic NACKs (RFC 4585, 6.2.1). A missing packet is asked for
// when the numbers are three further or ten milliseconds passed, and again after
// a round trip that grows by a quarter each time: at most ten times, for a
// second, and while it is not more than 512 numbers back. The zero value begins with the
// first packet. It has no memory to speak of until something is missing, and
// never more than a kilobyte.
type Losses struct {
	clock   clock
	started bool
	newest  uint16
	astray  bool // the last number was too far back; next would confirm it
	next    uint16
	gaps    []gap // by their numbers
	due     ticks // none of gaps is before
	gaveUp  uint64
}

// gap is some missing packets, found together and asked for together.
type gap struct {
	missing    uint32 // a bit for each number from first on
	found, due ticks
	first      uint16
	asked      uint8
}

// last is the highest number that is missing.
func (g *gap) last() uint16 { return g.first + uint16(bits.Len32(g.missing)) - 1 }

// size is how many are missing.
func (g *gap) size() uint64 { return uint64(bits.OnesCount32(g.missing)) }

// Receive takes the number of a packet that came as it was sent first. Numbers
// that jump ahead by more than 512, or back by more than that twice in a row,
// are those of a stream that begins anew: nothing before is asked for.
func (l *Losses) Receive(now time.Time, seq uint16) { l.receive(now, seq, false) }

// Recovered takes the number of a packet that came in another way:
// retransmitted, or from the redundancy of others. It makes nothing begin anew.
func (l *Losses) Recovered(now time.Time, seq uint16) { l.receive(now, seq, true) }

func (l *Losses) receive(now time.Time, seq uint16, recovered bool) {
	ahead := seq - l.newest
	switch back := -ahead; {
	case l.started && back <= maxReach:
		l.came(seq)
	case l.started && ahead <= maxReach:
		l.newest, l.astray = seq, false
		if ahead > 1 || len(l.gaps) > 0 {
			l.advance(l.clock.at(now), ahead)
		}
	case recovered:
		// Too far away to matter.
	case l.started && back < 1<<15 && (!l.astray || seq != l.next):
		l.astray, l.next = true, seq+1
	default:
		for i := range l.gaps {
			l.gaveUp += l.gaps[i].size()
		}
		l.started, l.newest, l.astray, l.gaps = true, seq, false, l.gaps[:0]
	}
}

// came takes what is here off what is missing.
func (l *Losses) came(seq uint16) {
	for i := range l.gaps {
		g := &l.gaps[i]
		bit := uint32(1) << (seq - g.first) // 0 beyond its width
		if g.missing&bit == 0 {
			continue
		}
		if g.missing &^= bit; g.missing == 0 {
			l.gaps = slices.Delete(l.gaps, i, i+1)
		}
		return
	}
}

// advance follows a newest number that is ahead of the one before.
func (l *Losses) advance(t ticks, ahead uint16) {
	for len(l.gaps) > 0 && l.newest-l.gaps[0].last() > maxReach {
		l.dropOldest()
	}
	for i := len(l.gaps) - 1; i >= 0 && l.gaps[i].asked == 0; i-- {
		if g := &l.gaps[i]; !g.due.reached(t) && l.newest-g.last() >= reorderNumbers {
			g.due = t
			l.wake(t)
		}
	}
	from := l.newest - ahead + 1
	for from != l.newest {
		g := l.open(t, from)
		at := from - g.first
		n := min(l.newest-from, gapWidth-at)
		g.missing |= uint32(1<<n-1) << at
		from += n
	}
}

// open gives the gap that a number belongs to which is found missing now.
func (l *Losses) open(t ticks, seq uint16) *gap {
	if n := len(l.gaps); n > 0 {
		g := &l.gaps[n-1]
		if g.asked == 0 && !g.due.reached(t) && g.found.since(t) <= foundTogether && seq-g.first < gapWidth {
			return g
		}
		if n == maxGaps {
			l.dropOldest()
		}
	}
	g := gap{found: t, due: t.after(reorderTime), first: seq}
	l.wake(g.due)
	l.gaps = append(l.gaps, g)
	return &l.gaps[len(l.gaps)-1]
}

// wake makes sure that something is looked at when t is there.
func (l *Losses) wake(t ticks) {
	if len(l.gaps) == 0 || !l.due.reached(t) {
		l.due = t
	}
}

func (l *Losses) dropOldest() {
	l.gaveUp += l.gaps[0].size()
	l.gaps = slices.Delete(l.gaps, 0, 1)
}

// Next is how long it takes until Due is to be asked, 0 or less for now; false
// for not before something is missing.
func (l *Losses) Next(now time.Time) (wait time.Duration, ok bool) {
	if len(l.gaps) == 0 {
		return 0, false
	}
	return l.clock.at(now).since(l.due), true
}

// Due appends to into what is to be asked for now, by rising numbers: at most 32
// pairs. rtt is the round trip to the sender, 0 for unknown. What is given is
// taken as asked for.
func (l *Losses) Due(now time.Time, rtt time.Duration, into []rtcp.NackPair) []rtcp.NackPair {
	if len(l.gaps) == 0 {
		return into
	}
	t := l.clock.at(now)
	if !l.due.reached(t) {
		return into
	}
	if rtt <= 0 {
		rtt = unknownRTT
	}
	rtt = min(max(rtt, minRTT), maxAge)
	before := len(into)
	kept := l.gaps[:0]
	for _, g := range l.gaps {
		if !l.useful(t, &g) {
			continue
		}
		if g.due.reached(t) {
			into = appendPairs(into, before, g.first, g.missing)
			g.asked++
			g.due = l.again(t, rtt, g)
		}
		if len(kept) == 0 || !l.due.reached(g.due) {
			l.due = g.due
		}
		kept = append(kept, g)
	}
	l.gaps = kept
	return into
}

// useful takes off a gap what is of no use any more; it is false when nothing is
// left.
func (l *Losses) useful(t ticks, g *gap) bool {
	left := g.missing
	if g.found.since(t) >= maxAge {
		left = 0
	} else if back := l.newest - g.first; back > maxReach {
		left &= ^uint32(0) << (back - maxReach)
	}
	l.gaveUp += uint64(bits.OnesCount32(g.missing &^ left))
	g.missing = left
	return left != 0
}

// again is when a gap is to be looked at again that was asked for just now.
func (l *Losses) again(t ticks, rtt time.Duration, g gap) ticks {
	end := g.found.after(maxAge)
	if g.asked == maxAsks {
		return end
	}
	for range g.asked {
		rtt += rtt / 4
	}
	if next := t.after(rtt); !end.reached(next) {
		return next
	}
	return end
}

// appendPairs writes missing numbers, which are higher than all that are there
// already, into the pair that was written last since from, or into new ones.
func appendPairs(into []rtcp.NackPair, from int, first uint16, missing uint32) []rtcp.NackPair {
	for ; missing != 0; missing &= missing - 1 {
		seq := first + uint16(bits.TrailingZeros32(missing))
		if n := len(into); n > from {
			if ahead := seq - into[n-1].PacketID; ahead <= 16 {
				into[n-1].LostPackets |= 1 << (ahead - 1)
				continue
			}
		}
		into = append(into, rtcp.NackPair{PacketID: seq})
	}
	return into
}

// GaveUp is how many missing packets are asked for no more. Some may come still,
// too late or as the answer to the last time.
func (l *Losses) GaveUp() uint64 { return l.gaveUp }
