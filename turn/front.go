package turn

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/hiroba-rtc/hiroba/internal/records"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// Socket is a UDP socket bound to one specific address, such as a
// *port.TURNConn.
type Socket interface {
	Addr() netip.AddrPort
	// Serve gives take all datagrams that come, as many as are there at a time,
	// until the socket is closed; then it returns net.ErrClosed. One goroutine at a
	// time calls take, which does not block. Datagrams may be changed, and are good
	// until it returns.
	Serve(take func(datagrams []udp.Datagram)) error
	NewBatch() *udp.Batch
	Close() error
}

// front is a UDP socket where clients come in. What comes is relayed by who reads
// it, before more is read.
type front struct {
	Socket
	server *Server
	index  int     // in Server.fronts
	corner *corner // nil where there is no second address

	mu      sync.RWMutex // guards the fields below
	clients map[netip.AddrPort]*allocation
	secures map[netip.AddrPort]*secure
}

// origin is where a message of a client came from, and so the way back.
type origin struct {
	transport Transport
	addr      netip.AddrPort
	local     netip.Addr // that the client reached
	front     *front     // over UDP
	stream    *stream    // over TCP and TLS
	secure    *secure    // over DTLS
}

// link is the connection, nil over UDP.
func (o origin) link() *link {
	switch {
	case o.stream != nil:
		return &o.stream.link
	case o.secure != nil:
		return &o.secure.link
	}
	return nil
}

// hold makes an allocation that of the client.
func (o origin) hold(a *allocation) {
	if l := o.link(); l != nil {
		l.hold(a)
		return
	}
	o.front.mu.Lock()
	defer o.front.mu.Unlock()
	o.front.clients[o.addr] = a
}

// release takes it away again.
func (o origin) release(a *allocation) {
	if l := o.link(); l != nil {
		l.release(a)
		return
	}
	o.front.mu.Lock()
	defer o.front.mu.Unlock()
	if o.front.clients[o.addr] == a {
		delete(o.front.clients, o.addr)
	}
}

// of returns the allocation of a client, or nil.
func (f *front) of(client netip.AddrPort) *allocation {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.clients[client]
}

// secured returns the connection over DTLS of a client, or nil.
func (f *front) secured(client netip.AddrPort) *secure {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.secures[client]
}

// serve serves the socket until it is closed.
func (f *front) serve() {
	in := newIntake(f.server)
	err := f.Serve(func(datagrams []udp.Datagram) { f.take(in, datagrams) })
	if !errors.Is(err, net.ErrClosed) {
		f.server.log.Error("TURN over UDP stopped: the socket cannot be read", "address", f.Addr(), "err", err)
	}
}

// take takes in what came at a time.
func (f *front) take(in *intake, datagrams []udp.Datagram) {
	in.now = f.server.now()
	// What comes from one client often comes in a row.
	var last, lastSecure netip.AddrPort
	var its *allocation
	var secured *secure
	for _, d := range datagrams {
		if records.Is(d.Bytes) {
			if d.From != lastSecure {
				lastSecure, secured = d.From, f.secured(d.From)
			}
			in.open(secured, d.Bytes)
			continue
		}
		if d.From != last {
			last, its = d.From, f.of(d.From)
		}
		if len(d.Bytes) > 0 && d.Bytes[0]>>6 == 0b01 {
			in.channelData(its, d.Bytes)
			continue
		}
		from := origin{transport: UDP, addr: canonical(d.From), local: f.Addr().Addr(), front: f}
		in.message(from, its, d.Bytes)
		last = netip.AddrPort{} // it may have made or ended one
	}
	in.out.flush()
}
