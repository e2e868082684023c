package load

import (
	"cmp"
	"slices"
	"time"
)

// Report is what a run found. Times are in milliseconds unless they say otherwise.
// Flows are counted from the first packet to the last; rates, delays and CPU times
// are those of the measured time.
type Report struct {
	Plan        Plan      `json:"plan"`
	Began       time.Time `json:"began"`
	Seconds     float64   `json:"seconds"` // measured; 0 if it ended before that
	Interrupted bool      `json:"interrupted,omitempty"`

	Clients Clients `json:"clients"`
	// Flows are by "video", "audio" and "data", those of the plan.
	Flows map[string]Flow `json:"flows"`

	Answered   Quantiles `json:"answered"`    // from the WebSocket's connection to the answer
	Connected  Quantiles `json:"connected"`   // to media that could flow
	FirstFrame Quantiles `json:"first_frame"` // to the end of the first frame, or to the first sound

	Opened    uint64 `json:"opened"`  // packets that subscribers opened
	Broken    uint64 `json:"broken"`  // of those, that were not what was sent
	Foreign   uint64 `json:"foreign"` // of those, that were of another room
	Unknown   uint64 `json:"unknown"` // packets of streams that no answer told of
	Dropped   uint64 `json:"dropped"` // packets that the generator's own sockets had no room for
	Server    Server `json:"server"`
	Generator Own    `json:"generator"`

	Samples []Sample `json:"samples"`
}

// Clients is what became of the clients.
type Clients struct {
	Publishers  int    `json:"publishers"`
	Subscribers int    `json:"subscribers"`
	Playing     int    `json:"playing"`  // that received a frame
	Replaced    int    `json:"replaced"` // by churn
	Failed      int    `json:"failed"`   // to join, while others were replaced
	Lost        int    `json:"lost"`     // whose sessions ended by themselves
	Held        int    `json:"held"`     // slots that the server holds back, for want of bandwidth
	Why         string `json:"why,omitempty"`
}

// Flow is what was sent and received of one kind.
type Flow struct {
	Sent      uint64    `json:"sent"`      // packets, by publishers
	Streams   int       `json:"streams"`   // that carried something
	Expected  int       `json:"expected"`  // streams
	Received  uint64    `json:"received"`  // packets, as they were sent first
	Rate      float64   `json:"rate"`      // of those, a second
	Bits      float64   `json:"bits"`      // of those, a second
	Lost      int64     `json:"lost"`      // packets that never came
	Recovered uint64    `json:"recovered"` // packets that came by retransmission
	Pretended uint64    `json:"pretended"` // packets that were taken for lost
	Reordered uint64    `json:"reordered"`
	Doubled   uint64    `json:"doubled"`
	Probes    uint64    `json:"probes"` // retransmissions of what was here, which try the way
	Delay     Quantiles `json:"delay"`
}

// Quantiles are those of some times, in milliseconds.
type Quantiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func quantilesOf(h *histogram) Quantiles {
	return Quantiles{h.count(), milliseconds(h.quantile(0.5)), milliseconds(h.quantile(0.9)), milliseconds(h.quantile(0.99)), milliseconds(h.quantile(1))}
}

// Server is what the server used in the measured time.
type Server struct {
	Source     string  `json:"source,omitempty"` // "" when it was not looked at
	CPUSeconds float64 `json:"cpu_seconds"`
	Cores      float64 `json:"cores"`      // that it kept busy
	PerPacket  float64 `json:"per_packet"` // µs of CPU per packet that a subscriber received
	Resident   uint64  `json:"resident"`   // bytes, at the end
	// Unread says why it is not known; the rest is 0 then.
	Unread string `json:"unread,omitempty"`
}

// Own is what the load generator used in the measured time.
type Own struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	PerPacket  float64 `json:"per_packet"` // µs of CPU per packet sent or received
	Busy       float64 `json:"busy"`       // the share of the time that its busiest loop was busy
}

