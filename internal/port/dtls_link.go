package port

import (
	"bytes"
	"container/list"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/pion/transport/v4/packetio"

	"github.com/hiroba-rtc/hiroba/internal/records"
)

// Bounds of what waits for one handshake to be read, and of what comes before
// TURN reads the connection.
const (
	linkBytes     = 64 << 10
	linkDatagrams = 64
	maxEarly      = 16
	// maxFlight is how many datagrams of a last flight are kept. It has two
	// records, and fits into one.
	maxFlight = 4
)

// link is one client's part of a UDP socket. While the handshake lasts, it is the
// net.PacketConn that the library makes it over.
type link struct {
	server *dtlsServer
	key    linkKey
	in     *packetio.Buffer // what the handshake reads

	saying sync.Mutex // guards the fields below
	muted  bool
	last   bool     // what is said now is the last flight
	flight [][]byte // that
	next   uint64   // sequence number of epoch 1

	// These are guarded by the server's mutex.
	place    *list.Element // among the unproved; nil when it is not
	hello    []byte        // its first message, while it is
	patience *time.Timer
	refused  string   // why it was closed from here
	shaken   bool     // the handshake is over
	begun    bool     // TURN reads the connection
	early    [][]byte // what came before that, and after the handshake on the client's side
}

func newLink(server *dtlsServer, key linkKey) *link {
	l := &link{server: server, key: key, in: packetio.NewBuffer()}
	l.in.SetLimitSize(linkBytes)
	l.in.SetLimitCount(linkDatagrams)
	return l
}

// put takes a datagram before TURN reads the connection, and reports false for
// one that there is no place for. The handshake does not see what the client says
// after it. The caller holds the server's mutex.
func (l *link) put(b []byte) bool {
	its := b
	if l.shaken {
		its = nil
	}
	for record, rest := records.Next(its); record != nil; record, rest = records.Next(rest) {
		if records.IsApplication(record) {
			its = b[:len(b)-len(rest)-len(record)]
			break
		}
	}
	if len(its) > 0 {
		if _, err := l.in.Write(its); err != nil {
			return false
		}
	}
	later := b[len(its):]
	if len(later) == 0 {
		return true
	}
	if len(l.early) == maxEarly || len(later) > maxTURNDatagram+records.Overhead {
		return false
	}
	l.early = append(l.early, bytes.Clone(later))
	return true
}

// begin has TURN get what comes from now on, and returns what came before.
func (l *link) begin() [][]byte {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	if l.server.anew[l.key] == l {
		l.server.promote(l)
	}
	early := l.early
	l.begun, l.early = true, nil
	return early
}

// config is that of the connection that the handshake led to. closed is called
// when it ends.
func (l *link) config(secrets records.Secrets, closed func()) records.Config {
	l.saying.Lock()
	defer l.saying.Unlock()
	return records.Config{
		Secrets: secrets, Next: l.next, Flight: l.flight,
		Local: l.key.socket.Addr(), Remote: l.key.remote,
		Send:  func(b []byte) error { _, err := l.send(b); return err },
		Begin: l.begin, Closed: closed,
	}
}

// ReadFrom waits for the next datagram of the handshake.
func (l *link) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := l.in.Read(b)
	return n, l.RemoteAddr(), err
}

// WriteTo sends a datagram of the handshake to the client, whatever the address.
func (l *link) WriteTo(b []byte, _ net.Addr) (int, error) {
	l.saying.Lock()
	defer l.saying.Unlock()
	if l.muted {
		return len(b), nil
	}
	for record, rest := records.Next(b); record != nil; record, rest = records.Next(rest) {
		if records.IsChange(record) {
			l.last, l.flight = true, nil // or it is said anew
		}
		if records.Epoch(record) == 1 {
			l.next = max(l.next, records.Number(record)+1)
		}
	}
	if l.last && len(l.flight) < maxFlight {
		l.flight = append(l.flight, bytes.Clone(b))
	}
	return l.send(b)
}

func (l *link) send(b []byte) (int, error) {
	return l.key.socket.socket.WriteToAddrPort(b, l.key.remote)
}

// mute has the library say nothing more.
func (l *link) mute() {
	l.saying.Lock()
	defer l.saying.Unlock()
	l.muted = true
}

// Close ends reading. The socket is not the link's to close.
func (l *link) Close() error { return l.in.Close() }

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
