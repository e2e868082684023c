package client

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// prompt has the library take the first path that works at once. By itself it
// looks only every 200 ms whether a check was answered, nominates then, and
// waits for one more answer before DTLS may begin: two round trips of a server
// that is far away. But a check that it gets of the server for a path that works
// has it ask whether to take that one. The server is lite and sends none, so
// prompt makes one up, and nominates the path to the server (RFC 8445, 8.1.1).
//
// It is a network for the library that is the system's otherwise, and does
// nothing but before the first path of each generation of credentials.
type prompt struct {
	*stdnet.Net
	generation atomic.Pointer[generation]
}

// generation is what both ends agreed on from one ICE restart to the next.
type generation struct {
	ours, theirs credentials
	used         atomic.Bool
	// made is the check that was made up, nominating the one that was sent.
	made, nominating [stun.TransactionIDSize]byte
}

type credentials struct{ ufrag, pwd string }

// promptly has an API for one connection use a prompt; nil when the system's
// network cannot be looked at.
func promptly(settings *webrtc.SettingEngine) *prompt {
	system, err := stdnet.NewNet()
	if err != nil {
		return nil
	}
	p := &prompt{Net: system}
	settings.SetNet(p)
	settings.SetICEBindingRequestHandler(p.taken)
	return p
}

// taken says whether the path of a check is to be taken, which is if the check
// was made up.
func (p *prompt) taken(m *stun.Message, _, _ ice.Candidate, _ *ice.CandidatePair) bool {
	g := p.generation.Load()
	return g != nil && m.TransactionID == g.made
}

// agreed takes what the descriptions say of ICE, before the library acts on it.
func (p *prompt) agreed(ours, theirs string) {
	if p == nil {
		return
	}
	g := &generation{ours: credentialsOf(ours), theirs: credentialsOf(theirs), made: stun.NewTransactionID(), nominating: stun.NewTransactionID()}
	if now := p.generation.Load(); now == nil || now.ours != g.ours || now.theirs != g.theirs { // by an ICE restart
		p.generation.Store(g)
	}
}

// credentialsOf finds the first ones in a description; all are the same.
func credentialsOf(sdp string) credentials {
	value := func(name string) string {
		_, rest, _ := strings.Cut(sdp, "\na="+name+":")
		value, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSuffix(value, "\r")
	}
	return credentials{value("ice-ufrag"), value("ice-pwd")}
}

// answered takes what may be the answer to a check, and returns what is to be
// sent and what is to be received after it; nil unless it is the first.
func (g *generation) answered(b []byte) (send, receive []byte) {
	m := &stun.Message{Raw: b}
	if g.used.Load() || m.Decode() != nil || stun.NewShortTermIntegrity(g.theirs.pwd).Check(m) != nil || g.used.Swap(true) {
		return nil, nil
	}
	const priority = ice.PriorityAttr(1) // it matters to no lite server
	nominate, err := stun.Build(stun.BindingRequest, stun.NewTransactionIDSetter(g.nominating), stun.NewUsername(g.theirs.ufrag+":"+g.ours.ufrag),
		ice.UseCandidate(), ice.AttrControlling(1), priority, stun.NewShortTermIntegrity(g.theirs.pwd), stun.Fingerprint)
	if err != nil {
		return nil, nil
	}
	check, err := stun.Build(stun.BindingRequest, stun.NewTransactionIDSetter(g.made), stun.NewUsername(g.ours.ufrag+":"+g.theirs.ufrag),
		ice.AttrControlled(1), priority, stun.NewShortTermIntegrity(g.ours.pwd), stun.Fingerprint)
	if err != nil {
		return nil, nil
	}
	return nominate.Raw, check.Raw
}

// isSuccess says whether it begins like the answer to a check.
func isSuccess(b []byte) bool { return len(b) >= 20 && b[0] == 1 && b[1] == 1 }

// answers says whether it answers the message with that id.
func answers(b []byte, id [stun.TransactionIDSize]byte) bool {
	return isSuccess(b) && [stun.TransactionIDSize]byte(b[8:20]) == id
}

// ListenUDP opens a socket. One with a port that is told is not a candidate's but
// mDNS's, which has to know it for what it is.
func (p *prompt) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	if at != nil && at.Port != 0 {
		return conn, nil
	}
	return &promptConn{UDPConn: conn, prompt: p}, nil
}

// promptConn is a socket of a prompt. The library reads it by one goroutine.
type promptConn struct {
	*net.UDPConn
	prompt *prompt
	next   []byte // is to be received next, unless nil
	from   netip.AddrPort
}

// ReadFromAddrPort makes it an ice.AddrPortReaderWriter.
func (c *promptConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if c.next != nil {
		n := copy(b, c.next)
		c.next = nil
		return n, c.from, nil
	}
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		g := c.prompt.generation.Load()
		if err != nil || g == nil || !isSuccess(b[:n]) {
			return n, from, err
		}
		if answers(b[:n], g.nominating) {
			continue // the library knows nothing of it
		}
		if send, receive := g.answered(append([]byte(nil), b[:n]...)); send != nil {
			// If it is lost, the server sends to where checks come from.
			_, _ = c.WriteToUDPAddrPort(send, from)
			c.next, c.from = receive, from
		}
		return n, from, nil
	}
}

// WriteToAddrPort makes it an ice.AddrPortReaderWriter.
func (c *promptConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if g := c.prompt.generation.Load(); g != nil && answers(b, g.made) {
		return len(b), nil // nobody asked
	}
	return c.WriteToUDPAddrPort(b, to)
}

// ReadFrom is for those who do not know the above: candidates that are found by
// asking a STUN server.
func (c *promptConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is for those who do not know the above.
func (c *promptConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if at, ok := to.(*net.UDPAddr); ok {
		return c.WriteToAddrPort(b, at.AddrPort())
	}
	return c.UDPConn.WriteTo(b, to)
}
