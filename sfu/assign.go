package sfu

import "slices"

// seat is one slot as assignment sees it: which slot of its kind it is, and
// the track that sits in it now, or "".
type seat struct {
	index int
	track string
}

// guest is a track that wants a slot.
type guest struct {
	track string
	peer  string
}

// assign says which track sits in which slot of one kind: the guests that come
// first in the list, as many as there are slots. A track that has a slot
// already keeps it. Another goes where near says that the same peer's track of
// the other kind sits, so that both share a media stream and stay in step, or
// else into the first free slot.
func assign(seats []seat, guests []guest, near func(peer string) (index int, ok bool)) []string {
	guests = guests[:min(len(guests), len(seats))]
	out := make([]string, len(seats))
	var waiting []guest
	for _, g := range guests {
		if at := slices.IndexFunc(seats, func(s seat) bool { return s.track == g.track }); at >= 0 {
			out[at] = g.track
		} else {
			waiting = append(waiting, g)
		}
	}
	var rest []guest
	for _, g := range waiting {
		index, ok := near(g.peer)
		at := slices.IndexFunc(seats, func(s seat) bool { return s.index == index })
		if ok && at >= 0 && out[at] == "" {
			out[at] = g.track
		} else {
			rest = append(rest, g)
		}
	}
	for _, g := range rest {
		out[slices.Index(out, "")] = g.track
	}
	return out
}
