// Package records is DTLS 1.2 after the handshake, for servers: the record layer
// (RFC 6347, section 4.1) with AES-GCM (RFC 5288), over a UDP socket that somebody else reads and
// writes in batches.
//
// A library makes the handshake. From then on records are opened where they were
// received and sealed where they will be sent from, by whoever has them at hand:
// a connection has no goroutine, no queue and no buffer, and an idle one costs its
// keys.
package records

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
)

const (
	// HeaderLen is how long the header of a record is: type, version, epoch,
	// sequence number, length.
	HeaderLen   = 13
	saltLen     = 4
	explicitLen = 8
	tagLen      = 16
	// Before is how many bytes of a sealed record come before its content,
	// Overhead how many there are beside the content.
	Before   = HeaderLen + explicitLen
	Overhead = Before + tagLen

	maxContent = 1 << 14
	lastNumber = 1<<48 - 1
	version    = 0xFEFD // DTLS 1.2
	epoch      = 1      // what the handshake has agreed on; there is no other handshake
)

// Types of records (RFC 6347, section 4.1).
const (
	changeCipherSpec = 20
	alert            = 21
	handshake        = 22
	application      = 23
)

// Alerts (RFC 5246, section 7.2): their levels, and the one that is a goodbye.
const (
	warning     = 1
	fatal       = 2
	closeNotify = 0
)

// Why a record is dropped.
var (
	ErrMalformed = errors.New("records: no record of DTLS 1.2, or one of another epoch")
	ErrReplayed  = errors.New("records: the record came before, or is older than 64 others")
	ErrForged    = errors.New("records: the record was not sealed with the keys of the connection")
)

// errExhausted is about 2^48 records.
var errExhausted = errors.New("records: the connection has no sequence number left")

// Config is what a Conn begins with.
type Config struct {
	Secrets
	// Next is the sequence number after the last one that the handshake used in
	// epoch 1.
	Next uint64
	// Flight are the datagrams that the handshake sent last. They are sent again
	// when the client sends its own last ones again, which says that it lacks
	// them.
	Flight [][]byte
	// Local is the address of the socket, Remote that of the client.
	Local, Remote netip.AddrPort
	// Send sends a datagram of the connection's own. It must not block.
	Send func(datagram []byte) error
	// Begin is what Conn.Begin does.
	Begin func() [][]byte
	// Closed is called once, by Close.
	Closed func()
}

// Conn is the server's end of one connection. It is safe for concurrent use.
type Conn struct {
	config Config

	opening sync.Mutex // guards the fields below
	in      half
	window  window
	flight  [][]byte // nil once the client is known to have it

	sealing sync.Mutex // guards the fields below
	out     half
	next    uint64
	closed  bool
}

// New makes a Conn. It has to be closed.
func New(config Config) (*Conn, error) {
	client, server, err := config.derive()
	if err != nil {
		return nil, err
	}
	return &Conn{config: config, in: client, out: server, flight: config.Flight, next: config.Next}, nil
}

// Local is the address of the socket that the connection came to.
func (c *Conn) Local() netip.AddrPort { return c.config.Local }

// Remote is the address of the client.
func (c *Conn) Remote() netip.AddrPort { return c.config.Remote }

// Begin says that whoever reads the socket knows the connection, and wants its
// datagrams. It returns those that came before, which are the caller's.
func (c *Conn) Begin() [][]byte { return c.config.Begin() }

// Is tells whether a datagram begins like DTLS (RFC 9443, section 3).
func Is(datagram []byte) bool { return len(datagram) > 0 && 20 <= datagram[0] && datagram[0] <= 63 }

// Next splits the first record off a datagram; it is nil when that is not whole.
func Next(datagram []byte) (record, rest []byte) {
	if len(datagram) < HeaderLen {
		return nil, nil
	}
	end := HeaderLen + int(binary.BigEndian.Uint16(datagram[11:]))
	if end > len(datagram) {
		return nil, nil
	}
	return datagram[:end:end], datagram[end:]
}

// Epoch is the epoch of a record, Number its sequence number, of 48 bits.
func Epoch(record []byte) uint16  { return binary.BigEndian.Uint16(record[3:]) }
func Number(record []byte) uint64 { return binary.BigEndian.Uint64(record[3:]) & lastNumber }

