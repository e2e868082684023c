package load

import (
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
	for us := range 10_000 {
		h.add(time.Duration(us) * time.Microsecond)
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := time.Duration(q*10_000) * time.Microsecond
		if got := h.quantile(q); got < want*96/100 || got > want {
			t.Errorf("the quantile %g is %v; %v was expected", q, got, want)
		}
	}
	var all, late histogram
	all.add(-time.Second)
	all.add(1000 * time.Hour)
	if all.quantile(0) != 0 || all.quantile(1) < time.Hour {
		t.Errorf("the bounds are %v and %v", all.quantile(0), all.quantile(1))
	}
	late = all
	late.merge(&h)
	late.since(&all)
	if late != h {
		t.Error("the difference is another one")
	}
}
