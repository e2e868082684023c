// Package udp is the UDP socket under the SFU and the TURN server. Its unit is
// the batch: a Batch of datagrams leaves, and a Reader takes all that is there,
// in as few system calls as the system allows; Linux in addition takes runs of
// datagrams to one address apart by itself, and puts them together
// (UDP_SEGMENT and UDP_GRO, see udp(7)). What a system has is found out at start; where it
// has nothing of this, and where the way to an address refuses it, the same
// datagrams go one by one.
package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// socketBuffer is asked for in both directions, in bytes; the system may give
// less.
const socketBuffer = 4 << 20

// Socket is a UDP socket bound to one address. It is a net.PacketConn, and
// takes netip.AddrPort without allocating. All methods are safe for concurrent
// use.
type Socket struct {
	conn  *net.UDPConn
	raw   syscall.RawConn
	local netip.AddrPort

	system       system
	segmentation segmentation
	counters

	diversion atomic.Pointer[Diversion]

	// corked counts the holders; it is read without the mutex to keep the
	// way of single datagrams short.
	corked atomic.Int32
	mu     sync.Mutex // guards held
	held   *Batch     // made by the first Cork
}

// Listen binds a socket to addr, which names a specific address; port 0 takes
// any free port.
func Listen(addr netip.AddrPort) (*Socket, error) {
	if !addr.Addr().IsValid() || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("udp: %v is not one specific address: answers could leave from another one", addr)
	}
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	// The system caps what it gives; a smaller buffer is no reason not to run.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)

	s := &Socket{conn: conn, raw: raw, local: unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort())}
	s.probe()
	return s, nil
}

// Addr is the local address and port.
func (s *Socket) Addr() netip.AddrPort { return s.local }

// LocalAddr is Addr as a *net.UDPAddr.
func (s *Socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// WantedBuffer is what a Socket asks the system for in both directions, in
// bytes.
const WantedBuffer = socketBuffer

// Buffers is what the system gave of it. Less means that its limits are lower
// (in Linux net.core.rmem_max and wmem_max): bursts are then lost at less load.
// Both are 0 where the system does not tell.
func (s *Socket) Buffers() (read, write int) { return s.buffers() }

// ECN is the congestion notification field of a datagram (RFC 3168).
type ECN int

// The values of the field that a sender may set.
const (
	NotECT ECN = 0b00 // the transport does not heed marks
	ECT1   ECN = 0b01 // it does, as RFC 9331 wants it
	ECT0   ECN = 0b10 // it does
)

// Mark sets what all datagrams from now on say about how they want to be
// treated: the DSCP, from 0 to 63 (RFC 8837 has those for media), and the ECN
// field. A socket begins with 0 and NotECT.
func (s *Socket) Mark(dscp int, ecn ECN) error {
	if dscp < 0 || dscp > 63 {
		return fmt.Errorf("udp: %d is no DSCP: it has six bits, so 0 to 63", dscp)
	}
	if ecn != NotECT && ecn != ECT0 && ecn != ECT1 {
		return fmt.Errorf("udp: %d is no ECN field that a sender may set: 0, 1 and 2 are", ecn)
	}
	if err := s.mark(dscp<<2 | int(ecn)); err != nil {
		return fmt.Errorf("udp: cannot mark what leaves %v with DSCP %d: %w", s.local, dscp, err)
	}
	return nil
}

// reachable brings an address into the form of the socket's family, and
// reports whether it can be sent to at all.
func (s *Socket) reachable(to netip.AddrPort) (netip.AddrPort, bool) {
	if to.Addr().Is4In6() {
		to = unmap(to)
	}
	return to, to.Port() != 0 && to.Addr().IsValid() && to.Addr().Is4() == s.local.Addr().Is4()
}

// maySegment reports whether runs may be left to the system.
func (s *Socket) maySegment() bool {
	return !s.segmentation.paused() || s.segmentation.allowed(time.Now())
}

// unmap turns ::ffff:a.b.c.d into a.b.c.d, so that one peer has one address.
func unmap(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// Close closes the socket; reads that wait return net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }

// SetDeadline sets both deadlines.
func (s *Socket) SetDeadline(t time.Time) error { return s.conn.SetDeadline(t) }

// SetReadDeadline sets when a waiting read gives up.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// SetWriteDeadline sets when a waiting write gives up.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.conn.SetWriteDeadline(t) }