// IsApplication tells whether a record carries what is said after the handshake,
// IsHandshake whether it is one of the handshake's messages, and IsChange whether
// it says that the records behind it are of the next epoch.
func IsApplication(record []byte) bool { return record[0] == application }
func IsHandshake(record []byte) bool   { return record[0] == handshake }
func IsChange(record []byte) bool      { return record[0] == changeCipherSpec }

// Open opens the first record of a datagram in place. message is nil for what is
// not the application's; rest are the further records. With io.EOF the client has
// ended the connection. Other errors are about one record, that nothing came of.
func (c *Conn) Open(datagram []byte) (message, rest []byte, err error) {
	record, rest := Next(datagram)
	if record == nil {
		return nil, nil, ErrMalformed
	}
	c.opening.Lock()
	defer c.opening.Unlock()
	if Epoch(record) == 0 && (record[0] == handshake || record[0] == changeCipherSpec) && c.flight != nil {
		return nil, rest, nil // of its last flight, whose end tells
	}
	content := len(record) - Overhead
	if Epoch(record) != epoch || binary.BigEndian.Uint16(record[1:]) != version || content < 0 || content > maxContent {
		return nil, rest, ErrMalformed
	}
	number := Number(record)
	if !c.window.fresh(number) && record[0] != handshake {
		return nil, rest, ErrReplayed
	}
	c.in.prepare(record, content)
	opened, err := c.in.aead.Open(record[Before:Before], c.in.nonce[:], record[Before:], c.in.about[:])
	if err != nil {
		return nil, rest, ErrForged
	}
	if record[0] == handshake {
		// Its Finished. It may be the very same datagram as before, which is fine.
		c.repeat()
		return nil, rest, nil
	}
	c.window.take(number)
	switch record[0] {
	case application:
		c.flight = nil // it uses the keys, so it lacks nothing
		return opened, rest, nil
	case alert:
		if len(opened) == 2 && (opened[0] == fatal || opened[1] == closeNotify) {
			return nil, nil, io.EOF
		}
		return nil, rest, nil
	}
	return nil, rest, ErrMalformed
}

// repeat sends the last flight again. The caller holds opening.
func (c *Conn) repeat() {
	for _, datagram := range c.flight {
		_ = c.config.Send(datagram) // may be lost like any
	}
}

// Seal seals a message where it lies: between Before bytes of room and 16 more
// behind it, so room is Overhead longer than the message. It fails once the
// connection is closed. What is sealed is sent soon, and about in that order: the
// other end remembers 64 records.
func (c *Conn) Seal(room []byte) error { return c.seal(application, room) }

func (c *Conn) seal(kind byte, room []byte) error {
	c.sealing.Lock()
	defer c.sealing.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case c.next > lastNumber:
		return errExhausted
	}
	content := len(room) - Overhead
	room[0] = kind
	binary.BigEndian.PutUint16(room[1:], version)
	binary.BigEndian.PutUint64(room[3:], epoch<<48|c.next)
	binary.BigEndian.PutUint16(room[11:], uint16(len(room)-HeaderLen))
	// A number is never used twice with a key, so it does as a nonce.
	binary.BigEndian.PutUint64(room[HeaderLen:], epoch<<48|c.next)
	c.next++
	c.out.prepare(room, content)
	c.out.aead.Seal(room[Before:Before], c.out.nonce[:], room[Before:Before+content], c.out.about[:])
	return nil
}

// Close says goodbye and ends the connection. It can be called again.
func (c *Conn) Close() error {
	goodbye := make([]byte, Overhead+2)
	goodbye[Before], goodbye[Before+1] = warning, closeNotify
	if err := c.seal(alert, goodbye); err == nil {
		_ = c.config.Send(goodbye) // may be lost like any
	}
	c.sealing.Lock()
	over := c.closed
	c.closed = true
	c.sealing.Unlock()
	if !over && c.config.Closed != nil {
		c.config.Closed()
	}
	return nil
}

// Listener has connections whose handshake is over. Accept returns net.ErrClosed
// once it is closed.
type Listener interface {
	Accept() (*Conn, error)
	Addr() net.Addr
	Close() error
}
