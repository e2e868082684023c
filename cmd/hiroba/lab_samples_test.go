package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/lab"
)

// heard is what a receiver has of its publisher at one time; numbers are sums
// since it joined, and named as in the statistics of WebRTC.
type heard struct {
	At               float64 // ms since 1970
	Width, Height    int     // of the latest frame
	Decoded, Freezes int
	Frozen           float64 // seconds
	Processing       float64 // seconds, of all decoded frames, from the first packet of each
	NACKs, PLIs      int
	// In samples of sound.
	Concealed, Played float64
}

// sent is what the publisher has sent at one time.
type sent struct {
	At     float64
	Frames int // of the camera
	// NACKs came, and so many packets were sent again, to probe as well.
	NACKs, Resent int
	Layers        []layerSent
	Audio         flow
}

// layerSent is one encoding.
type layerSent struct {
	RID           string
	Most          float64 // bit/s that the encoder is told to stay under
	Width, Height int
	Encoded       int
	Limited       string // why it is not larger: "none", "cpu", "bandwidth"
	flow
}

// flow is a stream of RTP, without retransmissions.
type flow struct{ Bytes, Packets float64 }

// onTheWire is how many bytes of IP a flow is: IPv4, UDP and the tag of AEAD
// come to each packet.
func (f flow) onTheWire() float64 { return f.Bytes + f.Packets*(20+8+16) }

// wireNote is what a wire has done at one time.
type wireNote struct {
	at time.Time
	lab.Counts
}

// span is a part of a scenario.
type span struct{ from, to time.Time }

func since(from time.Time) span { return span{from, time.Now()} }

// after is the span without its beginning.
func (s span) after(d time.Duration) span { return span{s.from.Add(d), s.to} }

func (s span) seconds() float64 { return s.to.Sub(s.from).Seconds() }

func (s span) has(at time.Time) bool { return !at.Before(s.from) && !at.After(s.to) }

func (h heard) at() time.Time { return time.UnixMicro(int64(h.At * 1000)) }
func (s sent) at() time.Time  { return time.UnixMicro(int64(s.At * 1000)) }

// during are the samples of a span.
func during[T any](samples []T, at func(T) time.Time, s span) []T {
	return slices.DeleteFunc(slices.Clone(samples), func(sample T) bool { return !s.has(at(sample)) })
}

// bitrate of a layer is the median over those times at which it was sent, in
// bit/s on the wire: what nobody receives is paused. Of one that was hardly ever
// sent it is the most that it may take, lest one that nobody gets counts for
// nothing.
func (p *published) bitrate(rid string, s span) float64 {
	var rates []float64
	samples := during(p.samples, sent.at, s)
	for i := range samples {
		if i == 0 {
			continue
		}
		before, now := samples[i-1].layer(rid), samples[i].layer(rid)
		seconds := (samples[i].At - samples[i-1].At) / 1000
		if now.Packets > before.Packets && seconds > 0 {
			rates = append(rates, (now.onTheWire()-before.onTheWire())*8/seconds)
		}
	}
	const few = 6
	switch {
	case len(samples) == 0:
		return 0
	case len(rates) < few:
		return samples[len(samples)-1].layer(rid).Most
	}
	return median(rates)
}

func (s sent) layer(rid string) layerSent {
	for _, l := range s.Layers {
		if l.RID == rid {
			return l
		}
	}
	return layerSent{}
}

// audioRate is the sound's bitrate on the wire.
func (p *published) audioRate(s span) float64 {
	samples := during(p.samples, sent.at, s)
	if len(samples) < 2 {
		return 0
	}
	first, last := samples[0], samples[len(samples)-1]
	return (last.Audio.onTheWire() - first.Audio.onTheWire()) * 8 / (last.At - first.At) * 1000
}

// rids are all layers there ever were, the smallest first.
func (p *published) rids() []layerSent {
	largest := map[string]layerSent{}
	for _, s := range p.samples {
		for _, l := range s.Layers {
			if l.Height >= largest[l.RID].Height {
				largest[l.RID] = l
			}
		}
	}
	var out []layerSent
	for _, l := range largest {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b layerSent) int { return cmp.Compare(a.Most, b.Most) })
	return out
}

// frameRate is that of the camera, and that of what was encoded: at each time of
// the encoding with most frames, since those that nobody wants are paused.
func (p *published) frameRate(s span) (camera, encoded float64) {
	samples := during(p.samples, sent.at, s)
	if len(samples) < 2 {
		return 0, 0
	}
	first, last := samples[0], samples[len(samples)-1]
	seconds := (last.At - first.At) / 1000
	frames := 0
	for i := range samples[1:] {
		most := 0
		for _, l := range samples[i+1].Layers {
			most = max(most, l.Encoded-samples[i].layer(l.RID).Encoded)
		}
		frames += most
	}
	return float64(last.Frames-first.Frames) / seconds, float64(frames) / seconds
}

