package load

// windowSize is how many numbers back a packet is told from one that came twice.
const windowSize = 1024

// verdict is what a packet's number says of it.
type verdict int

const (
	fresh   verdict = iota // ahead of all others
	late                   // behind others, and missed until now
	doubled                // it was here before
)

// window follows the sequence numbers of one stream: what is missing, late or
// here twice. The zero value begins with the first packet.
type window struct {
	started bool
	highest int64                   // extended
	here    [windowSize / 64]uint64 // a bit for each number
	skipped [windowSize / 64]uint64 // of those, which were only pretended to be lost
	missing int64                   // numbers that were passed over, and did not come so far
}

// see takes the number of a packet that came as it was sent first.
func (w *window) see(seq uint16) verdict {
	if !w.started {
		w.started, w.highest = true, 1<<16|int64(seq)
		w.mark(w.highest)
		return fresh
	}
	n := w.highest + int64(int16(seq-uint16(w.highest)))
	if n > w.highest {
		w.advance(n)
		w.mark(n)
		return fresh
	}
	return w.fill(n)
}

// skip takes the number of a packet that is pretended to be lost.
func (w *window) skip(seq uint16) {
	if w.see(seq) != doubled {
		n := w.extend(seq)
		w.skipped[n%windowSize/64] |= 1 << (n % 64)
	}
}

// recover takes the number of a packet that came by retransmission, and says
// whether it was missed, or pretended to be.
func (w *window) recover(seq uint16) bool {
	if !w.started {
		return false
	}
	n := w.extend(seq)
	if n > w.highest || n <= w.highest-windowSize {
		return false
	}
	if word, bit := &w.skipped[n%windowSize/64], uint64(1)<<(n%64); *word&bit != 0 {
		*word &^= bit
		return true
	}
	return w.fill(n) == late
}

func (w *window) extend(seq uint16) int64 {
	return w.highest + int64(int16(seq-uint16(w.highest)))
}

func (w *window) advance(n int64) {
	w.missing += n - w.highest - 1
	for i := max(w.highest+1, n-windowSize+1); i <= n; i++ {
		w.here[i%windowSize/64] &^= 1 << (i % 64)
		w.skipped[i%windowSize/64] &^= 1 << (i % 64)
	}
	w.highest = n
}

// fill takes a number that is not ahead.
func (w *window) fill(n int64) verdict {
	// What is from before the first packet, or too far back to tell, was counted
	// neither as missing nor as here.
	if n <= w.highest-windowSize || w.here[n%windowSize/64]&(1<<(n%64)) != 0 {
		return doubled
	}
	w.mark(n)
	w.missing = max(w.missing-1, 0)
	return late
}

func (w *window) mark(n int64) { w.here[n%windowSize/64] |= 1 << (n % 64) }
