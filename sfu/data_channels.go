package sfu

import (
	"context"
	"io"
	"net"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
)

// sctpMTU leaves room for DTLS, TURN, UDP and IPv6 in 1280 bytes.
const sctpMTU = 1191

// run carries the DataChannels of a connection until it ends. There is an SCTP
// association (RFC 8261) only when the client begins one: most memory of a client
// that has none would be that.
func (d *data) run(ctx context.Context, conn net.Conn) {
	first := make([]byte, dataDatagram)
	n, err := conn.Read(first)
	if err != nil {
		return
	}
	config := d.peer.sfu.config
	association, err := sctp.ServerWithOptions(
		sctp.WithNetConn(&peeked{Conn: conn, first: first[:n]}), sctp.WithLoggerFactory(config.LoggerFactory), sctp.WithMTU(sctpMTU),
	)
	if err != nil {
		if ctx.Err() == nil {
			config.Logger.Debug("a client's SCTP failed; it has no DataChannels", "peer", d.peer.id, "err", err)
		}
		return
	}
	stop := context.AfterFunc(ctx, func() { association.Abort("") })
	defer stop()
	for {
		channel, err := datachannel.Accept(association, &datachannel.Config{LoggerFactory: config.LoggerFactory})
		if err != nil {
			_ = association.Close()
			return
		}
		d.opened(channel)
	}
}

// dataDatagram is the largest datagram that SCTP is read in.
const dataDatagram = 8 << 10

// peeked is a connection whose first datagram was read already.
type peeked struct {
	net.Conn
	first []byte // nil once it was read again
}

// Read gives the first datagram, then what comes.
func (p *peeked) Read(into []byte) (int, error) {
	if p.first == nil {
		return p.Conn.Read(into)
	}
	if len(into) < len(p.first) {
		return 0, io.ErrShortBuffer
	}
	n := copy(into, p.first)
	p.first = nil
	return n, nil
}
