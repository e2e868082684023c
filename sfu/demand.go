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
	if first && wanted.layers == [congestion.LayersMost]bool{} {
		// A publisher sends all it has until told otherwise, and somebody may
		// be about to look.
		t.source.asked.known = false
		t.source.linger(now)
		return
	}
	t.source.expect(wanted)
	t.peer.listener.Demand(t.demand())
}

// demand is what the publisher was asked for last.
func (t *track) demand() Demand {
	d := Demand{Track: t.id, Paused: t.source.asked.layers == [congestion.LayersMost]bool{}}
	for i, wanted := range t.source.asked.layers {
		if rid := t.rid(i); wanted && rid != "" {
			d.RIDs = append(d.RIDs, rid)
		}
	}
	return d
}

// rid is that of a spatial layer, whether or not anything has come of it; ""
// without simulcast.
func (t *track) rid(spatial int) string {
	if streams := t.source.list(); spatial < len(streams) && streams[spatial] != nil {
		return streams[spatial].rid
	}
	if spatial < len(t.source.sizes) {
		return t.source.sizes[spatial].RID
	}
	if rids := t.peer.rids[t.mid]; spatial < len(rids) {
		return rids[spatial]
	}
	return ""
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
