package congestion

import "time"

const (
	// probeStep is how often a cluster's packets go out.
	probeStep = 5 * time.Millisecond
	// probeSpan and probeBytes are the least that a cluster lasts and weighs,
	// probeSpanMost the most that it lasts.
	probeSpan     = 40 * time.Millisecond
	probeSpanMost = 100 * time.Millisecond
	probeBytes    = 6000
	// probePacket is the least padding that is worth a packet: RTP padding
	// (RFC 3550, 5.1) is at most 255 bytes long.
	probePacket = 200
	// probeSettle is how long the delays that a cluster leaves behind are not
	// taken for congestion.
	probeSettle = 50 * time.Millisecond

	probeRaise = 2.0 // a cluster's rate against the estimate
	probeFirst = 3.0 // until one did not get through
	probeLeast = 400_000
	probeAbove = 1.25 // and at most against what is wanted
	// probeReached is how near to a cluster's rate the result must be to try
	// the next higher one at once.
	probeReached = 0.85
	probeGain    = 1.05            // of an estimate: less is no news
	probePause   = time.Second     // after a cluster, doubled by each that fails
	probePauses  = 3 * time.Second // at most: a link that widens is noticed within
	probeAnswer  = time.Second     // how long a result is waited for, beyond the round trip
	// probeTold is the share of a cluster that feedback must tell of, and
	// probeLate how long feedback is waited for that may have been reordered.
	probeTold = 0.7
	probeLate = 300 * time.Millisecond
	// probeShare is the most padding per second, as a share of the estimate;
	// a burst of a second's worth is let through.
	probeShare = 0.25
)

// prober sends clusters of packets at a rate above the estimate, filled up
// with padding, and measures at which rate they arrive: the only way for an
// estimate to rise when what is sent stays below it. A cluster is short, so
// that one which does not fit costs a queue of some tens of milliseconds.
type prober struct {
	phase   probePhase
	cluster uint16  // number of the last one
	target  float64 // bps
	began   time.Duration
	ended   time.Duration
	bytes   int // to send in all
	sent    int // so far, media included
	lastSeq int64

	next  time.Duration // no cluster before
	pause time.Duration
	tried bool // the link was found to be narrower than a cluster

	credit   float64 // padding that may be sent, bytes
	credited time.Duration

	result probeResult
}

type probePhase int

const (
	probeIdle probePhase = iota
	probeSending
	probeWaiting
)

// consider begins a cluster when the estimate is too low for what is wanted.
func (p *prober) consider(now time.Duration, estimate, wanted float64, rtt time.Duration) {
	p.credit = min(p.credit+probeShare*estimate/8*(now-p.credited).Seconds(), max(probeShare*estimate/8, 2*probeBytes))
	p.credited = now
	switch p.phase {
	case probeSending:
		if now-p.began > 4*probeSpanMost {
			p.failed(now) // nobody sent it
		}
		return
	case probeWaiting:
		if now-p.ended > rtt+probeAnswer {
			p.failed(now)
		}
		return
	}
	if now < p.next || estimate >= wanted*probeWant {
		return
	}
	raise := probeRaise
	if !p.tried {
		raise = probeFirst
	}
	target := min(max(raise*estimate, probeLeast), probeAbove*wanted)
	bytes := int(target / 8 * min(max(probeSpan, time.Duration(probeBytes*8/target*float64(time.Second))), probeSpanMost).Seconds())
	if float64(bytes) > p.credit {
		return
	}
	p.credit -= float64(bytes)
	p.phase, p.target, p.bytes, p.sent = probeSending, target, bytes, 0
	p.began, p.ended = now, now
	if p.cluster++; p.cluster == 0 {
		p.cluster = 1
	}
	p.result = probeResult{}
}

// probeWant is how far the estimate has to be above what is wanted before
// nothing is left to probe for: the allocation wants some room.
const probeWant = upRoom + 0.03

// padding is how much is to be sent now, 0 if nothing, and when to ask again.
func (p *prober) padding(now time.Duration) (bytes int, wait time.Duration) {
	if p.phase != probeSending {
		return 0, 0
	}
	passed := now - p.began + probeStep
	due := min(int(p.target/8*passed.Seconds()), p.bytes) - p.sent
	// A timer that comes late makes no burst.
	due = min(due, int(p.target/8*(3*probeStep).Seconds()))
	if due < probePacket {
		return 0, probeStep / 2
	}
	return due, probeStep
}

