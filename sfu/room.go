package sfu

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// room is the peers among whom media is forwarded. Its mutex guards the state
// of all of them: who publishes what, and what sits in which slot. Packets
// never need it.
type room struct {
	name  string
	sfu   *SFU
	first int // the worker of its first peers

	mu       sync.Mutex // SFU.mu may be taken under it
	peers    map[string]*Peer
	ended    bool     // the last peer has left, and nobody may enter
	tracks   []*track // in the order they were published
	byID     map[string]*track
	speakers speakers
	spoke    []string // peers, who spoke last first
	voices   *voices
	chosen   []string // audio tracks that are heard; of more than fit, the loudest
}

// track is one published source.
type track struct {
	id     string
	mid    string
	kind   Kind
	peer   *Peer
	muted  bool
	source *source

	// Of an audio track: how loud it was since the speakers were looked at, in
	// -dBov, and when its last packet had come when the voices were.
	loudest uint8
	heard   int64

	uplink  uplink
	rating  rating                      // of it
	quality Quality                     // and as its publisher was told
	wanted  [congestion.LayersMost]bool // the sizes that were, when it was judged last
}

func (r *room) list() []*Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	peers := make([]*Peer, 0, len(r.peers))
	for _, p := range r.peers {
		peers = append(peers, p)
	}
	return peers
}

// addressed are the peers named, each once however often it is named, or all
// when nobody is.
func (r *room) addressed(to []string) []*Peer {
	if len(to) == 0 {
		return r.list()
	}
	named := make(map[string]bool, len(to))
	for _, id := range to {
		named[id] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var peers []*Peer
	for id := range named {
		if p := r.peers[id]; p != nil {
			peers = append(peers, p)
		}
	}
	return peers
}

// publish makes wanted all that the peer publishes. The caller does not hold
// mu.
func (r *room) publish(p *Peer, wanted []Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.closed {
		return
	}
	r.remove(func(t *track) bool {
		return t.peer == p && !slices.ContainsFunc(wanted, func(w Track) bool { return w.ID == t.id && w.Mid == t.mid })
	})
	for _, w := range wanted {
		t := r.byID[w.ID]
		if t == nil {
			t = &track{
				loudest: silence,
				id:      w.ID, mid: w.Mid, kind: w.Kind, peer: p, source: newSource(r.sfu.nextSerial(), w.Kind),
			}
			r.add(t)
		}
		t.source.detail.Store(w.Detail)
		t.source.sizes = w.Encodings
		t.collect()
		t.setMuted(w.Muted)
	}
	r.listen(time.Now())
	r.refill()
}

// add takes a track into the room. The caller holds mu.
func (r *room) add(t *track) {
	r.tracks = append(r.tracks, t)
	r.byID[t.id] = t
}

// remove takes tracks out of the room. The caller holds mu.
func (r *room) remove(gone func(*track) bool) {
	r.tracks = slices.DeleteFunc(r.tracks, func(t *track) bool {
		if !gone(t) {
			return false
		}
		delete(r.byID, t.id)
		return true
	})
}

// collect gives the source the streams that came in the track's media section.
func (t *track) collect() {
	var streams []*incoming
	for rid, in := range t.peer.incoming[t.mid] {
		at := t.place(rid)
		streams = append(streams, make([]*incoming, max(0, at+1-len(streams)))...)
		streams[at] = in
	}
	t.source.streams.Store(&streams)
	t.source.measure(time.Now())
}

// place is the spatial layer that a stream carries: as the publisher told or,
// should it have told nothing, in the order of its offer.
func (t *track) place(rid string) int {
	if at := slices.IndexFunc(t.source.sizes, func(e Encoding) bool { return e.RID == rid }); at >= 0 && rid != "" {
		return at
	}
	return max(0, slices.Index(t.peer.rids[t.mid], rid))
}

func (t *track) setMuted(muted bool) {
	t.muted = muted
	t.source.setMuted(muted)
}

// mute stops or starts forwarding of a track.
func (r *room) mute(p *Peer, id string, muted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tracks {
		if t.peer == p && t.id == id {
			t.setMuted(muted)
		}
	}
	r.refill()
}

// arrived attaches a stream to the track that its media section carries.
func (r *room) arrived(p *Peer, mid string, in *incoming) (ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.closed || p.incoming[mid][in.rid] != nil {
		return false
	}
	if p.incoming[mid] == nil {
		p.incoming[mid] = map[string]*incoming{}
	}
	p.incoming[mid][in.rid] = in
	for _, t := range r.tracks {
		if t.peer == p && t.mid == mid {
			t.collect()
			in.muted.Store(t.muted)
		}
	}
	r.refill()
	return true
}

// departed takes a stream that has ended off its track.
func (r *room) departed(p *Peer, mid string, in *incoming) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.incoming[mid][in.rid] == in {
		delete(p.incoming[mid], in.rid)
	}
	for _, t := range r.tracks {
		if at := t.source.rank(in); at >= 0 {
			t.source.put(at, nil)
			t.source.measure(time.Now())
		}
	}
	r.refill()
}

