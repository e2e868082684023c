package turn

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// relay is a relayed transport address of an allocation: a UDP socket that lets
// through what the policy allows, in both directions. Permissions name no port;
// here each datagram is judged with its port.
//
// With an SFU in this process, the socket is opened when a peer outside is to be
// reached or let in; until then the address is a number in a table.
type relay struct {
	server    *Server
	of        atomic.Pointer[allocation] // nil while it is kept for somebody
	local     netip.AddrPort             // where the socket is
	announced netip.AddrPort             // where peers are told to send to

	// seenAs maps a socket of the SFU to the announced address that the client
	// used for it last; answers come from there, as far as the client sees.
	mu     sync.RWMutex // guards the fields below
	seenAs map[netip.AddrPort]netip.AddrPort
	closed bool

	member atomic.Pointer[udp.Member] // set under mu
}

// socket is the relay's socket, opened if it is not yet.
func (r *relay) socket() (*udp.Member, error) {
	if m := r.member.Load(); m != nil {
		return m, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.member.Load(); m != nil {
		return m, nil
	}
	if r.closed {
		return nil, net.ErrClosed
	}
	group := r.server.groups[int(r.server.opened.Add(1))%len(r.server.groups)]
	m, err := group.Listen(r.local, r)
	if err != nil {
		return nil, err
	}
	r.member.Store(m)
	return m, nil
}

// toPeer relays a datagram of a client, who has a permission for its peer. One
// to a denied peer is counted and dropped, as a firewall would.
func (o *outlet) toPeer(now time.Time, a *allocation, to netip.AddrPort, payload []byte, whole bool) {
	s := o.server
	r := a.relay(to.Addr())
	if r == nil || to.Port() == 0 {
		s.counts.dropped(dropPeerOut)
		return
	}
	if !o.within(now, a, len(payload)) {
		return
	}
	policy := s.policy.Load()
	if policy.isOwn(to.Addr()) {
		if other := s.relays.at(to); other != nil {
			a.toPeers.add(len(payload))
			o.sent.add(len(payload))
			o.arrive(now, other, r.announced, payload)
			return
		}
		var denied string
		if to, denied = r.route(policy, to); denied != "" {
			s.counts.dropped(dropPeerOut)
			return
		}
		if o.enter(to, r.announced, payload) {
			a.toPeers.add(len(payload))
			o.sent.add(len(payload))
			return
		}
	}
	member, err := r.socket()
	if err != nil {
		s.counts.dropped(dropNoSocket)
		return
	}
	a.toPeers.add(len(payload))
	o.sent.add(len(payload))
	if whole {
		_ = member.WriteWhole(payload, to) // counted as all that the system refuses
		return
	}
	if o.peers == nil {
		o.peers = udp.NewGather()
	}
	o.peers.Add(member, payload, to)
}

// within asks the limits of an allocation, of its user and of all for the bits
// of a datagram.
func (o *outlet) within(now time.Time, a *allocation, n int) bool {
	switch {
	case !a.bits[0].allow(now, n):
		o.server.counts.dropped(dropAllocationBits)
	case !a.bits[1].allow(now, n):
		o.server.counts.dropped(dropUserBits)
	case !o.server.totalBits.allow(now, n):
		o.server.counts.dropped(dropTotalBits)
	default:
		return true
	}
	return false
}

// fromPeers relays what came to the socket of a relay.
func (o *outlet) fromPeers(now time.Time, r *relay, datagrams []udp.Datagram) {
	policy := o.server.policy.Load()
	for _, d := range datagrams {
		from := canonical(d.From)
		if policy.isOwn(from.Addr()) {
			var denied string
			if from, denied = r.origin(policy, from); denied != "" {
				o.server.counts.dropped(dropPeerIn)
				continue
			}
		}
		o.arrive(now, r, from, d.Bytes)
	}
}

// arrive relays a datagram that came to a relay to its client, if that wants
// it from there.
func (o *outlet) arrive(now time.Time, r *relay, from netip.AddrPort, payload []byte) {
	a := r.of.Load()
	if a == nil {
		o.server.counts.dropped(dropNoAllocation)
		return
	}
	a.mu.RLock()
	number, ok := a.lease.admits(now, from)
	a.mu.RUnlock()
	if !ok {
		o.server.counts.dropped(dropNoPermission)
		return
	}
	if o.within(now, a, len(payload)) {
		o.toClient(a, number, from, payload)
	}
}

// route says where a datagram for an address of this machine goes, or why it
// goes nowhere. What this server itself announces is reached at its local
// address: a NAT before the server may not lead back in.
func (r *relay) route(p *policy, to netip.AddrPort) (local netip.AddrPort, denied string) {
	if p.isSelf(to) {
		return to, ""
	}
	if self, ok := r.server.announcedSelf(to, r.local.Addr()); ok {
		r.mu.RLock()
		known := r.seenAs[self] == to
		r.mu.RUnlock()
		if !known {
			r.mu.Lock()
			if r.seenAs == nil {
				r.seenAs = make(map[netip.AddrPort]netip.AddrPort)
			}
			r.seenAs[self] = to
			r.mu.Unlock()
		}
		return self, ""
	}
	return to, p.peer(to)
}

// origin says whom the client sees a datagram of this machine come from, or why
// not at all.
func (r *relay) origin(p *policy, from netip.AddrPort) (seen netip.AddrPort, denied string) {
	if p.isSelf(from) {
		r.mu.RLock()
		defer r.mu.RUnlock()
		if announced, ok := r.seenAs[from]; ok {
			return announced, ""
		}
		return from, ""
	}
	return from, p.peer(from)
}

// close frees the address. It can be called again.
func (r *relay) close() {
	r.server.relays.remove(r)
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if m := r.member.Load(); m != nil {
		_ = m.Close()
	}
}

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
	some atomic.Bool // there ever was one

	mu sync.RWMutex // guards by
	by map[netip.AddrPort]*relay
}

