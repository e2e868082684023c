package forward

import (
	"math/rand/v2"
	"testing"
)

// A ledger answers as a map of all numbers would, within its room.
func TestLedgerRemembersTheNewest(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		size := 64 << rng.IntN(3)
		first := int64(rng.IntN(1<<20)) - 1<<19
		l := newLedger(size, first)
		all := map[int64]fate{}
		for range 400 {
			n := l.newest + 1
			switch rng.IntN(10) {
			case 0:
				n += int64(rng.IntN(3 * size)) // a gap, perhaps a large one
			case 1, 2:
				n -= int64(rng.IntN(2 * size)) // late, perhaps too late
			}
			what := kept
			if rng.IntN(2) == 0 {
				what = dropped
			}
			if n > l.newest-int64(size) {
				all[n] = what
			}
			l.note(n, what)
			checkLedger(t, &l, all, l.newest-int64(rng.IntN(size+10)))
		}
	}
}

func checkLedger(t *testing.T, l *ledger, all map[int64]fate, n int64) {
	t.Helper()
	want := all[n]
	if n <= l.newest-l.size() {
		want = undecided
	}
	if got := l.fate(n); got != want {
		t.Fatalf("the fate of %d, %d before the newest, is %d, want %d", n, l.newest-n, got, want)
	}
	above, rest := int64(0), int64(0)
	for m := max(n, l.newest-l.size()) + 1; m <= l.newest; m++ {
		if all[m] == dropped {
			above++
		} else {
			rest++
		}
	}
	if got := l.droppedAfter(n); got != above {
		t.Fatalf("%d are dropped after %d, want %d", got, n, above)
	}
	if got, ok := l.notDropped(rest); ok && (got > n || all[got] == dropped) {
		t.Fatalf("%d is said to have %d above it, as %d has", got, rest, n)
	} else if all[n] != dropped && n > l.newest-l.size() && got != n {
		t.Fatalf("%d has %d above it, not %d", n, rest, got)
	}
}

// Without room nothing is known, and nothing goes wrong.
func TestLedgerWithoutRoom(t *testing.T) {
	var l ledger
	l.note(5, dropped)
	if l.fate(5) != undecided || l.droppedAfter(0) != 0 {
		t.Fatal("a ledger without room remembers")
	}
	if _, ok := l.notDropped(0); ok {
		t.Fatal("a ledger without room finds something")
	}
}
