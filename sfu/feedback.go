package sfu

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
)

// reportInterval is how often sender reports go out.
const reportInterval = time.Second

// maxNACKs is how many lost packets of one datagram are looked for: a receiver
// that lost more needs a keyframe.
const maxNACKs = 64

// feedback takes what a client's RTCP says of what it is sent. It must not
// block.
func (p *Peer) feedback(packets []rtcp.Packet) {
	p.worker.try(func(now time.Time) {
		d := p.worker.links[p]
		if d == nil {
			// Without a slot there is nothing to tell of.
			if !slices.ContainsFunc(packets, func(packet rtcp.Packet) bool { _, own := packet.(*rtcp.SenderReport); return own }) {
				p.worker.metrics.dropped.WithLabelValues("unknown stream").Inc()
			}
			return
		}
		d.feedback(now, packets)
	})
}

// wideFeedback is feedback for what every receiver says many times a second. It
// takes over fb.
func (p *Peer) wideFeedback(fb *wideFeedback) {
	if !p.worker.queue(job{peer: p, wide: fb}, queueLimit) {
		p.worker.metrics.dropped.WithLabelValues("feedback").Inc()
		wideFeedbacks.Put(fb)
	}
}

// report sends the sender reports of all streams of this worker.
func (w *worker) report(now time.Time) {
	for p, d := range w.links {
		var reports []rtcp.Packet
		for _, o := range d.outs {
			if r := o.report(now); r != nil {
				reports = append(reports, r)
			}
		}
		if len(reports) > 0 {
			p.connection.sendRTCP(reports...)
		}
	}
}
