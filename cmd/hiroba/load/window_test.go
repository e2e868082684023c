package load

import "testing"

func TestWindow(t *testing.T) {
	var w window
	see := func(seq uint16, want verdict, missing int64) {
		t.Helper()
		if got := w.see(seq); got != want || w.missing != missing {
			t.Errorf("%d: %v, %d are missing; %v and %d were expected", seq, got, w.missing, want, missing)
		}
	}
	see(65533, fresh, 0)
	see(65534, fresh, 0)
	see(65534, doubled, 0)
	see(1, fresh, 2) // 65535 and 0
	see(0, late, 1)
	see(0, doubled, 1)
	if !w.recover(65535) || w.missing != 0 {
		t.Error("what came again is missing still")
	}
	if w.recover(65535) || w.recover(1) || w.recover(7) {
		t.Error("what was not missing came to be missed")
	}
	w.skip(2)
	see(3, fresh, 0)
	see(2, doubled, 0)
	if !w.recover(2) || w.recover(2) {
		t.Error("what was pretended to be lost is found once")
	}
	see(3+2*windowSize, fresh, 2*windowSize-1)
	see(4, doubled, 2*windowSize-1) // too long ago to tell
}

func TestAWindowKeepsUpForLong(t *testing.T) {
	var w window
	for i := range 200_000 {
		if i%100 == 50 {
			continue // lost
		}
		if got := w.see(uint16(i)); got != fresh {
			t.Fatalf("packet %d is %v", i, got)
		}
	}
	if w.missing != 2000 {
		t.Errorf("%d are missing", w.missing)
	}
}
