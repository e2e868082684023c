//go:build !linux

package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// groupSystem has a goroutine for each socket, which hands over one datagram at
// a time.
type groupSystem struct {
	came    chan arrival
	done    chan struct{}
	reading sync.WaitGroup

	mu      sync.Mutex // guards members; nil once closed
	members map[*Member]struct{}
}

type arrival struct {
	owner    any
	datagram Datagram
}

type memberSystem struct{ conn *net.UDPConn }

func (g *Group) open() error {
	g.system.came, g.system.done = make(chan arrival), make(chan struct{})
	g.system.members = make(map[*Member]struct{})
	return nil
}

func (g *Group) bind(m *Member, addr netip.AddrPort) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	_ = conn.SetReadBuffer(memberBuffer)
	_ = conn.SetWriteBuffer(memberBuffer)
	m.system.conn, m.local = conn, unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	s := &g.system
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members == nil {
		_ = conn.Close()
		return net.ErrClosed
	}
	s.members[m] = struct{}{}
	s.reading.Go(func() { m.receive() })
	return nil
}

// receive reads until the socket is closed.
func (m *Member) receive() {
	buffer := make([]byte, readBytes)
	for {
		n, from, err := m.system.conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // about something that was sent
		}
		select {
		case m.group.system.came <- arrival{m.owner, Datagram{slices.Clone(buffer[:n]), unmap(from)}}:
		case <-m.group.system.done:
			return
		}
	}
}

func (g *Group) run(handle func(owner any, datagrams []Datagram), drained func()) {
	for {
		select {
		case a := <-g.system.came:
			g.received.Add(1)
			g.receiveCalls.Add(1)
			handle(a.owner, []Datagram{a.datagram})
			drained()
		case <-g.system.done:
			return
		}
	}
}

func (m *Member) close() error {
	s := &m.group.system
	s.mu.Lock()
	delete(s.members, m)
	s.mu.Unlock()
	if err := m.system.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (m *Member) writeWhole(payload []byte, to netip.AddrPort) error {
	_, err := m.system.conn.WriteToUDPAddrPort(payload, to)
	return err
}

func (g *Group) close() error {
	s := &g.system
	s.mu.Lock()
	members := s.members
	s.members = nil
	s.mu.Unlock()
	if members == nil {
		return nil
	}
	close(s.done)
	for m := range members {
		_ = m.system.conn.Close()
	}
	s.reading.Wait()
	return nil
}

// flush sends the datagrams of one member, one by one.
func (g *Gather) flush(m *Member, first int32) {
	for index := first; index >= 0; index = g.pending[index].next {
		d := &g.pending[index]
		m.group.sendCalls.Add(1)
		if _, err := m.system.conn.WriteToUDPAddrPort(d.payload, d.to); err != nil {
			m.group.drops[dropOf(err)].Add(1)
			continue
		}
		m.group.sentDatagrams.Add(1)
	}
}

type gatherSystem struct{}
