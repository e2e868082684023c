package room

import (
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// feedKeeps is how many events of a room are kept for those who come back.
const feedKeeps = 256

// feeds are the events of all rooms, for those who watch. A room's feed is
// there while the room or somebody watching is. It is safe for concurrent use.
type feeds struct {
	mu   sync.Mutex // guards open, and all of each feed
	open map[string]*feed
}

// feed is the latest events of one room.
type feed struct {
	events   []*protocol.RoomEvent // numbers are consecutive up to last
	last     uint64
	watchers map[*Watcher]bool
	ended    bool // the room is gone
}

// Watcher follows the events of one room. It is for one goroutine.
type Watcher struct {
	feeds  *feeds
	name   string
	survey func() *protocol.RoomSnapshot
	wake   chan struct{}

	after uint64 // guarded by feeds.mu
	begun bool   // guarded by feeds.mu: what follows after is wanted, not a snapshot
}

// feed is called with mu held.
func (f *feeds) feed(name string) *feed {
	found := f.open[name]
	if found == nil {
		// Counting on from the time, a feed that is begun anew, even by another
		// start of the server, has no number of the one before: who comes back
		// with one of those gets a snapshot, not the middle of another story.
		found = &feed{last: uint64(time.Now().UnixMicro()), watchers: map[*Watcher]bool{}}
		f.open[name] = found
	}
	return found
}

// add numbers an event of a room and wakes those who watch it.
func (f *feeds) add(event *protocol.RoomEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to := f.feed(event.GetRoom())
	to.last++
	event.Seq = to.last
	if len(to.events) == feedKeeps {
		copy(to.events, to.events[1:])
		to.events = to.events[:feedKeeps-1]
	}
	to.events = append(to.events, event)
	to.ended = event.GetRoomEnded() != nil
	for w := range to.watchers {
		select {
		case w.wake <- struct{}{}:
		default: // it has been told already
		}
	}
	f.tidy(event.GetRoom())
}

// tidy forgets the feed of a room that is gone and that nobody watches. The
// caller holds mu.
func (f *feeds) tidy(name string) {
	if of := f.open[name]; of != nil && of.ended && len(of.watchers) == 0 {
		delete(f.open, name)
	}
}

func (f *feeds) last(name string) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if of := f.open[name]; of != nil {
		return of.last
	}
	return 0
}

func (f *feeds) watch(name string, after uint64, survey func() *protocol.RoomSnapshot) *Watcher {
	w := &Watcher{feeds: f, name: name, survey: survey, wake: make(chan struct{}, 1), after: after, begun: after > 0}
	w.wake <- struct{}{}
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.open[name]
	if of == nil {
		of = f.feed(name)
		of.ended = true // until its room begins
	}
	of.watchers[w] = true
	return w
}

// Ready gives a token whenever there may be something for Read.
func (w *Watcher) Ready() <-chan struct{} { return w.wake }

// Read returns what has happened since the last Read: at first, and when too
// much has happened since, a snapshot of what there is now.
func (w *Watcher) Read() []*protocol.RoomEvent {
	if events, ok := w.read(); ok {
		return events
	}
	snapshot := w.survey()
	w.feeds.mu.Lock()
	defer w.feeds.mu.Unlock()
	w.after, w.begun = snapshot.GetSeq(), true
	select {
	case w.wake <- struct{}{}: // more may have happened since
	default:
	}
	return []*protocol.RoomEvent{{Room: w.name, Event: &protocol.RoomEvent_Snapshot{Snapshot: snapshot}}}
}

// read reports false when a snapshot is wanted.
func (w *Watcher) read() ([]*protocol.RoomEvent, bool) {
	w.feeds.mu.Lock()
	defer w.feeds.mu.Unlock()
	of := w.feeds.open[w.name]
	first := of.last - uint64(len(of.events)) + 1
	if !w.begun || w.after > of.last || w.after+1 < first {
		return nil, false
	}
	events := append([]*protocol.RoomEvent(nil), of.events[w.after+1-first:]...)
	w.after = of.last
	return events, true
}

// Close ends the watching.
func (w *Watcher) Close() {
	w.feeds.mu.Lock()
	defer w.feeds.mu.Unlock()
	delete(w.feeds.open[w.name].watchers, w)
	w.feeds.tidy(w.name)
}

// record numbers an event of the room and tells those who follow it. The
// caller holds mu.
func (r *Room) record(event *protocol.RoomEvent) {
	event.Room, event.AtMs = r.name, r.now().UnixMilli()
	r.owner.events.add(event)
	if r.owner.config.OnEvent != nil {
		r.owner.config.OnEvent(event)
	}
}

// survey is all there is in the room now, and the number of its last event.
func (r *Room) survey() *protocol.RoomSnapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &protocol.RoomSnapshot{Exists: true, Room: r.info(), Seq: r.owner.events.last(r.name)}
	for _, peer := range sorted(r.peers) {
		out.Peers = append(out.Peers, peer.describe())
	}
	return out
}
