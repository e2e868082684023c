package ice

import (
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"slices"
)

const (
	// Type preferences (RFC 8445, section 5.1.2.2): UDP is recommended the
	// highest there is for a host candidate, and TCP comes after whatever else
	// works over UDP.
	preferUDP = 126
	preferTCP = 90
	// passiveTCP is the direction preference of who waits to be connected to
	// (RFC 6544, section 4.2).
	passiveTCP = 4
)

// candidates lists the values of a=candidate (RFC 8839, section 5.1): a host
// candidate for each UDP socket, one for each address that the listener, if
// there is one, accepts TCP at, and behind each that is not on loopback one
// more for each advertised address of its family.
func candidates(sockets []netip.AddrPort, listener net.Listener, advertise []netip.Addr) []string {
	var values []string
	for i, at := range public(sockets, advertise) {
		values = append(values, candidate("udp", preferUDP, 65535-i, at)+" typ host")
	}
	for i, at := range public(listening(sockets, listener), advertise) {
		values = append(values, candidate("tcp", preferTCP, passiveTCP<<13+(1<<13-1)-i, at)+" typ host tcptype passive")
	}
	return values
}

// public adds the advertised addresses, in the order in which they are best
// tried: local ones need no NAT that reflects, and one on loopback helps a
// client on this machine only.
func public(local []netip.AddrPort, advertise []netip.Addr) []netip.AddrPort {
	var near, far, loopback []netip.AddrPort
	for _, at := range local {
		addr := at.Addr().Unmap().WithZone("")
		at = netip.AddrPortFrom(addr, at.Port())
		if addr.IsLoopback() {
			loopback = append(loopback, at)
			continue
		}
		near = append(near, at)
		for _, other := range advertise {
			if other = other.Unmap(); other.Is4() == addr.Is4() {
				far = append(far, netip.AddrPortFrom(other, at.Port()))
			}
		}
	}
	var unique []netip.AddrPort
	for _, at := range slices.Concat(near, far, loopback) {
		if !slices.Contains(unique, at) {
			unique = append(unique, at)
		}
	}
	return unique
}

// listening returns where TCP connections are accepted: a listener on no
// specific address takes them at those of the sockets.
func listening(sockets []netip.AddrPort, listener net.Listener) (at []netip.AddrPort) {
	if listener == nil {
		return nil
	}
	local, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	addr := local.AddrPort().Addr().Unmap()
	if addr.IsValid() && !addr.IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(addr, local.AddrPort().Port())}
	}
	for _, socket := range sockets {
		if !addr.Is4() || socket.Addr().Unmap().Is4() { // that of IPv6 takes both
			at = append(at, netip.AddrPortFrom(socket.Addr(), uint16(local.Port)))
		}
	}
	return at
}

// candidate writes all of a candidate up to its port. Its priority is that of
// RFC 8445, section 5.1.2.1, for the one component that there is; its
// foundation is shared by those of one address and protocol (section 5.1.1.3).
func candidate(protocol string, kind, local int, at netip.AddrPort) string {
	const component = 1
	foundation := crc32.ChecksumIEEE([]byte(protocol + " " + at.Addr().String()))
	priority := kind<<24 + local<<8 + (256 - component)
	return fmt.Sprintf("%d %d %s %d %s %d", foundation, component, protocol, priority, at.Addr(), at.Port())
}
