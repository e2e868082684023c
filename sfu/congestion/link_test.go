package congestion_test

import (
	"math/rand/v2"
	"sort"
)

// ms is simulated time since the beginning.
type ms = float64

// simPacket is one packet on the simulated link.
type simPacket struct {
	seq     uint16
	size    int
	sent    ms
	flow    int // 0 ours, 1 the competing one
	frame   int // 0 none
	tcp     int
	arrives ms
}

// link is a bottleneck: a queue of bounded delay in front of a capacity that
// changes over time, then a propagation delay with random loss and jitter.
type link struct {
	capacity func(ms) float64 // bps
	buffer   ms               // at the present capacity
	delay    ms               // one way
	loss     float64
	jitter   ms
	random   *rand.Rand

	queue    []simPacket
	queued   int     // bytes
	served   float64 // bits of the first packet
	inFlight []simPacket
	dropped  int
}

func (l *link) send(now ms, p simPacket) {
	if float64(l.queued+p.size)*8 > max(l.capacity(now), 50_000)*l.buffer/1000 && l.queued > 3000 {
		l.dropped++
		return
	}
	l.queue = append(l.queue, p)
	l.queued += p.size
}

// step lets a millisecond pass and gives what arrived in it.
func (l *link) step(now ms) (arrived []simPacket) {
	credit := l.capacity(now) / 1000
	total := credit
	for len(l.queue) > 0 && credit > 0 {
		p := l.queue[0]
		need := float64(p.size)*8 - l.served
		if need > credit {
			l.served += credit
			credit = 0
			break
		}
		credit -= need
		l.served = 0
		l.queue = l.queue[1:]
		l.queued -= p.size
		if l.random.Float64() < l.loss {
			continue
		}
		p.arrives = now + (total-credit)/total + l.delay + l.jitter*l.random.Float64()
		l.inFlight = append(l.inFlight, p)
	}
	rest := l.inFlight[:0]
	for _, p := range l.inFlight {
		if p.arrives < now+1 {
			arrived = append(arrived, p)
		} else {
			rest = append(rest, p)
		}
	}
	l.inFlight = rest
	sort.SliceStable(arrived, func(i, j int) bool { return arrived[i].arrives < arrived[j].arrives })
	return arrived
}

// queueDelay is how long a packet that is sent now would wait.
func (l *link) queueDelay(now ms) ms { return float64(l.queued) * 8 / max(l.capacity(now), 1) * 1000 }

// constant is a capacity that stays.
func constant(bps float64) func(ms) float64 { return func(ms) float64 { return bps } }

// steps is a capacity that changes at given times.
func steps(first float64, changes ...[2]float64) func(ms) float64 {
	return func(now ms) float64 {
		bps := first
		for _, c := range changes {
			if now >= c[0]*1000 {
				bps = c[1]
			}
		}
		return bps
	}
}

// tcpFlow is a flow with NewReno's congestion window (RFC 5681): slow start,
// one packet per round trip after, halved by a loss.
type tcpFlow struct {
	from, to          ms
	window, threshold float64 // packets
	outstanding, next int
	lastLoss          ms
	arrivedBytes      int
	acks              []tcpAck
	expected          int
}

type tcpAck struct {
	at   ms
	lost int
}

const tcpSize = 1240

func (f *tcpFlow) step(now ms, l *link) {
	if now < f.from || now >= f.to {
		return
	}
	if f.window == 0 {
		f.window, f.threshold = 10, 1e9
	}
	rtt := 2*l.delay + l.queueDelay(now)
	rest := f.acks[:0]
	for _, ack := range f.acks {
		if ack.at > now {
			rest = append(rest, ack)
			continue
		}
		f.outstanding -= 1 + ack.lost
		switch {
		case ack.lost > 0 && now-f.lastLoss > rtt:
			f.window = max(f.window/2, 2)
			f.threshold, f.lastLoss = f.window, now
		case f.window < f.threshold:
			f.window++
		default:
			f.window += 1 / f.window
		}
	}
	f.acks = rest
	if f.outstanding > 0 && len(f.acks) == 0 && l.countTCP() == 0 {
		f.outstanding, f.window, f.expected = 0, 2, f.next // all were lost: a timeout
	}
	for n := 0; float64(f.outstanding) < f.window && n < 3; n++ {
		l.send(now, simPacket{size: tcpSize, sent: now, flow: 1, tcp: f.next})
		f.next++
		f.outstanding++
	}
}

func (l *link) countTCP() (n int) {
	for _, p := range l.queue {
		n += p.flow
	}
	for _, p := range l.inFlight {
		n += p.flow
	}
	return n
}

func (f *tcpFlow) arrived(p simPacket, l *link) {
	f.arrivedBytes += p.size
	lost := max(p.tcp-f.expected, 0)
	f.expected = max(f.expected, p.tcp+1)
	f.acks = append(f.acks, tcpAck{p.arrives + l.delay, lost})
}
