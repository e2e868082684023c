package congestion

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

// Config bounds an estimate.
type Config struct {
	// Min, Start and Max are in bps; 0 takes the default: 30 kbps, 300 kbps and
	// 50 Mbps.
	Min, Start, Max int64
}

// Estimator says how many bps a receiver's link carries. It numbers all
// packets that are sent to the receiver and knows nothing of how they came to
// the server, so a lossy publisher does not show. It is not safe for concurrent
// use; one goroutine owns it.
//
// Receivers that send no transport-wide feedback are estimated from their REMB
// and receiver reports, until the first such feedback comes.
type Estimator struct {
	config Config
	start  time.Time
	now    time.Duration // since start; never goes back

	history    history
	reader     feedbackReader
	groups     arrivalGroups
	trend      trend
	throughput throughput
	aimd       aimd
	loss       lossBound
	probe      prober
	outage     outage
	queue      queueing
	reports    reports

	numbered time.Duration // when a packet was sent with a number
	squeezed bool          // the last feedback showed that too much is sent
	wanted   float64       // bps
	rtt      time.Duration
	wide     bool  // transport-wide feedback came
	reported int64 // newest packet that arrived
	probed   bool  // and when the newest reported packet of a probe was sent
	probedAt time.Duration
}

// NewEstimator begins an estimate.
func NewEstimator(now time.Time, config Config) *Estimator {
	defaults := Config{30_000, 300_000, 50_000_000}
	if config.Min <= 0 {
		config.Min = defaults.Min
	}
	if config.Max <= 0 {
		config.Max = defaults.Max
	}
	config.Max = max(config.Max, config.Min)
	if config.Start <= 0 {
		config.Start = defaults.Start
	}
	config.Start = min(max(config.Start, config.Min), config.Max)
	e := &Estimator{config: config, start: now, trend: newTrend(), loss: newLossBound(), rtt: 100 * time.Millisecond}
	e.aimd.estimate = float64(config.Start)
	e.reports.estimate = float64(config.Start)
	e.reported = -1
	return e
}

func (e *Estimator) elapse(now time.Time) time.Duration {
	e.now = max(e.now, now.Sub(e.start))
	return e.now
}

// Sent notes a packet of size bytes, UDP payload, that is sent to the receiver
// now, and returns its transport-wide sequence number
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, 2). It is to be called
// for each packet with that extension: audio, video, retransmissions, padding.
func (e *Estimator) Sent(now time.Time, size int) (seq uint16) {
	at := e.elapse(now)
	e.numbered = at
	cluster := e.probe.onSent(at, e.history.next, size)
	e.outage.onSent(at)
	e.reports.onSent(at, size)
	return uint16(e.history.sent(at, size, cluster))
}

// SentPlain notes a packet that is sent without that number: of a receiver
// without transport-wide feedback, or because there is nothing to decide for which
// it would be asked for.
func (e *Estimator) SentPlain(now time.Time, size int) {
	e.reports.onSent(e.elapse(now), size)
}

// restAfter is for how long nothing is sent with a number before feedback about
// earlier packets says nothing of now.
const restAfter = 2 * time.Second

// rests says whether only receiver reports tell of now.
func (e *Estimator) rests() bool { return !e.wide || e.now-e.numbered > restAfter }

// Warm reads what Sent is about to write to, for who is to call it for many
// receivers: so their waits for memory overlap. What it returns means nothing.
func (e *Estimator) Warm() int {
	sum := int(e.history.next) + int(e.outage.before) + int(e.reports.estimate)
	if len(e.history.packets) > 0 {
		sum += int(e.history.slot(e.history.next).size)
	}
	return sum
}

// Feedback takes transport-wide feedback from the receiver. Whatever it says of
// packets that were not sent, or a second time, is ignored.
func (e *Estimator) Feedback(now time.Time, fb *rtcp.TransportLayerCC) {
	at := e.elapse(now)
	outcomes, jumped := e.reader.read(at, &e.history, fb)
	if jumped {
		e.restart()
	}
	if len(outcomes) == 0 {
		return
	}
	e.wide = true
	if over := e.outage.onFeedback(at); over {
		e.restart()
		e.loss.forget()
		e.aimd.set(at, max(e.aimd.estimate, e.outage.before*outageReturn))
		e.probe.recovered(at)
	}
	before := e.Estimate()
	grows := e.take(outcomes)
	use, m := e.trend.state, e.throughput.measure()
	squeezed := m.squeezed(e.queue.delay(), squeezeRate)
	if grows || squeezed && e.squeezed || m.squeezed(e.queue.delay(), squeezeMuch) {
		use = overuse
	}
	e.squeezed = squeezed
	if use == overuse && e.throughput.catchesUp(e.queue.delay()) {
		use = underuse
	}
	e.aimd.update(at, use, m, e.rtt)
	e.bound()
	if e.Estimate() < before {
		e.probe.dropped(at)
	} else if bps, ok := e.probe.conclude(at, e.rtt, e.reported, float64(before), m.arriving); ok {
		e.aimd.set(at, bps)
		e.loss.bound = max(e.loss.bound, bps)
		e.bound()
	}
}

