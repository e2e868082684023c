package turn

import (
	"errors"
	"io"
	"net"

	"github.com/hiroba-rtc/hiroba/internal/records"
)

// secure is a connection of one client over DTLS. Its records come among the
// datagrams of a front, whose reader opens them where they are; what is for the
// client is sealed in the batch in which it leaves.
type secure struct {
	link
	conn  *records.Conn
	front *front
}

// acceptSecure serves the connections of a listener.
func (s *Server) acceptSecure(listener records.Listener) {
	in := newIntake(s)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.Error("TURN over DTLS stopped: no connection can be accepted", "address", listener.Addr(), "err", err)
			}
			return
		}
		s.welcomeSecure(in, conn)
	}
}

// welcomeSecure has a connection served by the reader of its socket.
func (s *Server) welcomeSecure(in *intake, conn *records.Conn) {
	var at *front
	for _, f := range s.fronts {
		if f.Addr() == conn.Local() {
			at = f
		}
	}
	if at == nil { // it came to no socket of ours
		_ = conn.Close()
		return
	}
	c := &secure{conn: conn, front: at}
	c.link = link{server: s, shut: c.close}
	c.from = origin{transport: DTLS, addr: canonical(conn.Remote()), local: conn.Local().Addr(), secure: c}
	if !s.admit(&c.link) {
		_ = conn.Close()
		return
	}
	at.mu.Lock()
	before := at.secures[conn.Remote()]
	at.secures[conn.Remote()] = c
	at.mu.Unlock()
	if c.gone.Load() { // it ended meanwhile
		at.forget(c)
		return
	}
	early := conn.Begin()
	if before != nil { // its client has forgotten it (RFC 6347, section 4.2.8)
		before.over(net.ErrClosed)
	}
	in.now = s.now()
	for _, datagram := range early {
		in.open(c, datagram)
	}
	in.out.flush()
}

// close says goodbye to the client.
func (c *secure) close() {
	c.front.forget(c)
	_ = c.conn.Close()
}

func (f *front) forget(c *secure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.secures[c.conn.Remote()] == c {
		delete(f.secures, c.conn.Remote())
	}
}

// open takes a datagram of a connection over DTLS, which may be nil for one that
// has just ended. What is no record of the connection is dropped.
func (in *intake) open(c *secure, datagram []byte) {
	if c == nil {
		in.server.counts.dropped(dropNoConnection)
		return
	}
	for len(datagram) > 0 {
		message, rest, err := c.conn.Open(datagram)
		if err == nil {
			c.heard()
		}
		switch {
		case errors.Is(err, io.EOF):
			c.over(err)
			return
		case err != nil:
			in.server.counts.dropped(dropOfRecord(err))
		case len(message) > maxFrame:
			in.server.counts.dropped(dropTooLarge)
		case len(message) > 0:
			in.take(&c.link, message)
		}
		datagram = rest
	}
}

// dropOfRecord is why a record came to nothing.
func dropOfRecord(err error) drop {
	switch {
	case errors.Is(err, records.ErrForged):
		return dropForged
	case errors.Is(err, records.ErrReplayed):
		return dropReplayed
	}
	return dropMalformed
}
