package sfu

import (
	"slices"
	"time"

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
	for {
		packets, _, err := receiver.ReadRTCP()
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

// readFeedback takes a receiver's RTCP for one slot until the slot ends.
func (p *Peer) readFeedback(sender *webrtc.RTPSender, out *outgoing) {
	ssrc := out.ssrc
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		var lost []uint16
		for _, packet := range packets {
			// A compound packet comes to each stream that a part of it names.
			switch packet := packet.(type) {
			case *rtcp.PictureLossIndication:
				if packet.MediaSSRC == ssrc {
					p.worker.try(func(time.Time) { out.keyframeWanted() })
				}
			case *rtcp.FullIntraRequest:
				if slices.ContainsFunc(packet.FIR, func(e rtcp.FIREntry) bool { return e.SSRC == ssrc }) {
					p.worker.try(func(time.Time) { out.keyframeWanted() })
				}
			case *rtcp.TransportLayerNack:
				for _, pair := range packet.Nacks {
					if packet.MediaSSRC == ssrc && len(lost) < maxNACKs {
						lost = append(lost, pair.PacketList()...)
					}
				}
			}
		}
		if len(lost) > 0 {
			p.worker.try(func(now time.Time) {
				for _, seq := range lost {
					out.resend(now, seq)
				}
			})
		}
	}
}

// keyframeWanted passes on that the receiver cannot decode.
func (o *outgoing) keyframeWanted() {
	if o.source != nil {
		o.source.requestKeyframe()
	}
}

// report sends the sender reports of all streams of this worker.
func (w *worker) report(now time.Time) {
	for p, outs := range w.senders {
		var reports []rtcp.Packet
		for _, o := range outs {
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

// drop forgets a stream.
func (w *worker) drop(p *Peer, out *outgoing) {
	w.senders[p] = slices.DeleteFunc(w.senders[p], func(o *outgoing) bool { return o == out })
}
