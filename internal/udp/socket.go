// Package udp is the UDP socket under the SFU and the TURN server: datagrams
// go out in batches of one system call, where the system has such a call.
package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// batchSize is how many datagrams one system call takes at most.
	batchSize = 64
	// slotBytes is the largest datagram that is held back for a batch: an
	// Ethernet MTU. Larger ones are sent at once.
	slotBytes = 1500
	// socketBuffer is asked for in both directions, in bytes; the system may
	// give less.
	socketBuffer = 4 << 20
)

// Socket is a UDP socket bound to one address. It is a net.PacketConn, and
// takes netip.AddrPort without allocating.
//
// Between Cork and Uncork what is written is held back and leaves in batches.
// Anybody may write meanwhile; a datagram is held back no longer than the
// holder's own run over its input. All methods are safe for concurrent use.
type Socket struct {
	conn  *net.UDPConn
	batch batchWriter
	local netip.AddrPort

	// corked counts the holders; it is read without the mutex to keep the
	// way of single datagrams short.
	corked atomic.Int32
	failed atomic.Uint64

	mu       sync.Mutex // guards what is held back
	held     int
	messages [batchSize]ipv4.Message
	slots    [batchSize]slot
}

// slot is the storage behind one message of the batch.
type slot struct {
	addr    net.UDPAddr
	ip      [16]byte
	payload [slotBytes]byte
	buffers [1][]byte
}

// batchWriter is what ipv4.PacketConn and ipv6.PacketConn have in common;
// both message types are one and the same.
type batchWriter interface {
	WriteBatch(messages []ipv4.Message, flags int) (int, error)
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
	// The system caps what it gives; a smaller buffer is no reason not to run.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)

	s := &Socket{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	if network == "udp4" {
		s.batch = ipv4.NewPacketConn(conn)
	} else {
		s.batch = ipv6.NewPacketConn(conn)
	}
	for i := range s.slots {
		slot := &s.slots[i]
		s.messages[i].Buffers = slot.buffers[:]
		s.messages[i].Addr = &slot.addr
	}
	return s, nil
}

// Addr is the local address and port.
func (s *Socket) Addr() netip.AddrPort { return s.local }

// LocalAddr is Addr as a *net.UDPAddr.
func (s *Socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// Failed is the number of datagrams that the system refused to send from a
// batch. Their writers were not told: a batch is sent after they went on.
func (s *Socket) Failed() uint64 { return s.failed.Load() }

// Cork begins to hold datagrams back. Each Cork needs one Uncork.
func (s *Socket) Cork() { s.corked.Add(1) }

// Uncork sends what is held back.
func (s *Socket) Uncork() {
	s.mu.Lock()
	s.flush()
	s.corked.Add(-1)
	s.mu.Unlock()
}

// WriteToAddrPort sends one datagram, or holds it back while corked. The
// payload may be used again when it returns.
func (s *Socket) WriteToAddrPort(payload []byte, addr netip.AddrPort) (int, error) {
	if s.corked.Load() == 0 || len(payload) > slotBytes {
		return s.conn.WriteToUDPAddrPort(payload, addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.corked.Load() == 0 {
		return s.conn.WriteToUDPAddrPort(payload, addr)
	}
	if s.held == batchSize {
		s.flush()
	}
	slot := &s.slots[s.held]
	slot.setAddr(addr)
	slot.buffers[0] = slot.payload[:copy(slot.payload[:], payload)]
	s.held++
	return len(payload), nil
}

func (s *slot) setAddr(addr netip.AddrPort) {
	ip := addr.Addr()
	if ip.Is4() {
		v4 := ip.As4()
		s.addr.IP = s.ip[:copy(s.ip[:], v4[:])]
	} else {
		s.ip = ip.As16()
		s.addr.IP = s.ip[:]
	}
	s.addr.Zone = ip.Zone()
	s.addr.Port = int(addr.Port())
}

// flush sends all that is held back. A datagram that the system refuses is
// counted and left out, the ones behind it still go. The caller holds mu.
func (s *Socket) flush() {
	for sent := 0; sent < s.held; {
		n, err := s.batch.WriteBatch(s.messages[sent:s.held], 0)
		if n > 0 {
			sent += n
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			s.failed.Add(uint64(s.held - sent))
			break
		}
		s.failed.Add(1)
		sent++
	}
	s.held = 0
}

// WriteTo is WriteToAddrPort for a *net.UDPAddr.
func (s *Socket) WriteTo(payload []byte, addr net.Addr) (int, error) {
	udpAddr, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("udp: cannot send to a %T, only to a *net.UDPAddr", addr)
	}
	return s.WriteToAddrPort(payload, unmap(udpAddr.AddrPort()))
}

// ReadFromAddrPort waits for one datagram.
func (s *Socket) ReadFromAddrPort(buf []byte) (int, netip.AddrPort, error) {
	n, addr, err := s.conn.ReadFromUDPAddrPort(buf)
	return n, unmap(addr), err
}

// ReadFrom is ReadFromAddrPort with a *net.UDPAddr.
func (s *Socket) ReadFrom(buf []byte) (int, net.Addr, error) {
	n, addr, err := s.ReadFromAddrPort(buf)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(addr), nil
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
