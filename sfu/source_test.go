package sfu

import (
	"testing"
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
