package sfu

import (
	"slices"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// judge looks at the quality of everything, and tells who is concerned. Its
// cost grows with what is published and with the slots that there are, each
// looked at once.
func (s *SFU) judge(now time.Time) {
	for _, w := range s.workers {
		s.metrics.quality[Server].Observe(w.rating.update(now, w.figures()))
	}
	for _, r := range s.list() {
		r.judge(now)
	}
}

// figures is what a worker's state is measured at since the last call.
func (w *worker) figures() float64 {
	figures := serverFigures{dropped: float64(w.overloaded.Swap(0)), forwarded: float64(w.taken.Swap(0))}
	if waits, total := w.waits.Swap(0), w.waitedTotal.Swap(0); waits > 0 {
		figures.behind = time.Duration(total / waits)
	} else if !w.rating.at.IsZero() {
		figures.behind = judgeInterval // not one job was done in that time
	}
	return figures.measure()
}

// measure hands over what the ways of this worker's clients are like.
func (w *worker) measure(time.Time) {
	for p, d := range w.links {
		p.figures.Store(d.figures())
	}
}

// figures is what is known of the way to the client; nil if nothing was sent
// since the last call.
func (d *downlink) figures() *downlinkFigures {
	sent, shown, short := uint32(0), 0, 0.0
	for _, o := range d.outs {
		sent += o.packets
		if o.video != nil && o.load.source != nil {
			shown++
			short += float64(o.short.Load())
		}
	}
	before := d.sent
	if d.sent = sent; sent == before && short == 0 {
		return nil
	}
	stats := d.estimator.Stats()
	return &downlinkFigures{
		lost: stats.Lost, queue: stats.Queue, rtt: stats.RTT, outage: stats.Outage, short: short / float64(max(1, shown)),
	}
}

// judge looks at the quality of all that is published and received in a room.
func (r *room) judge(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		p.judgeWay(now)
	}
	for _, t := range r.tracks {
		t.judge(now)
	}
	for _, p := range r.peers {
		p.judge(now)
	}
}

// judgeWay looks at the way to the client, and begins to look at the one from
// it. The caller holds room.mu.
func (p *Peer) judgeWay(now time.Time) {
	p.worstUplink, p.poorTracks = 100, nil
	figures := p.figures.Load()
	measured := 100.0
	switch {
	case p.suspended || !p.connected:
	case !p.up:
		measured = 0
	case figures != nil:
		measured = figures.measure()
	}
	p.rating.update(now, measured)
	if p.connected && len(p.slots) > 0 {
		p.sfu.metrics.quality[Downlink].Observe(p.rating.score())
	}
}

// judge looks at how a track comes to the server. The caller holds room.mu.
func (t *track) judge(now time.Time) {
	var came arrived
	flows := [congestion.LayersMost]bool{}
	streams := t.source.list()
	for i, in := range streams {
		if in == nil {
			continue
		}
		c := in.arriving.take()
		came.expected += c.expected
		came.received += c.received
		came.late += c.late
		came.jitter = max(came.jitter, c.jitter)
		if i < len(flows) {
			flows[i] = c.received > 0
		}
	}
	p := t.peer
	t.uplink.count(now, came)
	t.uplink.lost = p.connected && !p.up && !p.suspended
	t.uplink.narrow = t.narrow(now, streams, flows)
	t.uplink.rtt = 0
	if figures := p.figures.Load(); figures != nil {
		t.uplink.rtt = max(0, figures.rtt-figures.queue)
	}
	measured := 100.0
	if !t.muted && !p.suspended {
		measured = t.uplink.measure()
	}
	score := t.rating.update(now, measured)
	t.quality = t.quality.next(score, 100, 100)
	p.worstUplink = min(p.worstUplink, score)
	if t.quality.Cause != NoCause {
		p.poorTracks = append(p.poorTracks, TrackQuality{t.id, t.quality})
	}
	if !t.muted && len(streams) > 0 {
		p.sfu.metrics.quality[Uplink].Observe(score)
	}
}

// narrow says whether a size of a track does not come although it was asked
// for the last time, too, while a smaller one comes. The caller holds room.mu.
func (t *track) narrow(now time.Time, streams []*incoming, flows [congestion.LayersMost]bool) bool {
	if t.kind != Video || len(streams) < 2 {
		return false
	}
	before := t.wanted
	t.wanted = t.source.wanted(now)
	smaller := false
	for i := range min(len(streams), len(flows)) {
		if smaller && streams[i] != nil && !flows[i] && before[i] && t.wanted[i] {
			return true
		}
		smaller = smaller || flows[i]
	}
	return false
}

// judge tells the client when the quality of its connection, or of what it
// receives, is another one. The caller holds room.mu.
func (p *Peer) judge(now time.Time) {
	if p.closed || p.told == nil || !p.connected {
		return
	}
	server := p.worker.rating.score()
	p.quality = p.quality.next(p.worstUplink, p.rating.score(), server)
	var tell []PeerQuality
	if p.quality.Cause != NoCause {
		tell = append(tell, PeerQuality{Peer: p.id, Quality: p.quality, Tracks: p.poorTracks})
	}
	for _, s := range p.slots {
		t := p.room.byID[s.track]
		if t == nil || t.muted {
			s.judged, s.rating, s.quality = "", rating{}, good
			continue
		}
		if s.judged != t.id {
			s.judged, s.rating, s.quality = t.id, rating{}, good
		}
		short := 0.0
		if s.kind == Video && s.load.source != nil && !p.suspended {
			short = float64(s.out.short.Load())
		}
		s.quality = s.quality.next(t.rating.score(), min(p.rating.score(), s.rating.update(now, 100-short)), server)
		if s.quality.Cause != NoCause {
			tell = addQuality(tell, t.peer.id, TrackQuality{t.id, s.quality})
		}
	}
	if !sameQualities(tell, p.qualities) {
		p.qualities = tell
		p.listener.Quality(cloneQualities(tell))
	}
}

// addQuality adds a track to what is told of its peer, whose quality is that of
// its worst track.
func addQuality(list []PeerQuality, peer string, track TrackQuality) []PeerQuality {
	at := slices.IndexFunc(list, func(q PeerQuality) bool { return q.Peer == peer })
	if at < 0 {
		return append(list, PeerQuality{Peer: peer, Quality: track.Quality, Tracks: []TrackQuality{track}})
	}
	list[at].Tracks = append(list[at].Tracks, track)
	if track.Score < list[at].Score {
		list[at].Quality = track.Quality
	}
	return list
}

func sameQualities(a, b []PeerQuality) bool {
	return slices.EqualFunc(a, b, func(a, b PeerQuality) bool {
		return a.Peer == b.Peer && a.Quality == b.Quality && slices.Equal(a.Tracks, b.Tracks)
	})
}

// cloneQualities is what can be given away; never nil.
func cloneQualities(list []PeerQuality) []PeerQuality {
	out := make([]PeerQuality, 0, len(list))
	for _, q := range list {
		q.Tracks = slices.Clone(q.Tracks)
		out = append(out, q)
	}
	return out
}
