package session

import "github.com/hiroba-rtc/hiroba/signaling/protocol"

// Entry is one numbered message of an outbox.
type Entry struct {
	// Seq counts from 1.
	Seq uint64
	// Re is the id of the client's message that this one answers, or "".
	Re    string
	Event *protocol.Event
}

// Bounds are how much an outbox keeps for a client that has not acknowledged
// it.
type Bounds struct {
	Messages int
	Bytes    int
}

// Outbox numbers what is said to one client and keeps it until the client
// acknowledges it or the bounds push it out, oldest first. It is not safe for
// concurrent use; it knows no clock, no client and no connection.
type Outbox struct {
	bounds  Bounds
	last    uint64  // number of the newest entry
	entries []Entry // from entries[head]; numbers are consecutive up to last
	head    int
	bytes   int
}

// NewOutbox makes an empty outbox; the first entry gets number 1.
func NewOutbox(bounds Bounds) *Outbox { return &Outbox{bounds: bounds} }

// Append adds an event and returns its number. The newest entry is always
// kept, however large it is.
func (o *Outbox) Append(event *protocol.Event, re string) uint64 {
	o.last++
	o.entries = append(o.entries, Entry{Seq: o.last, Re: re, Event: event})
	o.bytes += o.size(o.entries[len(o.entries)-1])
	for o.len() > 1 && (o.len() > o.bounds.Messages || o.bytes > o.bounds.Bytes) {
		o.drop()
	}
	return o.last
}

// Ack forgets everything up to and including seq.
func (o *Outbox) Ack(seq uint64) {
	for o.len() > 0 && o.entries[o.head].Seq <= seq {
		o.drop()
	}
}

// After appends to dst up to limit entries that follow number seq. It reports
// false when one of them is no longer there: the reader has missed something.
func (o *Outbox) After(dst []Entry, seq uint64, limit int) ([]Entry, bool) {
	if seq >= o.last {
		return dst, seq == o.last
	}
	first := o.First()
	if seq+1 < first {
		return dst, false
	}
	from := o.head + int(seq+1-first)
	to := min(len(o.entries), from+limit)
	return append(dst, o.entries[from:to]...), true
}

// First is the number of the oldest entry kept, or that of the next entry
// when none is.
func (o *Outbox) First() uint64 { return o.last - uint64(o.len()) + 1 }

// Last is the number of the newest entry ever added.
func (o *Outbox) Last() uint64 { return o.last }

// size is what an entry counts for: the id is the client's, and may be long.
// One entry, such as a whole room of a thousand, may be larger than all bounds;
// it counts as half of them, so that it is not pushed out before it could be
// read by the very next words.
func (o *Outbox) size(e Entry) int { return min(e.Event.Size()+len(e.Re), o.bounds.Bytes/2) }

func (o *Outbox) len() int { return len(o.entries) - o.head }

// drop lets go of the oldest entry. The storage before head is used again
// once it is the larger half, so that dropping costs constant time on average.
func (o *Outbox) drop() {
	o.bytes -= o.size(o.entries[o.head])
	o.entries[o.head] = Entry{}
	o.head++
	switch {
	case o.len() == 0 && cap(o.entries) > keepEntries:
		o.entries, o.head = nil, 0 // what a full room took while it filled
	case o.head*2 >= len(o.entries):
		o.entries = append(o.entries[:0], o.entries[o.head:]...)
		o.head = 0
	}
}

// keepEntries is for how many entries an empty outbox keeps storage.
const keepEntries = 64
