package sfu

import (
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// Demand is what of a track anybody receives; the rest need not be sent.
type Demand struct {
	Track string
	// Paused: none of it.
	Paused bool
	// RIDs are, of a simulcast track, the encodings that are received.
	RIDs []string
}

// ask tells the publisher when what is wanted of its track has changed. Of a
// muted track nothing is told: it is not received because it is muted. The
// caller holds room.mu.
func (t *track) ask(now time.Time) {
	if t.muted || t.source.stream(0) == nil {
		return
	}
	wanted := asking{known: true, layers: t.source.wanted(now)}
	if t.source.asked == wanted {
		t.source.expect(wanted) // streams may have come since
		return
	}
	first := !t.source.asked.known
	t.source.asked = wanted
	d := Demand{Track: t.id, Paused: wanted.layers == [congestion.LayersMost]bool{}}
	for i, in := range t.source.list() {
		if in != nil && in.rid != "" && i < len(wanted.layers) && wanted.layers[i] {
			d.RIDs = append(d.RIDs, in.rid)
		}
	}
	if first && d.Paused {
		// A publisher sends all it has until told otherwise, and somebody may
		// be about to look.
		t.source.asked.known = false
		t.source.linger(now)
		return
	}
	t.source.expect(wanted)
	t.peer.listener.Demand(d)
}

// expect notes at the streams what the publisher was told: one that sends more
// than anybody receives does not get far with it.
func (s *source) expect(told asking) {
	for i, in := range s.list() {
		if in != nil && i < len(told.layers) {
			in.unwanted.Store(!told.layers[i])
		}
	}
}
