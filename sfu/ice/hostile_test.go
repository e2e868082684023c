package ice

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

// What is not authentic is refused, leaves nothing behind, and opens no way for
// what follows it.
func TestForgedChecks(t *testing.T) {
	m := run(t)
	e := newEar()
	transport := m.Open(e)
	defer transport.Close()
	transport.SetRemote("them", "x")
	ufrag, pwd := transport.Credentials()
	r := dial(t, m, "udp")
	for _, tc := range []struct {
		check []byte
		want  result
		code  stun.ErrorCode
	}{
		{checkOf(t, ufrag+":them", "guess", nominating), badIntegrity, stun.CodeUnauthorized},
		{checkOf(t, ufrag+":eve", pwd, nominating), unknownUser, stun.CodeUnauthorized},
		{checkOf(t, "none:them", pwd, nominating), unknownUser, stun.CodeUnauthorized},
	} {
		r.send(tc.check)
		var code stun.ErrorCodeAttribute
		if answer := r.answer(); code.GetFrom(answer) != nil || code.Code != tc.code {
			t.Errorf("%s: answered with %v", resultNames[tc.want], answer)
		}
		if count(t, m.counts.checks[tc.want]) == 0 {
			t.Errorf("%s was not counted", resultNames[tc.want])
		}
	}
	r.send([]byte(media("forged")))
	until(t, "it to be dropped", func() bool { return count(t, m.counts.drops[unproved]) == 1 })
	if len(e.heard) != 0 || m.kept() != 0 || !transport.Heard().IsZero() {
		t.Fatal("a forger was heard")
	}
}

// A flood of forged checks from everywhere keeps nothing, is answered little,
// and keeps nobody from connecting.
func TestAFloodOfForgedChecks(t *testing.T) {
	m := run(t)
	transport := m.Open(newEar())
	defer transport.Close()
	ufrag, _ := transport.Credentials()
	in := intake{mux: m}
	forged := checkOf(t, ufrag+":them", "guess", nominating)
	r := dial(t, m, "udp") // whose network it pretends to be
	mine := r.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	const times = 20_000
	for n := range times {
		from := mine
		if n%2 == 0 {
			from = netip.AddrPortFrom(netip.MustParseAddr("127.9.9.9"), uint16(n))
		}
		if in.take(time.Now(), forged, path{remote: from}, nil) != nil {
			t.Fatal("it was believed")
		}
	}
	if m.kept() != 0 || count(t, m.counts.checks[badIntegrity]) != times {
		t.Fatalf("%d are kept, %d counted", m.kept(), count(t, m.counts.checks[badIntegrity]))
	}
	// The flood takes a while, in which the ration grows back.
	if unanswered := count(t, m.counts.drops[unanswered]); unanswered < times*9/10 {
		t.Fatalf("only %d were not answered", unanswered)
	}
	if answer := r.checks(transport, nominating); answer == nil {
		t.Fatal("no answer")
	}
	until(t, "the client", func() bool { _, _, ok := transport.Route(); return ok })
}

// A client that sends checks from everywhere makes the server keep so many
// addresses; all are answered, and the one in use stays.
func TestChecksFromEverywhereAreBounded(t *testing.T) {
	m := run(t)
	e := newEar()
	transport := m.Open(e)
	defer transport.Close()
	home := dial(t, m, "udp")
	home.checks(transport, nominating)
	for range 3 * maxAddresses {
		if answer := dial(t, m, "udp").checks(transport); answer.Type != stun.BindingSuccess {
			t.Fatalf("answered with %v", answer)
		}
	}
	if m.kept() != maxAddresses {
		t.Errorf("%d addresses are kept", m.kept())
	}
	if got := count(t, m.counts.forgotten); got != 2*maxAddresses+1 {
		t.Errorf("%d were forgotten", got)
	}
	home.send([]byte(media("still here")))
	e.hears(t, media("still here"))
	if _, to, ok := transport.Route(); !ok || to.Port() != home.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() {
		t.Errorf("the route is %v, %v", to, ok)
	}
	// The same over TCP: the connection that makes room is closed.
	first := dial(t, m, "tcp")
	first.checks(transport)
	for range maxAddresses {
		dial(t, m, "tcp").checks(transport)
	}
	if _, err := first.packet(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first connection goes on: %v", err)
	}
}

// A TCP connection that does not begin with an authentic check is closed.
func TestTCPConnectionsThatProveNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		send []byte
		want refusal
	}{
		{"a forged check", framed(checkOf(t, "a:b", "c")), unauthentic},
		{"media", framed([]byte(media("x"))), unauthentic},
		{"an empty frame", framed(nil), unauthentic},
		{"a long frame", framed(make([]byte, maxCheck+1)), tooLong},
		{"half a frame", []byte{0, 20, 0}, gone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := run(t)
			r := dial(t, m, "tcp")
			if _, err := r.conn.Write(tc.send); err != nil {
				t.Fatal(err)
			}
			if tc.want == gone {
				r.conn.Close()
			} else {
				for {
					// A refused check may be answered before.
					if _, err := r.packet(); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal("the connection goes on")
					} else if err != nil {
						break
					}
				}
			}
			until(t, "the refusal to be counted", func() bool { return count(t, m.counts.refusals[tc.want]) == 1 })
		})
	}
}

// pipes is a listener of connections within this process.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p.conns); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }

