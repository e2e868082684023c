package ice

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

var networks = []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6, pion.NetworkTypeTCP4}

// A client connects over each network, and again after an ICE restart.
func TestAClientConnectsAndRestarts(t *testing.T) {
	for _, network := range networks {
		t.Run(network.String(), func(t *testing.T) {
			m := run(t)
			if network == pion.NetworkTypeUDP6 && len(m.sockets) < 2 {
				t.Skip("this machine has no IPv6")
			}
			e := newEar()
			transport := m.Open(e)
			defer transport.Close()
			if err := transport.Send([]byte("x")); !errors.Is(err, ErrNotSelected) {
				t.Fatalf("sending to nobody: %v", err)
			}
			if !transport.Heard().IsZero() {
				t.Fatal("something was heard")
			}
			c := connect(t, transport, network, nil)
			e.chosen(t)
			c.talks(t, transport, e, "one")
			socket, to, ok := transport.Route()
			if ok != network.IsUDP() || ok && (m.sockets[socket].Addr().Addr() != to.Addr()) {
				t.Fatalf("the route is %d, %v, %v", socket, to, ok)
			}
			if time.Since(transport.Heard()) > soon {
				t.Fatalf("heard it at %v", transport.Heard())
			}

			ufrag, pwd := transport.Credentials()
			if err := c.Restart("", ""); err != nil {
				t.Fatal(err)
			}
			theirs, secret := c.gather(t)
			if !transport.SetRemote(theirs, secret) || transport.SetRemote(theirs, secret) {
				t.Fatal("a restart is one once")
			}
			again, pwdAgain := transport.Credentials()
			if again == ufrag || pwdAgain == pwd {
				t.Fatal("the credentials are those of before")
			}
			if err := c.SetRemoteCredentials(again, pwdAgain); err != nil {
				t.Fatal(err)
			}
			c.learn(t, transport, nil)
			until(t, "a nomination with the new credentials", func() bool { return m.named([]byte(ufrag)) == nil })
			until(t, "the client's own selection", func() bool {
				pair, err := c.GetSelectedCandidatePair()
				return err == nil && pair != nil
			})
			c.talks(t, transport, e, "two")
		})
	}
}

// Two clients share all sockets, and hear their own only.
func TestTwoClients(t *testing.T) {
	m := run(t)
	for _, network := range []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeTCP4} {
		ann, bob := newEar(), newEar()
		first, second := m.Open(ann), m.Open(bob)
		a, b := connect(t, first, network, nil), connect(t, second, network, nil)
		ann.chosen(t)
		bob.chosen(t)
		for range 3 {
			a.talks(t, first, ann, "of ann")
			b.talks(t, second, bob, "of bob")
		}
		if len(ann.heard)+len(bob.heard) != 0 {
			t.Error("one heard what was the other's")
		}
		first.Close()
		b.talks(t, second, bob, "alone")
		second.Close()
	}
	if m.kept() != 0 || len(m.transports) != 0 {
		t.Errorf("%d addresses and %d names are left", m.kept(), len(m.transports))
	}
}

// nat is a way from clients to a server whose own address can change.
type nat struct {
	conn   *net.UDPConn // towards the client
	server atomic.Pointer[net.UDPConn]
	client atomic.Pointer[netip.AddrPort]
	to     netip.AddrPort
	wait   chan struct{}
}

func newNAT(t *testing.T, to netip.AddrPort) *nat {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &nat{conn: conn, to: to, wait: make(chan struct{})}
	n.move(t)
	go func() {
		defer close(n.wait)
		buf := make([]byte, maxDatagram)
		for {
			size, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			n.client.Store(&from)
			_, _ = n.server.Load().Write(buf[:size])
		}
	}()
	t.Cleanup(func() { conn.Close(); n.server.Load().Close(); <-n.wait })
	return n
}

// move forgets the client's mapping: it comes from another port now, and what
// is sent to the one before is lost.
func (n *nat) move(t *testing.T) {
	t.Helper()
	server, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(n.to))
	if err != nil {
		t.Fatal(err)
	}
	if before := n.server.Swap(server); before != nil {
		before.Close()
	}
	go func() {
		buf := make([]byte, maxDatagram)
		for {
			size, err := server.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = n.conn.WriteToUDPAddrPort(buf[:size], *n.client.Load())
			}
		}
	}()
}

