package turn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// joinWithin is how long a connection with a peer waits for the client to
	// ask for it (RFC 6062, section 5.2).
	joinWithin = 30 * time.Second
	// connectWithin is how long a peer may take to accept a connection.
	connectWithin = 10 * time.Second
	// mostPeers is how many connections with peers an allocation may have.
	mostPeers = 64
)

// tcpAllocation is an allocation that relays TCP (RFC 6062): where peers connect
// to, and the connections with peers. Each of these is joined with a further
// connection of the client, and the two carry each other's bytes.
type tcpAllocation struct {
	server    *Server
	of        *allocation
	listener  net.Listener
	local     netip.AddrPort
	announced netip.AddrPort

	mu    sync.Mutex // guards peers; nil once closed
	peers map[uint32]*peerConn
}

// peerConn is a connection with a peer. It has an id from when it is wanted, a
// conn from when it is there, and is joined with a connection of the client
// after that.
type peerConn struct {
	id     uint32
	of     *tcpAllocation
	peer   netip.AddrPort
	conn   net.Conn
	expiry *time.Timer // until it is joined
	joined bool
	client net.Conn
}

// connections are all connections with peers by their ids, and all relays of TCP
// by where they are and where they are announced.
type connections struct {
	mu     sync.Mutex // guards the fields below
	by     map[uint32]*peerConn
	relays map[netip.AddrPort]*tcpAllocation
	over   bool
}

// addRelay makes a relay known, unless there is one at its address: sockets can
// share one here, and allocations must not.
func (c *connections) addRelay(t *tcpAllocation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.relays == nil {
		c.relays = make(map[netip.AddrPort]*tcpAllocation)
	}
	if c.relays[t.local] != nil || c.relays[t.announced] != nil {
		return errAddressTaken
	}
	c.relays[t.local], c.relays[t.announced] = t, t
	return nil
}

func (c *connections) removeRelay(t *tcpAllocation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.relays, t.local)
	delete(c.relays, t.announced)
}

// relay returns the relay at an address, or nil.
func (c *connections) relay(at netip.AddrPort) *tcpAllocation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.relays[at]
}

// add gives a connection an id that no other has.
func (c *connections) add(p *peerConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	if c.by == nil {
		c.by = make(map[uint32]*peerConn)
	}
	for p.id == 0 || c.by[p.id] != nil {
		p.id = rand.Uint32()
	}
	c.by[p.id] = p
	return true
}

func (c *connections) at(id uint32) *peerConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[id]
}

func (c *connections) remove(p *peerConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, p.id)
}

// close lets no other one come; their allocations have ended.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// reusing lets connections leave from the address that is listened at.
func reusing(_, _ string, raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = reuse(fd) }); e != nil {
		return e
	}
	return err
}

// newTCPAllocation listens for peers at a local address.
func (s *Server) newTCPAllocation(a *allocation, local netip.Addr) (*tcpAllocation, error) {
	config := net.ListenConfig{Control: reusing}
	var lastErr error
	for number := range s.relayPorts(false) {
		listener, err := config.Listen(context.Background(), "tcp", netip.AddrPortFrom(local, number).String())
		if err != nil {
			if lastErr = err; errors.Is(err, syscall.EADDRINUSE) {
				continue
			}
			return nil, err
		}
		at := addrPort(listener.Addr())
		t := &tcpAllocation{
			server: s, of: a, listener: listener, local: at,
			announced: netip.AddrPortFrom(s.announced(local), at.Port()),
			peers:     make(map[uint32]*peerConn),
		}
		if err := s.connections.addRelay(t); err != nil {
			_ = listener.Close()
			lastErr = err
			continue
		}
		s.loops.Go(t.accept)
		return t, nil
	}
	return nil, fmt.Errorf("turn: found no free port for a TCP relay in %d tries: %w", bindAttempts, lastErr)
}

// close ends the allocation's connections with peers.
func (t *tcpAllocation) close() {
	_ = t.listener.Close()
	t.server.connections.removeRelay(t)
	t.mu.Lock()
	peers := t.peers
	t.peers = nil
	t.mu.Unlock()
	for _, p := range peers {
		p.close()
	}
}

// revoke ends the connections with peers that are denied now.
func (t *tcpAllocation) revoke(policy *policy) {
	t.mu.Lock()
	var over []*peerConn
	for _, p := range t.peers {
		if t.server.connections.relay(p.peer) == nil && policy.peer(p.peer) != "" {
			over = append(over, p)
		}
	}
	t.mu.Unlock()
	for _, p := range over {
		p.close()
	}
}

// add makes a connection with a peer known, unless there are too many or there
// is one with that peer.
func (t *tcpAllocation) add(p *peerConn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peers == nil {
		return net.ErrClosed
	}
	if len(t.peers) >= mostPeers {
		return errPeers
	}
	for _, other := range t.peers {
		if other.peer == p.peer {
			return errConnected
		}
	}
	if !t.server.connections.add(p) {
		return net.ErrClosed
	}
	t.peers[p.id] = p
	return nil
}

var (
	errPeers     = errors.New("turn: the allocation has as many connections with peers as one may")
	errConnected = errors.New("turn: there is a connection with that peer")
)

// opened gives a peer's connection its conn, and waits for the client to join
// it. It is false when the allocation ended meanwhile.
func (p *peerConn) opened(conn net.Conn) bool {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.of.peers[p.id] != p {
		_ = conn.Close()
		return false
	}
	p.conn = conn
	p.expiry = time.AfterFunc(joinWithin, p.close)
	return true
}

