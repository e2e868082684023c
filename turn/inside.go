package turn

import (
	"net/netip"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// Inside is a socket of the SFU in this process.
type Inside interface {
	// Addr is one of Config.Self.
	Addr() netip.AddrPort
	// Take takes datagrams as if the socket had received them, from relayed
	// addresses. They may be changed, and are not needed any more when it
	// returns. It must not block.
	Take(datagrams []udp.Datagram)
	// Divert has what is sent from the socket offered to d first.
	Divert(d udp.Diversion)
}

// inward is what an outlet has for a socket of the SFU.
type inward struct {
	to        Inside
	datagrams []udp.Datagram
}

// enter collects a datagram for a socket of the SFU, if that is in this process.
// The bytes have to stay as they are until flush.
func (o *outlet) enter(to, from netip.AddrPort, payload []byte) bool {
	for i := range o.inside {
		if in := &o.inside[i]; in.to.Addr() == to {
			in.datagrams = append(in.datagrams, udp.Datagram{Bytes: payload[:len(payload):len(payload)], From: from})
			return true
		}
	}
	return false
}

// flushInside hands over what was collected. What the SFU sends because of it
// comes back by another outlet.
func (o *outlet) flushInside() {
	for i := range o.inside {
		in := &o.inside[i]
		if len(in.datagrams) == 0 {
			continue
		}
		in.to.Take(in.datagrams)
		clear(in.datagrams)
		in.datagrams = in.datagrams[:0]
	}
}

// outward takes what a socket of the SFU sends to relayed addresses.
type outward struct {
	server *Server
	from   netip.AddrPort
}

// Has reports whether an address is a relay of this server.
func (w *outward) Has(to netip.AddrPort) bool {
	s := w.server
	return s.relays.some.Load() && s.policy.Load().isOwn(to.Addr()) && s.relays.at(to) != nil
}

// Take relays datagrams to clients.
func (w *outward) Take(datagrams []udp.Diverted) {
	s := w.server
	o, _ := s.outlets.Get().(*outlet)
	if o == nil {
		o = s.newOutlet()
	}
	now, policy := s.now(), s.policy.Load()
	for _, d := range datagrams {
		r := s.relays.at(d.To)
		if r == nil {
			s.counts.dropped(dropNoAllocation)
			continue
		}
		from, _ := r.origin(policy, w.from)
		o.arrive(now, r, from, d.Bytes)
	}
	o.flush()
	s.outlets.Put(o)
}
