package udp

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// memberBuffer is asked for in both directions for a Member's socket, in bytes;
// it is memory only while something waits there.
const memberBuffer = 1 << 20

// Group is many UDP sockets that one goroutine reads, such as the relayed
// addresses of a TURN server: an idle one costs its socket and nothing else,
// neither a goroutine nor a buffer. Where the system has no way to wait for
// many at once, each has a goroutine after all.
//
// Listen and the Members are safe for concurrent use; Run is called once.
type Group struct {
	counters
	system groupSystem
}

// Member is one socket of a Group.
type Member struct {
	group  *Group
	owner  any
	local  netip.AddrPort
	system memberSystem
}

// NewGroup makes a Group without sockets. It takes about as much memory as a
// Reader, and is to be closed.
func NewGroup() (*Group, error) {
	g := new(Group)
	if err := g.open(); err != nil {
		return nil, fmt.Errorf("udp: waiting for many sockets at once: %w", err)
	}
	return g, nil
}

// Listen binds a socket to addr, which names a specific address; port 0 takes
// any free port. Run tells of it by its owner.
func (g *Group) Listen(addr netip.AddrPort, owner any) (*Member, error) {
	if !addr.Addr().IsValid() || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("udp: %v is not one specific address: answers could leave from another one", addr)
	}
	m := &Member{group: g, owner: owner}
	if err := g.bind(m, addr); err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(addr), Err: err}
	}
	return m, nil
}

// Run reads all sockets until the Group is closed. It calls handle for each
// socket that has got datagrams, with its owner and all that are there, up to a
// bound, in the order in which they came; they may be changed, and are valid
// until handle returns. Before it waits for more, it calls drained.
func (g *Group) Run(handle func(owner any, datagrams []Datagram), drained func()) {
	g.run(handle, drained)
}

// Stats is what all sockets together have done so far.
func (g *Group) Stats() Stats { return g.counters.stats() }

// Close closes the Group and its sockets, which ends Run.
func (g *Group) Close() error { return g.close() }

// Addr is the local address and port.
func (m *Member) Addr() netip.AddrPort { return m.local }

// Close closes the socket. It can be called again.
func (m *Member) Close() error { return m.close() }

// WriteWhole sends one datagram that no router may take apart (the DF bit of
// IPv4). One that does not fit the path is refused.
func (m *Member) WriteWhole(payload []byte, to netip.AddrPort) error {
	if !m.reaches(to) {
		m.group.drops[DropAddress].Add(1)
		return syscall.EINVAL
	}
	err := m.writeWhole(payload, to)
	if err != nil {
		m.group.drops[dropOf(err)].Add(1)
		return err
	}
	m.group.sentDatagrams.Add(1)
	m.group.sendCalls.Add(1)
	return nil
}

// reaches reports whether the socket can send to an address at all.
func (m *Member) reaches(to netip.AddrPort) bool {
	return to.Port() != 0 && to.Addr().IsValid() && to.Addr().Is4() == m.local.Addr().Is4()
}