// report is about what was until now; marks are the begin and the end of the
// measured time, nil if there was none.
func (w *watch) report(marks *[2]mark, interrupted bool) *Report {
	w.stop()
	r := w.run
	total := r.counts()
	lost, why := r.lost()
	out := &Report{
		Plan: r.plan, Began: r.began, Interrupted: interrupted, Flows: map[string]Flow{},
		Opened: total.openings, Broken: total.broken, Foreign: total.foreign, Unknown: total.unknown, Dropped: total.dropped,
	}
	r.mu.Lock()
	out.Answered, out.Connected, out.FirstFrame = quantilesOf(&r.times.answered), quantilesOf(&r.times.connected), quantilesOf(&r.times.first)
	out.Clients = Clients{Playing: total.playing, Held: total.held, Replaced: r.left, Failed: r.failed, Lost: lost}
	if why == nil {
		why = r.failure
	}
	if why != nil {
		out.Clients.Why = why.Error()
	}
	clients := slices.Clone(r.clients)
	for _, c := range clients {
		switch {
		case c.in && c.publisher:
			out.Clients.Publishers++
		case c.in:
			out.Clients.Subscribers++
		}
	}
	r.mu.Unlock()
	for _, c := range clients {
		c.loop.mu.Lock()
		if !c.closed && c.socket != nil {
			out.Dropped += c.socket.dropped()
		}
		c.loop.mu.Unlock()
	}
	var during counts
	if marks != nil {
		out.Seconds = marks[1].at.Sub(marks[0].at).Seconds()
		during = *marks[1].counts
	}
	var received, sent uint64
	expected := r.expected()
	for k := range kinds {
		f := total.flows[k]
		if expected[k] == 0 && total.sent[k].Packets == 0 {
			continue
		}
		flow := Flow{
			Sent: total.sent[k].Packets, Streams: total.streams[k], Expected: expected[k], Received: f.Packets,
			Lost: f.missing, Recovered: f.recovered, Pretended: f.pretended, Reordered: f.late, Doubled: f.doubled, Probes: f.probes,
		}
		delay := f.delay
		if marks != nil {
			before := &marks[0].counts.flows[k]
			delay = during.flows[k].delay
			delay.since(&before.delay)
			flow.Rate = float64(during.flows[k].Packets-before.Packets) / out.Seconds
			flow.Bits = 8 * float64(during.flows[k].Bytes-before.Bytes) / out.Seconds
			received += during.flows[k].Packets - before.Packets
			sent += during.sent[k].Packets - marks[0].counts.sent[k].Packets
		}
		flow.Delay = quantilesOf(&delay)
		out.Flows[kindNames[k]] = flow
	}
	if marks != nil {
		out.use(r, marks, received, sent)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out.Samples = w.samples
	return out
}

// use fills in who used what.
func (out *Report) use(r *run, marks *[2]mark, received, sent uint64) {
	perPacket := func(used float64, packets uint64) float64 {
		if packets == 0 {
			return 0
		}
		return used * 1e6 / float64(packets)
	}
	switch unread := cmp.Or(marks[0].unread, marks[1].unread); {
	case r.gauge == nil:
	case unread != nil:
		out.Server = Server{Source: r.gauge.Source, Unread: unread.Error()}
	default:
		used := (marks[1].usage.CPU - marks[0].usage.CPU).Seconds()
		out.Server = Server{
			Source: r.gauge.Source, CPUSeconds: used, Cores: used / out.Seconds, PerPacket: perPacket(used, received), Resident: marks[1].usage.Resident,
		}
	}
	own := (marks[1].own - marks[0].own).Seconds()
	out.Generator = Own{CPUSeconds: own, PerPacket: perPacket(own, received+sent)}
	for i := range r.loops {
		busy := (marks[1].busy[i] - marks[0].busy[i]).Seconds() / out.Seconds
		out.Generator.Busy = max(out.Generator.Busy, busy)
	}
}
