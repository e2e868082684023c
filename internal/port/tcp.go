package port

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

// Strangers can hold a connection open and say nothing. These bounds keep them
// from taking the port from everybody else.
const (
	peekTimeout         = 10 * time.Second
	maxWaiting          = 1024 // connections that have not said what they are
	maxWaitingPerSource = 64   // the same, from one IPv4 address or IPv6 /64

	// ICE-TCP connections, waiting or accepted. pion's TCP mux keeps one for
	// half a minute on the word of a stranger, and has no bound of its own.
	maxICE          = 4096
	maxICEPerSource = 256
)

// vanishedAfter is how long the other end of a connection may leave what was
// sent to it unacknowledged: a machine that is switched off or out of reach
// says no goodbye.
const vanishedAfter = 30 * time.Second

// acceptRetry is how long the port rests when the system cannot give it
// another connection, which is when the process has no file left.
const acceptRetry = 100 * time.Millisecond

// tcp accepts connections and hands each to the listener of its protocol. It
// owns the connections that have not said yet what they are.
type tcp struct {
	listeners []*net.TCPListener
	http      *listener[net.Conn]
	ice       *listener[net.Conn]
	turn      *listener[net.Conn]
	turns     *listener[net.Conn]
	secure    *tls.Config // nil without a certificate
	timeouts  timeouts
	counts    *counts
	log       *slog.Logger
	sources   *limit.Counter[netip.Addr] // of connections that wait
	iceConns  *limit.Counter[netip.Addr]
	done      chan struct{}
	wg        sync.WaitGroup

	mu      sync.Mutex // guards waiting; nil once closed
	waiting map[*net.TCPConn]struct{}
}

// timeouts are how long a stranger may take, but for tests peekTimeout and
// handshakeTimeout.
type timeouts struct {
	peek, handshake time.Duration
}

// newTCP accepts from several listeners alike. The first one's address is the
// one that all protocols are told.
func newTCP(listeners []*net.TCPListener, secure *tls.Config, timeouts timeouts, counts *counts, log *slog.Logger) *tcp {
	addr := listeners[0].Addr()
	t := &tcp{
		listeners: listeners,
		http:      newListener[net.Conn](addr),
		ice:       newListener[net.Conn](addr),
		turn:      newListener[net.Conn](addr),
		turns:     newListener[net.Conn](addr),
		secure:    secureConfig(secure),
		timeouts:  timeouts,
		counts:    counts,
		log:       log,
		sources:   limit.New[netip.Addr](maxWaiting, maxWaitingPerSource),
		iceConns:  limit.New[netip.Addr](maxICE, maxICEPerSource),
		done:      make(chan struct{}),
		waiting:   make(map[*net.TCPConn]struct{}),
	}
	for _, l := range listeners {
		t.wg.Go(func() { t.accept(l) })
	}
	return t
}

func (t *tcp) accept(listener *net.TCPListener) {
	resting := false
	for {
		conn, err := listener.AcceptTCP()
		switch {
		case err == nil:
			resting = false
			if err := dropVanished(conn); err != nil {
				t.log.Debug("if the machine of a connection vanishes, that will be noticed late", "err", err)
			}
			t.welcome(conn)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		case !resting: // said once, not at every try
			resting = true
			t.log.Warn("cannot accept TCP connections at the moment; trying on", "err", err)
		}
		select {
		case <-time.After(acceptRetry):
		case <-t.done:
			return
		}
	}
}

// welcome starts telling a connection apart, if there is room for it to wait.
func (t *tcp) welcome(conn *net.TCPConn) {
	source := limit.Network(conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr())
	if err := t.sources.Take(source); err != nil {
		t.refuse(conn, reasonOf(err, refusedWaiting, refusedWaitingPerSource))
		return
	}
	t.mu.Lock()
	open := t.waiting != nil
	if open {
		t.waiting[conn] = struct{}{}
	}
	t.mu.Unlock()
	if !open {
		t.sources.Give(source)
		_ = conn.Close()
		return
	}
	t.wg.Go(func() { t.tellApart(conn, source) })
}

// tellApart finds out what the connection carries, and hands it on.
func (t *tcp) tellApart(conn *net.TCPConn, source netip.Addr) {
	raw := &stream{TCPConn: conn}
	handed, protocol, reason := t.identify(raw)

	t.mu.Lock()
	delete(t.waiting, conn)
	closing := t.waiting == nil
	t.mu.Unlock()
	t.sources.Give(source)
	switch {
	case closing:
		_ = raw.Close()
		return
	case reason != "":
		t.refuse(raw, reason)
		return
	}

	var to *listener[net.Conn]
	switch protocol {
	case protocolHTTP, protocolHTTPS:
		to = t.http
	case protocolTURN:
		to = t.turn
	case protocolTURNS:
		to = t.turns
	case protocolACME:
		t.counts.accepted(protocol)
		_ = handed.Close()
		return
	case protocolICE:
		to = t.ice
		if err := t.iceConns.Take(source); err != nil {
			t.refuse(raw, reasonOf(err, refusedICE, refusedICEPerSource))
			return
		}
		raw.release = func() { t.iceConns.Give(source) }
	}
	if !to.offer(handed) {
		t.refuse(raw, refusedNotAccepted)
		return
	}
	t.counts.accepted(protocol)
}

// identify reads until it is clear what the connection carries. It returns the
// connection to hand on, from which all can be read that it carries, or why it
// is refused.
func (t *tcp) identify(raw *stream) (handed net.Conn, p protocol, refused string) {
	peeked, p, err := peek(raw.TCPConn, t.timeouts.peek)
	switch {
	case isTimeout(err):
		return nil, p, refusedSilent
	case err != nil:
		return nil, p, refusedGone
	}
	raw.peeked = peeked
	switch p {
	case protocolTLS:
		return t.shake(raw)
	case protocolHTTP, protocolICE, protocolTURN:
		return raw, p, ""
	}
	return nil, p, refusedUnknown
}

// reasonOf picks the reason for what a Counter refused.
func reasonOf(err error, total, perSource string) string {
	if errors.Is(err, limit.ErrKey) {
		return perSource
	}
	return total
}

// peek reads up to streamPeek bytes, as many as it takes.
func peek(conn net.Conn, timeout time.Duration) ([]byte, protocol, error) {
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, undecided, err
	}
	buf := make([]byte, streamPeek)
	for n := 0; ; {
		m, err := conn.Read(buf[n:])
		n += m
		if p := classifyStream(buf[:n]); p != undecided {
			return buf[:n], p, conn.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return nil, undecided, err
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (t *tcp) refuse(conn net.Conn, reason string) {
	t.counts.refused(reason)
	_ = conn.Close() // there is nobody to tell
}

// close ends the port: waiting connections are closed, accepted ones are not.
func (t *tcp) close() error {
	close(t.done)
	var err error
	for _, l := range t.listeners {
		err = errors.Join(err, l.Close())
	}
	t.mu.Lock()
	for conn := range t.waiting {
		_ = conn.Close()
	}
	t.waiting = nil
	t.mu.Unlock()
	t.wg.Wait()
	return errors.Join(err, t.http.Close(), t.ice.Close(), t.turn.Close(), t.turns.Close())
}
