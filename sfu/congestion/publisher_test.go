package congestion_test

import (
	"math/rand/v2"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

const (
	// wakes is how long a publisher takes to send a layer that was paused, from
	// the moment that somebody wants it: signaling, and an encoder that begins.
	wakes ms = 250
	// answers is how long a keyframe takes from the moment that it is asked for.
	answers ms = 60
	// grows is how long an encoder takes to its full bitrate.
	grows ms = 7000
)

// begins is the share of its full bitrate that an encoder begins with.
const begins = 0.5

// publisher sends the layers that anybody wants, as browsers do: one that was
// paused comes late, and low. What it sends is measured as it comes in.
type publisher struct {
	layers []congestion.Layer // when they have grown
	demand congestion.Demand
	rates  []*congestion.LayerRates
	since  []ms // when each layer began to be sent; -1 while it is paused
	woken  []ms // when each was wanted; -1 while it is not
}

func newPublisher(layers []congestion.Layer) *publisher {
	p := &publisher{layers: layers}
	for range layers {
		p.rates = append(p.rates, congestion.NewLayerRates(start, false))
		p.since, p.woken = append(p.since, -1), append(p.woken, -1)
	}
	return p
}

// listens takes the server's word on what is wanted.
func (p *publisher) listens(now ms) {
	wanted, _ := p.demand.Wanted(at(now))
	for i := range p.layers {
		switch {
		case !wanted[i]:
			p.since[i], p.woken[i] = -1, -1
		case p.woken[i] < 0:
			p.woken[i] = now
		}
		if p.woken[i] >= 0 && p.since[i] < 0 && now >= p.woken[i]+wakes {
			p.since[i] = now
		}
	}
}

// flowing is the layer that stands in for one while that is not sent: the
// nearest below that is, else the nearest above.
func (p *publisher) flowing(layer int) int {
	for i := layer; i >= 0; i-- {
		if p.since[i] >= 0 {
			return i
		}
	}
	for i := layer + 1; i > 0 && i < len(p.layers); i++ {
		if p.since[i] >= 0 {
			return i
		}
	}
	return congestion.Paused
}

// bitrate is what a layer has now; 0 while it is paused.
func (p *publisher) bitrate(now ms, layer int) float64 {
	if p.since[layer] < 0 {
		return 0
	}
	return float64(p.layers[layer].Bitrate) * min(1, begins+(1-begins)*(now-p.since[layer])/grows)
}

// frame is how many bytes the next frame of a layer has, which are measured.
func (p *publisher) frame(now ms, layer int, factor float64, random *rand.Rand) int {
	bytes := int(p.bitrate(now, layer) / 8 / 30 * factor * (0.7 + 0.6*random.Float64()))
	p.rates[layer].Add(at(now), 0, 0, bytes)
	return bytes
}

// offers is what there is to choose from.
func (p *publisher) offers(now ms) (layers []congestion.Layer) {
	for i, layer := range p.layers {
		nominal := congestion.Nominal(layer.Width, layer.Height, layer.FPS)
		if layer.Expected = p.rates[i].Grown(0, 0); layer.Expected == 0 {
			layer.Expected = nominal
		}
		if layer.Bitrate, _ = p.rates[i].Rate(at(now), 0, 0); layer.Bitrate == 0 {
			layer.Bitrate = max(layer.Expected, p.rates[i].AtLeast(0, 0))
		}
		layers = append(layers, layer)
	}
	return layers
}
