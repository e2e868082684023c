package turn

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
	"github.com/hiroba-rtc/hiroba/internal/records"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// outlet is one goroutine's way out: what it has for clients and peers is
// collected here, and leaves when its input is drained.
type outlet struct {
	server  *Server
	batches []*udp.Batch // to clients over UDP, one for each front; made when there is something
	touched []*udp.Batch
	streams []*stream
	peers   *udp.Gather // made when there is something
	inside  []inward    // to the SFU, one for each socket

	sent, received tally // to and from peers
}

// tally is what was relayed since the last flush.
type tally struct{ packets, bytes int }

func (t *tally) add(n int) { t.packets, t.bytes = t.packets+1, t.bytes+n }

func (s *Server) newOutlet() *outlet {
	o := &outlet{server: s, batches: make([]*udp.Batch, len(s.fronts))}
	for _, to := range s.config.Inside {
		o.inside = append(o.inside, inward{to: to})
	}
	return o
}

// flush sends what was collected.
func (o *outlet) flush() {
	for _, b := range o.touched {
		b.Flush()
	}
	o.touched = o.touched[:0]
	if o.peers != nil {
		o.peers.Flush()
	}
	for i, s := range o.streams {
		s.flush()
		o.streams[i] = nil
	}
	o.streams = o.streams[:0]
	o.sent.flush(o.server.counts.toPeer)
	o.received.flush(o.server.counts.fromPeer)
	o.flushInside()
}

func (t *tally) flush(to flow) {
	if t.packets > 0 {
		to.packets.Add(float64(t.packets))
		to.bytes.Add(float64(t.bytes))
		*t = tally{}
	}
}

// batch is where messages to clients of a front are written.
func (o *outlet) batch(f *front) *udp.Batch {
	b := o.batches[f.index]
	if b == nil {
		b = f.NewBatch()
		o.batches[f.index] = b
	}
	if !slices.Contains(o.touched, b) {
		o.touched = append(o.touched, b)
	}
	return b
}

// answer sends a STUN message to a client.
func (o *outlet) answer(to origin, message []byte) {
	switch {
	case to.stream != nil:
		if to.stream.answer(message) {
			o.streams = append(o.streams, to.stream)
		}
		return
	case to.secure != nil:
		b := o.batch(to.secure.front)
		room := b.Room(len(message) + records.Overhead)
		copy(room[records.Before:], message)
		o.seal(b, to.secure, room)
		return
	}
	b := o.batch(to.front)
	b.Add(copy(b.Room(len(message)), message), to.addr)
}

// toClient sends what a peer sent to the client of an allocation: as
// ChannelData, or as a Data indication when the channel is 0.
func (o *outlet) toClient(a *allocation, number uint16, from netip.AddrPort, payload []byte) {
	size := 4 + len(payload)
	if number == 0 {
		size = dataIndicationSize(from.Addr(), len(payload))
	}
	a.fromPeers.add(len(payload))
	o.received.add(len(payload))
	if s := a.from.stream; s != nil {
		padded := (size + 3) &^ 3
		room, first := s.room(padded)
		if room == nil {
			o.server.counts.dropped(dropSlow)
			return
		}
		write(room[:size], number, from, payload)
		clear(room[size:])
		s.mu.Unlock()
		if first {
			o.streams = append(o.streams, s)
		}
		return
	}
	front, before, after := a.from.front, 0, 0
	if c := a.from.secure; c != nil {
		front, before, after = c.front, records.Before, records.Overhead-records.Before
	}
	b := o.batch(front)
	room := b.Room(before + size + after)
	if room == nil {
		o.server.counts.dropped(dropTooLarge)
		return
	}
	write(room[before:before+size], number, from, payload)
	if c := a.from.secure; c != nil {
		o.seal(b, c, room)
		return
	}
	b.Add(size, a.from.addr)
}

// seal seals a message that lies in the room of a batch, and adds it.
func (o *outlet) seal(b *udp.Batch, to *secure, room []byte) {
	if err := to.conn.Seal(room); err != nil { // it has ended
		o.server.counts.dropped(dropNoConnection)
		return
	}
	b.Add(len(room), to.conn.Remote())
}

// write makes the message for what a peer sent.
func write(to []byte, number uint16, from netip.AddrPort, payload []byte) {
	if number == 0 {
		writeDataIndication(to, from, payload)
		return
	}
	binary.BigEndian.PutUint16(to, number)
	binary.BigEndian.PutUint16(to[2:], uint16(len(payload)))
	copy(to[4:], payload)
}

func dataIndicationSize(from netip.Addr, payload int) int {
	size := stunmsg.HeaderLen + 4 + 8 + 4 + (payload+3)&^3
	if from.Is6() {
		size += 12
	}
	return size
}

// writeDataIndication writes a Data indication (RFC 8656, section 11.4).
func writeDataIndication(to []byte, from netip.AddrPort, payload []byte) {
	binary.BigEndian.PutUint16(to, uint16(stun.NewType(stun.MethodData, stun.ClassIndication).Value()))
	binary.BigEndian.PutUint16(to[2:], uint16(len(to)-stunmsg.HeaderLen))
	binary.BigEndian.PutUint32(to[4:], stunmsg.MagicCookie)
	binary.BigEndian.PutUint32(to[8:], rand.Uint32())
	binary.BigEndian.PutUint64(to[12:], rand.Uint64())
	n := stunmsg.HeaderLen + writeAddress(to[stunmsg.HeaderLen:], uint16(stun.AttrXORPeerAddress), from, to[4:20])
	binary.BigEndian.PutUint16(to[n:], uint16(stun.AttrData))
	binary.BigEndian.PutUint16(to[n+2:], uint16(len(payload)))
	n += 4
	clear(to[n+copy(to[n:], payload):])
}

// writeAddress writes an address as the XOR of it and of the cookie and
// transaction id (RFC 8489, section 14.2), and returns how long that is.
func writeAddress(to []byte, attribute uint16, addr netip.AddrPort, mask []byte) int {
	wide := addr.Addr().As16() // no allocation
	raw := wide[:]
	if addr.Addr().Is4() {
		raw = wide[12:]
	}
	binary.BigEndian.PutUint16(to, attribute)
	binary.BigEndian.PutUint16(to[2:], uint16(4+len(raw)))
	to[4], to[5] = 0, 1
	if len(raw) == 16 {
		to[5] = 2
	}
	binary.BigEndian.PutUint16(to[6:], addr.Port()^stunmsg.MagicCookie>>16)
	for i, b := range raw {
		to[8+i] = b ^ mask[i]
	}
	return 8 + len(raw)
}
