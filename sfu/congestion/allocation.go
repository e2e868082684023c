package congestion

import (
	"cmp"
	"slices"
	"time"
)

// Paused is the target of a slot that is sent nothing.
const Paused = -1

// lastReserve is which part of the estimate a slot may be short of for its base
// layer before it is sent nothing any more: an estimate that was lowered is that
// far below what the link carries.
const lastReserve = 6

// Layer is one way to send a track.
type Layer struct {
	Spatial, Temporal int
	Width, Height     int     // 0 while unknown
	FPS               float64 // 0 while unknown
	// Bitrate is in bps, with everything that the layer depends on; 0 if the
	// layer cannot be had. For one that is paused at its publisher: what it is
	// expected to have.
	Bitrate int64
	// Expected is what it will have once it has come for some time, if that is
	// more: encoders begin low. No slot goes up to a layer that will not fit.
	Expected int64
}

// Slot is one place that can be filled with one of a track's layers.
type Slot struct {
	// ID names slot and track; another track in the slot is another ID.
	ID uint64
	// Priority: higher is served first; equal ones in the order of the list.
	Priority uint32
	// Width and Height are the size at which it is shown, in device pixels; 0
	// if it is not shown.
	Width, Height int
	// Detail prefers size to frame rate: a shared screen.
	Detail bool
	// Layers are ordered by spatial, then temporal.
	Layers []Layer
}

// Allocation is what to send.
type Allocation struct {
	// Targets has an index into Layers for each slot, or Paused. It is valid until
	// the next Allocate.
	Targets []int
	// Best has, likewise, what would be sent if the link carried everything.
	Best []int
	// Rooms has, likewise, what a slot may be sent at most while it waits for its
	// target: what that takes, and what nobody takes.
	Rooms []int64
	// Used is the bitrate of all targets and audio, Wanted what it would be if
	// everything shown were at its best.
	Used, Wanted int64
}

// Allocator shares one receiver's bandwidth among its slots. Audio comes first,
// then a base layer for every slot shown, by priority; what is left raises the
// slots by priority, in passes among equals, as far as they are shown large
// enough. Down goes at once; up only with room to spare, not too often, and
// ever more rarely when it fails. It is not safe for concurrent use.
type Allocator struct {
	states  []slotState
	plans   []plan
	order   []int // indices of plans by priority
	targets []int
	best    []int
	rooms   []int64
}

// Allocate decides what the slots get of the estimate, in bps; audio is what
// audio and everything else that is not in slots takes of it. It is to be
// called when the estimate, the slots or their layers change, and every 100 ms.
func (a *Allocator) Allocate(now time.Time, estimate, audio int64, slots []Slot) Allocation {
	a.prepare(slots)

	// What stays if nothing goes up; a slot that is new gets its base layer.
	for i := range a.plans {
		p := &a.plans[i]
		if p.limit = p.kept; p.state.fresh && len(p.steps) > 0 {
			p.limit = 0
		}
	}
	a.fit(estimate, audio)
	for i := range a.plans {
		p := &a.plans[i]
		if p.step < p.kept {
			p.state.lowered(now)
		}
		p.kept = p.step
	}

	a.allowUps(now, estimate, audio)
	a.fit(estimate, audio)

	out := Allocation{Used: audio, Wanted: audio}
	a.targets, a.best = a.targets[:0], a.best[:0]
	for i := range a.plans {
		p := &a.plans[i]
		if p.step > p.kept {
			p.state.raised, p.state.waiting = now, time.Time{}
		}
		a.targets = append(a.targets, p.target())
		a.best = append(a.best, p.best())
		p.state.keep(p)
		out.Used += p.cost(p.step)
		out.Wanted += p.likely(len(p.steps) - 1)
	}
	a.rooms = a.rooms[:0]
	for i := range a.plans {
		a.rooms = append(a.rooms, a.plans[i].cost(a.plans[i].step)+max(estimate-out.Used, 0))
	}
	out.Targets, out.Best, out.Rooms = a.targets, a.best, a.rooms
	a.states = slices.DeleteFunc(a.states, func(s slotState) bool { return !s.seen })
	return out
}

// allowUps sets the limits to what is kept, or to where a slot may go up to.
func (a *Allocator) allowUps(now time.Time, estimate, audio int64) {
	for i := range a.plans {
		a.plans[i].limit = len(a.plans[i].steps) - 1
	}
	a.fit(int64(float64(estimate)/upRoom), audio)
	for i := range a.plans {
		a.plans[i].roomy = a.plans[i].step
	}
	a.fit(int64(float64(estimate)/upAtOnce), audio)
	for i := range a.plans {
		p := &a.plans[i]
		p.limit = max(p.kept, p.state.mayRise(now, p.kept, p.roomy, p.step))
	}
}

// fit gives each slot the highest step up to its limit for which there is room.
func (a *Allocator) fit(estimate, audio int64) {
	left := estimate - audio
	for _, i := range a.order {
		p := &a.plans[i]
		room := left
		if p.kept >= 0 {
			room += estimate / lastReserve
		}
		if p.step = -1; p.limit >= 0 && p.cost(0) <= room {
			p.step = 0
			left -= p.cost(0)
		}
	}
	for first := 0; first < len(a.order); {
		end := first + 1
		for end < len(a.order) && a.plans[a.order[end]].priority == a.plans[a.order[first]].priority {
			end++
		}
		for raised := true; raised; {
			raised = false
			for _, i := range a.order[first:end] {
				p := &a.plans[i]
				if p.step < 0 || p.step >= p.limit {
					continue
				}
				if more := p.cost(p.step+1) - p.cost(p.step); more <= left {
					p.step++
					left -= more
					raised = true
				}
			}
		}
		first = end
	}
}

// prepare makes a plan for each slot.
func (a *Allocator) prepare(slots []Slot) {
	for i := range a.states {
		a.states[i].seen = false
	}
	for i := range slots {
		if a.find(slots[i].ID) == nil {
			a.states = append(a.states, slotState{id: slots[i].ID, fresh: true})
		}
	}
	// The plans keep their own slices.
	a.plans = slices.Grow(a.plans[:0], len(slots))[:len(slots)]
	a.order = a.order[:0]
	for i := range slots {
		state := a.find(slots[i].ID)
		state.seen = true
		a.plans[i].prepare(state, &slots[i])
		a.order = append(a.order, i)
	}
	slices.SortStableFunc(a.order, func(x, y int) int { return cmp.Compare(a.plans[y].priority, a.plans[x].priority) })
}

func (a *Allocator) find(id uint64) *slotState {
	for i := range a.states {
		if a.states[i].id == id {
			return &a.states[i]
		}
	}
	return nil
}