// close ends a connection with a peer and the client's that is joined with it.
// It can be called again.
func (p *peerConn) close() {
	t := p.of
	t.mu.Lock()
	delete(t.peers, p.id)
	conn, client := p.conn, p.client
	if p.expiry != nil {
		p.expiry.Stop()
	}
	t.mu.Unlock()
	t.server.connections.remove(p)
	if conn != nil {
		_ = conn.Close()
	}
	if client != nil {
		_ = client.Close()
	}
}

// accept takes connections of peers and tells the client (RFC 6062, section
// 5.3).
func (t *tcpAllocation) accept() {
	out := t.server.newOutlet()
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		now := t.server.now()
		peer := addrPort(conn.RemoteAddr())
		if other := t.server.connections.relay(peer); other != nil {
			peer = other.announced // as its client knows it
		}
		t.of.mu.RLock()
		permitted := t.of.lease.permitted(now, peer.Addr())
		t.of.mu.RUnlock()
		p := &peerConn{of: t, peer: peer}
		if !permitted || t.denies(peer) || t.add(p) != nil {
			t.server.counts.dropped(dropNoPermission)
			_ = conn.Close()
			continue
		}
		if !p.opened(conn) {
			return
		}
		m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodConnectionAttempt, stun.ClassIndication),
			connectionID(p.id), address{stun.AttrXORPeerAddress, peer})
		if err == nil {
			out.answer(t.of.from, m.Raw)
			out.flush()
		}
	}
}

// denies asks the policy for a peer; the relays of this server are allowed.
func (t *tcpAllocation) denies(peer netip.AddrPort) bool {
	return t.server.connections.relay(peer) == nil && t.server.policy.Load().peer(peer) != ""
}

// connectionID is a CONNECTION-ID.
type connectionID uint32

func (id connectionID) AddTo(m *stun.Message) error {
	m.Add(stun.AttrConnectionID, binary.BigEndian.AppendUint32(nil, uint32(id)))
	return nil
}

// connect connects to a peer (RFC 6062, section 5.2). The answer comes when
// that is done.
func (r *request) connect() {
	if r.a == nil || r.a.tcp == nil {
		r.refuse(stun.CodeAllocMismatch, refusedNoAllocation)
		return
	}
	peers, ok := r.peers()
	if !ok || len(peers) != 1 {
		r.refuse(stun.CodeBadRequest, refusedRequest)
		return
	}
	peer, t := peers[0], r.a.tcp
	if !r.mayReach(peer.Addr()) {
		return
	}
	if t.denies(peer) {
		r.server.counts.denied(anotherPort)
		r.refuse(stun.CodeForbidden, refusedPeer)
		return
	}
	p := &peerConn{of: t, peer: peer}
	switch err := t.add(p); {
	case errors.Is(err, errConnected):
		r.refuse(stun.CodeConnAlreadyExists, refusedConnect)
		return
	case err != nil:
		r.refuse(stun.CodeInsufficientCapacity, refusedConnect)
		return
	}
	// The request at hand is the reader's; its answer needs a copy.
	later := &request{
		intake: newIntake(r.server), from: r.from, a: r.a, user: r.user, key: r.key,
		m: &stun.Message{Raw: append([]byte(nil), r.m.Raw...)},
	}
	if later.m.Decode() != nil {
		return
	}
	r.server.loops.Go(func() {
		defer later.out.flush()
		dialer := net.Dialer{Timeout: connectWithin, LocalAddr: net.TCPAddrFromAddrPort(t.local), Control: reusing}
		conn, err := dialer.Dial("tcp", t.route(peer).String())
		if err != nil || !p.opened(conn) {
			p.close()
			later.refuse(stun.CodeConnTimeoutOrFailure, refusedConnect)
			return
		}
		later.succeed(connectionID(p.id))
	})
}

// route is where a peer is connected to: a relay of this server at its local
// address, which a NAT before the server may not lead back to.
func (t *tcpAllocation) route(peer netip.AddrPort) netip.AddrPort {
	if other := t.server.connections.relay(peer); other != nil {
		return other.local
	}
	return peer
}

// connectionBind makes the connection that it came on the client's side of a
// connection with a peer (RFC 6062, section 5.4).
func (r *request) connectionBind() {
	value, err := r.m.Get(stun.AttrConnectionID)
	if r.from.stream == nil || r.a != nil || err != nil || len(value) != 4 {
		r.refuse(stun.CodeBadRequest, refusedRequest)
		return
	}
	p := r.server.connections.at(binary.BigEndian.Uint32(value))
	if p == nil || p.of.of.user != r.user || !p.join(r.from.stream.Conn) {
		r.refuse(stun.CodeBadRequest, refusedConnect)
		return
	}
	r.succeed()
	r.joined = p
}

// join takes the client's connection, once.
func (p *peerConn) join(client net.Conn) bool {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.joined || p.conn == nil || p.of.peers[p.id] != p {
		return false
	}
	p.joined, p.client = true, client
	p.expiry.Stop()
	return true
}

// run carries bytes both ways until one side ends. Whoever reads slowly holds
// the other one up, and nothing is lost.
func (p *peerConn) run(s *stream, rest []byte) error {
	defer p.close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(counted{s.Conn, &p.of.of.fromPeers, s.server.counts.fromPeer}, p.conn)
		p.close()
	})
	to := counted{p.conn, &p.of.of.toPeers, s.server.counts.toPeer}
	_, err := to.Write(rest)
	if err == nil {
		_, err = io.Copy(to, s.Conn)
	}
	p.close()
	back.Wait()
	if err == nil {
		err = io.EOF
	}
	return err
}

// counted counts what is written.
type counted struct {
	to    net.Conn
	count *traffic
	all   flow
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	if n > 0 {
		c.count.add(n)
		c.all.packets.Inc()
		c.all.bytes.Add(float64(n))
	}
	return n, err
}