// changed is refill for who does not hold mu.
func (r *room) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refill()
}

// refill decides anew what sits in everybody's slots. The caller holds mu.
func (r *room) refill() {
	voices := r.audible()
	for _, p := range r.peers {
		p.refill(voices)
	}
}

// audible are the audio tracks that are heard: one more than a peer is sent,
// for who does not hear itself. The caller holds mu.
func (r *room) audible() []*track {
	out := make([]*track, 0, len(r.chosen))
	for _, id := range r.chosen {
		if t := r.byID[id]; t != nil {
			out = append(out, t)
		}
	}
	return out
}

// updateVoices chooses anew whose voices are heard.
func (r *room) updateVoices(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listen(now) {
		r.refill()
	}
}

// listen chooses whose voices are heard, and says whether that changed. The
// caller holds mu.
func (r *room) listen(now time.Time) (changed bool) {
	var sounds []sound
	for _, t := range r.tracks {
		if t.kind != Audio {
			continue
		}
		s := sound{track: t.id, level: silence, muted: t.muted}
		if in := t.source.stream(0); in != nil {
			s.level = in.takeLevel()
			heard := in.heard.Load()
			s.arrived = heard != t.heard
			t.heard = heard
		}
		t.loudest = min(t.loudest, s.level)
		sounds = append(sounds, s)
	}
	if len(sounds) == 0 && len(r.chosen) == 0 {
		return false
	}
	r.chosen, changed = r.voices.update(now, sounds)
	return changed
}

// guests are the tracks of one kind that p is to get, the first first: as many
// as it has slots. voices are those of the room. The caller holds mu.
func (r *room) guests(p *Peer, kind Kind, voices []*track, slots int) []guest {
	var out []guest
	take := func(t *track) (more bool) {
		if t != nil && t.kind == kind && t.peer != p {
			out = append(out, guest{track: t.id, peer: t.peer.id})
		}
		return len(out) < slots
	}
	switch {
	case slots == 0:
	case kind == Audio:
		if most := r.sfu.config.Voices; slots >= most {
			slots = most
		} else {
			voices = slices.SortedStableFunc(slices.Values(voices), func(a, b *track) int { return cmp.Compare(r.urgency(a), r.urgency(b)) })
		}
		for _, t := range voices {
			if !take(t) {
				break
			}
		}
	case p.view == nil:
		for _, t := range r.tracks {
			if !take(t) {
				break
			}
		}
	default:
		for _, id := range p.view.ranked() {
			if !take(r.byID[id]) {
				break
			}
		}
	}
	return out
}

// cameras are the video tracks of the others, screens left out: those of who
// spoke last first, then in the order they were published. The caller holds mu.
func (r *room) cameras(p *Peer) (ids []string) {
	if !slices.ContainsFunc(p.wanted, func(s Shown) bool { return s.Speaker }) {
		return nil
	}
	var tracks []*track
	for _, t := range r.tracks {
		if t.kind == Video && t.peer != p && !t.source.detail.Load() && !t.muted {
			tracks = append(tracks, t)
		}
	}
	when := map[string]int{}
	for i, id := range r.spoke {
		when[id] = i - len(r.spoke) // the last one is the smallest
	}
	slices.SortStableFunc(tracks, func(a, b *track) int { return cmp.Compare(when[a.peer.id], when[b.peer.id]) })
	for _, t := range tracks {
		ids = append(ids, t.id)
	}
	return ids
}

// urgency orders voices: who speaks is heard first, who is muted can wait. The
// caller holds mu.
func (r *room) urgency(t *track) int {
	switch {
	case t.muted:
		return 2
	case slices.Contains(r.speakers.told, t.peer.id):
		return 0
	}
	return 1
}

// updateSpeakers tells everybody when those who speak have changed.
func (r *room) updateSpeakers(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	levels := map[string]uint8{}
	for _, t := range r.tracks {
		if t.kind != Audio {
			continue
		}
		level := t.loudest
		t.loudest = silence
		if t.muted {
			level = silence
		}
		if before, ok := levels[t.peer.id]; !ok || level < before {
			levels[t.peer.id] = level
		}
	}
	list, changed := r.speakers.update(now, levels)
	if !changed {
		return
	}
	if len(list) > 0 {
		r.spoke = slices.DeleteFunc(r.spoke, func(id string) bool { return id == list[0] || r.peers[id] == nil })
		r.spoke = slices.Insert(r.spoke, 0, list[0])
	}
	for _, p := range r.peers {
		if p.told != nil {
			p.listener.Speakers(list)
		}
	}
	r.refill() // who speaks may have had no slot
}

// tick looks at what the publishers send and what of it is wanted; report says
// that they are to be told how it arrives.
func (r *room) tick(now time.Time, report bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tracks {
		if t.kind == Video {
			t.source.measure(now)
			t.ask(now)
		}
	}
	for _, p := range r.peers {
		p.look(now)
		p.connection.inlet.tick(now, report)
		if p.starvation() {
			p.refill(r.audible())
		}
	}
}