// A client whose NAT forgets it does not know, and nominates nothing again: it
// is followed once its former address is silent.
func TestAClientThatMovesIsFollowed(t *testing.T) {
	m := run(t)
	way := newNAT(t, m.sockets[0].Addr())
	e := newEar()
	transport := m.Open(e)
	defer transport.Close()
	c := connect(t, transport, pion.NetworkTypeUDP4, func(candidate pion.Candidate) pion.Candidate {
		if candidate.Port() != int(m.sockets[0].Addr().Port()) {
			return candidate
		}
		rerouted, err := pion.NewCandidateHost(&pion.CandidateHostConfig{
			Network: "udp", Address: "127.0.0.1", Port: way.conn.LocalAddr().(*net.UDPAddr).Port, Component: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		return rerouted
	})
	e.chosen(t)
	c.talks(t, transport, e, "here")
	way.move(t)
	moved := time.Now()
	e.chosen(t)
	if took := time.Since(moved); took < movedAfter-time.Second {
		t.Errorf("the client was followed after %v", took)
	}
	c.talks(t, transport, e, "there")
	if _, to, ok := transport.Route(); !ok || to != way.server.Load().LocalAddr().(*net.UDPAddr).AddrPort() {
		t.Errorf("the route is %v, %v", to, ok)
	}
}

// What was selected carries on after a restart, until the client nominates a
// pair with the new credentials.
func TestTheFormerPairCarriesUntilTheNextIsNominated(t *testing.T) {
	m := run(t)
	e := newEar()
	transport := m.Open(e)
	defer transport.Close()
	transport.SetRemote("them", "x")
	before, after := dial(t, m, "udp"), dial(t, m, "udp")
	before.checks(transport, nominating)
	if !transport.SetRemote("them", "y") {
		t.Fatal("another password is no restart")
	}
	after.checks(transport)
	if err := transport.Send([]byte(media("a"))); err != nil {
		t.Fatal(err)
	}
	if b, err := before.next(soon); err != nil || string(b) != media("a") {
		t.Fatalf("got %q, %v", b, err)
	}
	after.checks(transport, nominating)
	if err := transport.Send([]byte(media("b"))); err != nil {
		t.Fatal(err)
	}
	if b, err := after.next(soon); err != nil || string(b) != media("b") {
		t.Fatalf("got %q, %v", b, err)
	}
	before.send([]byte(media("late")))
	e.hears(t, media("late"))
}

// An address is whose that proved itself from there last.
func TestAnAddressChangesHands(t *testing.T) {
	m := run(t)
	ann, bob := newEar(), newEar()
	first, second := m.Open(ann), m.Open(bob)
	defer second.Close()
	r := dial(t, m, "udp")
	r.checks(first, nominating)
	r.send([]byte(media("1")))
	ann.hears(t, media("1"))
	r.checks(second, nominating)
	r.send([]byte(media("2")))
	bob.hears(t, media("2"))
	r.checks(first)
	r.send([]byte(media("3")))
	ann.hears(t, media("3"))
	r.checks(second)
	first.Close() // takes nothing with it that is another's
	r.send([]byte(media("4")))
	bob.hears(t, media("4"))
}

// A client that believes itself controlled is told otherwise.
func TestARoleConflict(t *testing.T) {
	m := run(t)
	for _, network := range []string{"udp", "tcp"} {
		transport := m.Open(newEar())
		r := dial(t, m, network)
		var code stun.ErrorCodeAttribute
		if answer := r.checks(transport, controlled, nominating); code.GetFrom(answer) != nil || code.Code != stun.CodeRoleConflict {
			t.Fatalf("over %s: %v", network, answer)
		}
		if err := transport.Send([]byte("x")); !errors.Is(err, ErrNotSelected) {
			t.Fatalf("over %s: something is selected: %v", network, err)
		}
		if answer := r.checks(transport, controls, nominating); answer.Type != stun.BindingSuccess {
			t.Fatalf("over %s: %v", network, answer)
		}
		transport.Close()
	}
}

// Keepalives are no checks, and are not answered; from a client they are a sign
// of life.
func TestIndicationsAreIgnored(t *testing.T) {
	m := run(t)
	transport := m.Open(newEar())
	defer transport.Close()
	r := dial(t, m, "udp")
	r.checks(transport, nominating)
	heard := transport.Heard()
	for _, kind := range []stun.MessageType{stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.BindingSuccess, stun.BindingError} {
		b, err := stun.Build(stun.TransactionID, kind)
		if err != nil {
			t.Fatal(err)
		}
		r.send(b.Raw)
	}
	until(t, "a sign of life", func() bool { return transport.Heard().After(heard) })
	if answer := r.checks(transport); answer.Type != stun.BindingSuccess {
		t.Fatalf("an indication was answered with %v", answer)
	}
}

// The handler of a client that left hears nothing.
func TestCloseEndsATransport(t *testing.T) {
	m := run(t)
	e := newEar()
	transport := m.Open(e)
	stays := m.Open(newEar())
	defer stays.Close()
	r, tcp := dial(t, m, "udp"), dial(t, m, "tcp")
	r.checks(transport, nominating)
	tcp.checks(transport)
	transport.Close()
	transport.Close()
	if transport.SetRemote("a", "b") || transport.SetRemote("c", "d") || len(m.transports) != 1 {
		t.Fatal("a closed transport begins anew")
	}
	if err := transport.Send([]byte("x")); !errors.Is(err, ErrNotSelected) {
		t.Fatalf("sending: %v", err)
	}
	if _, err := tcp.packet(); err == nil {
		t.Fatal("the TCP connection goes on")
	}
	dropped := count(t, m.counts.drops[unproved])
	r.send([]byte(media("late")))
	until(t, "what came late to be dropped", func() bool { return count(t, m.counts.drops[unproved]) > dropped })
	if len(e.heard) != 0 {
		t.Fatal("something was heard")
	}
	var code stun.ErrorCodeAttribute
	if answer := r.checks(transport); code.GetFrom(answer) != nil || code.Code != stun.CodeUnauthorized {
		t.Fatalf("a check came to %v", answer)
	}
}

func TestCredentials(t *testing.T) {
	m := run(t)
	seen := map[string]bool{}
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for range 1000 {
		ufrag, pwd := m.Open(newEar()).Credentials()
		if len(ufrag) < 4 || len(ufrag) > 16 || len(pwd) < 22 || seen[ufrag] || seen[pwd] {
			t.Fatalf("%q and %q", ufrag, pwd)
		}
		seen[ufrag], seen[pwd] = true, true
		for _, char := range ufrag + pwd {
			if !slices.Contains([]rune(alphabet), char) {
				t.Fatalf("%q in %q, %q", char, ufrag, pwd)
			}
		}
	}
}
