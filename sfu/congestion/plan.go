package congestion

const (
	// enough is how many of the pixels that it is shown with a layer must have:
	// a tenth less in each direction is not seen.
	enough = 0.81
	// smooth is the share of the highest frame rate that a larger picture must
	// have to be better than a smaller one at the full rate.
	smooth = 0.5
)

// plan is one slot while an Allocator decides.
type plan struct {
	state    *slotState
	priority uint32
	layers   []Layer
	// steps are the indices of the layers worth going through, ascending in
	// quality and bitrate, up to the best that the shown size needs.
	steps []int
	// These are indices of steps; -1 is paused.
	kept  int // what the slot has
	limit int // what it may have
	step  int // what it gets
	roomy int // what there would be room for with a reserve
}

func (p *plan) prepare(state *slotState, slot *Slot) {
	*p = plan{state: state, priority: slot.Priority, layers: slot.Layers, steps: p.steps[:0], kept: -1}
	if slot.Width <= 0 || slot.Height <= 0 {
		return
	}
	top, most := neededSpatial(slot)
	lowest := Paused
	for i, layer := range slot.Layers {
		if layer.Bitrate <= 0 || layer.Spatial > top {
			continue
		}
		if lowest == Paused {
			lowest = layer.Spatial
		}
		switch {
		case slot.Detail:
			// First the size, then the frame rate.
			if layer.Spatial < top && p.has(layer.Spatial) {
				continue
			}
		case layer.Spatial > lowest && layer.FPS > 0 && layer.FPS < smooth*most:
			continue
		}
		// What costs less and is better takes the place of what was before.
		for n := len(p.steps); n > 0 && slot.Layers[p.steps[n-1]].Bitrate >= layer.Bitrate; n-- {
			p.steps = p.steps[:n-1]
		}
		p.steps = append(p.steps, i)
	}
	if state.sent {
		p.kept = p.stepOf(state.spatial, state.temporal)
	}
}

// neededSpatial is the lowest spatial layer that is large enough for the slot,
// or the highest there is, and the highest frame rate there is.
func neededSpatial(slot *Slot) (top int, fps float64) {
	found := false
	top = -1
	for _, layer := range slot.Layers {
		if layer.Bitrate <= 0 {
			continue
		}
		fps = max(fps, layer.FPS)
		if found && layer.Spatial > top {
			continue
		}
		top = layer.Spatial
		pixels := float64(layer.Width) * float64(layer.Height)
		found = found || pixels > 0 && pixels >= enough*float64(slot.Width)*float64(slot.Height)
	}
	return top, fps
}

func (p *plan) has(spatial int) bool {
	return len(p.steps) > 0 && p.layers[p.steps[len(p.steps)-1]].Spatial == spatial
}

// stepOf is the highest step that is not above a layer.
func (p *plan) stepOf(spatial, temporal int) int {
	for n := len(p.steps) - 1; n > 0; n-- {
		l := p.layers[p.steps[n]]
		if l.Spatial < spatial || l.Spatial == spatial && l.Temporal <= temporal {
			return n
		}
	}
	return min(0, len(p.steps)-1)
}

// target is the index of the layer to send, or Paused.
func (p *plan) target() int {
	if p.step < 0 {
		return Paused
	}
	return p.steps[p.step]
}

// best is the index of the layer that the shown size needs, or Paused.
func (p *plan) best() int {
	if len(p.steps) == 0 {
		return Paused
	}
	return p.steps[len(p.steps)-1]
}

// cost is what a step takes; one that the slot would go up to, when it has
// come for some time.
func (p *plan) cost(step int) int64 {
	switch {
	case step < 0:
		return 0
	case step > p.kept:
		return p.likely(step)
	}
	return p.layers[p.steps[step]].Bitrate
}

// likely is what a step takes when it has come for some time.
func (p *plan) likely(step int) int64 {
	if step < 0 {
		return 0
	}
	layer := &p.layers[p.steps[step]]
	return max(layer.Bitrate, layer.Expected)
}
