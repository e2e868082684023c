package ice

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

const (
	// maxDatagram is the longest datagram that is read, in bytes.
	maxDatagram = maxFrame
	// Checks that are not authentic are answered with an error so many times
	// a second, and so many at once, for each network that they come from.
	errorsPerSecond, errorsAtOnce = 5, 10
	// rest is how long a socket or listener is left alone that fails so many
	// times in a row. A single failure may be about one datagram that was sent
	// before, and is nothing that others should wait for.
	rest          = 100 * time.Millisecond
	failuresInRow = 10
)

// Socket is a UDP socket that the Mux reads and writes, such as a
// *port.ICEConn. IPv4 addresses are not mapped into IPv6. A read that waits
// returns net.ErrClosed once the socket is closed.
type Socket interface {
	Addr() netip.AddrPort
	// ReadBatch waits for datagrams and returns all that are there. They may be
	// changed, and are good until the next call.
	ReadBatch() ([]udp.Datagram, error)
	WriteToAddrPort(b []byte, to netip.AddrPort) (int, error)
	// NewBatch is for who writes many datagrams, see Transport.Route.
	NewBatch() *udp.Batch
	Close() error
}

// Shared is a Socket that others use as well.
type Shared interface {
	Socket
	// Stray is given what comes from where no client has proved to be, and is
	// no STUN. It reports whether it was somebody's. The bytes are good until it
	// returns, and it must not block.
	Stray(b []byte, from netip.AddrPort) bool
}

// Config is what a Mux is made of.
type Config struct {
	// Sockets and TCP are the Mux's from now on: it closes them.
	Sockets []Socket
	// TCP accepts ICE-TCP connections (RFC 6544); nil for none.
	TCP net.Listener
	// Advertise are public addresses under which the sockets are reached, with
	// the same ports.
	Advertise []netip.Addr
	// Drained is called by a reading goroutine when all that it had read was
	// handed on, before it waits for more; nil for nobody.
	Drained func()
	// Logger may be nil, as may Registerer.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Handler takes what a client sends. It is called by a goroutine that reads
// for all clients, so it must not block. Calls for one client may run side by
// side, when it sends over several paths. One that is under way while
// Transport.Close returns may still finish.
type Handler interface {
	// Datagram takes DTLS, SRTP or SRTCP from an address that has proved
	// itself by an authentic check. The bytes are good until it returns.
	Datagram(now time.Time, b []byte)
	// Selected says that Send has somewhere to send to, which is with the first
	// authentic check, or somewhere else: since the client nominated another
	// path, or moved. A restart that ends on the path of before is not told.
	Selected(now time.Time)
	// Embedded takes what an authentic check carries, and returns what its
	// answer is to carry, with Data of at most room bytes. It is asked only for
	// clients whose checks carry something. The bytes are good until it
	// returns, and what it returns has to stay as it is.
	Embedded(now time.Time, in Embedded, room int) (out Embedded)
}

// Mux tells the clients behind the shared sockets apart. It is safe for
// concurrent use.
type Mux struct {
	sockets    []Socket
	tables     []*table // one for each socket
	tcp        net.Listener
	candidates []string
	counts     *counts
	log        *slog.Logger
	errors     *limit.Rate                // answers to who is not authentic
	strangers  *limit.Counter[netip.Addr] // TCP connections that sent no check yet
	drained    func()
	done       chan struct{}
	reading    sync.WaitGroup
	intakes    sync.Pool // of *intake, for Take

	mu         sync.RWMutex          // guards the fields below
	transports map[string]*Transport // by our names
	streams    map[*stream]struct{}  // nil once closed
}

// NewMux reads from the sockets from now on, until Close.
func NewMux(config Config) *Mux {
	m := &Mux{
		sockets: config.Sockets, tcp: config.TCP,
		counts: newCounts(config.Registerer), log: config.Logger,
		errors:     limit.NewRate(errorsPerSecond, errorsAtOnce),
		strangers:  limit.New[netip.Addr](maxStrangers, maxStrangersThere),
		done:       make(chan struct{}),
		transports: make(map[string]*Transport),
		streams:    make(map[*stream]struct{}),
		drained:    config.Drained,
	}
	if m.drained == nil {
		m.drained = func() {}
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	var local []netip.AddrPort
	for _, socket := range m.sockets {
		local = append(local, socket.Addr())
		m.tables = append(m.tables, newTable())
	}
	m.candidates = candidates(local, m.tcp, config.Advertise)
	for i := range m.sockets {
		m.reading.Go(func() { m.read(i) })
	}
	if m.tcp != nil {
		m.reading.Go(m.accept)
	}
	return m
}

// Candidates returns the values of the a=candidate lines of an answer (RFC
// 8839, section 5.1), such as "1 1 udp 2130706431 192.0.2.1 7000 typ host".
func (m *Mux) Candidates() []string { return slices.Clone(m.candidates) }

// Open begins with a client. Its Transport has credentials at once, and needs
// a Close.
func (m *Mux) Open(h Handler) *Transport {
	t := &Transport{mux: m, handler: h}
	t.agent.owner = t
	t.agent.current.ours = m.name(t)
	return t
}

// name makes credentials with a name that nobody else has.
func (m *Mux) name(t *Transport) credentials {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		c := newCredentials()
		if m.transports[c.ufrag] == nil {
			m.transports[c.ufrag] = t
			return c
		}
	}
}

// unname takes a name back; the empty one is nobody's.
func (m *Mux) unname(ufrag string) {
	if ufrag == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.transports, ufrag)
}

