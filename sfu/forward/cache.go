package forward

// Cache keeps packets of one incoming stream by sequence number, for
// retransmission and to know duplicates: each until another takes its place, a
// whole number of sizes later. It is not safe for concurrent use.
type Cache[P any] struct {
	slots []cacheSlot[P]
}

type cacheSlot[P any] struct {
	seq  uint16
	full bool
	// packet is what Put was given.
	packet P
}

// NewCache makes a cache of size packets; size must be a power of two, at
// most 1<<15, so that numbers keep their slots over a wrap-around.
func NewCache[P any](size int) *Cache[P] {
	if size <= 0 || size > 1<<15 || size&(size-1) != 0 {
		panic("forward: a cache's size must be a power of two up to 1<<15")
	}
	return &Cache[P]{slots: make([]cacheSlot[P], size)}
}

// Put keeps a packet and returns the one it replaces, if any.
func (c *Cache[P]) Put(seq uint16, packet P) (replaced P, ok bool) {
	slot := c.slot(seq)
	replaced, ok = slot.packet, slot.full
	*slot = cacheSlot[P]{seq: seq, full: true, packet: packet}
	return replaced, ok
}

// Get finds a packet.
func (c *Cache[P]) Get(seq uint16) (packet P, ok bool) {
	slot := c.slot(seq)
	if !slot.full || slot.seq != seq {
		return packet, false
	}
	return slot.packet, true
}

// Drain empties the cache into give.
func (c *Cache[P]) Drain(give func(P)) {
	for i := range c.slots {
		if c.slots[i].full {
			give(c.slots[i].packet)
		}
		c.slots[i] = cacheSlot[P]{}
	}
}

func (c *Cache[P]) slot(seq uint16) *cacheSlot[P] { return &c.slots[int(seq)&(len(c.slots)-1)] }
