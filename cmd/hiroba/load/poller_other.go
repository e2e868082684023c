//go:build !linux

package load

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// socketBuffer is asked for, so that nothing is lost here while the loop is busy.
const socketBuffer = 4 << 20

// poller waits with a goroutine for each socket: what waits for many at once is
// another thing on each system.
type poller struct {
	loop  *loop
	timer *time.Timer
	reads sync.WaitGroup
}

// socket is that of one client, connected to the server.
type socket struct{ conn *net.UDPConn }

func newPoller(l *loop) (*poller, error) {
	return &poller{loop: l, timer: time.NewTimer(time.Hour)}, nil
}

// close frees the poller; its sockets are closed before.
func (p *poller) close() { p.timer.Stop() }

// arm has wait return at a time, if not before.
func (p *poller) arm(at time.Time) { p.timer.Reset(max(time.Until(at), 0)) }

// wait waits for something to do.
func (p *poller) wait() { <-p.timer.C }

// deliver does nothing: the sockets' own goroutines do.
func (p *poller) deliver() {}

// open makes a socket that is connected to an address.
func (p *poller) open(to netip.AddrPort, owner *client) (*socket, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, fmt.Errorf("connecting a UDP socket to %v: %w", to, err)
	}
	_ = conn.SetReadBuffer(socketBuffer) // as much as the system gives
	p.reads.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, err := conn.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if n == 0 { // nobody is there, which others tell
				continue
			}
			at := time.Now().UnixNano()
			p.loop.mu.Lock()
			owner.receive(buf[:n], at)
			p.loop.mu.Unlock()
		}
	})
	return &socket{conn: conn}, nil
}

// send sends a datagram. What does not fit is lost, as on any network.
func (s *socket) send(datagram []byte) { _, _ = s.conn.Write(datagram) }

// dropped is not known here.
func (s *socket) dropped() uint64 { return 0 }

// close closes the socket.
func (s *socket) close() { _ = s.conn.Close() }
