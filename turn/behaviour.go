package turn

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"
)

// CHANGE-REQUEST (RFC 5780, section 7.2).
const (
	changePort    uint32 = 2
	changeAddress uint32 = 4
)

// corner is one of four sockets at two addresses and two ports, by which a
// client can find out how the NAT before it maps and filters (RFC 5780): where
// the others are, by their place in Server.fronts.
type corner struct {
	address int // at the other address, on the same port
	port    int // at the same address, on the other port
	both    int // at the other address, on the other port
}

// cornerOf finds the others for a socket. There are none without a second
// address that clients know as well as the first: a private one may be a
// bridge's, and behind a NAT the local addresses are nobody's business.
func cornerOf(sockets []netip.AddrPort, at int, advertise []netip.Addr) (corner, bool) {
	own := sockets[at]
	for _, addr := range advertise {
		if addr.Is4() == own.Addr().Is4() && !own.Addr().IsLoopback() {
			return corner{}, false
		}
	}
	place := func(addr netip.Addr, port uint16) (int, bool) {
		for i, socket := range sockets {
			if socket == netip.AddrPortFrom(addr, port) {
				return i, true
			}
		}
		return 0, false
	}
	for i, other := range sockets {
		if other.Addr() == own.Addr() || other.Port() == own.Port() || !alike(own.Addr(), other.Addr()) {
			continue
		}
		address, ok1 := place(other.Addr(), own.Port())
		port, ok2 := place(own.Addr(), other.Port())
		if ok1 && ok2 {
			return corner{address: address, port: port, both: i}, true
		}
	}
	return corner{}, false
}

// alike says whether who reaches one address reaches the other: both are in the
// open, or both on loopback.
func alike(a, b netip.Addr) bool {
	if a.Is4() != b.Is4() {
		return false
	}
	if a.IsLoopback() || b.IsLoopback() {
		return a.IsLoopback() && b.IsLoopback()
	}
	open := func(addr netip.Addr) bool { return addr.IsGlobalUnicast() && !addr.IsPrivate() }
	return open(a) && open(b)
}

// from is the socket that a request wants to be answered from.
func (c corner) from(at int, change uint32) int {
	switch change & (changeAddress | changePort) {
	case changeAddress | changePort:
		return c.both
	case changeAddress:
		return c.address
	case changePort:
		return c.port
	}
	return at
}

// arrange tells each front of its corner.
func (s *Server) arrange() {
	var at []netip.AddrPort
	for _, f := range s.fronts {
		at = append(at, f.Addr())
	}
	for i, f := range s.fronts {
		if c, ok := cornerOf(at, i, s.config.Advertise); ok {
			f.corner = &c
		}
	}
}

// binding tells a client how it is seen (RFC 8489, section 12) and, where there
// is a second address, where that is, and answers from there if asked to (RFC
// 5780, section 6.1).
func (r *request) binding() {
	var c *corner
	if r.from.front != nil {
		c = r.from.front.corner
	}
	change, asked, ok := r.change()
	strange := r.strange()
	if c != nil {
		strange = slices.DeleteFunc(strange, func(t stun.AttrType) bool { return t == stun.AttrChangeRequest })
	}
	switch {
	case len(strange) > 0:
		r.refuse(stun.CodeUnknownAttribute, "", strange)
		return
	case !ok:
		r.refuse(stun.CodeBadRequest, "")
		return
	}
	attributes := []stun.Setter{address{stun.AttrXORMappedAddress, r.from.addr}}
	if c != nil {
		fronts := r.server.fronts
		attributes = append(attributes, plainAddress{stun.AttrOtherAddress, fronts[c.both].Addr()})
		if asked {
			r.from.front = fronts[c.from(r.from.front.index, change)]
			attributes = append(attributes, plainAddress{stun.AttrResponseOrigin, r.from.front.Addr()})
		}
	}
	r.succeed(attributes...)
}

// change is what a CHANGE-REQUEST asks for; not ok when it is none.
func (r *request) change() (change uint32, asked, ok bool) {
	value, err := r.m.Get(stun.AttrChangeRequest)
	switch {
	case err != nil:
		return 0, false, true
	case len(value) != 4:
		return 0, true, false
	}
	return binary.BigEndian.Uint32(value), true, true
}

// plainAddress is an attribute that names an address as it is.
type plainAddress struct {
	attribute stun.AttrType
	addr      netip.AddrPort
}

func (p plainAddress) AddTo(m *stun.Message) error {
	a := stun.MappedAddress{IP: net.IP(p.addr.Addr().AsSlice()), Port: int(p.addr.Port())}
	return a.AddToAs(m, p.attribute)
}
