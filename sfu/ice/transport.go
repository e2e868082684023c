package ice

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNotSelected means that no authentic check of the client came yet, that
// the TCP connection to it is gone, or that the Transport is closed.
var ErrNotSelected = errors.New("ice: there is nowhere to send to: the client was not heard yet, or the transport is closed")

// Transport is one client's ICE. It is safe for concurrent use.
type Transport struct {
	mux      *Mux
	handler  Handler
	heard    instant
	selected atomic.Pointer[address] // agent.selected, for those that send

	mu     sync.Mutex // guards the fields below
	agent  agent
	closed bool
}

// Credentials returns our name and password, for a=ice-ufrag and a=ice-pwd of
// the answer. SetRemote may change them.
func (t *Transport) Credentials() (ufrag, pwd string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ours := t.agent.current.ours
	return ours.ufrag, ours.pwd
}

// SetRemote takes the client's name and password from its offer. From then on
// a check must name it. If they are others than before, this is an ICE restart
// (RFC 8445, section 9): it reports true, and our credentials are new. What was
// selected is sent to until the client nominates a pair with the new ones.
func (t *Transport) SetRemote(ufrag, pwd string) (restarted bool) {
	theirs := credentials{ufrag: ufrag, pwd: pwd}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || !t.agent.meet(theirs) {
		return false
	}
	t.mux.unname(t.agent.restart(t.mux.name(t), theirs))
	return true
}

// Send sends a datagram to the selected pair. For TCP it is queued, and
// dropped if the client reads too slowly, as a network would. It does not
// block. The bytes may be used again when it returns.
func (t *Transport) Send(b []byte) error {
	to := t.selected.Load()
	if to == nil {
		return ErrNotSelected
	}
	return t.mux.write(b, to.path)
}

// Route returns the socket of the selected pair, as an index in
// Config.Sockets, and the client's address, for a caller that writes in
// batches by itself. It is false while no pair is selected, or one over TCP.
func (t *Transport) Route() (socket int, to netip.AddrPort, ok bool) {
	at := t.selected.Load()
	if at == nil || at.stream != nil {
		return 0, netip.AddrPort{}, false
	}
	return at.socket, at.remote, true
}

// Heard returns when something last came that was the client's own: a check
// that was authentic, or anything from an address that sent one. It is the
// zero time if nothing ever did.
func (t *Transport) Heard() time.Time { return t.heard.get() }

// Close ends the client's connections. Nothing more comes to its Handler, but
// for calls that are under way.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.selected.Store(nil)
	for _, at := range t.agent.addresses {
		t.drop(at)
	}
	t.mux.unname(t.agent.current.ours.ufrag)
	t.mux.unname(t.agent.former.ours.ufrag)
	t.agent = agent{current: t.agent.current} // for Credentials
}

// judge puts a check to the agent, and does what follows from it.
func (t *Transport) judge(now time.Time, c *check, from path) verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return verdict{result: unknownUser}
	}
	v := t.agent.receive(now, c, from)
	t.mux.unname(v.expired)
	if v.evicted != nil {
		t.mux.counts.forgotten.Inc()
		t.drop(v.evicted)
	}
	if v.at != nil {
		t.heard.set(now)
		if v.at.stream == nil {
			if table := t.mux.tables[v.at.socket]; table.get(v.at.remote) != v.at {
				table.put(v.at)
			}
		}
	}
	if v.selected {
		t.selected.Store(v.at)
	}
	return v
}

// drop takes nothing more from an address. The caller holds mu.
func (t *Transport) drop(at *address) {
	if at.stream != nil {
		at.stream.end()
		return
	}
	t.mux.tables[at.socket].remove(at)
}

// lose forgets an address whose connection ended.
func (t *Transport) lose(at *address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.agent.forget(at) {
		t.selected.Store(nil)
	}
}
