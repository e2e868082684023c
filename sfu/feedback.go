package sfu

import (
	"slices"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// reportInterval is how often sender reports go out.
const reportInterval = time.Second

// maxNACKs is how many lost packets of one datagram are looked for: a receiver
// that lost more needs a keyframe.
const maxNACKs = 64

// readReports takes a publisher's RTCP for one of its streams until the stream
// ends.
func (p *Peer) readReports(receiver *webrtc.RTPReceiver, in *incoming) {
	read := receiver.ReadRTCP
	if in.rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) { return receiver.ReadSimulcastRTCP(in.rid) }
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if sr, ok := packet.(*rtcp.SenderReport); ok && sr.SSRC == in.ssrc {
				in.takeReport(sr, time.Now())
			}
		}
	}
}

// feedback takes what a client's RTCP says of one stream that it is sent, as
// it comes in. It must not block.
func (p *Peer) feedback(ssrc uint32, packets []rtcp.Packet) {
	p.worker.try(func(now time.Time) {
		d := p.worker.links[p]
		if d == nil {
			// Without a slot there is nothing to tell of.
			if !slices.ContainsFunc(packets, func(packet rtcp.Packet) bool { _, own := packet.(*rtcp.SenderReport); return own }) {
				p.worker.metrics.dropped.WithLabelValues("unknown stream").Inc()
			}
			return
		}
		d.feedback(now, ssrc, packets)
	})
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
			// It fails only when the connection is gone.
			_ = p.pc.WriteRTCP(reports)
		}
	}
}
