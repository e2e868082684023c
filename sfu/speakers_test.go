package sfu

import (
	"slices"
	"testing"
	"time"
)

func TestSpeakers(t *testing.T) {
	type tick struct {
		levels  map[string]uint8
		want    []string
		changed bool
	}
	both := func(a, b uint8) map[string]uint8 { return map[string]uint8{"ann": a, "bob": b} }
	for _, tc := range []struct {
		name  string
		ticks []tick
	}{
		{"silence", []tick{{both(127, 127), nil, false}, {both(90, 80), nil, false}}},
		{"one speaks, pauses, is done", []tick{
			{both(20, 127), []string{"ann"}, true},
			{both(127, 127), []string{"ann"}, false},
			{both(127, 127), []string{"ann"}, false},
			{both(127, 127), []string{"ann"}, false},
			{both(127, 127), nil, true},
		}},
		{"the first stays first until another is clearly louder", []tick{
			{both(30, 127), []string{"ann"}, true},
			{both(30, 30), []string{"ann", "bob"}, true},
			{both(30, 28), []string{"ann", "bob"}, false},
			{both(36, 10), []string{"ann", "bob"}, false},
			{both(49, 10), []string{"bob", "ann"}, true},
		}},
		{"a fan is no speaker", []tick{
			{both(45, 127), nil, false},
			{both(46, 127), nil, false},
			{both(25, 127), []string{"ann"}, true},
		}},
		{"who leaves is no speaker", []tick{
			{both(20, 127), []string{"ann"}, true},
			{map[string]uint8{"bob": 127}, nil, true},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s speakers
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i, tick := range tc.ticks {
				list, changed := s.update(now, tick.levels)
				if !slices.Equal(list, tick.want) || changed != tick.changed {
					t.Fatalf("tick %d: %v, changed %v; want %v, %v", i, list, changed, tick.want, tick.changed)
				}
				now = now.Add(speakersInterval)
			}
		})
	}
}
