package dtls

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4/packetio"
)

// pathBytes is how much may wait to be read: DataChannels of a client whose
// connection is slower than what it gets in would lose datagrams beyond, and
// SCTP slow down.
const pathBytes = 1 << 20

// path is how the library sees the way to the client: a net.PacketConn.
type path struct {
	waiting *packetio.Buffer
	send    func([]byte)
	muted   atomic.Bool
}

func newPath(send func([]byte)) *path {
	p := &path{waiting: packetio.NewBuffer(), send: send}
	p.waiting.SetLimitSize(pathBytes)
	return p
}

// put has a datagram read, unless too many wait.
func (p *path) put(datagram []byte) bool {
	_, err := p.waiting.Write(datagram)
	return err == nil
}

// ReadFrom waits for a datagram.
func (p *path) ReadFrom(into []byte) (int, net.Addr, error) {
	n, err := p.waiting.Read(into)
	return n, place{}, err
}

// WriteTo sends a datagram.
func (p *path) WriteTo(datagram []byte, _ net.Addr) (int, error) {
	if !p.muted.Load() {
		p.send(datagram)
	}
	return len(datagram), nil
}

// mute has nothing sent any more.
func (p *path) mute() { p.muted.Store(true) }

// Close ends reading.
func (p *path) Close() error { return p.waiting.Close() }

// LocalAddr is a name only: where datagrams come from is ICE's to know.
func (p *path) LocalAddr() net.Addr { return place{} }

// SetDeadline sets the deadline of reading; writing does not wait.
func (p *path) SetDeadline(t time.Time) error { return p.waiting.SetReadDeadline(t) }

// SetReadDeadline sets when a waiting read gives up.
func (p *path) SetReadDeadline(t time.Time) error { return p.waiting.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writing does not wait.
func (p *path) SetWriteDeadline(time.Time) error { return nil }

// place is where the client is, for the library.
type place struct{}

func (place) Network() string { return "ice" }
func (place) String() string  { return "ice" }
