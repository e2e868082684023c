package turn

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/udp"
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
	hour := attribute{stun.AttrLifetime, []byte{0, 0, 0x0E, 0x10}}
	c := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP, hour), 0)
	late := newRawClient(t, l.at(loopback), "ann")

	for _, minutes := range []int{50, 90} {
		l.ahead.Store(int64(time.Duration(minutes) * time.Minute))
		wantCode(t, c.request(stun.MethodRefresh, hour), 0)
		wantCode(t, c.request(stun.MethodCreatePermission, peer(l.at(loopback))), 0)
		wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	}
	wantCode(t, late.request(stun.MethodAllocate, overUDP), stun.CodeUnauthorized)

	l.ahead.Store(int64(4 * time.Hour))
	wantCode(t, c.request(stun.MethodRefresh), stun.CodeUnauthorized)
}

// An allocation that nobody refreshes ends, and so do permissions and channels.
func TestWhatIsNotRefreshedEnds(t *testing.T) {
	l := newLab(t, nil)
	hour := attribute{stun.AttrLifetime, []byte{0, 0, 0x0E, 0x10}}
	c := newRawClient(t, l.at(loopback), "ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP, hour), 0)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	c.send(channelData(0x4000, media("hello")))
	c.receive()

	l.ahead.Store(int64(6 * time.Minute)) // a permission lasts five
	c.send(channelData(0x4000, media("hello")))
	eventually(t, "it is dropped", func() bool { return l.dropped(t, dropNoPermission) == 1 })
	wantCode(t, c.request(stun.MethodCreatePermission, peer(l.at(loopback))), 0)
	c.send(channelData(0x4000, media("hello")))
	c.receive()

	l.ahead.Store(int64(11 * time.Minute)) // a channel ten
	wantCode(t, c.request(stun.MethodCreatePermission, peer(l.at(loopback))), 0)
	c.send(channelData(0x4000, media("hello")))
	eventually(t, "it is dropped", func() bool { return l.dropped(t, dropNoPermission) == 2 })

	l.ahead.Store(int64(61 * time.Minute))
	eventually(t, "the allocation is gone", func() bool { return l.metric(t, "hiroba_turn_allocations", "udp") == 0 })
	wantCode(t, c.request(stun.MethodRefresh), stun.CodeAllocMismatch)
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

// What cannot be done is answered as RFC 8656 says, so that a client knows.
func TestRefusals(t *testing.T) {
	l := newLab(t, nil)
	c := newRawClient(t, l.at(loopback), "ann")
	attr := func(number stun.AttrType, value ...byte) attribute { return attribute{number, value} }
	for name, step := range map[string]struct {
		want    stun.ErrorCode
		method  stun.Method
		setters []stun.Setter
	}{
		"refresh of nothing":     {stun.CodeAllocMismatch, stun.MethodRefresh, nil},
		"permission for nothing": {stun.CodeAllocMismatch, stun.MethodCreatePermission, []stun.Setter{peer(l.at(loopback))}},
		"no transport":           {stun.CodeBadRequest, stun.MethodAllocate, nil},
		"TCP to peers over UDP":  {stun.CodeUnsupportedTransProto, stun.MethodAllocate, []stun.Setter{overTCP}},
		"SCTP":                   {stun.CodeUnsupportedTransProto, stun.MethodAllocate, []stun.Setter{attr(stun.AttrRequestedTransport, 132, 0, 0, 0)}},
		"an unknown family":      {stun.CodeAddrFamilyNotSupported, stun.MethodAllocate, []stun.Setter{overUDP, attr(stun.AttrRequestedAddressFamily, 9, 0, 0, 0)}},
		"a token and even":       {stun.CodeBadRequest, stun.MethodAllocate, []stun.Setter{overUDP, attr(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8), attr(stun.AttrEvenPort, 0)}},
		"nobody's token":         {stun.CodeInsufficientCapacity, stun.MethodAllocate, []stun.Setter{overUDP, attr(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8)}},
		"an unknown attribute":   {stun.CodeUnknownAttribute, stun.MethodAllocate, []stun.Setter{overUDP, attr(0x7F00, 1, 2, 3, 4)}},
		"an unknown method":      {stun.CodeBadRequest, stun.Method(0x0FF), nil},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, c.request(step.method, step.setters...), step.want) })
	}
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	for name, step := range map[string]struct {
		want    stun.ErrorCode
		method  stun.Method
		setters []stun.Setter
	}{
		"a second one":          {stun.CodeAllocMismatch, stun.MethodAllocate, []stun.Setter{overUDP}},
		"permission for nobody": {stun.CodeBadRequest, stun.MethodCreatePermission, nil},
		"the other family":      {stun.CodePeerAddrFamilyMismatch, stun.MethodCreatePermission, []stun.Setter{peer(netip.MustParseAddrPort("[2606:4700::1]:1"))}},
		"refresh of the other":  {stun.CodePeerAddrFamilyMismatch, stun.MethodRefresh, []stun.Setter{attr(stun.AttrRequestedAddressFamily, 2, 0, 0, 0)}},
		"channel 0x3FFF":        {stun.CodeBadRequest, stun.MethodChannelBind, []stun.Setter{channelNumber(0x3FFF), peer(l.at(loopback))}},
		"channel 0x7FFF":        {stun.CodeBadRequest, stun.MethodChannelBind, []stun.Setter{channelNumber(0x7FFF), peer(l.at(loopback))}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, c.request(step.method, step.setters...), step.want) })
	}
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	other := netip.AddrPortFrom(loopback, 9)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(other)), stun.CodeBadRequest)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4001), peer(l.at(loopback))), stun.CodeBadRequest)
}

