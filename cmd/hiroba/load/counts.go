package load

// counts is what a loop's clients have counted. It grows only, so that what came
// in a time is a difference.
type counts struct {
	flows    [kinds]flow
	sent     [kinds]volume // by publishers
	openings uint64        // packets that were opened
	broken   uint64        // of those, that could not be, or held something else than was sent
	foreign  uint64        // of those, that were of another room
	unknown  uint64        // packets of streams that nobody was told of
	streams  [kinds]int    // that carried something, of those that clients have now
	held     int           // slots that the server holds back now, for want of bandwidth
	playing  int           // clients whose first frame is here
	dropped  uint64        // by the clients' own sockets, which were full
}

// volume is how much there was of something.
type volume struct{ Packets, Bytes uint64 }

// flow is what subscribers received of one kind.
type flow struct {
	volume           // as they were sent first
	missing   int64  // that did not come
	recovered uint64 // that came by retransmission
	pretended uint64 // that came, and were taken for lost
	late      uint64 // that came behind later ones
	doubled   uint64
	probes    uint64 // retransmissions of what was not missed, which try how much the way carries
	delay     histogram
}

func (f *flow) merge(other *flow) {
	f.Packets += other.Packets
	f.Bytes += other.Bytes
	f.missing += other.missing
	f.recovered += other.recovered
	f.pretended += other.pretended
	f.late += other.late
	f.doubled += other.doubled
	f.probes += other.probes
	f.delay.merge(&other.delay)
}

func (c *counts) merge(other *counts) {
	for k := range kinds {
		c.flows[k].merge(&other.flows[k])
		c.sent[k].Packets += other.sent[k].Packets
		c.sent[k].Bytes += other.sent[k].Bytes
		c.streams[k] += other.streams[k]
	}
	c.openings += other.openings
	c.broken += other.broken
	c.foreign += other.foreign
	c.unknown += other.unknown
	c.held += other.held
	c.playing += other.playing
	c.dropped += other.dropped
}
