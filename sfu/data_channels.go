package sfu

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
)

// sctpMTU leaves room for DTLS, TURN, UDP and IPv6 in 1280 bytes.
const sctpMTU = 1191

// tokens are the INIT chunks of an association whose handshake the descriptions
// were (draft-hancke-tsvwg-snap).
type tokens struct{ ours, theirs []byte }

// agree takes the client's INIT chunk of its first offer with DataChannels, nil
// for none, and returns ours, which an offer without gets none of. It stays the
// same for a connection.
func (d *data) agree(theirs []byte) (ours []byte, err error) {
	if d.tokens.Load() == nil {
		agreed := &tokens{theirs: theirs}
		if theirs != nil {
			if agreed.ours, err = sctp.GenerateOutOfBandToken(sctp.WithMTU(sctpMTU)); err != nil {
				return nil, fmt.Errorf("sfu: making an SCTP INIT: %w", err)
			}
		}
		d.tokens.Store(agreed)
	}
	if theirs == nil {
		return nil, nil
	}
	return d.tokens.Load().ours, nil
}

// run carries the DataChannels of a connection until it ends. There is an SCTP
// association (RFC 8261) only when the client sends something: most memory of a
// client that has none would be that.
func (d *data) run(ctx context.Context, conn net.Conn) {
	first := make([]byte, firstDatagram)
	n, err := conn.Read(first)
	if err != nil {
		return
	}
	config := d.peer.sfu.config
	association, err := d.associate(&peeked{Conn: conn, first: first[:n]})
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

// associate begins the association, with its handshake or without.
func (d *data) associate(conn net.Conn) (*sctp.Association, error) {
	log := sctp.WithLoggerFactory(d.peer.sfu.config.LoggerFactory)
	if agreed := d.tokens.Load(); agreed != nil && agreed.ours != nil {
		return sctp.ClientWithOptions(sctp.WithNetConn(conn), log, sctp.WithMTU(sctpMTU), sctp.WithSNAP(agreed.ours, agreed.theirs))
	}
	return sctp.ServerWithOptions(sctp.WithNetConn(conn), log, sctp.WithMTU(sctpMTU))
}

// firstDatagram is the largest that an association begins with.
const firstDatagram = 2 << 10

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
