package sfu

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// A publisher that tells other sizes than before has each stream in one place.
func TestAStreamHasOnePlaceWhenTheSizesChange(t *testing.T) {
	r := newRig(0, vp8)
	small, large := r.stream(r.in.metrics, 2, "q"), r.stream(r.in.metrics, 3, "f")
	tr := &track{
		mid: "0", kind: Video, source: newSource(1, Video),
		peer: &Peer{incoming: map[string]map[string]*incoming{"0": {"q": small, "f": large}}},
	}
	for _, tc := range []struct {
		sizes []Encoding
		want  []*incoming
	}{
		{[]Encoding{{RID: "q"}, {RID: "h"}, {RID: "f"}}, []*incoming{small, nil, large}},
		{[]Encoding{{RID: "q"}, {RID: "f"}}, []*incoming{small, large}},
		{[]Encoding{{RID: "f"}, {RID: "q"}}, []*incoming{large, small}},
	} {
		tr.source.sizes = tc.sizes
		tr.collect()
		got := tr.source.list()
		if len(got) != len(tc.want) {
			t.Fatalf("%v: %d places", tc.sizes, len(got))
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%v: another stream in place %d", tc.sizes, i)
			}
		}
	}
}

// A publisher whose larger sizes come first, or alone, to a receiver whose way
// narrows: there is nothing smaller to take over.
func TestASizeThatDoesNotComeTakesNothingOver(t *testing.T) {
	r := newRig(0, vp8)
	r.source.put(1, r.in)
	r.source.put(0, nil)
	r.connected()
	r.carry(r.source)
	layers := []congestion.Layer{{Spatial: 1, Bitrate: 1_000_000}}
	r.w.do(func(now time.Time) { r.out.choose(now, layers, 0, 1000) })
	r.w.serveAll()
	if r.out.current != r.in {
		t.Error("what comes is not sent any more")
	}
}
