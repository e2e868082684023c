package turn

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

// Allocation is what the server tells about a relay that it runs for a client.
type Allocation struct {
	ID        string // of this server, never used again
	User      string // as the credential names it, without its expiry
	Client    netip.AddrPort
	Transport Transport        // of the client
	Relayed   []netip.AddrPort // where peers send to; two when it has both address families
	Since     time.Time
	ToPeers   Traffic
	FromPeers Traffic
}

// Traffic is what was relayed in one direction.
type Traffic struct {
	Packets uint64
	Bytes   uint64 // of payload
}

// Why an allocation ended, as Config.Ended is told.
const (
	EndedByClient = "client"  // gave it back
	EndedByTime   = "expired" // was not refreshed
	EndedByLink   = "link"    // the client's connection ended
	EndedByUs     = "removed" // Remove was called
	EndedByClose  = "closed"  // the server ended
)

// allocation is one client's relay.
type allocation struct {
	id        string
	user      string
	from      origin
	began     time.Time
	opened    [stun.TransactionIDSize]byte // the request that made it
	tcp       *tcpAllocation               // nil: it relays UDP
	relays    [2]*relay                    // for IPv4 and IPv6; one may be nil
	toPeers   traffic
	fromPeers traffic
	bits      [2]*bitRate // of the allocation and of its user; nil: unbounded

	mu    sync.RWMutex // guards the fields below
	lease lease
	ended bool
}

type traffic struct{ packets, bytes atomic.Uint64 }

func (t *traffic) add(n int) {
	t.packets.Add(1)
	t.bytes.Add(uint64(n))
}

func (t *traffic) now() Traffic { return Traffic{Packets: t.packets.Load(), Bytes: t.bytes.Load()} }

// relay is the one of an address family, or nil.
func (a *allocation) relay(ip netip.Addr) *relay { return a.relays[family(ip)] }

func family(ip netip.Addr) int {
	if ip.Is4() {
		return 0
	}
	return 1
}

// tell is what others are told.
func (a *allocation) tell() Allocation {
	out := Allocation{
		ID: a.id, User: a.user, Client: a.from.addr, Transport: a.from.transport, Since: a.began,
		ToPeers: a.toPeers.now(), FromPeers: a.fromPeers.now(),
	}
	for _, r := range a.relays {
		if r != nil {
			out.Relayed = append(out.Relayed, r.announced)
		}
	}
	if a.tcp != nil {
		out.Relayed = append(out.Relayed, a.tcp.announced)
	}
	return out
}

// Allocations lists all that exist now, the oldest first.
func (s *Server) Allocations() []Allocation {
	s.mu.Lock()
	all := make([]*allocation, 0, len(s.allocations))
	for _, a := range s.allocations {
		all = append(all, a)
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *allocation) int {
		if c := a.began.Compare(b.began); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	out := make([]Allocation, 0, len(all))
	for _, a := range all {
		out = append(out, a.tell())
	}
	return out
}

// Remove ends an allocation, and reports whether there was one of that id. Its
// client learns of it when it refreshes.
func (s *Server) Remove(id string) bool {
	s.mu.Lock()
	a := s.allocations[id]
	s.mu.Unlock()
	if a == nil {
		return false
	}
	s.end(a, EndedByUs)
	return true
}

// Drain takes no new allocations from now on; those that exist go on, and can
// be refreshed, until their clients leave. The channel is closed when none is
// left.
func (s *Server) Drain() <-chan struct{} {
	s.draining.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained == nil {
		s.drained = make(chan struct{})
		s.checkDrained()
	}
	return s.drained
}

// checkDrained is called with mu held, when an allocation has gone.
func (s *Server) checkDrained() {
	if s.drained == nil || len(s.allocations) > 0 {
		return
	}
	select {
	case <-s.drained:
	default:
		close(s.drained)
	}
}

// begin makes an allocation known that has its relays and its place in the
// quotas. It is false when the server closed meanwhile.
func (s *Server) begin(a *allocation) bool {
	a.id = rand.Text()[:16]
	if s.config.Began != nil {
		s.config.Began(a.tell()) // before anybody can end it
	}
	s.mu.Lock()
	if s.allocations == nil {
		s.mu.Unlock()
		if s.config.Ended != nil {
			s.config.Ended(a.tell(), EndedByClose)
		}
		return false
	}
	s.allocations[a.id] = a
	s.mu.Unlock()
	a.from.hold(a)
	s.counts.allocations.WithLabelValues(string(a.from.transport)).Inc()
	s.log.Debug("TURN allocation made", "client", a.from.addr, "transport", a.from.transport, "user", a.user, "id", a.id)
	if l := a.from.link(); l != nil && l.gone.Load() { // it ended meanwhile
		s.end(a, EndedByLink)
	}
	return true
}

// end takes an allocation down, once.
func (s *Server) end(a *allocation, why string) {
	a.mu.Lock()
	if a.ended {
		a.mu.Unlock()
		return
	}
	a.ended = true
	a.mu.Unlock()

	a.from.release(a)
	s.mu.Lock()
	delete(s.allocations, a.id)
	s.checkDrained()
	s.mu.Unlock()
	for _, r := range a.relays {
		if r != nil {
			r.close()
		}
	}
	if a.tcp != nil {
		a.tcp.close()
	}
	if a.bits[1] != nil {
		s.userBits.give(a.user)
	}
	s.users.Give(a.user)
	s.counts.allocations.WithLabelValues(string(a.from.transport)).Dec()
	s.log.Debug("TURN allocation ended", "client", a.from.addr, "transport", a.from.transport, "user", a.user, "id", a.id, "why", why)
	if s.config.Ended != nil {
		s.config.Ended(a.tell(), why)
	}
}

// sweep ends what ran out.
func (s *Server) sweep(now time.Time) {
	s.mu.Lock()
	var over []*allocation
	for _, a := range s.allocations {
		a.mu.Lock()
		if now.Before(a.lease.expires) {
			a.lease.sweep(now)
		} else {
			over = append(over, a)
		}
		a.mu.Unlock()
	}
	s.mu.Unlock()
	for _, a := range over {
		s.end(a, EndedByTime)
	}
	s.reservations.sweep(now)
}
