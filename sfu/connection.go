package sfu

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/dtls"
	"github.com/hiroba-rtc/hiroba/sfu/ice"
	"github.com/hiroba-rtc/hiroba/sfu/sdp"
	"github.com/hiroba-rtc/hiroba/sfu/srtp"
)

const (
	// disconnectedAfter is how long a connection may be silent before it is
	// taken for interrupted; failedAfter, how much longer before it is lost.
	disconnectedAfter = 5 * time.Second
	failedAfter       = 10 * time.Second
)

// connection is the way to one client and back: ICE finds it, DTLS secures it,
// SRTP and SCTP share it. It begins with the first offer.
type connection struct {
	peer   *Peer
	ice    *ice.Transport
	inlet  *inlet
	sealer atomic.Pointer[srtp.Sealer] // the worker's; nil until there are keys

	ctx    context.Context
	cancel context.CancelFunc
	loops  sync.WaitGroup
	// reached is closed when the client was.
	reached   chan struct{}
	reachOnce sync.Once
	// dtls is set by the first offer.
	dtls        atomic.Pointer[dtls.Transport]
	began       atomic.Int64 // when that was, Unix nanoseconds
	established atomic.Bool  // there are keys
	ended       atomic.Bool  // the client said goodbye, or the handshake failed

	reportsMu sync.Mutex // guards what follows
	reports   *srtp.ReportSealer
	reportBuf []byte
}

func newConnection(p *Peer) *connection {
	c := &connection{peer: p, reached: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.inlet = newInlet(p, c)
	c.ice = p.sfu.mux.Open(c)
	return c
}

// begin takes what an offer says of ICE and DTLS, and starts the connection by
// the first. Another offer may restart ICE, and nothing else.
func (c *connection) begin(offer *sdp.Offer) error {
	c.ice.SetRemote(offer.Ufrag, offer.Pwd)
	if c.dtls.Load() != nil {
		return nil
	}
	var described []dtls.Fingerprint
	for _, f := range offer.Fingerprints {
		described = append(described, dtls.Fingerprint{Algorithm: f.Algorithm, Value: f.Value})
	}
	transport, err := dtls.New(dtls.Config{
		Identity: c.peer.sfu.identity, Client: offer.Active, Remote: described,
		Send: c.ice.Send, Opened: c.opened, LoggerFactory: c.peer.sfu.config.LoggerFactory,
	})
	if err != nil {
		return err
	}
	c.began.Store(time.Now().UnixNano())
	c.dtls.Store(transport)
	c.loops.Go(func() { c.run(transport, offer.Active) })
	return nil
}

// run is the handshake.
func (c *connection) run(transport *dtls.Transport, client bool) {
	if client {
		select {
		case <-c.reached:
		case <-c.ctx.Done():
			return
		}
	}
	keys, err := transport.Handshake(c.ctx)
	if err == nil {
		err = c.open(keys)
	}
	if err != nil {
		if c.ctx.Err() == nil {
			c.ended.Store(true)
			c.peer.connectionLost(err.Error())
		}
		return
	}
	c.established.Store(true)
	c.peer.connectionChanged()
}

// opened is told by DTLS that the client says something over it.
func (c *connection) opened(conn net.Conn) {
	c.loops.Go(func() {
		c.peer.data.run(c.ctx, conn)
		c.ended.Store(true)
		c.peer.connectionChanged()
	})
}

// open makes use of the keys.
func (c *connection) open(keys srtp.Keys) error {
	sealer, err := srtp.NewSealer(keys)
	if err != nil {
		return err
	}
	reports, err := srtp.NewReportSealer(keys)
	if err != nil {
		return err
	}
	if err := c.inlet.open(keys); err != nil {
		return err
	}
	c.sealer.Store(sealer)
	c.reportsMu.Lock()
	c.reports = reports
	c.reportsMu.Unlock()
	return nil
}

// Selected is told by ICE that the client was reached, or reached anew.
func (c *connection) Selected(time.Time) {
	c.reachOnce.Do(func() { close(c.reached) })
	if t := c.dtls.Load(); t != nil {
		t.Repeat()
	}
}

// Embedded is told by ICE of DTLS inside of a check, and what to answer.
func (c *connection) Embedded(_ time.Time, in ice.Embedded, room int) (out ice.Embedded) {
	if t := c.dtls.Load(); t != nil {
		out.Data, out.Acks = t.Embedded(in.Data, in.Acks, room)
	}
	return out
}

// Datagram takes what ICE brings (RFC 7983).
func (c *connection) Datagram(now time.Time, datagram []byte) {
	switch first := datagram[0]; {
	case first >= 128 && first <= 191:
		if len(datagram) < 12 {
			c.peer.sfu.metrics.dropped.WithLabelValues("malformed").Inc()
		} else if kind := datagram[1]; kind >= 192 && kind <= 223 { // RFC 5761, 4
			c.inlet.reports(now, datagram)
		} else {
			c.inlet.media(now, datagram)
		}
	case first >= 20 && first <= 63:
		if t := c.dtls.Load(); t != nil && !t.Receive(datagram) {
			c.peer.sfu.metrics.dropped.WithLabelValues("unread").Inc()
		}
	}
}

// sendReports seals RTCP and sends it; before there are keys, nothing is.
func (c *connection) sendReports(compound []byte) {
	c.reportsMu.Lock()
	defer c.reportsMu.Unlock()
	if c.reports == nil {
		return
	}
	sealed, err := c.reports.Seal(c.reportBuf, compound)
	if err != nil {
		return
	}
	c.reportBuf = sealed[:0]
	// It fails only when there is no way to the client now, who then misses it.
	_ = c.ice.Send(sealed)
}

// sendRTCP is sendReports for packets that are not marshalled yet.
func (c *connection) sendRTCP(packets ...rtcp.Packet) {
	compound, err := rtcp.Marshal(packets)
	if err == nil {
		c.sendReports(compound)
	}
}

// state is what has become of the connection: up says that it is, or was when
// the client was heard last, lately; lost, that it is given up.
func (c *connection) state(now time.Time) (up, lost bool) {
	began := c.began.Load()
	if began == 0 {
		return false, false
	}
	silent := now.Sub(c.ice.Heard())
	if c.ice.Heard().IsZero() {
		silent = now.Sub(time.Unix(0, began))
	}
	return c.established.Load() && !c.ended.Load() && silent < disconnectedAfter,
		!c.ended.Load() && silent >= disconnectedAfter+failedAfter
}

// close says goodbye and waits for all that belongs to the connection.
func (c *connection) close() {
	c.cancel()
	if t := c.dtls.Load(); t != nil {
		if err := t.Close(); err != nil {
			c.peer.sfu.config.Logger.Debug("closing a media connection", "peer", c.peer.id, "err", err)
		}
	}
	c.ice.Close()
	c.inlet.stop()
	c.loops.Wait()
	c.inlet.end()
}
