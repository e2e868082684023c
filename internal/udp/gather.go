package udp

import (
	"net/netip"
	"unsafe"
)

// gatherMost is how many datagrams a Gather holds.
const gatherMost = 256

// Gather is one writer's datagrams for many Members. Those of one Member leave
// together in as few system calls as possible. It copies nothing: what it was
// given has to stay as it is until Flush, so it suits a goroutine that reads a
// batch, adds what is in it, and flushes before it reads the next.
//
// A Gather is not safe for concurrent use.
type Gather struct {
	pending []gathered
	members []gatheredMember
	table   [2 * gatherMost]uint16 // where in members a Member is, plus one
	system  gatherSystem
}

// gathered is a datagram, and the next one of its Member; -1 is none.
type gathered struct {
	payload []byte
	to      netip.AddrPort
	next    int32
}

type gatheredMember struct {
	member      *Member
	first, last int32
	place       uint16 // in the table
}

// NewGather makes a Gather.
func NewGather() *Gather {
	return &Gather{
		pending: make([]gathered, 0, gatherMost),
		members: make([]gatheredMember, 0, gatherMost),
	}
}

// Add says that a datagram goes from a Member to that address. When there is no
// more room, what was added before is flushed first.
func (g *Gather) Add(m *Member, payload []byte, to netip.AddrPort) {
	if !m.reaches(to) {
		m.group.drops[DropAddress].Add(1)
		return
	}
	if len(g.pending) == gatherMost {
		g.Flush()
	}
	index := int32(len(g.pending))
	g.pending = append(g.pending, gathered{payload: payload, to: to, next: -1})
	at := g.lookup(m)
	if n := g.table[at]; n != 0 {
		of := &g.members[n-1]
		g.pending[of.last].next = index
		of.last = index
		return
	}
	g.members = append(g.members, gatheredMember{member: m, first: index, last: index, place: at})
	g.table[at] = uint16(len(g.members))
}

// lookup finds the place of a member in the table, where either it is or
// nothing. There are fewer members than places, so it ends.
func (g *Gather) lookup(m *Member) uint16 {
	h := uint64(uintptr(unsafe.Pointer(m))) * 0x9e3779b97f4a7c15 >> 55 // nine bits, as the table has places
	for at := uint16(h); ; at = (at + 1) % uint16(len(g.table)) {
		if n := g.table[at]; n == 0 || g.members[n-1].member == m {
			return at
		}
	}
}

// Flush sends all that was added. It does not block but for a full buffer, and
// then for some milliseconds at most. What the system refuses is counted in the
// Group's Stats and left out; the rest still goes.
func (g *Gather) Flush() {
	for i := range g.members {
		of := &g.members[i]
		g.flush(of.member, of.first)
		g.table[of.place] = 0
		of.member = nil
	}
	clear(g.pending) // what it points at is the reader's
	g.pending, g.members = g.pending[:0], g.members[:0]
}
