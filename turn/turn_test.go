package turn

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

func TestBinding(t *testing.T) {
	l := newLab(t, nil)
	for _, network := range []string{"udp", "tcp"} {
		client := newClient(t, network, l.at(loopback))
		mapped, err := client.SendBindingRequest()
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		if got := addrPort(mapped); got.Addr() != loopback {
			t.Errorf("%s: the mapped address is %v, want one on loopback", network, got)
		}
	}
}

func TestLogin(t *testing.T) {
	l := newLab(t, nil)
	good, right := login("ann", time.Hour)
	old, rightThen := login("ann", -time.Second)
	cases := map[string]struct{ username, credential, reason string }{
		"wrong password":     {good, "guess", authIntegrity},
		"no password":        {good, "", authIntegrity},
		"another's password": {"9" + good, right, authIntegrity},
		"expired":            {old, rightThen, authExpired},
		"no expiry":          {"ann", password(secret, "ann"), authMalformed},
	}
	for name, c := range cases {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(name+"/"+network, func(t *testing.T) {
				before := l.metric(t, "hiroba_turn_auth_failures_total", c.reason)
				if _, err := clientWith(t, network, l.at(loopback), c.username, c.credential).Allocate(); err == nil {
					t.Fatal("got an allocation")
				}
				if got := l.metric(t, "hiroba_turn_auth_failures_total", c.reason) - before; got != 1 {
					t.Errorf("counted %d times as %s, want once", got, c.reason)
				}
			})
		}
	}
	allocate(t, clientWith(t, "udp", l.at(loopback), good, right))
}

// A call is not cut when its credential runs out, for a while; a new one is
// not begun with it.
func TestCredentialRunsOutDuringACall(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Grace = 2 * time.Hour })
	c := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	late := newRawClient(t, l.at(loopback), "ann")

	l.ahead.Store(int64(90 * time.Minute))
	wantCode(t, c.request(stun.MethodRefresh), 0)
	wantCode(t, c.request(stun.MethodCreatePermission, peer(l.at(loopback))), 0)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	wantCode(t, late.request(stun.MethodAllocate, overUDP), stun.CodeBadRequest)

	l.ahead.Store(int64(4 * time.Hour))
	wantCode(t, c.request(stun.MethodRefresh), stun.CodeBadRequest)
}

func TestQuotas(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Limits = Limits{AllocationsPerUser: 2, Allocations: 3} })
	for i, step := range []struct {
		user string
		want stun.ErrorCode
	}{{"ann", 0}, {"ann", 0}, {"ann", stun.CodeAllocQuotaReached}, {"bob", 0}, {"bob", stun.CodeAllocQuotaReached}} {
		c := newRawClient(t, l.at(loopback), step.user)
		t.Logf("step %d", i)
		wantCode(t, c.request(stun.MethodAllocate, overUDP), step.want)
	}
	if user, total := l.refused(t, refusedUserQuota), l.refused(t, refusedTotalQuota); user != 1 || total != 1 {
		t.Errorf("%d refusals for the user's quota and %d for the total are counted, want 1 and 1", user, total)
	}
}

func TestQuotaComesBack(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Limits.AllocationsPerUser = 1 })
	for range 5 {
		c := newRawClient(t, l.at(loopback), "ann")
		wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
		wantCode(t, c.request(stun.MethodRefresh, attribute{stun.AttrLifetime, []byte{0, 0, 0, 0}}), 0)
	}
}

// What we do not offer is answered as RFC 8656 says, so that a client knows.
func TestNotOffered(t *testing.T) {
	l := newLab(t, nil)
	c := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, c.request(stun.MethodRefresh), stun.CodeAllocMismatch)
	wantCode(t, c.request(stun.MethodAllocate, overTCP), stun.CodeUnsupportedTransProto)
	wantCode(t, c.request(stun.MethodAllocate, overUDP, attribute{stun.AttrEvenPort, []byte{0x80}}), stun.CodeInsufficientCapacity)
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	wantCode(t, c.request(stun.MethodConnect, peer(l.at(loopback))), stun.CodeConnTimeoutOrFailure)
	if tcp, even := l.refused(t, refusedTCPAllocation), l.refused(t, refusedEvenPort); tcp != 2 || even != 1 {
		t.Errorf("%d refusals of TCP and %d of a pair of ports are counted, want 2 and 1", tcp, even)
	}
	if _, err := newClient(t, "tcp", l.at(loopback)).AllocateTCP(); err == nil || !strings.Contains(err.Error(), "442") {
		t.Errorf("pion's client is told %v, want 442", err)
	}
}

// One allocation cannot make the server remember more and more.
func TestPermissionsAndChannelsAreBounded(t *testing.T) {
	l := newLab(t, nil)
	c := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)

	address := func(i int) peer {
		return peer(netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, byte(i >> 8), byte(i)}), 1000))
	}
	for i := range maxPermissions {
		wantCode(t, c.request(stun.MethodCreatePermission, address(i)), 0)
	}
	wantCode(t, c.request(stun.MethodCreatePermission, address(maxPermissions)), stun.CodeForbidden)
	wantCode(t, c.request(stun.MethodCreatePermission, address(0)), 0) // a refresh is not one more

	port := func(i int) peer {
		return peer(netip.AddrPortFrom(netip.Addr(netip.AddrPort(address(0)).Addr()), uint16(1000+i)))
	}
	for i := range maxChannels {
		wantCode(t, c.request(stun.MethodChannelBind, channelNumber(uint16(0x4000+i)), port(i)), 0)
	}
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4FFF), port(maxChannels)), stun.CodeInsufficientCapacity)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), port(0)), 0)
	if permissions, channels := l.refused(t, refusedPermissions), l.refused(t, refusedChannels); permissions != 1 || channels != 1 {
		t.Errorf("%d refusals of permissions and %d of channels are counted, want 1 and 1", permissions, channels)
	}
}

