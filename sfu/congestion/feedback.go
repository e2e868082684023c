package congestion

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
)

// referenceUnit is what the 24-bit reference time counts
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1).
const referenceUnit = 64 * time.Millisecond

// clockJump is how far the receiver's clock may run from ours between two
// feedback packets before it is taken for a new clock.
const clockJump = 5 * time.Second

// outcome is what feedback says of one packet that was sent.
type outcome struct {
	seq      int64
	sent     time.Duration // since the estimator began
	arrival  time.Duration // by the receiver's clock, from an arbitrary zero
	size     int
	cluster  uint16
	received bool
	late     bool // it was reported lost before
}

// feedbackReader turns transport-wide feedback into outcomes. Each packet has
// at most one outcome as received and one as lost before that, whatever is
// repeated, forged or about packets never sent.
type feedbackReader struct {
	reference time.Duration // unwrapped reference time of the newest feedback
	raw       uint32        // the same, 24 bits
	at        time.Duration // when it came
	started   bool
	outcomes  []outcome // reused
}

// read gives the outcomes, valid until the next read. jumped says that the
// receiver's clock has nothing to do with that of earlier feedback.
func (r *feedbackReader) read(now time.Duration, h *history, fb *rtcp.TransportLayerCC) (outcomes []outcome, jumped bool) {
	clock := *r
	arrival, jumped := clock.unwrap(now, fb.ReferenceTime)
	r.outcomes = r.outcomes[:0]
	seq := h.extend(fb.BaseSequenceNumber)
	left := int(fb.PacketStatusCount)
	deltas := fb.RecvDeltas
	take := func(symbol uint16) {
		if seq >= h.next {
			left = 0 // nothing of that was sent
			return
		}
		switch symbol {
		case rtcp.TypeTCCPacketReceivedSmallDelta, rtcp.TypeTCCPacketReceivedLargeDelta:
			if len(deltas) == 0 || deltas[0] == nil {
				left = 0
				return
			}
			arrival += time.Duration(deltas[0].Delta) * time.Microsecond
			deltas = deltas[1:]
			r.note(h, seq, arrival, true)
		case rtcp.TypeTCCPacketNotReceived:
			r.note(h, seq, 0, false)
		}
		seq++
		left--
	}
	for _, chunk := range fb.PacketChunks {
		switch chunk := chunk.(type) {
		case *rtcp.RunLengthChunk:
			n := min(int(chunk.RunLength), left)
			if skip := int64(n); chunk.PacketStatusSymbol == rtcp.TypeTCCPacketNotReceived {
				// A few bytes can claim the loss of 65,535 packets.
				if seq < h.next {
					skip = min(skip, max(h.oldest()-seq, 0))
				}
				seq, n, left = seq+skip, n-int(skip), left-int(skip)
			}
			for ; n > 0 && left > 0; n-- {
				take(chunk.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range chunk.SymbolList {
				if left > 0 {
					take(symbol)
				}
			}
		}
	}
	if !slices.ContainsFunc(r.outcomes, func(o outcome) bool { return o.received }) {
		return r.outcomes, false // nothing hangs on its clock
	}
	clock.outcomes = r.outcomes
	*r = clock
	return r.outcomes, jumped
}

func (r *feedbackReader) note(h *history, seq int64, arrival time.Duration, ok bool) {
	p := h.get(seq)
	if p == nil || p.state == received || p.state == lost && !ok {
		return
	}
	r.outcomes = append(r.outcomes, outcome{
		seq: seq, sent: p.at, arrival: arrival, size: int(p.size), cluster: p.cluster, received: ok, late: p.state == lost,
	})
	if p.state = lost; ok {
		p.state = received
	}
}

// unwrap follows the reference time over its wrap-arounds, every twelve days.
func (r *feedbackReader) unwrap(now time.Duration, raw uint32) (reference time.Duration, jumped bool) {
	step := time.Duration(int32((raw-r.raw)<<8)>>8) * referenceUnit
	if !r.started || (step-(now-r.at)).Abs() > clockJump {
		jumped = r.started
		r.started, r.raw, r.at = true, raw, now
		return r.reference, jumped
	}
	reference = r.reference + step
	if step > 0 {
		r.reference, r.raw, r.at = reference, raw, now
	}
	return reference, false
}
