package udp

import (
	"encoding/binary"
	"net/netip"
)

const (
	// MaxDatagram is the largest payload of a datagram, in bytes, that both
	// families carry: 65,535 less the headers of IPv4 and UDP.
	MaxDatagram = 65507
	// ringBytes is the storage of a Batch. It holds a hundred datagrams of video,
	// which is where a system call's own cost has gone down to a hundredth of
	// what it sends; it stays in the second-level cache between being written and
	// being read by the kernel; and it holds one datagram of any size.
	ringBytes = 128 << 10
	// ringDatagrams is how many datagrams a Batch holds, however small.
	ringDatagrams = 128
	// maxSegments is how many datagrams the system makes of one send at most
	// (UDP_MAX_SEGMENTS in Linux; later versions allow more).
	maxSegments = 64
	// tableSize is a power of two, and twice the runs there can be.
	tableSize = 2 * ringDatagrams
)

// Batch is one writer's datagrams for one socket. They are written in place,
// and leave together in as few system calls as possible; those to one address
// and of one size as one send, where the system can take it apart again (UDP
// GSO). Datagrams to one address keep their order, datagrams to different ones
// need not.
//
// A Batch is not safe for concurrent use; several Batches of a socket are, and
// do not wait for each other.
type Batch struct {
	socket *Socket
	wire   wire

	ring []byte
	used int

	datagrams []datagram
	runs      []run
	// grouping is set while this filling of the ring collects datagrams of one
	// address; then table finds the last run of an address. Zero is no run.
	grouping bool
	table    [tableSize]uint8

	count    outgoing
	diverted []Diverted
}

// datagram is where one lies in the ring, and the next of its run; 0 is none,
// because the first of all follows nothing.
type datagram struct{ start, size, next int32 }

// run is what goes to one address in one send: datagrams of one size, of which
// the last may be shorter.
type run struct {
	to          netip.AddrPort
	first, last int32 // of its datagrams
	size        int32 // of the first, in bytes
	bytes       int32
	count       uint8
	full        bool // takes no further one
}

// NewBatch makes a Batch of about 150 KiB.
func (s *Socket) NewBatch() *Batch {
	b := &Batch{
		socket:    s,
		ring:      make([]byte, ringBytes),
		datagrams: make([]datagram, 0, ringDatagrams),
		runs:      make([]run, 0, ringDatagrams),
	}
	b.wire.init(b)
	return b
}

// Room is the storage for the next datagram: size bytes, with a capacity that
// may be larger. A full ring is flushed first, so what earlier calls returned
// is not to be touched any more. It is nil for more than MaxDatagram.
func (b *Batch) Room(size int) []byte {
	if size > MaxDatagram {
		return nil
	}
	if len(b.datagrams) == ringDatagrams || b.used+size > ringBytes {
		b.Flush()
	}
	return b.ring[b.used : b.used+size]
}

// Add says that the first n bytes of the last Room are a datagram to that
// address. One that the socket can never reach (no address, no port, or one of
// the other family) is counted and left out.
func (b *Batch) Add(n int, to netip.AddrPort) {
	to, ok := b.socket.reachable(to)
	if !ok {
		b.socket.drops[DropAddress].Add(1)
		return
	}
	if len(b.datagrams) == 0 {
		b.grouping = b.socket.maySegment()
		if b.grouping {
			clear(b.table[:])
		}
	}
	index := int32(len(b.datagrams))
	b.datagrams = append(b.datagrams, datagram{start: int32(b.used), size: int32(n)})
	b.used += n

	var place *uint8
	if b.grouping {
		place = b.lookup(to)
		if *place != 0 && b.runs[*place-1].take(b.datagrams, index) {
			return
		}
		*place = uint8(len(b.runs) + 1)
	}
	b.runs = append(b.runs, newRun(to, index, b.datagrams[index].size))
}

func newRun(to netip.AddrPort, index, size int32) run {
	return run{to: to, first: index, last: index, size: size, bytes: size, count: 1, full: size == 0}
}

// take appends a datagram to the run and reports whether it fits. An empty one
// never does: nothing would be left of it.
func (r *run) take(datagrams []datagram, index int32) bool {
	size := datagrams[index].size
	if r.full || size > r.size || size == 0 || r.count == maxSegments || r.bytes+size > MaxDatagram {
		return false
	}
	datagrams[r.last].next = index
	r.last = index
	r.bytes += size
	r.count++
	r.full = size < r.size
	return true
}

// lookup finds the place of an address in the table, where either its last run
// is named or nothing. There are fewer runs than places, so it ends.
func (b *Batch) lookup(to netip.AddrPort) *uint8 {
	ip := to.Addr().As16()
	h := binary.LittleEndian.Uint64(ip[:8])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(ip[8:]) ^ uint64(to.Port())<<16
	h *= 0xd6e8feb86659fd93
	for i := uint8(h >> 56); ; i++ { // wraps around with the table
		if n := b.table[i]; n == 0 || b.runs[n-1].to == to {
			return &b.table[i]
		}
	}
}

// split puts the datagrams of a run in its place, one by one. There is always
// room for them: no more runs than datagrams.
func (b *Batch) split(at int) {
	r := b.runs[at]
	more := int(r.count) - 1
	b.runs = b.runs[:len(b.runs)+more]
	copy(b.runs[at+1+more:], b.runs[at+1:])
	for i, index := 0, r.first; i <= more; i++ {
		d := b.datagrams[index]
		b.runs[at+i] = newRun(r.to, index, d.size)
		index = d.next
	}
}

func (b *Batch) bytesOf(index int32) []byte {
	d := b.datagrams[index]
	return b.ring[d.start : d.start+d.size]
}
