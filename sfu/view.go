package sfu

import (
	"cmp"
	"slices"
)

// View says what a client shows. A nil View shows everything.
type View []Shown

// Shown is one track on a client's screen.
type Shown struct {
	Track string
	// Priority: higher is served first; equal ones in the View's order.
	Priority uint32
	// Paused keeps the track's slot but sends nothing.
	Paused bool
}

// sorted puts the most important first.
func (v View) sorted() View {
	out := slices.Clone(v)
	slices.SortStableFunc(out, func(a, b Shown) int { return cmp.Compare(b.Priority, a.Priority) })
	return out
}

func (v View) rank(track string) int {
	return slices.IndexFunc(v, func(s Shown) bool { return s.Track == track })
}

func (v View) shows(track string) bool { return v == nil || v.rank(track) >= 0 }

func (v View) paused(track string) bool {
	at := v.rank(track)
	return at >= 0 && v[at].Paused
}
