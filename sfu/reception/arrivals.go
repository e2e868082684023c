package reception

import "time"

const (
	// feedbackEvery is how often feedback goes out; feedbackOften when much
	// comes: feedbackMuch packets in less time.
	feedbackEvery = 100 * time.Millisecond
	feedbackOften = 50 * time.Millisecond
	feedbackMuch  = 50

	// fewestTimes and mostTimes are how many numbers the arrivals of are known:
	// powers of two.
	fewestTimes = 64
	mostTimes   = 2048
)

// Arrivals is when each packet of a connection came, over all its streams, for
// transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
// The zero value begins with the first packet. It grows with the rate: from a
// quarter of a kilobyte to 8 kB for numbers that are thousands apart.
type Arrivals struct {
	clock  clock
	times  []ticks // of number n at n%len; 0 for not here
	newest uint16
	held   int    // how many numbers back from newest times tells of
	astray bool   // the last number was too far back; next would confirm it
	next   uint16 // which number that is

	start uint16 // the first number that the next feedback tells of
	fresh int    // how many packets came since the last feedback
	since ticks  // from when on the interval counts; with fresh packets only
	told  ticks  // when the last feedback was made
	more  bool   // which had no room for everything
	count uint8  // how many there were
}

// Receive takes the transport-wide sequence number of a packet that came. Of
// several with the same one, the first counts. A number that comes after it was
// told to be missing is told again, with all that follow it, while it is known
// when those came: for at least one interval of feedback.
func (a *Arrivals) Receive(now time.Time, seq uint16) {
	t := max(a.clock.at(now), 1) // 0 is for none
	ahead := seq - a.newest
	switch back := -ahead; {
	case a.times == nil:
		a.times = make([]ticks, fewestTimes)
		a.told = t - ticks(2*feedbackEvery/tick) // long ago
		a.begin(seq)
	case int(back) < a.held && *a.time(seq) != 0:
		return // it is here already
	case int(back) < len(a.times):
		a.late(seq, int(back))
	case ahead < mostTimes:
		a.advance(seq, int(ahead))
	case ahead < 1<<15, a.astray && seq == a.next:
		a.begin(seq)
	default:
		a.astray, a.next = true, seq+1
		return
	}
	*a.time(seq) = t
	if a.fresh++; a.fresh == 1 {
		a.since = t
		if paused := a.told.since(t); paused >= 0 && paused <= feedbackEvery {
			a.since = a.told
		}
	}
}

func (a *Arrivals) time(seq uint16) *ticks { return &a.times[int(seq)&(len(a.times)-1)] }

// begin forgets everything before a number.
func (a *Arrivals) begin(seq uint16) {
	a.newest, a.held, a.astray = seq, 1, false
	a.start, a.fresh, a.more = seq, 0, false
}

// late makes room for a number that is back of the newest.
func (a *Arrivals) late(seq uint16, back int) {
	for ; a.held <= back; a.held++ {
		*a.time(a.newest - uint16(a.held)) = 0
	}
	if a.start-seq < 1<<15 {
		a.start = seq
	}
}

// advance makes room for a number that is ahead of the newest.
func (a *Arrivals) advance(seq uint16, ahead int) {
	span := int(seq-a.start) + 1
	size := len(a.times)
	for size < 2*span && size < mostTimes {
		size *= 2
	}
	if size > len(a.times) {
		old := *a
		a.times = make([]ticks, size)
		for i := range uint16(a.held) {
			*a.time(a.newest - i) = *old.time(a.newest - i)
		}
	}
	if span > size {
		a.start = seq - uint16(size) + 1
	}
	for n := a.newest + 1; n != seq; n++ {
		*a.time(n) = 0
	}
	a.newest, a.held, a.astray = seq, min(a.held+ahead, size), false
}

// Next is how long it takes until feedback is due, 0 or less for now; false for
// not before another packet comes.
func (a *Arrivals) Next(now time.Time) (wait time.Duration, ok bool) {
	if a.fresh == 0 {
		return 0, false
	}
	interval := feedbackEvery
	switch {
	case a.more, a.newest-a.start >= mostTimes/2:
		return 0, true
	case a.fresh >= feedbackMuch:
		interval = feedbackOften
	}
	return a.clock.at(now).since(a.since.after(interval)), true
}

// Due says whether feedback is to be sent: something came, and the last one was
// sent 100 ms ago, or half as long when much came. After a pause, the time counts
// from its end.
func (a *Arrivals) Due(now time.Time) bool {
	wait, ok := a.Next(now)
	return ok && wait <= 0
}

// Feedback appends one feedback packet to dst, of at most 1,000 bytes, about
// what came since the last one; nothing if nothing came. When one packet cannot
// hold it, Due stays true for the rest, so that each can have a datagram of its
// own.
func (a *Arrivals) Feedback(now time.Time, senderSSRC, mediaSSRC uint32, dst []byte) []byte {
	if a.fresh == 0 {
		return dst
	}
	var f feedback
	f.read(a)
	dst = f.append(dst, senderSSRC, mediaSSRC, a.start, a.count)
	a.count++
	a.start += uint16(f.numbers)
	if a.more = a.start != a.newest+1; !a.more {
		a.fresh, a.told = 0, a.clock.at(now)
	}
	return dst
}
