package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// Encoding is one size of a track that its publisher sends.
type Encoding struct {
	RID           string // "" without simulcast
	Width, Height int    // pixels; 0 while unknown
}

// source is what a publisher sends as one track: one stream or, with
// simulcast, one for each size. Slots carry sources, and choose among their
// layers.
type source struct {
	id   uint64 // unique in this SFU
	kind Kind
	// detail says that size comes before the frame rate, as for a shared screen.
	detail atomic.Bool

	// streams are by spatial layer, the smallest first; one that has not begun
	// is nil. Whoever changes them, under room.mu, puts a new slice there.
	streams atomic.Pointer[[]*incoming]
	// offers is what there is to choose from, measured some times a second.
	offers atomic.Pointer[[]congestion.Layer]

	mu     sync.Mutex // guards demand
	demand congestion.Demand

	// Guarded by room.mu.
	sizes []Encoding // by spatial layer, as far as the publisher told
	asked asking     // what the publisher was told last
}

// asking is what a publisher is asked to send.
type asking struct {
	known  bool
	layers [congestion.LayersMost]bool
}

func newSource(id uint64, kind Kind) *source {
	s := &source{id: id, kind: kind}
	s.streams.Store(&[]*incoming{})
	s.offers.Store(&[]congestion.Layer{})
	return s
}

// list is all streams by spatial layer; some may be nil.
func (s *source) list() []*incoming { return *s.streams.Load() }

// stream is the one of a spatial layer or, should it not have begun, the
// nearest below, else above; nil when there is none at all.
func (s *source) stream(spatial int) *incoming {
	streams := s.list()
	for i := min(spatial, len(streams)-1); i >= 0; i-- {
		if streams[i] != nil {
			return streams[i]
		}
	}
	for _, in := range streams {
		if in != nil {
			return in
		}
	}
	return nil
}

// flowing is the stream that stands in for one that does not come in now,
// because the publisher's own way does not carry it or it was just asked for:
// the nearest below that does, else the nearest above, else itself.
func (s *source) flowing(now time.Time, in *incoming) *incoming {
	streams := s.list()
	at := slices.Index(streams, in)
	if len(streams) < 2 || at < 0 || in.flows(now) {
		return in
	}
	for i := at - 1; i >= 0; i-- {
		if streams[i] != nil && streams[i].flows(now) {
			return streams[i]
		}
	}
	for _, other := range streams[at+1:] {
		if other != nil && other.flows(now) {
			return other
		}
	}
	return in
}

// rank is the spatial layer of a stream; -1 for none, and for one that is not of
// this source.
func (s *source) rank(in *incoming) int {
	if in == nil {
		return -1 // and not the place of one that has not come yet
	}
	return slices.Index(s.list(), in)
}

// put makes in the stream of a spatial layer; nil takes it away. The caller
// holds room.mu.
func (s *source) put(spatial int, in *incoming) {
	streams := slices.Clone(s.list())
	for len(streams) <= spatial {
		streams = append(streams, nil)
	}
	streams[spatial] = in
	for n := len(streams); n > 0 && streams[n-1] == nil; n-- {
		streams = streams[:n-1]
	}
	s.streams.Store(&streams)
}

// simulcast says whether sizes come as streams of their own.
func (s *source) simulcast() bool {
	streams := s.list()
	return len(streams) > 1 || len(streams) == 1 && streams[0] != nil && streams[0].rid != ""
}

// codec is what the publisher sends now; "" before its first packet.
func (s *source) codec() codecKey {
	if in := s.stream(0); in != nil {
		return in.codec()
	}
	return ""
}

// setMuted stops or starts forwarding of all streams.
func (s *source) setMuted(muted bool) {
	for _, in := range s.list() {
		if in != nil {
			in.muted.Store(muted)
		}
	}
}

// move tells that a receiver goes from one spatial layer to another; -1 is none.
func (s *source) move(now time.Time, from, to int) {
	if from == to {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.demand.Change(now, -1, to)
	s.demand.Change(now, from, -1)
}

// linger counts as if a receiver had just left every layer.
func (s *source) linger(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range congestion.LayersMost {
		s.demand.Change(now, -1, i)
		s.demand.Change(now, i, -1)
	}
}

// wanted says which spatial layers anybody receives.
func (s *source) wanted(now time.Time) [congestion.LayersMost]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	layers, _ := s.demand.Wanted(now)
	return layers
}

// measure looks anew at what there is to choose from. The caller holds room.mu.
func (s *source) measure(now time.Time) {
	if s.kind != Video {
		return
	}
	var layers []congestion.Layer
	streams := s.list()
	if s.stream(0) == nil {
		s.offers.Store(&layers)
		return
	}
	sizes := max(len(streams), len(s.sizes))
	gives := func(in *incoming) bool { return in != nil && in.gives(now) }
	choice := slices.ContainsFunc(streams, gives)
	for i := range min(sizes, congestion.LayersMost) {
		if i < len(streams) && streams[i] != nil {
			if choice && !gives(streams[i]) {
				continue // it is of no use without a keyframe
			}
			layers = streams[i].layers(now, i, sizes > 1, s.size, layers)
			continue
		}
		// It was offered and has not come yet: it does when somebody wants it.
		layer := congestion.Layer{Spatial: i, FPS: fullRate}
		layer.Width, layer.Height = s.size(i, 1)
		layer.Bitrate = guess(layer)
		layers = append(layers, layer)
	}
	s.offers.Store(&layers)
}

// size is that of a spatial layer's pictures, by what the publisher told: of
// the layer itself, or of the whole, whose layers halve it. The caller holds
// room.mu.
func (s *source) size(spatial, of int) (width, height int) {
	if spatial < len(s.sizes) && (len(s.sizes) > 1 || of <= 1) {
		return s.sizes[spatial].Width, s.sizes[spatial].Height
	}
	if len(s.sizes) == 1 {
		down := max(0, of-1-spatial)
		return s.sizes[0].Width >> down, s.sizes[0].Height >> down
	}
	return 0, 0
}
