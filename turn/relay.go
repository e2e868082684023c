package turn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// relay is the relayed transport address of one allocation: a UDP socket that
// lets through what the policy allows, in both directions. The library checks
// permissions, which name no port; here each datagram is judged with its port.
//
// The library owns it, reads it in one goroutine and closes it.
type relay struct {
	server    *Server
	conn      *net.UDPConn
	user      string
	local     netip.AddrPort // where the socket is
	announced netip.AddrPort // where peers are told to send to

	// seenAs maps a socket of the SFU to the announced address that the client
	// used for it last; answers come from there, as far as the client sees.
	mu     sync.RWMutex
	seenAs map[netip.AddrPort]netip.AddrPort

	close sync.Once
	ended sync.Once
}

// WriteTo sends a datagram to a peer. One to a denied peer is counted and
// dropped without an error, as a firewall would.
func (r *relay) WriteTo(p []byte, addr net.Addr) (int, error) {
	to, denied := r.route(addrPort(addr))
	if denied != "" {
		r.server.counts.refused(refusedPeerOut)
		return len(p), nil
	}
	n, err := r.conn.WriteToUDPAddrPort(p, to)
	if err == nil {
		r.server.counts.toPeer.add(n)
	}
	return n, err
}

// ReadFrom waits for the next datagram of a peer that is not denied.
func (r *relay) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(p)
		if err != nil {
			r.ended.Do(r.server.loops.Done) // the library reads no more
			return 0, nil, err
		}
		from, denied := r.origin(canonical(from))
		switch {
		case denied != "":
			r.server.counts.refused(refusedPeerIn)
		case n == len(p): // the system cut it to the buffer, or may have
			r.server.counts.refused(refusedTruncated)
		default:
			r.server.counts.fromPeer.add(n)
			return n, net.UDPAddrFromAddrPort(from), nil
		}
	}
}

// route says where a datagram for a peer goes, or why it goes nowhere. What
// this server itself announces is reached at its local address: a NAT before
// the server may not lead back in.
func (r *relay) route(to netip.AddrPort) (local netip.AddrPort, denied string) {
	s := r.server
	if s.policy.isSelf(to) {
		return to, ""
	}
	if other := s.relays.at(to); other != nil {
		return other.local, ""
	}
	if self, ok := s.announcedSelf(to, r.local.Addr()); ok {
		r.mu.RLock()
		known := r.seenAs[self] == to
		r.mu.RUnlock()
		if !known {
			r.mu.Lock()
			r.seenAs[self] = to
			r.mu.Unlock()
		}
		return self, ""
	}
	return to, s.policy.peer(to)
}

// origin says whom the client sees a datagram come from, or why not at all.
func (r *relay) origin(from netip.AddrPort) (seen netip.AddrPort, denied string) {
	s := r.server
	if s.policy.isSelf(from) {
		r.mu.RLock()
		defer r.mu.RUnlock()
		if announced, ok := r.seenAs[from]; ok {
			return announced, ""
		}
		return from, ""
	}
	if other := s.relays.at(from); other != nil {
		return other.announced, ""
	}
	return from, s.policy.peer(from)
}

// Close frees the address. It can be called again.
func (r *relay) Close() error {
	r.close.Do(func() {
		_ = r.conn.Close()
		r.server.relays.remove(r)
		r.server.users.Give(r.user)
	})
	return nil // the library would leave its other allocations open on an error
}

func (r *relay) LocalAddr() net.Addr                { return r.conn.LocalAddr() }
func (r *relay) SetDeadline(t time.Time) error      { return r.conn.SetDeadline(t) }
func (r *relay) SetReadDeadline(t time.Time) error  { return r.conn.SetReadDeadline(t) }
func (r *relay) SetWriteDeadline(t time.Time) error { return r.conn.SetWriteDeadline(t) }

// addrPort is a net.Addr in its canonical form; the zero AddrPort for what is
// neither UDP nor TCP.
func addrPort(addr net.Addr) netip.AddrPort {
	switch a := addr.(type) {
	case *net.UDPAddr:
		return canonical(a.AddrPort())
	case *net.TCPAddr:
		return canonical(a.AddrPort())
	}
	return netip.AddrPort{}
}

// relays are all relays of the server, found by where peers send to and by
// where the socket is.
type relays struct {
	mu     sync.RWMutex // guards the fields below
	closed bool
	by     map[netip.AddrPort]*relay
}

var errAddressTaken = errors.New("turn: the announced address is another relay's")

// add makes a relay known, unless the server is closed or another relay is
// announced at the same address.
func (s *relays) add(r *relay) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if s.by[r.announced] != nil {
		return errAddressTaken
	}
	s.by[r.announced], s.by[r.local] = r, r
	return nil
}

func (s *relays) remove(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, addr := range []netip.AddrPort{r.announced, r.local} {
		if s.by[addr] == r {
			delete(s.by, addr)
		}
	}
}

// at returns the relay at a canonical address, or nil.
func (s *relays) at(addr netip.AddrPort) *relay {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.by[addr]
}

// close closes all relays, and lets no other one come.
func (s *relays) close() {
	s.mu.Lock()
	s.closed = true
	var open []*relay
	for _, r := range s.by {
		open = append(open, r)
	}
	s.mu.Unlock()
	for _, r := range open {
		_ = r.Close()
	}
}

// bindAttempts is how many ports are tried for one relay, at most.
const bindAttempts = 128

// newRelay opens a relay at a local address for a user whose quota was taken.
func (s *Server) newRelay(local, announced netip.Addr, user string) (*relay, error) {
	var lastErr error
	for number := range s.relayPorts() {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, number)))
		if errors.Is(err, syscall.EADDRINUSE) && number != 0 {
			lastErr = err
			continue
		}
		if err != nil {
			return nil, err
		}
		at := addrPort(conn.LocalAddr())
		r := &relay{
			server: s, conn: conn, user: user,
			local: at, announced: netip.AddrPortFrom(announced, at.Port()),
			seenAs: make(map[netip.AddrPort]netip.AddrPort),
		}
		if lastErr = s.relays.add(r); lastErr == nil {
			s.loops.Add(1)
			return r, nil
		}
		_ = conn.Close()
		if !errors.Is(lastErr, errAddressTaken) {
			return nil, lastErr
		}
	}
	return nil, fmt.Errorf("turn: found no free port for a relay in %d tries: %w", bindAttempts, lastErr)
}

// relayPorts yields the ports to try: 0, which is any free one, or those of
// the configured range from a random one on.
func (s *Server) relayPorts() func(yield func(uint16) bool) {
	low, high := int(s.config.RelayPortLow), int(s.config.RelayPortHigh)
	return func(yield func(uint16) bool) {
		size := high - low + 1
		start := rand.IntN(size)
		for i := range bindAttempts {
			if low != 0 && i >= size || !yield(uint16(low+(start+i)%size)) {
				return
			}
		}
	}
}
