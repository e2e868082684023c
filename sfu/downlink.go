package sfu

import (
	"cmp"
	"slices"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

const (
	// linkInterval is how often it is decided anew what goes to a client.
	linkInterval = 100 * time.Millisecond
	// startRate is what a way is taken to carry before anything is known of it,
	// in bit/s.
	startRate = 600_000
	// guessFor is how long a picture that needs more is sent all the same, at most:
	// probing takes less.
	guessFor = time.Second
	// unheard is after how long a client that should report and does not is
	// taken for one that never will.
	unheard = 2 * time.Second
	// audioRate is what a slot with audio takes, headers included, redRate what
	// redundancy adds, in bit/s.
	audioRate = 60_000
	redRate   = 90_000
	// unlimited is more than any client is sent, in bit/s.
	unlimited = 1 << 40
	// anySize is how large a client is taken to show what it tells no size of.
	anySize = 1 << 13
)

// downlink is all that goes to one client: what its way carries, and how that
// is shared among its slots. All of it belongs to the worker.
type downlink struct {
	worker    *worker
	estimator *congestion.Estimator
	allocator congestion.Allocator
	outs      []*outgoing
	changed   bool // a decision is asked for
	// wide says that the client is to tell of every packet (transport-wide
	// feedback), told that it has, reports that it has told anything at all,
	// since when it could have.
	wide, told, reports bool
	pictures            bool   // a video slot has something to show
	sent                uint32 // packets, when they were looked at for quality
	since               time.Time
	probing             *time.Timer
	resends             ration // bytes
	used                int64  // bit/s, of what was decided last

	// Used again for each decision.
	shown []*outgoing
	slots []congestion.Slot
}

func newDownlink(w *worker, now time.Time) *downlink {
	return &downlink{
		worker: w, estimator: congestion.NewEstimator(now, congestion.Config{Start: startRate}),
		resends: newRation(resendRate(startRate)),
	}
}

// add begins a stream.
func (d *downlink) add(o *outgoing) {
	o.link = d
	d.outs = append(d.outs, o)
	d.wide = d.wide || o.ids.transport != 0
	d.mark()
}

// drop forgets a stream.
func (d *downlink) drop(o *outgoing) {
	d.outs = slices.DeleteFunc(d.outs, func(other *outgoing) bool { return other == o })
	d.mark()
}

// mark asks for a decision after this batch.
func (d *downlink) mark() {
	if !d.changed {
		d.changed = true
		d.worker.changed = append(d.worker.changed, d)
	}
}

// close ends it.
func (d *downlink) close() {
	d.outs = nil
	if d.probing != nil {
		d.probing.Stop()
	}
}

// tick lets time pass.
func (d *downlink) tick(now time.Time) {
	if len(d.outs) == 0 {
		return
	}
	d.estimator.Tick(now)
	d.protect(now)
	d.allocate(now)
	d.probe(now)
}

const (
	// lossy is the share of lost packets from which sound is sent with
	// redundancy, clean the one below which it no longer is.
	lossy = 0.02
	clean = 0.005
	// lossyQueue is how long packets wait where they are lost for want of room.
	lossyQueue = 100 * time.Millisecond
)

// protect has sound sent with redundancy while packets are lost and there is
// room for it: where they are lost because there is too much of them, more
// would make it worse. A picture comes before it.
func (d *downlink) protect(now time.Time) {
	stats := d.estimator.Stats()
	lost, queued := stats.Lost, stats.Queue > lossyQueue
	room := d.estimate(now) - d.used
	if !d.pictures {
		// Nothing asks what the way carries, and what sound takes is little.
		room = unlimited
	}
	if slices.ContainsFunc(d.outs, func(o *outgoing) bool { return o.starved.Load() }) {
		room = -1
	}
	for _, o := range d.outs {
		switch {
		case o.audio == nil:
		case lost <= clean, room < 0:
			o.wantRED(false)
		case lost >= lossy && !queued && room >= 2*redRate:
			o.wantRED(true)
			room -= redRate
		}
	}
}

// estimate is how much may be sent, in bit/s. A client that never reports
// anything is not held back.
func (d *downlink) estimate(now time.Time) int64 {
	if !d.reports && (!d.wide || !d.since.IsZero() && now.Sub(d.since) > unheard) {
		return unlimited
	}
	return d.estimator.Estimate()
}

// allocate decides which layer goes into each slot.
func (d *downlink) allocate(now time.Time) {
	d.changed = false
	d.shown, d.slots = d.shown[:0], d.slots[:0]
	audio := int64(0)
	padding := false
	waiting := d.told || now.Sub(d.since) < unheard
	for _, o := range d.outs {
		if o.live && d.since.IsZero() {
			d.since = now
		}
		padding = padding || waiting && o.canPad()
		switch {
		case o.load.source == nil:
		case o.audio != nil:
			audio += audioRate
			if o.red {
				audio += redRate
			}
		default:
			d.shown = append(d.shown, o)
		}
	}
	slices.SortStableFunc(d.shown, func(a, b *outgoing) int { return cmp.Compare(a.load.place.rank, b.load.place.rank) })
	for _, o := range d.shown {
		d.slots = append(d.slots, o.slot())
	}
	d.pictures = len(d.shown) > 0
	decided := d.allocator.Allocate(now, d.estimate(now), audio, d.slots)
	d.used = decided.Used
	d.estimator.Want(decided.Wanted)
	for i, o := range d.shown {
		target := decided.Targets[i]
		if i == 0 && target == congestion.Paused && (!padding || d.guessing(now)) {
			// Only by sending can it be known here what the way carries; or it is,
			// but nobody waits for a first picture until it is known.
			target = min(0, len(d.slots[i].Layers)-1)
		}
		o.compare(d.slots[i].Layers, target, decided.Best[i])
		o.choose(now, d.slots[i].Layers, target, decided.Rooms[i])
	}
}

// guessing says that the way was just begun with, and that nothing was seen yet
// to tell that it carries less than it was taken for.
func (d *downlink) guessing(now time.Time) bool {
	return (d.since.IsZero() || now.Sub(d.since) < guessFor) && d.estimator.Estimate() >= startRate
}

// slot is a slot as allocation sees it.
func (o *outgoing) slot() congestion.Slot {
	at := o.load.place
	s := congestion.Slot{
		ID: o.load.source.id<<16 | uint64(o.index), Priority: at.priority, Width: at.width, Height: at.height,
		Detail: o.load.source.detail.Load(), Layers: *o.load.source.offers.Load(),
	}
	if s.Width == 0 || s.Height == 0 {
		s.Width, s.Height = anySize, anySize
	}
	return s
}

// compare notes how far what is sent is below what is shown.
func (o *outgoing) compare(layers []congestion.Layer, target, best int) {
	rate := func(layer int) int64 {
		if layer == congestion.Paused {
			return 0
		}
		return layers[layer].Bitrate
	}
	o.short.Store(uint32(shortOf(rate(target), rate(best))))
}

// choose sends what was decided on, and until that can be sent, nothing for
// which there is no room.
func (o *outgoing) choose(now time.Time, layers []congestion.Layer, target int, room int64) {
	source := o.load.source
	if len(layers) == 0 { // nothing is known of it yet
		o.aim(now, source.stream(0), forward.HighestLayer, 0)
		return
	}
	o.starved.Store(target == congestion.Paused)
	if target == congestion.Paused {
		o.aim(now, nil, forward.Layer{}, -1)
		return
	}
	wanted := layers[target]
	if source.simulcast() {
		o.aim(now, source.stream(wanted.Spatial), forward.Layer{Spatial: forward.HighestLayer.Spatial, Temporal: uint8(wanted.Temporal)}, wanted.Spatial)
		o.shed(now, layers, room)
		return
	}
	// With all temporal layers, those that are new are sent, too.
	layer := forward.Layer{Spatial: uint8(wanted.Spatial), Temporal: uint8(wanted.Temporal)}
	if target == len(layers)-1 {
		layer = forward.HighestLayer
	}
	o.aim(now, source.stream(0), layer, 0)
}

// shedAbove is how far what is sent must be above the room that there is, to be
// given up before what takes its place has come.
const shedAbove = 1.1

// shed gives up the present size of a simulcast source, for the smaller one that
// was decided on, when not even the least of it fits. It would fill the queue
// that the keyframe of the smaller one has to wait in. Of a size that stands in
// for one that has to be woken, it leaves what fits.
func (o *outgoing) shed(now time.Time, layers []congestion.Layer, room int64) {
	source := o.load.source
	from, to := source.rank(o.current), source.rank(o.next)
	if to < 0 || from <= to {
		return
	}
	fits, known := -1, false
	for _, l := range layers {
		if l.Spatial != from {
			continue
		}
		known = true
		if float64(l.Bitrate) <= shedAbove*float64(room) {
			fits = max(fits, l.Temporal)
		}
	}
	switch {
	case known && fits < 0:
		o.takeOver()
	case known && fits < int(o.layer.Temporal) && source.flowing(now, o.next) == o.current:
		o.tune(forward.Layer{Spatial: forward.HighestLayer.Spatial, Temporal: uint8(fits)})
	}
}

// probe sends padding while the estimator wants to know whether there is room
// for more.
func (d *downlink) probe(now time.Time) {
	if len(d.outs) == 0 {
		return // nothing lets time pass for the estimator any more: it would ask for ever
	}
	if d.wide && !d.told && now.Sub(d.since) < unheard {
		d.pad(now) // something has to be sent for the first feedback to come
	}
	bytes, wait := d.estimator.Padding(now)
	for bytes > 0 {
		sent := d.pad(now)
		if sent == 0 {
			break
		}
		bytes -= sent
	}
	if wait <= 0 || d.probing != nil {
		return
	}
	d.probing = time.AfterFunc(wait, func() {
		d.worker.do(func(now time.Time) {
			d.probing = nil
			d.probe(now)
		})
	})
}

// pad sends one packet of padding in whichever slot can.
func (d *downlink) pad(now time.Time) int {
	for _, o := range d.outs {
		if o.video != nil {
			if n := o.pad(now); n > 0 {
				return n
			}
		}
	}
	return 0
}

// rtt is how long an answer of the client takes at least.
func (d *downlink) rtt() time.Duration {
	return max(d.estimator.Stats().RTT, 10*time.Millisecond)
}

// mayResend says whether size bytes may be sent again, and counts them if so.
func (d *downlink) mayResend(now time.Time, size int) bool {
	d.resends.rate, d.resends.most = resendRate(d.estimate(now))
	return d.resends.spend(now, float64(size))
}

// arrivals takes what the client says of when packets came.
func (d *downlink) arrivals(now time.Time, fb *rtcp.TransportLayerCC) {
	d.reports, d.told = true, true
	before := d.estimator.Estimate()
	d.estimator.Feedback(now, fb)
	if d.estimator.Estimate() < before {
		d.mark() // down at once
	}
}

// feedback takes what else the client says of what it is sent.
func (d *downlink) feedback(now time.Time, packets []rtcp.Packet) {
	for _, packet := range packets {
		switch packet := packet.(type) {
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			if !slices.ContainsFunc(packet.SSRCs, func(ssrc uint32) bool { return d.out(ssrc) != nil }) {
				continue
			}
			d.reports = true
			d.estimator.REMB(now, float64(packet.Bitrate))
		case *rtcp.ReceiverReport:
			d.reported(now, packet.Reports)
		case *rtcp.SenderReport:
			d.reported(now, packet.Reports)
		case *rtcp.PictureLossIndication:
			d.keyframe(now, packet.MediaSSRC)
		case *rtcp.FullIntraRequest:
			for _, entry := range packet.FIR[:min(len(packet.FIR), firMost)] {
				d.keyframe(now, entry.SSRC)
			}
		case *rtcp.TransportLayerNack:
			if o := d.known(packet.MediaSSRC); o != nil {
				o.resendAll(now, packet.Nacks)
			}
		}
	}
}

// firMost is how many streams one full intra request may name: a client with
// more slots asks again.
const firMost = 16

// keyframe passes on that a stream cannot be decoded, as far as its client may
// ask for that.
func (d *downlink) keyframe(now time.Time, ssrc uint32) {
	o := d.known(ssrc)
	if o == nil {
		return
	}
	if !o.keyframes.take(now) {
		d.worker.metrics.dropped.WithLabelValues("keyframe request").Inc()
		return
	}
	o.keyframeWanted()
}

// reported takes a receiver's report.
func (d *downlink) reported(now time.Time, reports []rtcp.ReceptionReport) {
	for i, report := range reports {
		if o := d.known(report.SSRC); o != nil {
			d.reports, o.reported = true, true
			d.estimator.ReceiverReport(now, reports[i:i+1], 0)
		}
	}
}

// out is the stream with an SSRC.
func (d *downlink) out(ssrc uint32) *outgoing {
	for _, o := range d.outs {
		if o.ssrc == ssrc {
			return o
		}
	}
	return nil
}

// known is out for a stream that the client tells of; one that it is not sent
// is counted.
func (d *downlink) known(ssrc uint32) *outgoing {
	o := d.out(ssrc)
	if o == nil && !slices.ContainsFunc(d.outs, func(o *outgoing) bool { return o.ssrcRTX == ssrc }) {
		d.worker.metrics.dropped.WithLabelValues("unknown stream").Inc()
	}
	return o
}

// resendAll answers a NACK, as far as it may reach.
func (o *outgoing) resendAll(now time.Time, nacks []rtcp.NackPair) {
	left := maxNACKs
	for _, pair := range nacks {
		for _, seq := range pair.PacketList() {
			if left--; left < 0 {
				return
			}
			o.resend(now, seq)
		}
	}
}
