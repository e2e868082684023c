package lab

import (
	"math/rand/v2"
	"time"
)

// Fate is what a Line does with a packet.
type Fate int

// The fates of a packet.
const (
	Delivered  Fate = iota
	Lost            // on the way, at random
	Overflowed      // no room in the queue
	Severed         // the line is cut
)

// Line decides when the packets of one direction of a link arrive, if at all.
// It is pure: equal calls with an equal seed come to equal ends. It belongs to
// one goroutine.
type Line struct {
	shape  Shape
	random *rand.Rand
	free   time.Time // when all that was sent so far has left
	last   time.Time // when the latest packet arrives
}

// NewLine makes a line whose losses and jitter come from the seed.
func NewLine(shape Shape, seed uint64) *Line {
	return &Line{shape: shape, random: rand.New(rand.NewPCG(seed, 0))}
}

// Shape is how the line is now.
func (l *Line) Shape() Shape { return l.shape }

// Change makes the line another one. What waits in its queue goes on at the new
// rate; what has left already, arrives.
func (l *Line) Change(now time.Time, shape Shape) {
	switch waits := l.free.Sub(now); {
	case waits <= 0:
	case shape.Rate == 0:
		l.free = now
	case l.shape.Rate != shape.Rate:
		l.free = now.Add(time.Duration(float64(waits) * float64(l.shape.Rate) / float64(shape.Rate)))
	}
	l.shape = shape
}

// Carry sends a packet of so many bytes and returns when it arrives; that is
// meaningless unless it is Delivered.
func (l *Line) Carry(now time.Time, size int) (arrives time.Time, fate Fate) {
	if l.shape.Cut {
		return time.Time{}, Severed
	}
	if l.free.Before(now) {
		l.free = now
	}
	if l.shape.Rate > 0 {
		sending := l.sending(size)
		if l.free.Sub(now)+sending > l.sending(max(l.shape.Queue, size)) {
			return time.Time{}, Overflowed
		}
		l.free = l.free.Add(sending)
	}
	arrives = l.free.Add(l.shape.Delay)
	if l.shape.Jitter > 0 {
		arrives = arrives.Add(time.Duration(l.random.Int64N(int64(l.shape.Jitter))))
	}
	if l.random.Float64() < l.shape.Loss {
		return time.Time{}, Lost
	}
	if arrives.Before(l.last) {
		arrives = l.last
	}
	l.last = arrives
	return arrives, Delivered
}

// Waits is how long a packet that is sent now waits for those before it.
func (l *Line) Waits(now time.Time) time.Duration { return max(0, l.free.Sub(now)) }

// sending is how long the line is busy with so many bytes.
func (l *Line) sending(size int) time.Duration {
	return time.Duration(float64(size) * 8 / float64(l.shape.Rate) * float64(time.Second))
}
