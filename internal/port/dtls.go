package port

import (
	"bytes"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/pionlog"
	"github.com/hiroba-rtc/hiroba/internal/records"
)

// Who begins DTLS may have invented the address that it comes from, and is told
// apart only by repeating a cookie that was sent there (RFC 6347, section
// 4.2.1). Until then it is worth little: a newer one takes its place.
const (
	dtlsTimeout      = 10 * time.Second // a whole handshake; lost flights are sent again after 1, 2, 4 s
	proveTimeout     = 3 * time.Second  // until the cookie is back
	maxUnproved      = 256
	maxDTLS          = 4096 // all connections
	maxDTLSPerSource = 256  // those of one IPv4 address or IPv6 /64
	hellosPerSecond  = 200  // to be answered at all
	dtlsMTU          = 1200
)

// dtlsOwner is whose a datagram is.
type dtlsOwner int

const (
	dtlsNobody dtlsOwner = iota
	dtlsOurs             // it was taken
	dtlsTURN             // of a connection that TURN reads
)

// dtlsServer makes the handshakes of the DTLS that comes to the UDP sockets from
// addresses that are no client's of the SFU. What comes after that is TURN's,
// record by record: a connection that is open has nothing here but its name.
type dtlsServer struct {
	listener *listener[*records.Conn]
	options  []dtls.ServerOption
	timeouts dtlsTimeouts
	counts   *counts
	sources  *limit.Counter[netip.Addr]
	hellos   *limit.Rate
	wg       sync.WaitGroup // handshakes

	mu    sync.RWMutex // guards the fields below
	links map[linkKey]*link
	// anew are the handshakes of who has a connection that is open, and perhaps does
	// not know it any more (RFC 6347, section 4.2.8).
	anew     map[linkKey]*link
	unproved *list.List // of *link, the eldest first
	closed   bool
}

// dtlsTimeouts are the constants above, but for tests.
type dtlsTimeouts struct {
	handshake, prove time.Duration
}

// linkKey is where a link comes in, and from where.
type linkKey struct {
	socket *UDP
	remote netip.AddrPort
}

func newDTLS(addr net.Addr, config *tls.Config, timeouts dtlsTimeouts, counts *counts, log *slog.Logger) *dtlsServer {
	return &dtlsServer{
		listener: newListener[*records.Conn](addr),
		options: []dtls.ServerOption{
			dtls.WithGetCertificate(func(hello *dtls.ClientHelloInfo) (*tls.Certificate, error) {
				if config.GetCertificate == nil {
					return &config.Certificates[0], nil
				}
				return config.GetCertificate(&tls.ClientHelloInfo{ServerName: hello.ServerName})
			}),
			dtls.WithCipherSuites(records.Suites()...),
			dtls.WithSupportedProtocols(alpnTURN, alpnSTUN),
			dtls.WithMTU(dtlsMTU),
			dtls.WithLoggerFactory(pionlog.Factory{Logger: log}),
		},
		timeouts: timeouts,
		counts:   counts,
		sources:  limit.New[netip.Addr](maxDTLS, maxDTLSPerSource),
		hellos:   limit.NewRate(hellosPerSecond, hellosPerSecond),
		links:    make(map[linkKey]*link),
		anew:     make(map[linkKey]*link),
		unproved: list.New(),
	}
}

// take takes a datagram that begins like DTLS, and says whose it is. It copies
// what it keeps, and does not block.
func (d *dtlsServer) take(u *UDP, b []byte, from netip.AddrPort) dtlsOwner {
	key := linkKey{u, from}
	if !ofHandshake(b) {
		d.mu.RLock()
		l := d.links[key]
		open := l != nil && l.begun && (len(d.anew) == 0 || d.anew[key] == nil)
		d.mu.RUnlock()
		if open {
			return dtlsTURN
		}
	}
	return d.takeNew(key, b)
}

// takeNew is take for who has no connection that TURN reads, or makes another.
func (d *dtlsServer) takeNew(key linkKey, b []byte) dtlsOwner {
	number, hello := helloNumber(b)
	first := hello && number == 0
	d.mu.Lock()
	defer d.mu.Unlock()
	table := d.links
	l := table[key]
	if l != nil && l.begun {
		table = d.anew
		if l = table[key]; l == nil && !first || l != nil && !l.shaken && !ofHandshake(b) {
			return dtlsTURN
		}
	}
	if l != nil && first && l.place != nil && !bytes.Equal(l.hello, b[records.HeaderLen:]) {
		d.abandon(l, dtlsUnproved) // its client has begun again
		delete(table, key)
		l = nil
	}
	switch {
	case l == nil && !first:
		return dtlsNobody
	case l == nil:
		if l = d.begin(key, table); l == nil {
			return dtlsOurs
		}
		l.hello = bytes.Clone(b[records.HeaderLen:])
	case hello && number > 0:
		d.prove(l)
	}
	if !l.put(b) {
		d.counts.dropped(droppedDTLS)
	}
	return dtlsOurs
}