// limits are the reasons for which the publisher sent less than it could.
func (p *published) limits(s span) string {
	var out []string
	for _, sample := range during(p.samples, sent.at, s) {
		for _, l := range sample.Layers {
			if l.Limited != "none" && l.Limited != "" && !slices.Contains(out, l.RID+" "+l.Limited) {
				out = append(out, l.RID+" "+l.Limited)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// freezes are the freezes that ended in a span.
type freezes struct {
	count          int
	total, longest time.Duration
}

func (r *receiver) freezes(s span) (out freezes) {
	samples := during(r.samples, heard.at, s)
	for i := range samples {
		if i == 0 {
			continue
		}
		count := samples[i].Freezes - samples[i-1].Freezes
		took := time.Duration((samples[i].Frozen - samples[i-1].Frozen) * float64(time.Second))
		if count > 0 {
			out.count += count
			out.total += took
			out.longest = max(out.longest, took/time.Duration(count))
		}
	}
	return out
}

func (f freezes) String() string {
	if f.count == 0 {
		return "no freeze"
	}
	return fmt.Sprintf("%d freezes of %d ms, the longest %d ms", f.count, f.total.Milliseconds(), f.longest.Milliseconds())
}

// sizes are the sizes of the picture over time, with the second since the
// beginning of the span at which each began.
func (r *receiver) sizes(s span) string {
	var out []string
	last := ""
	for _, sample := range during(r.samples, heard.at, s) {
		size := fmt.Sprintf("%dx%d", sample.Width, sample.Height)
		if sample.Height == 0 {
			size = "none"
		}
		if size != last {
			last = size
			out = append(out, fmt.Sprintf("%s at %.1f s", size, sample.at().Sub(s.from).Seconds()))
		}
	}
	return strings.Join(out, ", ")
}

// becomes is how long it takes from a moment until a sample fits; ok is whether
// one does before the span ends.
func (r *receiver) becomes(s span, fits func(heard) bool) (took time.Duration, ok bool) {
	for _, sample := range during(r.samples, heard.at, s) {
		if fits(sample) {
			return sample.at().Sub(s.from), true
		}
	}
	return s.to.Sub(s.from), false
}

// ends are the first and the last sample of a span.
func (r *receiver) ends(s span) (first, last heard) {
	samples := during(r.samples, heard.at, s)
	if len(samples) == 0 {
		return first, last
	}
	return samples[0], samples[len(samples)-1]
}

// frameRate is how many frames were decoded per second.
func (r *receiver) frameRate(s span) float64 {
	first, last := r.ends(s)
	return ratio(float64(last.Decoded-first.Decoded), (last.At-first.At)/1000)
}

// concealment is the share of the sound that was made up.
func (r *receiver) concealment(s span) float64 {
	first, last := r.ends(s)
	return ratio(last.Concealed-first.Concealed, last.Played-first.Played)
}

// delays are from the publisher's network card to the decoded picture: both
// links, and the receiver's buffer and decoder.
func (r *receiver) delays(s span, publisher []wireNote) (p50, p95 time.Duration) {
	var all []float64
	samples := during(r.samples, heard.at, s)
	for i := range samples {
		if i == 0 || samples[i].Decoded == samples[i-1].Decoded {
			continue
		}
		part := span{samples[i-1].at(), samples[i].at()}
		processing := (samples[i].Processing - samples[i-1].Processing) / float64(samples[i].Decoded-samples[i-1].Decoded)
		all = append(all, processing+onTheWay(publisher, part)+onTheWay(r.notes, part))
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return time.Duration(all[int(share*float64(len(all)-1))] * float64(time.Second))
	}
	return at(0.5), at(0.95)
}

// onTheWay is how long packets took on a wire, in seconds.
func onTheWay(wire []wireNote, s span) float64 {
	first, last := edges(wire, s)
	return ratio((last.Took - first.Took).Seconds(), float64(last.Packets-first.Packets))
}

// received is what the wire toward the receiver delivered, in bit/s.
func (r *receiver) received(s span) float64 {
	first, last := edges(r.notes, s)
	return ratio(float64(last.Bytes-first.Bytes)*8, last.at.Sub(first.at).Seconds())
}

// seconds is what the wire delivered in each second, in kbit/s, and in brackets
// how many packets found no room in its queue.
func (r *receiver) seconds(s span) string {
	var out []string
	for from := s.from; from.Before(s.to); from = from.Add(time.Second) {
		second := span{from, from.Add(time.Second)}
		text := fmt.Sprintf("%.0f", r.received(second)/1000)
		if _, overflowed, _ := r.dropped(second); overflowed > 0 {
			text += fmt.Sprintf(" (%d)", overflowed)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// dropped are the packets that did not come.
func (r *receiver) dropped(s span) (lost, overflowed, severed int64) {
	first, last := edges(r.notes, s)
	return last.Lost - first.Lost, last.Overflowed - first.Overflowed, last.Severed - first.Severed
}

// edges are the notes on a wire at the beginning and at the end of a span, the
// one before it included, since spans may be shorter than the notes are apart.
func edges(wire []wireNote, s span) (first, last wireNote) {
	for _, note := range wire {
		if first.at.IsZero() || !note.at.After(s.from) {
			first = note
		}
		if !note.at.After(s.to) {
			last = note
		}
	}
	return first, last
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
