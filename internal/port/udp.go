package port

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/records"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// maxTURNDatagram is the largest datagram handed to TURN, in bytes: what a path
// MTU of 1,500 can carry, with room to spare.
const maxTURNDatagram = 2048

// UDP is one socket with two users, ICE and TURN. Both write to it straight.
//
// For reading, ICE has the right of way: its ReadBatch reads the socket itself,
// and what it finds to be TURN's is given to TURN in the same goroutine, when ICE
// is done with its own. So nothing is copied, and nobody is woken for it. ICE must be
// read all the time for TURN to hear anything; once ICE is closed, TURN reads
// the socket itself.
type UDP struct {
	socket *udp.Socket
	reader *udp.Reader // of ICE, or of TURN once ICE is closed
	counts *counts
	dtls   *dtlsServer // nil without a certificate
	ice    ICEConn
	turn   TURNConn
	// forTURN is what the last look at the socket brought for TURN, who does not have
	// it yet. It belongs to who reads the socket.
	forTURN []udp.Datagram
	// dealing is set while ICE has datagrams at hand. Who queues one of them for TURN
	// does not wake it, but sets strayed: TURN has it, too, when ICE is done.
	dealing, strayed atomic.Bool
}

// ICEConn is a net.PacketConn that carries ICE checks, DTLS, RTP and RTCP. It
// is an ice.AddrPortReaderWriter, and can hold writes back for a batch, like
// the *udp.Socket it embeds.
type ICEConn struct {
	*udp.Socket
	udp     *UDP
	reading sync.Mutex     // held by ICE while it reads the socket; guards pending
	pending []udp.Datagram // read, but not yet taken by ReadFromAddrPort
	closing atomic.Bool
	closed  chan struct{} // closed once ICE will not read the socket any more
	once    sync.Once
}

// TURNConn carries STUN and TURN requests, Send indications and ChannelData, and
// the records of connections over DTLS that were begun to be read
// (Port.TURNDTLS).
type TURNConn struct {
	udp    *UDP
	queue  queue // what came before Serve, and what others found than who reads the socket
	closed chan struct{}
	once   sync.Once

	serving sync.Mutex                     // held while take runs; guards it
	take    func(datagrams []udp.Datagram) // nil while nobody serves
}

func newUDP(socket *udp.Socket, dtls *dtlsServer, counts *counts) *UDP {
	u := &UDP{socket: socket, reader: socket.NewReader(), dtls: dtls, counts: counts}
	u.ice = ICEConn{Socket: socket, udp: u, closed: make(chan struct{})}
	u.turn = TURNConn{udp: u, queue: newQueue(), closed: make(chan struct{})}
	return u
}

// Addr is the local address and port of the socket.
func (u *UDP) Addr() netip.AddrPort { return u.socket.Addr() }

// ICE is the side that the SFU reads and writes.
func (u *UDP) ICE() *ICEConn { return &u.ice }

// TURN is the side that the TURN server reads and writes.
func (u *UDP) TURN() *TURNConn { return &u.turn }

// close ends both sides and the socket. Reads that wait return net.ErrClosed.
func (u *UDP) close() error {
	_ = u.turn.Close()
	_ = u.ice.Close()
	return u.socket.Close()
}

// read waits for datagrams of the socket and returns those that are one side's,
// until the next call. What is neither's is counted.
func (u *UDP) read(side protocol) ([]udp.Datagram, error) {
	u.handOver()
	all, err := u.reader.Read()
	if err != nil {
		return nil, err
	}
	u.dealing.Store(true)
	mine := all[:0]
	for _, d := range all {
		switch p := classifyDatagram(d.Bytes); {
		case p == side:
			mine = append(mine, d)
		case p == protocolTURN:
			u.forTURN = append(u.forTURN, d)
		case p == protocolICE:
			switch u.takeDTLS(d.Bytes, d.From) {
			case dtlsTURN:
				mine = append(mine, d)
			case dtlsNobody:
				u.counts.dropped(droppedNoOwner)
			}
		default:
			u.counts.dropped(droppedUnknown)
		}
	}
	return mine, nil
}

// handOver gives TURN what the last look at the socket brought for it.
func (u *UDP) handOver() {
	u.dealing.Store(false)
	if len(u.forTURN) > 0 {
		u.turn.give(u.forTURN)
		clear(u.forTURN)
		u.forTURN = u.forTURN[:0]
	}
	if u.strayed.Swap(false) {
		u.turn.giveQueued()
	}
}

// takeDTLS gives a datagram that is no client's of ICE to the DTLS server, should
// it be DTLS, and says whose it is: that of who uses TURN over it, perhaps.
func (u *UDP) takeDTLS(b []byte, from netip.AddrPort) dtlsOwner {
	if u.dtls == nil || !records.Is(b) {
		return dtlsNobody
	}
	return u.dtls.take(u, b, from)
}

// Stray is for what ICE reads and has no client for: DTLS may be somebody's who
// uses TURN over it. It reports whether it was. The bytes are copied, and it
// does not block.
func (c *ICEConn) Stray(b []byte, from netip.AddrPort) bool {
	u := c.udp
	switch u.takeDTLS(b, from) {
	case dtlsNobody:
		return false
	case dtlsTURN:
		u.turn.push(b, from)
		u.strayed.Store(true)
		if !u.dealing.Load() { // it does not come from there
			u.turn.queue.tell()
		}
	}
	return true
}

