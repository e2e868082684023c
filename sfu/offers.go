package sfu

import (
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// layers adds what there is to choose from in this stream, which is the one of
// a spatial layer of its track, or all of it. size tells how large pictures are.
func (in *incoming) layers(now time.Time, spatial int, simulcast bool, size func(spatial, of int) (int, int), out []congestion.Layer) []congestion.Layer {
	in.mu.Lock()
	defer in.mu.Unlock()
	spatials, temporals := min(int(in.top.Spatial)+1, congestion.LayersMost), min(int(in.top.Temporal)+1, congestion.TemporalMost)
	if simulcast {
		spatials = 1
	}
	for s := range spatials {
		place := max(s, spatial)
		width, height := size(place, spatials)
		for t := range temporals {
			layer := congestion.Layer{Spatial: place, Temporal: t, Width: width, Height: height, FPS: fullRate / float64(int(1)<<(temporals-1-t))}
			layer.Bitrate, _ = in.rates.Rate(now, s, t)
			if layer.Expected = in.rates.Grown(s, t); layer.Expected == 0 {
				layer.Expected = guess(layer)
			}
			if layer.Bitrate == 0 {
				layer.Bitrate = max(layer.Expected, in.rates.AtLeast(s, t))
			}
			out = append(out, layer)
		}
	}
	return out
}

// fullRate is how many pictures a second a camera is taken to give.
const fullRate = 30

// guess is a layer's bitrate before it was measured.
func guess(l congestion.Layer) int64 {
	if bps := congestion.Nominal(l.Width, l.Height, l.FPS); bps > 0 {
		return bps
	}
	return congestion.Nominal(320<<l.Spatial, 180<<l.Spatial, l.FPS)
}
