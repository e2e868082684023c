package sfu

import (
	"time"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

const (
	// lagPatience is for how long in all, in one run, one that takes it more
	// slowly than others may keep them waiting.
	lagPatience = time.Second
	// readPatience is for how long one may take nothing at all.
	readPatience = 30 * time.Second
	// idlePatience is for how long a client may send nothing in a run before it
	// makes place for another one. maxRuns is how many may be under way.
	idlePatience = 10 * time.Second
	maxRuns      = 32
)

// run is parts of a message without a gap, from one client to the same others.
// It decides when more of them may come, and who keeps the others waiting too
// long. It is pure: times are given to it. Its client's runsMu guards it.
type run struct {
	message, total uint32
	next           uint32 // where the next part has to begin
	told           uint32 // the client was told READY for that
	takers         map[*data]*taker
	held           int // takers that are
	last           time.Time

	// waited is for how long, up to changed, some takers waited for others.
	waited  time.Duration
	changed time.Time
}

// taker is one that a run goes to.
type taker struct {
	held bool // too much waits for it
	// cut is where it stopped getting parts, as there was no place for one.
	cut     uint32
	wasCut  bool
	since   time.Duration // what run.waited was when it was held
	lag     time.Duration // how long it kept others waiting, before that
	read    uint64        // all that it had taken when last looked at
	quietAt time.Time     // when that was seen first
}

func newRun(now time.Time, part *dataframe.Part) *run {
	return &run{
		message: part.GetMessage(), total: part.GetTotal(), next: part.GetOffset(), told: part.GetOffset(),
		takers: map[*data]*taker{}, last: now, changed: now,
	}
}

// accept takes note of a part, or says why it is none of this run.
func (r *run) accept(now time.Time, part *dataframe.Part, length int) (refusal string) {
	switch {
	case part.GetMessage() != r.message || part.GetTotal() != r.total || part.GetOffset() != r.next:
		return "out of turn"
	case r.next+uint32(length)-r.told > dataframe.Window:
		return "beyond the window"
	}
	r.next += uint32(length)
	r.last = now
	return ""
}

// account adds to what was waited since the last change.
func (r *run) account(now time.Time) {
	if r.held > 0 && r.held < len(r.takers) {
		r.waited += now.Sub(r.changed)
	}
	r.changed = now
}

// hold says that too much waits for a taker, which has taken so much in all.
func (r *run) hold(now time.Time, d *data, read uint64) {
	t := r.takers[d]
	if t == nil || t.held {
		return
	}
	r.account(now)
	t.held, t.since, t.read, t.quietAt = true, r.waited, read, now
	r.held++
}

// cut says that a taker got nothing from the offset on.
func (r *run) cut(d *data, offset uint32) {
	if t := r.takers[d]; t != nil && !t.wasCut {
		t.cut, t.wasCut = offset, true
	}
}

// release says that a taker has taken most of what waited for it.
func (r *run) release(now time.Time, d *data) {
	t := r.takers[d]
	if t == nil || !t.held {
		return
	}
	r.account(now)
	t.held = false
	t.lag += r.waited - t.since
	r.held--
}

// remove takes one out that gets no more of this run, and says up to where it
// got it.
func (r *run) remove(now time.Time, d *data) (offset uint32) {
	t := r.takers[d]
	if t == nil {
		return 0
	}
	r.account(now)
	if t.held {
		r.held--
	}
	delete(r.takers, d)
	if t.wasCut {
		return t.cut
	}
	return r.next
}

// due says how far more parts may be sent beyond, when the client is to be told.
func (r *run) due() (offset uint32, ok bool) {
	if r.held > 0 || r.told == r.next {
		return 0, false
	}
	r.told = r.next
	return r.told, true
}

// over says that the whole message, or as much as anybody takes of it, is on
// its way.
func (r *run) over() bool { return r.told == r.total }

// overdue are the takers that have kept others waiting for too long, and those
// that take nothing.
func (r *run) overdue(now time.Time, read func(*data) uint64) (behind, lost []*data) {
	r.account(now)
	for d, t := range r.takers {
		if !t.held {
			continue
		}
		if taken := read(d); taken != t.read {
			t.read, t.quietAt = taken, now
		}
		switch {
		case now.Sub(t.quietAt) >= readPatience:
			lost = append(lost, d)
		case r.held < len(r.takers) && t.lag+r.waited-t.since >= lagPatience:
			behind = append(behind, d)
		}
	}
	return behind, lost
}

// idle says that a run may make place for another one.
func (r *run) idle(now time.Time) bool {
	return len(r.takers) == 0 || (r.held == 0 && now.Sub(r.last) >= idlePatience)
}