// Who says nothing is closed in time, and one place has room for so many.
func TestSilentTCPConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipes{make(chan net.Conn)}
		m := NewMux(Config{TCP: p})
		defer m.Close()
		began := time.Now()
		var conns []net.Conn
		for range maxStrangersThere + 3 {
			ours, theirs := net.Pipe()
			conns = append(conns, theirs)
			p.conns <- ours
		}
		for _, conn := range conns {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Fatal("something came")
			}
		}
		synctest.Wait()
		if took := time.Since(began); took != proveWithin {
			t.Errorf("closed after %v", took)
		}
		if count(t, m.counts.refusals[silent]) != maxStrangersThere || count(t, m.counts.refusals[tooManyThere]) != 3 {
			t.Errorf("%d were silent, %d too many", count(t, m.counts.refusals[silent]), count(t, m.counts.refusals[tooManyThere]))
		}
		if err := m.strangers.Full(limit.Network(netip.Addr{})); err != nil {
			t.Errorf("there is no room for the next: %v", err)
		}
	})
}

// Who has proved itself may be silent for as long as it likes; a frame longer
// than any packet ends its connection, and the pair that was selected with it.
func TestFramesOfAnySize(t *testing.T) {
	m := run(t)
	e := newEar()
	transport := m.Open(e)
	defer transport.Close()
	r := dial(t, m, "tcp")
	r.checks(transport, nominating)
	e.chosen(t)
	for _, size := range []int{1, 1200, 5000, maxFrame} {
		packet := bytes.Repeat([]byte{0x80}, size)
		r.send(packet)
		e.hears(t, string(packet))
	}
	r.send(nil)
	r.send([]byte{0x7F})
	until(t, "two frames to be dropped", func() bool { return count(t, m.counts.drops[unexpected]) == 2 })
	r.send(make([]byte, maxFrame+1))
	for {
		if _, err := r.packet(); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection goes on")
		} else if err != nil {
			break
		}
	}
	until(t, "the pair to be gone", func() bool { return errors.Is(transport.Send([]byte("x")), ErrNotSelected) })
	again := dial(t, m, "tcp")
	again.checks(transport) // nominates nothing: there is no other
	e.chosen(t)
}

// A connection is its first client's.
func TestAConnectionDoesNotChangeHands(t *testing.T) {
	m := run(t)
	ann := newEar()
	first, second := m.Open(ann), m.Open(newEar())
	defer first.Close()
	defer second.Close()
	r := dial(t, m, "tcp")
	r.checks(first, nominating)
	var code stun.ErrorCodeAttribute
	if answer := r.checks(second, nominating); code.GetFrom(answer) != nil || code.Code != stun.CodeUnauthorized {
		t.Fatalf("answered with %v", answer)
	}
	r.send([]byte(media("ann's")))
	ann.hears(t, media("ann's"))
}

// A client that does not read holds up nobody, and does not keep the server
// from ending.
func TestAClientThatDoesNotRead(t *testing.T) {
	m := run(t)
	e := newEar()
	lazy, well := m.Open(newEar()), m.Open(e)
	defer well.Close()
	dial(t, m, "tcp").checks(lazy, nominating)
	r := dial(t, m, "tcp")
	r.checks(well, nominating)
	packet := bytes.Repeat([]byte{0x80}, 1200)
	sent := 0
	for count(t, m.counts.drops[queueFull]) == 0 {
		if err := lazy.Send(packet); err != nil {
			t.Fatal(err)
		}
		if sent++; sent > 100_000 {
			t.Fatal("nothing is dropped")
		}
	}
	for n := range 10 {
		want := media(fmt.Sprint("packet ", n))
		if err := well.Send([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.packet(); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	// What is sent last still arrives.
	if err := well.Send([]byte(media("bye"))); err != nil {
		t.Fatal(err)
	}
	well.Close()
	if got, err := r.packet(); err != nil || string(got) != media("bye") {
		t.Fatalf("got %q, %v", got, err)
	}
}

// Whatever comes, on whatever path, does not panic, and changes nothing for
// who is not authentic.
func FuzzDatagram(f *testing.F) {
	m := run(f)
	transport := m.Open(newEar())
	f.Cleanup(transport.Close)
	ufrag, pwd := transport.Credentials()
	home := path{remote: netip.MustParseAddrPort("127.0.0.1:9")} // discards
	in := intake{mux: m}
	proved := in.take(time.Now(), checkOf(f, ufrag+":them", pwd), home, nil)
	if proved == nil {
		f.Fatal("a check was not taken")
	}
	f.Add([]byte{})
	f.Add([]byte(media("x")))
	f.Add([]byte{22, 1, 2, 3})
	f.Add(checkOf(f, ufrag+":them", "guess", nominating))
	f.Add(checkOf(f, ufrag+":them", pwd, controls, attribute(3, 1)))
	f.Add(checkOf(f, ufrag+":them", pwd, controlled))
	unfinished := checkOf(f, ufrag+":them", pwd)
	f.Add(unfinished[:len(unfinished)-8]) // without its fingerprint
	f.Fuzz(func(t *testing.T, b []byte) {
		// The fuzzer cannot sign, but it is given what is.
		c, _, ok := readCheck(b, new(stun.Message))
		authentic := ok && !c.unsigned() && string(c.ours) == ufrag && c.authentic(pwd)
		before := bytes.Clone(b)
		elsewhere := path{remote: netip.MustParseAddrPort("127.0.0.1:10")}
		if at := in.take(time.Now(), b, elsewhere, nil); (at != nil) != authentic {
			t.Fatalf("authentic is %v, taken for %v", authentic, at)
		}
		if at := in.take(time.Now(), b, home, proved); at != proved {
			t.Fatalf("a proved address is %v", at)
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the datagram was written to")
		}
	})
}