// onSent notes a packet, media or padding, and says which cluster it is in.
func (p *prober) onSent(now time.Duration, seq int64, size int) (cluster uint16) {
	if p.phase != probeSending {
		return 0
	}
	p.sent += size
	p.lastSeq = seq
	p.ended = now
	if p.sent >= p.bytes-probePacket {
		p.phase = probeWaiting
	}
	return p.cluster
}

// onOutcome takes feedback on a packet of a cluster.
func (p *prober) onOutcome(o outcome) {
	if o.cluster != p.cluster || p.phase == probeIdle {
		return
	}
	if !o.late {
		p.result.told += o.size
	}
	if o.received {
		p.result.add(o)
	}
}

// conclude gives the rate that the estimate is to have, once feedback has told
// of the cluster: a higher one, or a lower one if what is arriving does not
// confirm the estimate.
func (p *prober) conclude(now, rtt time.Duration, reported int64, estimate, arriving float64) (bps float64, ok bool) {
	if p.phase != probeWaiting || p.result.told < p.sent && (reported < p.lastSeq || now < p.ended+rtt+probeLate) {
		return 0, false
	}
	if float64(p.result.told) < probeTold*float64(p.sent) {
		// The feedback was lost, which says nothing.
		p.phase, p.next = probeIdle, now+probeLate
		return 0, false
	}
	bps, ok = p.result.rate(p.sent)
	bps = min(bps, p.target)
	reached := ok && bps >= probeReached*p.target
	p.tried = p.tried || !reached
	if !ok || bps < probeGain*estimate {
		p.failed(now)
		return max(bps, arriving), ok && bps < estimate && arriving > 0 && aimdHeadroom*arriving < estimate
	}
	p.phase, p.pause = probeIdle, probePause
	p.next = now + p.pause
	if reached {
		p.next = now
	}
	return bps, true
}

func (p *prober) failed(now time.Duration) {
	p.phase = probeIdle
	p.pause = min(max(2*p.pause, probePause), probePauses)
	p.next = now + p.pause
}

// dropped says that the estimate fell: the next cluster waits until the queue
// had time to drain, but not for the pause of earlier failures.
func (p *prober) dropped(now time.Duration) {
	p.phase, p.pause, p.tried = probeIdle, probePause, true
	p.next = now + p.pause
}

// recovered says that an outage is over: nothing is waited for.
func (p *prober) recovered(now time.Duration) {
	p.phase, p.pause, p.next = probeIdle, probePause, now
}

// probeResult collects the packets of a cluster that arrived.
type probeResult struct {
	told                      int // bytes that feedback says anything of
	packets, bytes            int
	firstSent, lastSent       time.Duration
	firstArrival, lastArrival time.Duration
	firstSize, lastSize       int
}

func (r *probeResult) add(o outcome) {
	if r.packets == 0 || o.sent <= r.firstSent && o.arrival < r.firstArrival {
		r.firstSent = o.sent
	}
	if r.packets == 0 || o.arrival < r.firstArrival {
		r.firstArrival, r.firstSize = o.arrival, o.size
	}
	if r.packets == 0 || o.sent >= r.lastSent {
		r.lastSent, r.lastSize = o.sent, o.size
	}
	r.lastArrival = max(r.lastArrival, o.arrival)
	r.packets++
	r.bytes += o.size
}

// rate is the rate at which the link let the cluster through.
func (r *probeResult) rate(sent int) (bps float64, ok bool) {
	sending, arriving := r.lastSent-r.firstSent, r.lastArrival-r.firstArrival
	if r.packets < 4 || float64(r.bytes) < 0.7*float64(sent) || sending <= 0 || arriving <= 0 || arriving > 8*probeSpanMost {
		return 0, false
	}
	sendRate := float64(r.bytes-r.lastSize) * 8 / sending.Seconds()
	arriveRate := float64(r.bytes-r.firstSize) * 8 / arriving.Seconds()
	if arriveRate > 2*sendRate {
		return 0, false // they were held up together on the way
	}
	if arriveRate < 0.9*sendRate {
		return 0.95 * arriveRate, true // it is the link's, so leave some room
	}
	return min(sendRate, arriveRate), true
}
