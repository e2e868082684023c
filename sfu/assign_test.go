package sfu

import (
	"slices"
	"testing"
)

func TestAssign(t *testing.T) {
	seats := func(tracks ...string) (out []seat) {
		for i, track := range tracks {
			out = append(out, seat{index: i, track: track})
		}
		return out
	}
	guests := func(tracks ...string) (out []guest) {
		for _, track := range tracks {
			out = append(out, guest{track: track, peer: track[:1]})
		}
		return out
	}
	for _, tc := range []struct {
		name   string
		seats  []seat
		guests []guest
		near   map[string]int
		want   []string
	}{
		{"no slots", nil, guests("a1"), nil, []string{}},
		{"nobody", seats("", ""), nil, nil, []string{"", ""}},
		{"in order", seats("", "", ""), guests("a1", "b1"), nil, []string{"a1", "b1", ""}},
		{"who sits stays", seats("", "b1", ""), guests("a1", "b1"), nil, []string{"a1", "b1", ""}},
		{"who left makes room", seats("a1", "b1"), guests("b1", "c1"), nil, []string{"c1", "b1"}},
		{"more guests than slots", seats("c1", ""), guests("a1", "b1", "c1"), nil, []string{"a1", "b1"}},
		{"beside the same peer's other track", seats("", "", ""), guests("a1", "b1"), map[string]int{"b": 0}, []string{"b1", "a1", ""}},
		{"beside, but taken", seats("x1", "", ""), guests("x1", "b1"), map[string]int{"b": 0}, []string{"x1", "b1", ""}},
		{"beside, but no such slot", seats("", ""), guests("b1"), map[string]int{"b": 7}, []string{"b1", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			near := func(peer string) (int, bool) { i, ok := tc.near[peer]; return i, ok }
			if got := assign(tc.seats, tc.guests, near); !slices.Equal(got, tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
		})
	}
}
