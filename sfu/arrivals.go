package sfu

import (
	"sync"
	"time"
)

const (
	// arrivalsReach is how many numbers back a packet that comes late is known
	// for one that was missing; a multiple of 64.
	arrivalsReach = 512
	// arrivalsGap is how many numbers may be missing in one place (RFC 3550,
	// A.1: MAX_DROPOUT); beyond it, the publisher has begun anew.
	arrivalsGap = 3000
	// jitterGap is beyond what difference two packets tell nothing of jitter.
	jitterGap = 2 * time.Second
)

// arrivals counts what of a stream comes, what does not, and how evenly, by
// sequence numbers and timestamps (RFC 3550, A.3 and A.8). The zero value
// begins with the first packet.
type arrivals struct {
	started bool
	newest  uint16
	came    [arrivalsReach / 64]uint64 // one bit for each of the newest numbers
	counted arrived
	// astray says that the last number was out of reach: next, if it follows,
	// shows that the publisher has begun anew.
	astray bool
	next   uint16

	timestamp uint32
	at        time.Time // when the first packet of timestamp came
	jitter    time.Duration
}

// arrived is what came in some time.
type arrived struct {
	// expected are the numbers that passed, received the packets, each once. What
	// is filled in after its time makes received the larger one.
	expected, received int
	// late are those of received that came after later ones: sent again, for
	// most of them.
	late   int
	jitter time.Duration // RFC 3550, 6.4.1; as of now
}

// add takes a packet of a stream with a clock of rate Hz.
func (a *arrivals) add(now time.Time, seq uint16, timestamp, rate uint32) {
	ahead := seq - a.newest
	switch back := -ahead; {
	case a.started && ahead >= arrivalsGap && back >= arrivalsReach && (!a.astray || seq != a.next):
		a.astray, a.next = true, seq+1
	case !a.started, ahead >= arrivalsGap && back >= arrivalsReach:
		*a = arrivals{started: true, newest: seq, counted: a.counted, jitter: a.jitter, timestamp: timestamp, at: now}
		a.counted.expected++
		a.counted.received++
		a.mark(seq)
	case ahead < arrivalsGap && ahead > 0:
		a.forget(ahead)
		a.newest, a.astray = seq, false
		a.counted.expected += int(ahead)
		a.counted.received++
		a.mark(seq)
		a.time(now, timestamp, rate)
	case !a.has(seq):
		a.counted.received++
		a.counted.late++
		a.mark(seq)
	}
}

// take is what was counted since the last time.
func (a *arrivals) take() arrived {
	counted := a.counted
	counted.jitter = a.jitter
	a.counted = arrived{}
	return counted
}

// arriving is arrivals for the goroutine that reads a stream and the one that
// judges it.
type arriving struct {
	mu    sync.Mutex // guards count
	count arrivals
}

func (a *arriving) add(now time.Time, seq uint16, timestamp, rate uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count.add(now, seq, timestamp, rate)
}

func (a *arriving) take() arrived {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count.take()
}

func (a *arrivals) bit(seq uint16) (word *uint64, mask uint64) {
	at := seq % arrivalsReach
	return &a.came[at/64], 1 << (at % 64)
}

func (a *arrivals) mark(seq uint16) {
	word, mask := a.bit(seq)
	*word |= mask
}

func (a *arrivals) has(seq uint16) bool {
	word, mask := a.bit(seq)
	return *word&mask != 0
}

// forget clears the place of the next n numbers.
func (a *arrivals) forget(n uint16) {
	if n >= arrivalsReach {
		clear(a.came[:])
		return
	}
	for i := range n {
		word, mask := a.bit(a.newest + 1 + i)
		*word &^= mask
	}
}

// time looks at when the first packet of a new timestamp comes.
func (a *arrivals) time(now time.Time, timestamp, rate uint32) {
	passed := int32(timestamp - a.timestamp)
	if passed <= 0 || rate == 0 {
		return
	}
	deviation := (now.Sub(a.at) - time.Duration(passed)*time.Second/time.Duration(rate)).Abs()
	a.timestamp, a.at = timestamp, now
	if deviation < jitterGap {
		a.jitter += (deviation - a.jitter) / 16
	}
}