// take hands the outcomes to whoever looks at them. It says whether the delays
// showed a growing queue at any point.
func (e *Estimator) take(outcomes []outcome) (grows bool) {
	var newest *outcome
	for i := range outcomes {
		o := &outcomes[i]
		if !o.late {
			e.throughput.onSent(*o)
		}
		e.probe.onOutcome(*o)
		if o.received {
			newest = o
			e.reported = max(e.reported, o.seq)
			e.throughput.add(*o, e.queue.add(e.now, o.arrival-o.sent))
			grows = e.delayed(*o) || grows
		}
		// A probe sends more than may get through.
		if o.cluster == 0 && !e.outage.covers(o.sent) && e.loss.add(*o) {
			e.loss.close(e.aimd.estimate)
		}
	}
	if newest != nil {
		// The newest packet arrived just before the feedback was sent.
		e.rtt += (e.now - newest.sent - e.rtt) / 8
	}
	return grows
}

// delayed looks at the delay of a packet; it says whether a queue grows. What a
// probe itself, or the queue that it leaves, does to the delay is not looked at.
func (e *Estimator) delayed(o outcome) (grows bool) {
	if o.cluster != 0 {
		e.probed, e.probedAt = true, o.sent
		return false
	}
	if e.probed && o.sent-e.probedAt < probeSettle {
		return false
	}
	delta, ok := e.groups.add(o.sent, o.arrival)
	return ok && e.trend.add(delta) == overuse
}

// restart forgets what hangs on the receiver's clock.
func (e *Estimator) restart() {
	e.groups, e.trend, e.throughput, e.queue = arrivalGroups{}, newTrend(), throughput{}, queueing{}
}

func (e *Estimator) bound() {
	e.aimd.estimate = e.clamp(e.aimd.estimate)
	e.loss.bound = max(e.loss.bound, float64(e.config.Min))
}

// Want says how many bps would be sent if the link carried everything: what
// Allocation.Wanted says. Probing goes no further.
func (e *Estimator) Want(bps int64) { e.wanted = float64(max(bps, 0)) }

// Tick lets time pass: outages are noticed and clusters of probes begin. It is
// to be called about every 100 ms.
func (e *Estimator) Tick(now time.Time) {
	at := e.elapse(now)
	if e.rests() {
		e.outage.rest()
		e.reports.tick(at)
		e.reports.estimate = e.clamp(e.reports.estimate)
	}
	if !e.wide {
		return
	}
	if e.outage.tick(at, e.rtt, e.aimd.estimate) {
		e.aimd.estimate *= outageDecrease
		e.bound()
		e.probe.dropped(at)
		return
	}
	if !e.outage.active && !e.aimd.holding {
		e.probe.consider(at, float64(e.Estimate()), min(e.wanted, float64(e.config.Max)), e.rtt)
	}
}

// Padding says how many bytes of padding are to be sent now, as RTX padding
// packets through Sent, and after how long to ask again; no wait means that no
// probe is under way and the next Tick is soon enough.
func (e *Estimator) Padding(now time.Time) (bytes int, wait time.Duration) {
	return e.probe.padding(e.elapse(now))
}

// Estimate is how many bps may be sent.
func (e *Estimator) Estimate() int64 {
	estimate := e.reports.estimate
	if e.wide {
		estimate = min(e.aimd.estimate, e.loss.bound)
	}
	return min(max(int64(estimate), e.config.Min), e.config.Max)
}

// Stats is what an estimate rests on, for metrics and for telling the cause of
// bad quality.
type Stats struct {
	Estimate int64 // bps
	// Delay and Loss are the two bounds that Estimate is the least of; Loss is 0
	// while losses bound nothing. Both are 0 without transport-wide feedback.
	Delay, Loss int64
	// Arriving is the rate that arrived lately, 0 while unknown.
	Arriving int64
	// Lost is the share of packets lost lately, 0 to 1.
	Lost float64
	RTT  time.Duration
	// Queue is how long packets wait in queues, against the least in half a minute.
	Queue time.Duration
	// Outage says that the receiver has fallen silent.
	Outage bool
}

// Stats tells of now.
func (e *Estimator) Stats() Stats {
	if !e.wide {
		return Stats{Estimate: e.Estimate(), Lost: e.reports.lost, RTT: e.reports.rtt}
	}
	s := Stats{
		Estimate: e.Estimate(), Delay: int64(e.aimd.estimate), Arriving: int64(e.throughput.measure().arriving),
		Lost: e.loss.share(), RTT: e.rtt, Queue: e.queue.delay(), Outage: e.outage.active,
	}
	if e.rests() {
		s.Lost, s.Queue = e.reports.lost, 0
	}
	if !math.IsInf(e.loss.bound, 1) {
		s.Loss = int64(e.loss.bound)
	}
	return s
}