// ReadBatch waits for datagrams that are ICE's and returns all that are there;
// those of TURN are queued for it on the way. They may be changed, and are
// valid until the next call: a connection has one reader, which uses either
// this or the methods for single datagrams.
func (c *ICEConn) ReadBatch() ([]udp.Datagram, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	return c.readBatch()
}

// readBatch is ReadBatch for who holds the mutex.
func (c *ICEConn) readBatch() ([]udp.Datagram, error) {
	for !c.closing.Load() {
		datagrams, err := c.udp.read(protocolICE)
		switch {
		case err != nil && !c.closing.Load():
			return nil, err
		case len(datagrams) > 0:
			return datagrams, nil
		}
	}
	return nil, closedError("read", c.LocalAddr())
}

// ReadFromAddrPort waits for the next datagram that is ICE's and copies it, as
// much as the buffer holds.
func (c *ICEConn) ReadFromAddrPort(buf []byte) (int, netip.AddrPort, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.closing.Load() {
		return 0, netip.AddrPort{}, closedError("read", c.LocalAddr())
	}
	if len(c.pending) == 0 {
		datagrams, err := c.readBatch()
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		c.pending = datagrams
	}
	d := c.pending[0]
	c.pending = c.pending[1:]
	return copy(buf, d.Bytes), d.From, nil
}

// ReadFrom is ReadFromAddrPort with a *net.UDPAddr.
func (c *ICEConn) ReadFrom(buf []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(buf)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// Close ends this side only: a read that waits returns net.ErrClosed, and TURN
// reads the socket from now on. It can be called again.
func (c *ICEConn) Close() error {
	c.once.Do(func() {
		// The reader is woken by a deadline, and TURN learns of it only after
		// the reader has left and the deadline is gone again.
		c.closing.Store(true)
		_ = c.Socket.SetReadDeadline(time.Unix(1, 0))
		c.reading.Lock()
		_ = c.Socket.SetReadDeadline(time.Time{})
		for range c.pending {
			c.udp.counts.dropped(droppedNoOwner)
		}
		c.pending = nil
		close(c.closed)
		c.reading.Unlock()
	})
	return nil
}

// push queues a datagram for TURN, or drops it.
func (c *TURNConn) push(payload []byte, from netip.AddrPort) {
	switch {
	case isClosed(c.closed):
		c.udp.counts.dropped(droppedNoOwner)
	case tooLarge(payload):
		c.udp.counts.dropped(droppedTooLarge)
	case !c.queue.push(payload, from):
		c.udp.counts.dropped(droppedQueue)
	}
}

// tooLarge says whether a datagram is more than TURN takes.
func tooLarge(payload []byte) bool {
	most := maxTURNDatagram
	if records.Is(payload) {
		most += records.Overhead
	}
	return len(payload) > most
}

// give has TURN take datagrams now. While nobody serves, they wait.
func (c *TURNConn) give(datagrams []udp.Datagram) {
	c.serving.Lock()
	defer c.serving.Unlock()
	fit := datagrams[:0]
	for _, d := range datagrams {
		switch {
		case c.take == nil:
			c.push(d.Bytes, d.From)
		case tooLarge(d.Bytes):
			c.udp.counts.dropped(droppedTooLarge)
		default:
			fit = append(fit, d)
		}
	}
	if len(fit) > 0 {
		c.take(fit)
	}
}

// giveQueued has TURN take what waits.
func (c *TURNConn) giveQueued() {
	c.serving.Lock()
	defer c.serving.Unlock()
	if c.take == nil {
		return
	}
	if datagrams := c.queue.take(); len(datagrams) > 0 {
		c.take(datagrams)
	}
}

// Serve has take given all datagrams that are TURN's, as many as are there at a
// time, until the connection is closed; then it returns net.ErrClosed. take is
// called by one goroutine at a time, which ICE may be waiting for: it must not
// block. Datagrams may be changed, and are good until take returns. Nobody calls
// it any more once Serve has returned. A connection is served once.
func (c *TURNConn) Serve(take func(datagrams []udp.Datagram)) error {
	c.attend(take)
	defer c.attend(nil)
	c.giveQueued()
	for !isClosed(c.closed) {
		select {
		case <-c.closed:
		case <-c.queue.came:
			c.giveQueued()
		case <-c.udp.ice.closed:
			datagrams, err := c.udp.read(protocolTURN)
			if err != nil && !isClosed(c.closed) {
				return err
			}
			c.give(datagrams)
		}
	}
	return closedError("read", net.UDPAddrFromAddrPort(c.Addr()))
}

// attend changes who takes datagrams.
func (c *TURNConn) attend(take func(datagrams []udp.Datagram)) {
	c.serving.Lock()
	defer c.serving.Unlock()
	c.take = take
}

// NewBatch is for who writes many datagrams.
func (c *TURNConn) NewBatch() *udp.Batch { return c.udp.socket.NewBatch() }

// Addr is the address and port of the socket.
func (c *TURNConn) Addr() netip.AddrPort { return c.udp.socket.Addr() }

// Close ends this side only: Serve returns, and what comes for TURN is dropped. It
// can be called again.
func (c *TURNConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		if isClosed(c.udp.ice.closed) { // then a read of ours may wait at the socket
			_ = c.udp.socket.SetReadDeadline(time.Unix(1, 0))
		}
	})
	return nil
}

func closedError(op string, addr net.Addr) error {
	return &net.OpError{Op: op, Net: "udp", Addr: addr, Err: net.ErrClosed}
}