var (
	errAddressTaken = errors.New("turn: the address is another relay's")
	errNoFamily     = errors.New("turn: this machine has no address of that family for a relay")
)

// add makes a relay known, unless another one is announced at the same address.
func (s *relays) add(r *relay) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[r.announced] != nil || s.by[r.local] != nil {
		return errAddressTaken
	}
	s.by[r.announced], s.by[r.local] = r, r
	s.some.Store(true)
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

// bindAttempts is how many ports are tried for one relay, at most.
const bindAttempts = 128

// newRelay opens a relay at a local address, with an even port if that is asked
// for.
func (s *Server) newRelay(local netip.Addr, even bool) (*relay, error) {
	var lastErr error
	for number := range s.relayPorts(even) {
		r, err := s.relayAt(netip.AddrPortFrom(local, number))
		if err == nil {
			return r, nil
		}
		lastErr = err
	}
	return nil, fmt.Errorf("turn: found no free port for a relay in %d tries: %w", bindAttempts, lastErr)
}

// newPair opens relays at an even port and at the next one.
func (s *Server) newPair(local netip.Addr) (first, next *relay, err error) {
	for number := range s.relayPorts(true) {
		if first, err = s.relayAt(netip.AddrPortFrom(local, number)); err != nil {
			continue
		}
		if next, err = s.relayAt(netip.AddrPortFrom(local, number+1)); err == nil {
			return first, next, nil
		}
		first.close()
	}
	return nil, nil, fmt.Errorf("turn: found no free pair of ports in %d tries: %w", bindAttempts, err)
}

// relayAt makes a relay at an address.
func (s *Server) relayAt(at netip.AddrPort) (*relay, error) {
	r := &relay{server: s, local: at, announced: netip.AddrPortFrom(s.announced(at.Addr()), at.Port())}
	if err := s.relays.add(r); err != nil {
		return nil, err
	}
	if len(s.config.Inside) > 0 {
		return r, nil // most go no further than to the SFU
	}
	if _, err := r.socket(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// relayPorts yields the ports to try, from a random one of the configured range
// on; without one these are the dynamic ports (RFC 6335).
func (s *Server) relayPorts(even bool) iter.Seq[uint16] {
	low, high := int(s.config.RelayPortLow), int(s.config.RelayPortHigh)
	if low == 0 {
		low, high = 49152, 65535
	}
	return func(yield func(uint16) bool) {
		size := high - low + 1
		start := rand.IntN(size)
		for i := range min(size, bindAttempts) {
			number := uint16(low + (start+i)%size)
			if even && number%2 != 0 {
				continue
			}
			if !yield(number) {
				return
			}
		}
	}
}