// ofHandshake tells whether a datagram begins with what a handshake says: what is
// said over a connection, its alerts too, is of a later epoch.
func ofHandshake(b []byte) bool {
	return len(b) >= records.HeaderLen && (records.IsHandshake(b) || records.Epoch(b) == 0)
}

// begin makes a link in a table for a first hello, if there is room. The caller
// holds the mutex.
func (d *dtlsServer) begin(key linkKey, table map[linkKey]*link) *link {
	if d.closed || isClosed(d.listener.closed) {
		d.counts.dropped(droppedNoOwner)
		return nil
	}
	// One rate for all: addresses cost nothing to invent.
	if !d.hellos.Allow(netip.Addr{}, time.Now()) {
		d.counts.refusedDTLS(dtlsRate)
		return nil
	}
	network := limit.Network(key.remote.Addr())
	if err := d.sources.Take(network); err != nil {
		d.counts.refusedDTLS(reasonOf(err, dtlsTotal, dtlsPerSource))
		return nil
	}
	if d.unproved.Len() >= maxUnproved {
		d.abandon(d.unproved.Front().Value.(*link), dtlsCrowded)
	}
	l := newLink(d, key)
	l.place = d.unproved.PushBack(l)
	l.patience = time.AfterFunc(d.timeouts.prove, func() { d.giveUp(l) })
	table[key] = l
	d.wg.Go(func() { d.shake(l, network) })
	return l
}

// prove takes a link off the list of those whose address may be invented. The
// caller holds the mutex.
func (d *dtlsServer) prove(l *link) {
	if l.place != nil {
		d.unproved.Remove(l.place)
		l.place, l.hello = nil, nil
		l.patience.Stop()
	}
}

// abandon ends the handshake of an unproved link. The caller holds the mutex.
func (d *dtlsServer) abandon(l *link, reason string) {
	d.prove(l)
	l.refused = reason
	_ = l.in.Close() // it ends by that
}

// giveUp ends a link that has not brought its cookie back.
func (d *dtlsServer) giveUp(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.place != nil {
		d.abandon(l, dtlsUnproved)
	}
}

// shake makes the handshake and hands the connection on. It owns the link until
// then, and gives back what that took at the end.
func (d *dtlsServer) shake(l *link, network netip.Addr) {
	release := func() {
		d.forget(l)
		d.sources.Give(network)
	}
	secrets, err := d.agree(l)
	if err == nil {
		var conn *records.Conn
		if conn, err = records.New(l.config(secrets, release)); err == nil && d.listener.offer(conn) {
			d.counts.secured.Inc()
			return
		}
	}
	_ = l.Close()
	d.mu.RLock()
	reason := l.refused
	d.mu.RUnlock()
	release()
	switch {
	case reason != "":
	case err == nil:
		reason = dtlsNotAccepted
	case errors.Is(err, context.DeadlineExceeded):
		reason = dtlsTimeoutReason
	default:
		reason = dtlsFailed
	}
	d.counts.refusedDTLS(reason)
}

// agree has the library make the handshake, and ends it there: it is silent from
// then on, and keeps no goroutine.
func (d *dtlsServer) agree(l *link) (records.Secrets, error) {
	var a agreement
	conn, err := dtls.ServerWithOptions(l, l.RemoteAddr(), append(slices.Clip(d.options),
		dtls.WithServerHelloMessageHook(a.hello), dtls.WithKeyLogWriter(&a))...)
	if err != nil {
		return records.Secrets{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeouts.handshake)
	defer cancel()
	err = conn.HandshakeContext(ctx)
	if err == nil {
		d.mu.Lock()
		l.shaken = true
		d.mu.Unlock()
		l.mute() // the library would say goodbye
	}
	_ = conn.Close()
	return a.secrets, err
}

// forget takes a link off the table.
func (d *dtlsServer) forget(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prove(l)
	switch next := d.anew[l.key]; {
	case next == l:
		delete(d.anew, l.key)
	case d.links[l.key] != l:
	case next != nil:
		d.promote(next)
	default:
		delete(d.links, l.key)
	}
}

// promote puts a link in the place of the one before from the same address. The
// caller holds the mutex.
func (d *dtlsServer) promote(l *link) {
	d.links[l.key] = l
	delete(d.anew, l.key)
}

// close ends all handshakes. Connections that were accepted are their owner's.
func (d *dtlsServer) close() error {
	err := d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for _, table := range []map[linkKey]*link{d.links, d.anew} {
		for _, l := range table {
			_ = l.in.Close()
		}
	}
	d.mu.Unlock()
	d.wg.Wait()
	return err
}
