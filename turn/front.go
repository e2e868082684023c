package turn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

// What one allocation may have at a time. A client has one permission for
// every address of its peer's candidates, and a channel for each pair it uses.
const (
	maxPermissions = 128
	maxChannels    = 128
)

var (
	errEvenPort      = errors.New("turn: pairs of ports (EVEN-PORT) are not offered")
	errTCPAllocation = errors.New("turn: relayed TCP (RFC 6062) is not offered; ask for UDP")
)

// front is where clients come in: a UDP socket with many, or a TCP connection
// with one. Each front has a pion server of its own, which reads it in one
// goroutine; so what pion tells of allocations is known to belong here, and a
// relay can sit at the very address that the client reached.
//
// What the library asks for or reports, it asks and reports here.
type front struct {
	net.PacketConn
	server    *Server
	transport Transport
	local     netip.Addr
	closed    func(error) // called once, when reading has ended
	ended     sync.Once

	mu      sync.RWMutex // guards clients and what they hold
	clients map[netip.AddrPort]*client
}

// client is somebody with an allocation.
type client struct {
	// allocations is 1, but for the moment when the library makes one and is
	// still taking down another.
	allocations int
	permissions map[netip.Addr]struct{}
	channels    map[uint16]struct{}
}

// open gives a front to the library. After that the library reads it until an
// error comes.
func (f *front) open() error {
	_, err := pion.NewServer(pion.ServerConfig{
		PacketConnConfigs: []pion.PacketConnConfig{{
			PacketConn: f, RelayAddressGenerator: f, PermissionHandler: f.permit,
		}},
		LoggerFactory: f.server.libraryLog,
		Realm:         f.server.config.Realm,
		AuthHandler:   f.authenticate,
		QuotaHandler:  f.quota,
		InboundMTU:    inboundMTU,
		EventHandler: pion.EventHandler{
			OnAuth:              f.onAuth,
			OnAllocationCreated: f.onAllocationCreated,
			OnAllocationDeleted: f.onAllocationDeleted,
			OnPermissionCreated: f.onPermissionCreated,
			OnPermissionDeleted: f.onPermissionDeleted,
			OnChannelCreated:    f.onChannelCreated,
			OnChannelDeleted:    f.onChannelDeleted,
		},
	})
	return err
}

// ReadFrom waits for the next message that the library shall see.
func (f *front) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := f.PacketConn.ReadFrom(p)
		if err != nil {
			f.ended.Do(func() { f.closed(err) })
			return 0, nil, err
		}
		if f.admit(p[:n], from) {
			return n, from, nil
		}
	}
}

// authenticate is asked for the key of a login.
func (f *front) authenticate(login *pion.RequestAttributes) (user string, key []byte, ok bool) {
	user, key, err := f.server.auth.check(login.Username, login.Realm, login.Method)
	if err == nil {
		return user, key, true
	}
	reason := authMalformed
	switch {
	case errors.Is(err, errRealm):
		reason = authRealm
	case errors.Is(err, errExpired):
		reason = authExpired
	}
	f.server.counts.authFailed(reason)
	f.server.log.Debug("TURN login refused", "client", login.SrcAddr, "err", err)
	return "", nil, false
}

// onAuth is told whether the password was right.
func (f *front) onAuth(_, _ net.Addr, _, _, _, _ string, right bool) {
	if !right {
		f.server.counts.authFailed(authIntegrity)
	}
}

// quota is asked whether a user may have another allocation. The place is
// taken a moment later, by AllocatePacketConn.
func (f *front) quota(user, _ string, _ net.Addr) bool {
	err := f.server.users.Full(user)
	if err != nil {
		f.refuseQuota(err)
	}
	return err == nil
}

func (f *front) refuseQuota(err error) {
	reason := refusedTotalQuota
	if errors.Is(err, limit.ErrKey) {
		reason = refusedUserQuota
	}
	f.server.counts.refused(reason)
}

// AllocatePacketConn is asked for a relayed address.
func (f *front) AllocatePacketConn(wanted pion.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	s := f.server
	if wanted.UserID == "" { // the library looks for a pair of ports; no WebRTC client asks for one
		s.counts.refused(refusedEvenPort)
		return nil, nil, errEvenPort
	}
	local, err := s.relayAddress(f.local, wanted.Network == "udp6")
	if err != nil {
		s.counts.refused(refusedNoSocket)
		return nil, nil, err
	}
	if err := s.users.Take(wanted.UserID); err != nil {
		f.refuseQuota(err)
		return nil, nil, err
	}
	r, err := s.newRelay(local, s.announced(local), wanted.UserID)
	if err != nil {
		s.users.Give(wanted.UserID)
		s.counts.refused(refusedNoSocket)
		s.log.Warn("no relay socket for a TURN client", "address", local, "err", err)
		return nil, nil, err
	}
	return r, net.UDPAddrFromAddrPort(r.announced), nil
}