// A flood of requests from one address is answered in part only; a client with
// an allocation goes on unharmed beside it.
func TestFloodIsAnsweredInPart(t *testing.T) {
	l := newLab(t, nil)
	client := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, client.request(stun.MethodAllocate, overUDP), 0)

	flood := connect(t, "udp", l.at(loopback)).(*net.UDPConn)
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw
	for sent := 0; l.refused(t, refusedRate) < 50; sent++ {
		if sent > 100_000 {
			t.Fatal("a hundred thousand requests and none refused")
		}
		if _, err := flood.WriteToUDPAddrPort(binding, l.at(loopback)); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, client.request(stun.MethodRefresh), 0)
}

// What needs an allocation is dropped before it costs anything.
func TestWithoutAllocation(t *testing.T) {
	l := newLab(t, nil)
	stranger := connect(t, "udp", l.at(loopback)).(*net.UDPConn)
	sent := [][]byte{
		channelData(0x4000, []byte("data")),
		stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication)).Raw,
		stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse)).Raw,
	}
	for _, b := range sent {
		if _, err := stranger.WriteToUDPAddrPort(b, l.at(loopback)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all three are counted", func() bool {
		return l.refused(t, refusedNoAllocation) == 2 && l.refused(t, refusedMalformed) == 1
	})
	wantSilence(t, stranger)
}

func TestConfigErrors(t *testing.T) {
	specific := listenUDP(t, loopback)
	everywhere := listenUDP(t, netip.IPv4Unspecified())
	cases := map[string]struct {
		config Config
		want   string
	}{
		"nothing to serve":      {Config{Secret: secret}, "neither UDP nor TCP"},
		"no secret":             {Config{UDP: []net.PacketConn{specific}}, "no secret"},
		"an unspecific address": {Config{UDP: []net.PacketConn{everywhere}, Secret: secret}, "specific address"},
		"ports upside down": {
			Config{UDP: []net.PacketConn{specific}, Secret: secret, RelayPortLow: 2000, RelayPortHigh: 1000}, "2000-1000"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want one that says %q", err, c.want)
			}
		})
	}
}

// Close ends allocations in use, over UDP and TCP, and frees their addresses.
func TestCloseEndsAllocations(t *testing.T) {
	l := newLab(t, nil)
	var relayedAt []netip.AddrPort
	for _, network := range []string{"udp", "tcp"} {
		relayed := allocate(t, newClient(t, network, l.at(loopback)))
		wantEcho(t, relayed, l.at(loopback), media("hello"))
		relayedAt = append(relayedAt, addrPort(relayed.LocalAddr()))
	}
	idle, err := net.Dial("tcp", l.at(loopback).String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := l.Server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, at := range relayedAt {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Errorf("the relayed address %v is still taken: %v", at, err)
			continue
		}
		conn.Close()
	}
	l.Server = newServerForCleanup(t)
}

// newServerForCleanup stands in for a server that a test closed itself.
func newServerForCleanup(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{UDP: []net.PacketConn{listenUDP(t, loopback)}, Secret: secret, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzAdmit gives a front whatever a stranger may send, with and without an
// allocation: it says yes or no, and answers at most once.
func FuzzAdmit(f *testing.F) {
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overTCP, stun.NewShortTermIntegrity("x")).Raw, false)
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodChannelBind, stun.ClassRequest), channelNumber(0x4000), stun.NewShortTermIntegrity("x")).Raw, true)
	f.Add(channelData(0x4000, []byte("data")), true)
	f.Add([]byte{}, false)
	from := &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1}
	f.Fuzz(func(t *testing.T, b []byte, allocated bool) {
		answers := &answerConn{}
		front := &front{
			PacketConn: answers,
			server:     &Server{counts: newCounts(nil), requests: limit.NewRate(requestsPerSecond, requestsBurst), log: quiet},
			clients:    map[netip.AddrPort]*client{},
		}
		if allocated {
			front.countAllocation(from, 1)
		}
		admitted := front.admit(b, from)
		if len(answers.sent) > 1 || admitted && len(answers.sent) > 0 {
			t.Fatalf("admitted: %v, and %d answers", admitted, len(answers.sent))
		}
		for _, answer := range answers.sent {
			m, ok := stunmsg.Parse(answer)
			if !ok || m.Class() != stunmsg.ErrorResponse || string(answer[8:20]) != string(b[8:20]) {
				t.Fatalf("the answer to %x is %x", b, answer)
			}
			if len(answer) > len(b)+40 { // it must be no gift to who forges addresses
				t.Fatalf("an answer of %d bytes to %d", len(answer), len(b))
			}
		}
	})
}

// answerConn keeps what is sent.
type answerConn struct {
	net.PacketConn
	sent [][]byte
}

func (c *answerConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.sent = append(c.sent, b)
	return len(b), nil
}
