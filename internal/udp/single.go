package udp

import (
	"fmt"
	"net"
	"net/netip"
)

// Cork begins to hold back what WriteToAddrPort and WriteTo are given, so that
// it leaves in batches. Anybody may write meanwhile; a datagram is held back no
// longer than the holder's own run over its input. Each Cork needs one Uncork.
func (s *Socket) Cork() { s.corked.Add(1) }

// Uncork sends what is held back.
func (s *Socket) Uncork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		s.held.Flush()
	}
	s.corked.Add(-1)
}

// WriteToAddrPort sends one datagram, or holds it back while corked. The
// payload may be used again when it returns.
func (s *Socket) WriteToAddrPort(payload []byte, addr netip.AddrPort) (int, error) {
	if s.corked.Load() == 0 || len(payload) > MaxDatagram {
		return s.writeNow(payload, addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.corked.Load() == 0 {
		return s.writeNow(payload, addr)
	}
	if s.held == nil {
		s.held = s.NewBatch()
	}
	s.held.Add(copy(s.held.Room(len(payload)), payload), addr)
	return len(payload), nil
}

func (s *Socket) writeNow(payload []byte, addr netip.AddrPort) (int, error) {
	if d := s.diversion.Load(); d != nil && (*d).Has(addr) {
		s.divertedDatagrams.Add(1)
		(*d).Take([]Diverted{{Bytes: payload, To: addr}})
		return len(payload), nil
	}
	n, err := s.conn.WriteToUDPAddrPort(payload, addr)
	s.sendCalls.Add(1)
	if err == nil {
		s.sentDatagrams.Add(1)
	}
	return n, err
}

// WriteTo is WriteToAddrPort for a *net.UDPAddr.
func (s *Socket) WriteTo(payload []byte, addr net.Addr) (int, error) {
	udpAddr, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("udp: cannot send to a %T, only to a *net.UDPAddr", addr)
	}
	return s.WriteToAddrPort(payload, unmap(udpAddr.AddrPort()))
}

// ReadFromAddrPort waits for one datagram. A socket that has a Reader is read
// by that alone.
func (s *Socket) ReadFromAddrPort(buf []byte) (int, netip.AddrPort, error) {
	n, addr, err := s.conn.ReadFromUDPAddrPort(buf)
	if err == nil {
		s.received.Add(1)
		s.receiveCalls.Add(1)
	}
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
