package port

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/pionlog"
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

// dtlsSuites seal and authenticate in one (AEAD), and forget their keys.
var dtlsSuites = []dtls.CipherSuiteID{
	dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, dtls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// dtlsServer makes connections of the DTLS that comes to the UDP sockets from
// addresses that are no client's of the SFU. Each is a net.Conn that reads and
// writes whole datagrams.
type dtlsServer struct {
	listener *listener
	options  []dtls.ServerOption
	timeouts dtlsTimeouts
	counts   *counts
	sources  *limit.Counter[netip.Addr]
	hellos   *limit.Rate
	wg       sync.WaitGroup // handshakes

	mu       sync.Mutex // guards the fields below
	links    map[linkKey]*link
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
		listener: newListener(addr),
		options: []dtls.ServerOption{
			dtls.WithGetCertificate(func(hello *dtls.ClientHelloInfo) (*tls.Certificate, error) {
				if config.GetCertificate == nil {
					return &config.Certificates[0], nil
				}
				return config.GetCertificate(&tls.ClientHelloInfo{ServerName: hello.ServerName})
			}),
			dtls.WithCipherSuites(dtlsSuites...),
			dtls.WithSupportedProtocols(alpnTURN, alpnSTUN),
			dtls.WithMTU(dtlsMTU),
			dtls.WithLoggerFactory(pionlog.Factory{Logger: log}),
		},
		timeouts: timeouts,
		counts:   counts,
		sources:  limit.New[netip.Addr](maxDTLS, maxDTLSPerSource),
		hellos:   limit.NewRate(hellosPerSecond, hellosPerSecond),
		links:    make(map[linkKey]*link),
		unproved: list.New(),
	}
}

// take takes a datagram that begins like DTLS, and reports whether it is
// somebody's. It copies what it keeps, and does not block.
func (d *dtlsServer) take(u *UDP, b []byte, from netip.AddrPort) bool {
	number, hello := helloNumber(b)
	key := linkKey{u, from}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.links[key]
	switch {
	case l == nil && !(hello && number == 0):
		return false
	case l == nil:
		if l = d.begin(key); l == nil {
			return true
		}
	case hello && number > 0:
		d.prove(l)
	}
	if _, err := l.in.Write(b); err != nil {
		d.counts.dropped(droppedDTLS)
	}
	return true
}

// begin makes a link for a first hello, if there is room. The caller holds the
// mutex.
func (d *dtlsServer) begin(key linkKey) *link {
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
		eldest := d.unproved.Front().Value.(*link)
		d.prove(eldest)
		eldest.refused = dtlsCrowded
		_ = eldest.in.Close() // its handshake ends by that
	}
	l := newLink(d, key)
	l.place = d.unproved.PushBack(l)
	l.patience = time.AfterFunc(d.timeouts.prove, func() { d.giveUp(l) })
	d.links[key] = l
	d.wg.Go(func() { d.shake(l, network) })
	return l
}

// prove takes a link off the list of those whose address may be invented. The
// caller holds the mutex.
func (d *dtlsServer) prove(l *link) {
	if l.place != nil {
		d.unproved.Remove(l.place)
		l.place = nil
		l.patience.Stop()
	}
}

// giveUp ends a link that has not brought its cookie back.
func (d *dtlsServer) giveUp(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.place == nil {
		return
	}
	d.prove(l)
	l.refused = dtlsUnproved
	_ = l.in.Close()
}

// shake makes the handshake and hands the connection on. It owns the link until
// then, and gives back what that took at the end.
func (d *dtlsServer) shake(l *link, network netip.Addr) {
	l.release = func() { d.sources.Give(network) }
	conn, err := dtls.ServerWithOptions(l, l.RemoteAddr(), d.options...)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), d.timeouts.handshake)
		err = conn.HandshakeContext(ctx)
		cancel()
		if err == nil && d.listener.offer(conn) {
			d.counts.secured.Inc()
			return
		}
		_ = conn.Close()
	}
	_ = l.Close()
	d.mu.Lock()
	reason := l.refused
	d.mu.Unlock()
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

// forget is called by a link that is closed.
func (d *dtlsServer) forget(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prove(l)
	if d.links[l.key] == l {
		delete(d.links, l.key)
	}
}

// close ends all handshakes. Connections that were accepted are their owner's,
// and hear nothing more.
func (d *dtlsServer) close() error {
	err := d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for _, l := range d.links {
		_ = l.in.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
	return err
}