// A wrong password is 401, an old nonce 438, and another user's allocation 441.
func TestCodesOfLogins(t *testing.T) {
	l := newLab(t, nil)
	c := newRawClient(t, l.at(loopback), "ann")
	right := c.key
	c.key = stun.NewLongTermIntegrity("x", "hiroba", "guess")
	wantCode(t, c.request(stun.MethodAllocate, overUDP), stun.CodeUnauthorized)
	c.key = right
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	nonce := c.signed[2]
	c.signed[2] = stun.NewNonce("AAAAAAAAAAAAAAAA")
	wantCode(t, c.requestOnce(stun.MethodRefresh), stun.CodeStaleNonce)
	c.signed[2] = nonce
	l.ahead.Store(int64(nonceLifetime))
	wantCode(t, c.requestOnce(stun.MethodRefresh), stun.CodeStaleNonce)
	c.logIn("bob")
	l.ahead.Store(0)
	c.signed[2] = nonce
	wantCode(t, c.requestOnce(stun.MethodRefresh), stun.CodeWrongCredentials)
	for reason, want := range map[string]int{authIntegrity: 1, authStale: 2, authUser: 1} {
		if got := l.metric(t, "hiroba_turn_auth_failures_total", reason); got != want {
			t.Errorf("%d failures are counted as %s, want %d", got, reason, want)
		}
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
	const most = 128
	for i := range most {
		wantCode(t, c.request(stun.MethodCreatePermission, address(i)), 0)
	}
	wantCode(t, c.request(stun.MethodCreatePermission, address(most)), stun.CodeInsufficientCapacity)
	wantCode(t, c.request(stun.MethodCreatePermission, address(0)), 0) // a refresh is not one more

	port := func(i int) peer {
		return peer(netip.AddrPortFrom(netip.Addr(netip.AddrPort(address(0)).Addr()), uint16(1000+i)))
	}
	for i := range most {
		wantCode(t, c.request(stun.MethodChannelBind, channelNumber(uint16(0x4000+i)), port(i)), 0)
	}
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4FFF), port(most)), stun.CodeInsufficientCapacity)
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
	for sent := 0; l.dropped(t, dropRate) < 50; sent++ {
		if sent > 100_000 {
			t.Fatal("a hundred thousand requests and none refused")
		}
		if _, err := flood.WriteToUDPAddrPort(binding, l.at(loopback)); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, client.request(stun.MethodRefresh), 0)
}

// Answers to strangers are bounded for all addresses together; who logs in or
// has an allocation gets its answers all the same.
func TestFloodFromManyAddressesIsAnsweredInPart(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Limits.StrangersPerSecond = 10 })
	ann, bob := newRawClient(t, l.at(loopback), "ann"), newRawClient(t, l.at(loopback), "bob")
	wantCode(t, ann.request(stun.MethodAllocate, overUDP), 0)

	in := newIntake(l.Server)
	in.now = time.Now()
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw
	for i := range byte(200) {
		// Nothing listens on loopback's other addresses, so that nobody on the Internet gets answers.
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, i}), 9)
		in.message(origin{transport: UDP, addr: from, local: loopback, front: l.fronts[0]}, nil, binding)
	}
	in.out.flush()
	if got := l.dropped(t, dropTotalRate); got < 150 {
		t.Errorf("of 200 requests %d were not answered, want 180 or so", got)
	}
	wantCode(t, ann.request(stun.MethodRefresh), 0)
	wantCode(t, bob.request(stun.MethodAllocate, overUDP), 0)
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
		return l.dropped(t, dropNoAllocation) == 2 && l.dropped(t, dropMalformed) == 1
	})
	wantSilence(t, stranger)
}

// everywhere is a socket at no specific address.
type everywhere struct{ Socket }

func (everywhere) Addr() netip.AddrPort { return netip.MustParseAddrPort("0.0.0.0:3478") }

func TestConfigErrors(t *testing.T) {
	specific := []Socket{newSocket(t)}
	good := Credentials{Secrets: [][]byte{secret}}
	cases := map[string]struct {
		config Config
		want   string
	}{
		"nothing to serve":      {Config{Credentials: good}, "neither UDP nor TCP"},
		"no secret":             {Config{UDP: specific}, "no secret"},
		"an empty secret":       {Config{UDP: specific, Credentials: Credentials{Secrets: [][]byte{{}}}}, "secret is empty"},
		"a user without a word": {Config{UDP: specific, Credentials: Credentials{Users: map[string]string{"ann": ""}}}, "no password"},
		"an unspecific address": {Config{UDP: []Socket{everywhere{}}, Credentials: good}, "specific address"},
		"an odd transport":      {Config{Listeners: []Listener{{&net.TCPListener{}, "sctp"}}, Credentials: good}, "tcp or tls"},
		"a rule that is none":   {Config{UDP: specific, Credentials: good, Rules: Rules{Deny: []netip.Prefix{{}}}}, "no network"},
		"ports upside down":     {Config{UDP: specific, Credentials: good, RelayPortLow: 2000, RelayPortHigh: 1000}, "2000-1000"},
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

// socket is a UDP socket that nothing but TURN reads.
type socket struct {
	*udp.Socket
	reader *udp.Reader
}

func (s socket) Serve(take func([]udp.Datagram)) error {
	for {
		datagrams, err := s.reader.Read()
		if err != nil {
			return err
		}
		take(datagrams)
	}
}

func newSocket(t testing.TB) Socket {
	t.Helper()
	s, err := udp.Listen(netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return socket{s, s.NewReader()}
}

// newServerForCleanup stands in for a server that a test closed itself.
func newServerForCleanup(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{UDP: []Socket{newSocket(t)}, Credentials: Credentials{Secrets: [][]byte{secret}}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
