package congestion

import "time"

const (
	// groupSpan is how far apart packets of one group are sent, and how far
	// apart those of a burst arrive (draft-ietf-rmcat-gcc-02, 5.2).
	groupSpan = 5 * time.Millisecond
	// burstMost keeps a burst from swallowing everything.
	burstMost = 100 * time.Millisecond
)

// arrivalGroups puts packets that were sent together into groups and gives the
// differences of their sending and arrival (draft-ietf-rmcat-gcc-02, 5.2 and
// 5.3): their trend is what is told from noise.
type arrivalGroups struct {
	current, previous arrivalGroup
}

type arrivalGroup struct {
	firstSent, lastSent       time.Duration
	firstArrival, lastArrival time.Duration
	packets                   int
}

// groupDelta is one group against the one before.
type groupDelta struct {
	sent, arrival time.Duration
	arrivedAt     time.Duration // by the receiver's clock
}

// add takes a packet in the order of sending. ok says that it began a new
// group, and that the two before it are told in delta.
func (g *arrivalGroups) add(sent, arrival time.Duration) (delta groupDelta, ok bool) {
	c := &g.current
	switch {
	case c.packets == 0:
	case sent < c.firstSent:
		return groupDelta{}, false
	case !c.ends(sent, arrival):
		c.lastSent = max(c.lastSent, sent)
		c.lastArrival = max(c.lastArrival, arrival)
		c.packets++
		return groupDelta{}, false
	default:
		if g.previous.packets > 0 {
			delta = groupDelta{c.lastSent - g.previous.lastSent, c.lastArrival - g.previous.lastArrival, c.lastArrival}
			ok = true
		}
		g.previous = *c
	}
	*c = arrivalGroup{sent, sent, arrival, arrival, 1}
	return delta, ok
}

func (c *arrivalGroup) ends(sent, arrival time.Duration) bool {
	// Packets that waited in the network together come out in one burst.
	between := arrival - c.lastArrival
	if between < sent-c.lastSent && between <= groupSpan && arrival-c.firstArrival < burstMost {
		return false
	}
	return sent-c.firstSent > groupSpan
}