// AllocateListener is asked for a relayed TCP address, which admit answers
// before it comes to this.
func (f *front) AllocateListener(pion.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errTCPAllocation
}

// AllocateConn is asked for a TCP connection to a peer.
func (f *front) AllocateConn(pion.AllocateConnConfig) (net.Conn, error) {
	f.server.counts.refused(refusedTCPAllocation)
	return nil, errTCPAllocation
}

// Validate has nothing to check.
func (f *front) Validate() error { return nil }

// permit is asked whether a client may have a permission for an address.
func (f *front) permit(from net.Addr, peer net.IP) bool {
	addr, _ := netip.AddrFromSlice(peer)
	addr = addr.Unmap()
	if denied := f.server.policy.permission(addr); denied != "" {
		f.server.counts.refused(refusedPeer)
		f.server.log.Debug("TURN peer denied", "client", from, "peer", addr, "reason", denied)
		return false
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	c := f.clients[addrPort(from)]
	if c == nil {
		return false // its allocation ended just now
	}
	if _, has := c.permissions[addr]; !has && len(c.permissions) >= maxPermissions {
		f.server.counts.refused(refusedPermissions)
		return false
	}
	return true
}

func (f *front) onAllocationCreated(from, _ net.Addr, _, user, _ string, relayed net.Addr, _ int) {
	f.countAllocation(from, +1)
	f.server.log.Debug("TURN allocation made", "client", from, "transport", f.transport, "user", user, "relayed", relayed)
}

func (f *front) onAllocationDeleted(from, _ net.Addr, _, user, _ string) {
	f.countAllocation(from, -1)
	f.server.log.Debug("TURN allocation ended", "client", from, "transport", f.transport, "user", user)
}

// countAllocation keeps the count of a client. The library's timers run beside
// its reader, so an end can be told before the beginning.
func (f *front) countAllocation(from net.Addr, change int) {
	f.server.counts.allocations.WithLabelValues(string(f.transport)).Add(float64(change))
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[addrPort(from)]
	if c == nil {
		c = &client{permissions: make(map[netip.Addr]struct{}), channels: make(map[uint16]struct{})}
		f.clients[addrPort(from)] = c
	}
	if c.allocations += change; c.allocations == 0 {
		delete(f.clients, addrPort(from))
	}
	if s, ok := f.PacketConn.(*stream); ok {
		s.setAllocated(c.allocations > 0)
	}
}

func (f *front) onPermissionCreated(from, _ net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	addr, _ := netip.AddrFromSlice(peer)
	f.with(from, func(c *client) { c.permissions[addr.Unmap()] = struct{}{} })
}

func (f *front) onPermissionDeleted(from, _ net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	addr, _ := netip.AddrFromSlice(peer)
	f.with(from, func(c *client) { delete(c.permissions, addr.Unmap()) })
}

func (f *front) onChannelCreated(from, _ net.Addr, _, _, _ string, _, _ net.Addr, number uint16) {
	f.with(from, func(c *client) { c.channels[number] = struct{}{} })
}

func (f *front) onChannelDeleted(from, _ net.Addr, _, _, _ string, _, _ net.Addr, number uint16) {
	f.with(from, func(c *client) { delete(c.channels, number) })
}

// with calls change for the client at an address, if it has an allocation.
func (f *front) with(from net.Addr, change func(*client)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.clients[addrPort(from)]; c != nil {
		change(c)
	}
}

// answer sends an error of our own to a request, and counts it.
func (f *front) answer(to net.Addr, reason string, method uint16, id [stun.TransactionIDSize]byte, code stun.ErrorCode) {
	f.server.counts.refused(reason)
	m, err := stun.Build(stun.NewTransactionIDSetter(id), stun.NewType(stun.Method(method), stun.ClassErrorResponse), code)
	if err != nil {
		f.server.log.Error("building a STUN answer", "err", fmt.Errorf("code %d: %w", code, err))
		return
	}
	_, _ = f.PacketConn.WriteTo(m.Raw, to) // a client that is gone needs no answer
}
