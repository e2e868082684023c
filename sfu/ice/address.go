package ice

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// path is the way between a remote address and us: one of our sockets, or a
// TCP connection.
type path struct {
	socket int // index in Config.Sockets; onStream for TCP
	remote netip.AddrPort
	stream *stream // nil for UDP
}

// onStream is the socket of a path over TCP.
const onStream = -1

// address is a path on which an authentic check of a client came.
type address struct {
	path
	owner *Transport
	heard instant
}

// hear notes that something came.
func (a *address) hear(now time.Time) {
	a.heard.set(now)
	a.owner.heard.set(now)
}

// table finds the address that a datagram came from, for one socket. It is
// asked once for each packet, by the one goroutine that reads the socket, so
// that its lock is nearly always free.
type table struct {
	mu sync.RWMutex
	by map[netip.AddrPort]*address
}

func newTable() *table { return &table{by: make(map[netip.AddrPort]*address)} }

// get returns nil for a remote address that has not proved itself.
func (t *table) get(remote netip.AddrPort) *address {
	t.mu.RLock()
	a := t.by[remote]
	t.mu.RUnlock()
	return a
}

// put gives a remote address to whom it proved itself to last.
func (t *table) put(a *address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[a.remote] = a
}

// remove forgets the address, unless it is another's by now.
func (t *table) remove(a *address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by[a.remote] == a {
		delete(t.by, a.remote)
	}
}

// instant is a point in time that goroutines share.
type instant struct{ sinceStart atomic.Int64 }

// start is what instants are counted from: differences to it do not change
// when somebody sets the clock.
var start = time.Now()

func (i *instant) set(t time.Time) { i.sinceStart.Store(int64(t.Sub(start))) }

// get returns the zero time if none was set.
func (i *instant) get() time.Time {
	if d := i.sinceStart.Load(); d != 0 {
		return start.Add(time.Duration(d))
	}
	return time.Time{}
}