// named returns whose name it is, or nil.
func (m *Mux) named(ufrag []byte) *Transport {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.transports[string(ufrag)]
}

// Close ends the sockets, the listener and all connections, and waits until
// nothing is read any more. TCP clients get what was sent to them before, if
// they read it within a second. Transports stay, and hear nothing more.
func (m *Mux) Close() error {
	m.mu.Lock()
	streams := m.streams
	m.streams = nil
	m.mu.Unlock()
	if streams == nil {
		m.reading.Wait()
		return nil
	}
	close(m.done)
	var failures []error
	for _, socket := range m.sockets {
		failures = append(failures, socket.Close())
	}
	if m.tcp != nil {
		failures = append(failures, m.tcp.Close())
	}
	for s := range streams {
		s.end()
	}
	m.reading.Wait()
	return errors.Join(failures...)
}

// read reads one socket.
func (m *Mux) read(socket int) {
	in := intake{mux: m}
	failures := 0
	for {
		datagrams, err := m.sockets[socket].ReadBatch()
		if err != nil {
			if !m.retry(err, &failures, "cannot read a UDP socket at the moment; trying on") {
				return
			}
			continue
		}
		failures = 0
		m.takeAll(&in, socket, datagrams)
	}
}

// stray asks who else uses a socket whether a packet is theirs.
func (m *Mux) stray(b []byte, from path) bool {
	if from.stream != nil {
		return false
	}
	shared, ok := m.sockets[from.socket].(Shared)
	return ok && shared.Stray(b, from.remote)
}

// Take takes in datagrams for a socket, by its index in Config.Sockets, that came
// by another way than through it: from a TURN relay in the same process. They
// may be changed, and are not needed any more when it returns.
func (m *Mux) Take(socket int, datagrams []udp.Datagram) {
	m.mu.RLock()
	if m.streams == nil { // closed
		m.mu.RUnlock()
		return
	}
	m.reading.Add(1)
	m.mu.RUnlock()
	defer m.reading.Done()

	in, _ := m.intakes.Get().(*intake)
	if in == nil {
		in = &intake{mux: m}
	}
	m.takeAll(in, socket, datagrams)
	m.intakes.Put(in)
}

func (m *Mux) takeAll(in *intake, socket int, datagrams []udp.Datagram) {
	now := time.Now()
	for _, d := range datagrams {
		if len(d.Bytes) <= maxDatagram {
			in.take(now, d.Bytes, path{socket: socket, remote: d.From}, m.tables[socket].get(d.From))
		}
	}
	m.drained()
}

// retry returns whether to try again after an error, now that it is time to.
// That something keeps failing is said once, and not at every try.
func (m *Mux) retry(err error, failures *int, message string) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	if *failures++; *failures < failuresInRow {
		return true
	}
	if *failures == failuresInRow {
		m.log.Warn(message, "err", err)
	}
	select {
	case <-time.After(rest):
		return true
	case <-m.done:
		return false
	}
}

// write sends on a path.
func (m *Mux) write(b []byte, to path) error {
	if to.stream != nil {
		to.stream.send(b)
		return nil
	}
	_, err := m.sockets[to.socket].WriteToAddrPort(b, to.remote)
	return err
}
