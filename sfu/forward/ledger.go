package forward

import "math/bits"

// fate is what was decided on a number.
type fate int

const (
	undecided fate = iota
	kept
	dropped
)

// ledger remembers the fate of the newest numbers of a series, of packets or
// of frames: two bits each. The zero value has no room and knows nothing.
type ledger struct {
	newest  int64
	decided []uint64
	dropped []uint64
}

// newLedger makes room for size numbers, a power of two of at least 64, before
// any number above newest.
func newLedger(size int, newest int64) ledger {
	return ledger{newest: newest, decided: make([]uint64, size/64), dropped: make([]uint64, size/64)}
}

func (l *ledger) size() int64 { return int64(len(l.decided)) * 64 }

// holds says whether there is room for n: it is not too old.
func (l *ledger) holds(n int64) bool { return n > l.newest-l.size() }

// note writes down a fate; for a number too old it does nothing.
func (l *ledger) note(n int64, f fate) {
	l.reach(n)
	if !l.holds(n) {
		return
	}
	word, bit := l.place(n)
	l.decided[word] |= bit
	l.dropped[word] &^= bit
	if f == dropped {
		l.dropped[word] |= bit
	}
}

// reach makes room up to n.
func (l *ledger) reach(n int64) {
	if n-l.newest >= l.size() {
		clear(l.decided)
		clear(l.dropped)
		l.newest = max(l.newest, n)
	}
	for l.newest < n {
		l.newest++
		word, bit := l.place(l.newest)
		l.decided[word] &^= bit
		l.dropped[word] &^= bit
	}
}

// fate is what was decided on n; undecided for what is too old or too new.
func (l *ledger) fate(n int64) fate {
	if n > l.newest || !l.holds(n) {
		return undecided
	}
	word, bit := l.place(n)
	switch {
	case l.decided[word]&bit == 0:
		return undecided
	case l.dropped[word]&bit != 0:
		return dropped
	}
	return kept
}

// droppedAfter counts the dropped numbers above n.
func (l *ledger) droppedAfter(n int64) int64 {
	count := 0
	for at := max(n, l.newest-l.size()) + 1; at <= l.newest; {
		word, _ := l.place(at)
		low := at & 63
		span := min(64-low, l.newest-at+1)
		count += bits.OnesCount64(l.dropped[word] >> low << (64 - span))
		at += span
	}
	return int64(count)
}

// notDropped finds the number that is not dropped and has count others like
// it above.
func (l *ledger) notDropped(count int64) (n int64, ok bool) {
	for n = l.newest; l.holds(n); n-- {
		word, bit := l.place(n)
		if l.dropped[word]&bit != 0 {
			continue
		}
		if count == 0 {
			return n, true
		}
		count--
	}
	return 0, false
}

// place is where n has its bit.
func (l *ledger) place(n int64) (word int, bit uint64) {
	at := n & (l.size() - 1)
	return int(at >> 6), 1 << (at & 63)
}
