package turn

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// Rules that change are taken at once: what is denied now ends, and the
// allocation goes on.
func TestSetRules(t *testing.T) {
	everything := Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	l := newLab(t, func(c *Config) { c.Rules = everything })
	relayed := allocate(t, newClient(t, "udp", l.at(loopback)))
	outside := listenUDP(t, netip.MustParseAddr("127.0.0.2"))
	go echo(outside)
	at := addrPort(outside.LocalAddr())
	for range 2 { // a permission, and a channel
		wantEcho(t, relayed, at, []byte("hello"))
	}
	wantEcho(t, relayed, l.at(loopback), media("to the SFU"))

	l.SetRules(Rules{Allow: everything.Allow, Deny: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	if got := l.metric(t, "hiroba_turn_revoked_total", ""); got != 1 {
		t.Errorf("%d permissions are counted as revoked, want 1", got)
	}
	before := l.dropped(t, dropNoPermission)
	_, _ = relayed.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(at))
	if _, err := outside.WriteTo([]byte("hello"), relayed.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are dropped", func() bool { return l.dropped(t, dropNoPermission)-before == 2 })
	wantEcho(t, relayed, l.at(loopback), media("to the SFU"))
}

func TestSetCredentials(t *testing.T) {
	l := newLab(t, nil)
	wantCode(t, newRawClient(t, l.at(loopback), "ann").request(stun.MethodAllocate, overUDP), 0)
	if err := l.SetCredentials(Credentials{}); err == nil {
		t.Error("credentials that nobody has were taken")
	}
	if err := l.SetCredentials(Credentials{Secrets: [][]byte{[]byte("another")}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, newRawClient(t, l.at(loopback), "ann").request(stun.MethodAllocate, overUDP), stun.CodeUnauthorized)
	if err := l.SetCredentials(Credentials{Secrets: [][]byte{[]byte("another"), secret}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, newRawClient(t, l.at(loopback), "ann").request(stun.MethodAllocate, overUDP), 0)
}

// What an operator is told of allocations, and does with them.
func TestAllocations(t *testing.T) {
	var mu sync.Mutex
	var told []string
	ends := make(chan Allocation, 10)
	l := newLab(t, func(c *Config) {
		c.Began = func(a Allocation) { mu.Lock(); told = append(told, "began "+a.User); mu.Unlock() }
		c.Ended = func(a Allocation, why string) {
			mu.Lock()
			told = append(told, why+" "+a.User)
			mu.Unlock()
			ends <- a
		}
	})
	relayed := allocate(t, newClient(t, "tcp", l.at(loopback)))
	wantEcho(t, relayed, l.at(loopback), media("hello"))
	all := l.Allocations()
	if len(all) != 1 {
		t.Fatalf("%d allocations, want 1", len(all))
	}
	a := all[0]
	want := Traffic{Packets: 1, Bytes: 7}
	if a.User != "ann" || a.Transport != TCP || a.Client.Addr() != loopback || a.ToPeers != want || a.FromPeers != want ||
		!slices.Equal(a.Relayed, []netip.AddrPort{addrPort(relayed.LocalAddr())}) || time.Since(a.Since) > time.Minute {
		t.Errorf("the allocation is %+v", a)
	}

	drained := l.Drain()
	wantCode(t, newRawClient(t, l.at(loopback), "bob").request(stun.MethodAllocate, overUDP), stun.CodeInsufficientCapacity)
	wantEcho(t, relayed, l.at(loopback), media("hello"))

	select {
	case <-drained:
		t.Error("the drain is over with an allocation left")
	default:
	}
	if l.Remove("nobody's") || !l.Remove(a.ID) || l.Remove(a.ID) {
		t.Error("Remove takes what is not there, or not what is")
	}
	<-drained
	if end := <-ends; end.ID != a.ID || end.ToPeers.Packets != 2 {
		t.Errorf("the end that was told is %+v", end)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(told, []string{"began ann", "removed ann"}) {
		t.Errorf("%q were told", told)
	}
}

// Bits over the limit are dropped and counted, and come back with time.
func TestBitLimits(t *testing.T) {
	for cause, limits := range map[drop]Limits{
		dropAllocationBits: {BitsPerAllocation: 800_000}, dropUserBits: {BitsPerUser: 800_000}, dropTotalBits: {Bits: 800_000},
	} {
		t.Run(dropNames[cause], func(t *testing.T) {
			l := newLab(t, func(c *Config) { c.Limits = limits })
			relayed := allocate(t, newClient(t, "udp", l.at(loopback)))
			wantEcho(t, relayed, l.at(loopback), media("hello"))
			for range 100 {
				_, _ = relayed.WriteTo(media(string(make([]byte, 1400))), net.UDPAddrFromAddrPort(l.at(loopback)))
			}
			eventually(t, "some are dropped", func() bool { return l.dropped(t, cause) > 0 })
			l.ahead.Add(int64(time.Second))
			c := newRawClient(t, l.at(loopback), "ann")
			wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
			wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
			c.send(channelData(0x4000, media("hello")))
			c.receive()
		})
	}
}

// A pair of ports, of which another allocation takes the second (RFC 8656,
// section 7.2).
func TestEvenPortAndReservation(t *testing.T) {
	l := newLab(t, nil)
	first := newRawClient(t, l.at(loopback), "ann")
	answer := first.request(stun.MethodAllocate, overUDP, attribute{stun.AttrEvenPort, []byte{0x80}})
	wantCode(t, answer, 0)
	low := relayedAt(t, answer)
	token, err := answer.Get(stun.AttrReservationToken)
	if err != nil || low.Port()%2 != 0 {
		t.Fatalf("the relayed address is %v, and the token %x, error %v", low, token, err)
	}
	second := newRawClient(t, l.at(loopback), "ann")
	answer = second.request(stun.MethodAllocate, overUDP, attribute{stun.AttrReservationToken, token})
	wantCode(t, answer, 0)
	if got := relayedAt(t, answer); got.Port() != low.Port()+1 {
		t.Errorf("the second relayed address is %v, want the one after %v", got, low)
	}
	third := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, third.request(stun.MethodAllocate, overUDP, attribute{stun.AttrReservationToken, token}), stun.CodeInsufficientCapacity)
}

func relayedAt(t *testing.T, answer *stun.Message) netip.AddrPort {
	t.Helper()
	value, err := answer.Get(stun.AttrXORRelayedAddress)
	if err != nil {
		t.Fatal(err)
	}
	return xorAddress(value, answer.Raw[4:20])
}

// A lost answer is given again, and is not a second allocation.
func TestAllocateAgain(t *testing.T) {
	l := newLab(t, nil)
	c := newRawClient(t, l.at(loopback), "ann")
	setters := append([]stun.Setter{stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP}, c.signed...)
	request := stun.MustBuild(append(setters, c.key)...)
	c.send(request.Raw)
	first := c.receive()
	c.send(request.Raw)
	second := c.receive()
	for _, raw := range [][]byte{first, second} {
		answer := &stun.Message{Raw: raw}
		if err := answer.Decode(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, answer, 0)
	}
	if got := l.metric(t, "hiroba_turn_allocations", "udp"); got != 1 {
		t.Errorf("%d allocations, want 1", got)
	}
}

// An answer to somebody who has not logged in is never much longer than what
// was asked.
func TestNoAmplifier(t *testing.T) {
	l := newLab(t, nil)
	stranger := connect(t, "udp", l.at(loopback))
	c := &rawClient{t: t, conn: stranger, server: net.UDPAddrFromAddrPort(l.at(loopback))}
	if err := stranger.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for _, method := range []stun.Method{stun.MethodBinding, stun.MethodAllocate, stun.MethodRefresh, stun.MethodConnect} {
		for _, more := range [][]stun.Setter{nil, {overUDP}, {attribute{0x7F00, nil}, attribute{0x7F01, nil}}} {
			m := stun.MustBuild(append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, more...)...)
			c.send(m.Raw)
			if got := c.receive(); float64(len(got)) > 3.5*float64(len(m.Raw)) {
				t.Errorf("%v: an answer of %d bytes to %d", method, len(got), len(m.Raw))
			}
		}
	}
}
