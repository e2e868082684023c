package sfu

import "time"

const (
	// resendsPerSecond is about a fifth of a 4 Mbit/s video.
	resendsPerSecond = 100
	// resendShare is how much of what a client's way carries goes into sending
	// again, beyond what the first packets leave: more would lose more.
	resendShare = 0.25
	// resendBurst is for how long that may be saved up.
	resendBurst = 500 * time.Millisecond
	// resendMost is taken for the estimate where there is none, in bit/s.
	resendMost = 20_000_000
	// resentKept is of how many packets it is known when they were sent again.
	resentKept = 64
)

// resendBudget bounds retransmissions of one slot: a receiver that asks for
// everything all the time gets this much and no more. It is not safe for
// concurrent use.
type resendBudget struct {
	ration
	recent [resentKept]resentPacket // by number; one may take the place of another
}

func newResendBudget() resendBudget {
	return resendBudget{ration: newRation(resendsPerSecond, resendsPerSecond)}
}

// resendRate is how many bytes a second may be sent again where a way carries so
// much, in bit/s, and how many at once.
func resendRate(estimate int64) (rate, most float64) {
	rate = resendShare / 8 * float64(min(estimate, resendMost))
	return rate, rate * resendBurst.Seconds()
}

// resentPacket is a packet that was sent again.
type resentPacket struct {
	seq   uint16
	known bool
	at    uint32 // milliseconds, modulo
}

// repeated says whether a packet was sent again so lately, within the time
// given, that it may be on its way still.
func (b *resendBudget) repeated(now time.Time, seq uint16, within time.Duration) bool {
	last := b.recent[seq%resentKept]
	return last.known && last.seq == seq && time.Duration(uint32(now.UnixMilli())-last.at)*time.Millisecond < within
}

// note remembers a packet that is sent again.
func (b *resendBudget) note(now time.Time, seq uint16) {
	b.recent[seq%resentKept] = resentPacket{seq, true, uint32(now.UnixMilli())}
}
