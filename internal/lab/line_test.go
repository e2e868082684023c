package lab

import (
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// arrival holds that a packet arrives so long after the start, to the microsecond.
func arrival(t *testing.T, l *Line, sent time.Duration, size int, want time.Duration) {
	t.Helper()
	arrives, fate := l.Carry(start.Add(sent), size)
	if fate != Delivered || (arrives.Sub(start)-want).Abs() > time.Microsecond {
		t.Errorf("sent at %v: fate %d, arrives at %v; want %v", sent, fate, arrives.Sub(start), want)
	}
}

const ms = time.Millisecond

func TestACableChangesNothing(t *testing.T) {
	l := NewLine(Shape{}, 1)
	arrival(t, l, 0, 1500, 0)
	arrival(t, l, 0, 1500, 0)
	arrival(t, l, 7*ms, 1500, 7*ms)
}

func TestRateAndDelay(t *testing.T) {
	// 1,000 bytes take 8 ms at 1 Mbit/s.
	l := NewLine(Shape{Rate: 1_000_000, Queue: 1 << 20, Delay: 50 * ms}, 1)
	arrival(t, l, 0, 1000, 58*ms)
	arrival(t, l, 0, 1000, 66*ms)
	arrival(t, l, 4*ms, 500, 70*ms)
	if waits := l.Waits(start.Add(4 * ms)); waits != 16*ms {
		t.Errorf("the next would wait %v", waits)
	}
	// The line has been idle for a while.
	arrival(t, l, 100*ms, 1000, 158*ms)
}

func TestTheQueueHasAnEnd(t *testing.T) {
	l := NewLine(Shape{Rate: 1_000_000, Queue: 3000}, 1)
	for i := range 3 {
		arrival(t, l, 0, 1000, time.Duration(i+1)*8*ms)
	}
	if _, fate := l.Carry(start, 1000); fate != Overflowed {
		t.Errorf("a fourth one: fate %d", fate)
	}
	// What was dropped has taken no time; one has left, one has room.
	arrival(t, l, 8*ms, 1000, 32*ms)
	if _, fate := l.Carry(start.Add(8*ms), 1); fate != Overflowed {
		t.Errorf("one byte more: fate %d", fate)
	}
}

func TestAnEmptyLineTakesAPacketLargerThanItsQueue(t *testing.T) {
	l := NewLine(Shape{Rate: 1_000_000}, 1)
	arrival(t, l, 0, 1000, 8*ms)
	if _, fate := l.Carry(start, 1000); fate != Overflowed {
		t.Errorf("a second one: fate %d", fate)
	}
}

func TestNarrowingSlowsWhatWaits(t *testing.T) {
	wide := Shape{Rate: 3_000_000, Queue: 1 << 20}
	l := NewLine(wide, 1)
	for range 9 {
		l.Carry(start, 1000) // the ninth leaves at 24 ms
	}
	narrow := wide
	narrow.Rate = 1_000_000
	// At 6 ms, 18 ms are left, which become 54.
	l.Change(start.Add(6*ms), narrow)
	arrival(t, l, 6*ms, 1000, 68*ms)
	l.Change(start.Add(8*ms), wide)
	arrival(t, l, 8*ms, 3000, 68*ms) // 60 ms are left, which become 20; and 8 of its own, but not before the one before
	l.Change(start.Add(8*ms), Shape{})
	arrival(t, l, 9*ms, 3000, 68*ms)
}

func TestLossIsAShareAndTakesItsTime(t *testing.T) {
	l := NewLine(Shape{Rate: 8_000_000, Loss: 0.1}, 1)
	lost := 0
	for i := range 10_000 {
		if _, fate := l.Carry(start.Add(time.Duration(i)*ms), 1000); fate == Lost {
			lost++
		}
	}
	if lost < 900 || lost > 1100 {
		t.Errorf("lost %d of 10000", lost)
	}
	l.Change(start.Add(10_000*ms), Shape{Rate: 8_000_000, Queue: 2000, Loss: 1})
	if _, fate := l.Carry(start.Add(10_000*ms), 1000); fate != Lost {
		t.Errorf("fate %d", fate)
	}
	if waits := l.Waits(start.Add(10_000 * ms)); waits != ms {
		t.Errorf("after a lost one the next waits %v", waits)
	}
}

func TestJitterKeepsTheOrder(t *testing.T) {
	l := NewLine(Shape{Delay: 20 * ms, Jitter: 10 * ms}, 1)
	var last time.Time
	least, most := time.Hour, time.Duration(0)
	for i := range 1000 {
		sent := start.Add(time.Duration(i) * 3 * ms)
		arrives, fate := l.Carry(sent, 1000)
		if fate != Delivered || arrives.Before(last) {
			t.Fatalf("packet %d: fate %d, arrives %v before the one before", i, fate, last.Sub(arrives))
		}
		last = arrives
		least, most = min(least, arrives.Sub(sent)), max(most, arrives.Sub(sent))
	}
	if least < 20*ms || least > 22*ms || most > 30*ms || most < 28*ms {
		t.Errorf("took %v to %v, want 20 to 30 ms", least, most)
	}
}

func TestACutLineCarriesNothing(t *testing.T) {
	l := NewLine(Shape{Delay: 20 * ms}, 1)
	arrival(t, l, 0, 1000, 20*ms)
	cut := l.Shape()
	cut.Cut = true
	l.Change(start.Add(ms), cut)
	if _, fate := l.Carry(start.Add(2*ms), 1000); fate != Severed {
		t.Errorf("fate %d", fate)
	}
	cut.Cut = false
	l.Change(start.Add(3*ms), cut)
	arrival(t, l, 4*ms, 1000, 24*ms)
}

func TestTheSeedDecides(t *testing.T) {
	run := func(seed uint64) (out [64]Fate) {
		l := NewLine(Shape{Loss: 0.5}, seed)
		for i := range out {
			_, out[i] = l.Carry(start, 100)
		}
		return out
	}
	first := run(1)
	if again := run(1); again != first {
		t.Error("one seed, two ends")
	}
	if first == run(2) {
		t.Error("the seed does not matter")
	}
}

func TestQueueOf(t *testing.T) {
	if got := QueueOf(4_000_000, 200*ms); got != 100_000 {
		t.Errorf("got %d", got)
	}
	if got := QueueOf(300_000, 200*ms); got != 16<<10 {
		t.Errorf("a narrow one has %d", got)
	}
}
