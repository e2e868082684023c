package congestion

import "time"

// demandHold is how long a layer that nobody wants any more is still sent by
// its publisher: receivers go up and down, and each way back costs a keyframe.
const demandHold = 4 * time.Second

// LayersMost is how many spatial layers a track has at most.
const LayersMost = 4

// Demand says which spatial layers of a track anybody wants, over all
// receivers; the others can be paused at the publisher. A layer that somebody
// wants is wanted at once, one that nobody wants is let go of after some
// seconds. The one below a layer that somebody receives is wanted, too: a
// receiver whose link narrows has to change to it at once, and waking it takes
// longer than the queue before the link has room. The zero value wants nothing.
// It is not safe for concurrent use.
type Demand struct {
	receivers [LayersMost]int
	left      [LayersMost]time.Time // when the last one left; zero if none ever came
}

// Change moves one receiver from a spatial layer to another; -1 is none. While
// a receiver waits for the keyframe of its new layer it should count for both:
// change from -1 to the new one first, and from the old one to -1 afterwards.
func (d *Demand) Change(now time.Time, from, to int) {
	if to >= 0 && to < LayersMost {
		d.receivers[to]++
	}
	if from >= 0 && from < LayersMost && d.receivers[from] > 0 {
		if d.receivers[from]--; d.receivers[from] == 0 {
			d.left[from] = now
		}
	}
}

// Wanted tells which layers are to be sent, and when that will change if
// nobody comes or goes; the zero time means never.
func (d *Demand) Wanted(now time.Time) (layers [LayersMost]bool, until time.Time) {
	received := false // the layer above
	for i := LayersMost - 1; i >= 0; i-- {
		below := received
		received = d.receivers[i] > 0
		if end := d.left[i].Add(demandHold); !received && !d.left[i].IsZero() && now.Before(end) {
			received = true
			if until.IsZero() || end.Before(until) {
				until = end
			}
		}
		layers[i] = received || below
	}
	return layers, until
}
