package udp

import "net/netip"

// Diversion takes datagrams that need not leave this process, because whom they
// are for is in it. It is called by whoever sends, side by side.
type Diversion interface {
	// Has reports whether it takes what is for an address. It is asked for every
	// run of datagrams, so it has to be quick.
	Has(to netip.AddrPort) bool
	// Take takes datagrams for addresses that it has. They are good until it
	// returns.
	Take(datagrams []Diverted)
}

// Diverted is a datagram that would have been sent.
type Diverted struct {
	Bytes []byte
	To    netip.AddrPort
}

// Divert has what is sent from the socket offered to d first.
func (s *Socket) Divert(d Diversion) { s.diversion.Store(&d) }

// divert takes out of the batch what is not for the system.
func (b *Batch) divert(d Diversion) {
	kept := b.runs[:0]
	for _, r := range b.runs {
		if !d.Has(r.to) {
			kept = append(kept, r)
			continue
		}
		for index, n := r.first, r.count; n > 0; n-- {
			b.diverted = append(b.diverted, Diverted{Bytes: b.bytesOf(index), To: r.to})
			index = b.datagrams[index].next
		}
	}
	b.runs = kept
	if len(b.diverted) == 0 {
		return
	}
	b.socket.divertedDatagrams.Add(uint64(len(b.diverted)))
	d.Take(b.diverted)
	clear(b.diverted)
	b.diverted = b.diverted[:0]
}
