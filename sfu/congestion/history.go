package congestion

import "time"

const (
	historyStart = 256
	// historyMost bounds the memory of one receiver: 128 KiB, enough for two
	// seconds at 40 Mbps. It is far below 1<<16, so that a number that was never
	// sent cannot be taken for an old one.
	historyMost = 8192
	// historySpan is how long a packet waits for its feedback.
	historySpan = 2 * time.Second
)

// history remembers the packets sent to one receiver under their
// transport-wide sequence numbers, which it gives out itself: whoever sends
// the packets, and however they get lost on their way to the server, the
// numbers toward one receiver are without gaps.
type history struct {
	packets []sentPacket // a ring; its length is a power of two
	next    int64        // extended number of the next packet
}

type sentPacket struct {
	at      time.Duration // since the estimator began
	size    uint16
	cluster uint16 // of probing; 0 is none
	state   packetState
}

type packetState uint8

const (
	pending packetState = iota
	lost
	received
)

// sent notes a packet and gives it its number.
func (h *history) sent(at time.Duration, size int, cluster uint16) (seq int64) {
	if h.packets == nil {
		h.packets = make([]sentPacket, historyStart)
	}
	if n := len(h.packets); h.next >= int64(n) && n < historyMost && at-h.slot(h.next).at < historySpan {
		h.grow()
	}
	seq = h.next
	h.next++
	*h.slot(seq) = sentPacket{at: at, size: uint16(min(size, 1<<16-1)), cluster: cluster}
	return seq
}

func (h *history) grow() {
	old := h.packets
	h.packets = make([]sentPacket, 2*len(old))
	for seq := h.next - int64(len(old)); seq < h.next; seq++ {
		*h.slot(seq) = old[seq&int64(len(old)-1)]
	}
}

func (h *history) slot(seq int64) *sentPacket { return &h.packets[seq&int64(len(h.packets)-1)] }

// oldest is the first number that is still known.
func (h *history) oldest() int64 { return max(0, h.next-int64(len(h.packets))) }

// get finds a packet; nil if it was never sent or is forgotten.
func (h *history) get(seq int64) *sentPacket {
	if seq < h.oldest() || seq >= h.next {
		return nil
	}
	return h.slot(seq)
}

// extend finds the number that a 16-bit one stands for: feedback is about the
// past, so it is the newest such number that was sent. One that was never sent
// becomes older than the history reaches.
func (h *history) extend(seq uint16) int64 {
	newest := h.next - 1
	return newest - int64(uint16(newest)-seq)
}
