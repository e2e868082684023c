package sfu

import (
	"cmp"
	"maps"
	"slices"
)

// View says what a client shows. A nil View shows everything.
type View []Shown

// Shown is one track on a client's screen.
type Shown struct {
	Track string
	// Width and Height are in device pixels; 0 is as large as can be.
	Width, Height int
	// Priority: higher is served first; equal ones in the View's order.
	Priority uint32
	// Paused keeps the track's slot but sends nothing.
	Paused bool
	// Speaker stands for the camera of whoever spoke last, of the next one in
	// a second such entry, and so on; Track is not looked at.
	Speaker bool
}

// resolve puts cameras into the places of speakers: those of who spoke last
// first, without any that the view names anyway. A place that no camera is left
// for is left out.
func (v View) resolve(cameras []string) View {
	if !slices.ContainsFunc(v, func(s Shown) bool { return s.Speaker }) {
		return v
	}
	out := make(View, 0, len(v))
	named := map[string]bool{}
	for _, s := range v {
		if !s.Speaker {
			named[s.Track] = true
		}
	}
	for _, s := range v {
		if s.Speaker {
			for len(cameras) > 0 && named[cameras[0]] {
				cameras = cameras[1:]
			}
			if len(cameras) == 0 {
				continue
			}
			s.Track, cameras = cameras[0], cameras[1:]
		}
		out = append(out, s)
	}
	return out
}

// place is where a track stands in a view.
type place struct {
	rank          int // 0 is the most important
	priority      uint32
	width, height int
	paused        bool
}

// places is a View to look tracks up in; nil shows everything.
type places map[string]place

// newPlaces sorts a view. Only the first most entries are looked at: what has
// no slot is not sent anyway. Of a track that is named twice, the more
// important entry counts.
func newPlaces(view View, most int) places {
	if view == nil {
		return nil
	}
	sorted := slices.Clone(view[:min(len(view), most)])
	slices.SortStableFunc(sorted, func(a, b Shown) int { return cmp.Compare(b.Priority, a.Priority) })
	out := places{}
	for rank, shown := range sorted {
		if _, named := out[shown.Track]; !named {
			out[shown.Track] = place{rank: rank, priority: shown.Priority, width: shown.Width, height: shown.Height, paused: shown.Paused}
		}
	}
	return out
}

// at is where a track stands.
func (v places) at(track string) place { return v[track] }

// ranked lists the tracks of a view, the most important first.
func (v places) ranked() []string {
	return slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Compare(v[a].rank, v[b].rank) })
}
