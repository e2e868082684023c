package port

import (
	"container/list"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/pion/transport/v4/packetio"
)

// Bounds of what waits for one DTLS connection to be read.
const (
	linkBytes     = 256 << 10
	linkDatagrams = 512
)

// link is one client's part of a UDP socket, as the net.PacketConn that DTLS is
// spoken over.
type link struct {
	server *dtlsServer
	key    linkKey
	in     *packetio.Buffer
	once   sync.Once

	release func() // set before anybody can close it

	// These are guarded by the server's mutex.
	place    *list.Element // among the unproved; nil when it is not
	patience *time.Timer
	refused  string // why it was closed from here
}

func newLink(server *dtlsServer, key linkKey) *link {
	l := &link{server: server, key: key, in: packetio.NewBuffer()}
	l.in.SetLimitSize(linkBytes)
	l.in.SetLimitCount(linkDatagrams)
	return l
}

// ReadFrom waits for the next datagram of the client.
func (l *link) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := l.in.Read(b)
	return n, l.RemoteAddr(), err
}

// WriteTo sends a datagram to the client, whatever the address.
func (l *link) WriteTo(b []byte, _ net.Addr) (int, error) {
	return l.key.socket.socket.WriteToAddrPort(b, l.key.remote)
}

// Close ends the link. The socket is not the link's to close.
func (l *link) Close() error {
	l.once.Do(func() {
		_ = l.in.Close()
		l.server.forget(l)
		l.release()
	})
	return nil
}

// LocalAddr is the address of the socket.
func (l *link) LocalAddr() net.Addr { return l.key.socket.socket.LocalAddr() }

// RemoteAddr is the address of the client.
func (l *link) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(l.key.remote) }

// SetDeadline bounds reading; writing does not wait.
func (l *link) SetDeadline(t time.Time) error { return l.in.SetReadDeadline(t) }

// SetReadDeadline bounds reading.
func (l *link) SetReadDeadline(t time.Time) error { return l.in.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a datagram leaves at once or not at all.
func (l *link) SetWriteDeadline(time.Time) error { return nil }

// isDTLS tells whether a datagram begins like DTLS (RFC 9443, section 3).
func isDTLS(b []byte) bool { return len(b) > 0 && 20 <= b[0] && b[0] <= 63 }

// helloNumber tells whether a datagram begins with a ClientHello in the clear,
// or its first fragment, and which one of the handshake it is: 0 is the first,
// and the next brings the cookie back (RFC 6347, sections 4.2.1 and 4.2.2).
func helloNumber(b []byte) (number uint16, ok bool) {
	const (
		recordHeader    = 13
		handshakeHeader = 12
		shortest        = 2 + 32 + 1 + 1 + 2 + 2 + 2 // a hello with one cipher suite
	)
	if len(b) < recordHeader+handshakeHeader+shortest || b[0] != 22 || b[1] != 0xFE || b[3] != 0 || b[4] != 0 {
		return 0, false
	}
	if int(binary.BigEndian.Uint16(b[11:])) > len(b)-recordHeader {
		return 0, false
	}
	h := b[recordHeader:]
	const clientHello = 1
	firstFragment := h[6] == 0 && h[7] == 0 && h[8] == 0
	return binary.BigEndian.Uint16(h[4:]), h[0] == clientHello && firstFragment
}
