package turn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/records"
)

// dialSecure connects over DTLS, by a socket that the test can say other things
// with.
func dialSecure(t testing.TB, l *lab) (*dtls.Conn, *tap) {
	t.Helper()
	below := &tap{UDPConn: listenUDP(t, loopback)}
	return secureOver(t, l, below), below
}

// secureOver is dialSecure with a socket.
func secureOver(t testing.TB, l *lab, below net.PacketConn) *dtls.Conn {
	t.Helper()
	conn, err := dtls.ClientWithOptions(below, net.UDPAddrFromAddrPort(l.at(loopback)), dtls.WithInsecureSkipVerify(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// tap keeps the last datagram that was sent, and can keep it from being sent.
type tap struct {
	*net.UDPConn
	muted atomic.Bool
	last  atomic.Pointer[[]byte]
}

func (w *tap) WriteTo(b []byte, to net.Addr) (int, error) {
	last := bytes.Clone(b)
	w.last.Store(&last)
	if w.muted.Load() {
		return len(b), nil
	}
	return w.UDPConn.WriteTo(b, to)
}

// newRawSecure is a connection over DTLS with an allocation, and channel 0x4000
// bound to the SFU.
func newRawSecure(t testing.TB, l *lab) (*dtls.Conn, *tap) {
	t.Helper()
	conn, below := dialSecure(t, l)
	bindSecure(t, l, conn)
	return conn, below
}

// bindSecure makes the allocation and binds the channel.
func bindSecure(t testing.TB, l *lab, conn *dtls.Conn) {
	t.Helper()
	c := &rawClient{t: t, conn: &streamConn{conn}}
	c.logIn("ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
}

// wantBack sends a message through a channel to the SFU and waits for it.
func wantBack(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	message := channelData(0x4000, media(text))[:4+len(media(text))] // without padding
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != string(message) {
		t.Fatalf("got %q, %v; want %q back", buf[:n], err, text)
	}
}

// Datagrams of any length come through as they are, without padding, and the
// allocation is one over DTLS.
func TestRelayOverDTLS(t *testing.T) {
	l := newLab(t, nil)
	conn, _ := newRawSecure(t, l)
	for _, text := range []string{"", "a", "ab", "abc", string(make([]byte, 1300))} {
		wantBack(t, conn, text)
	}
	all := l.Allocations()
	if len(all) != 1 || all[0].Transport != DTLS || all[0].Client.String() != conn.LocalAddr().String() {
		t.Errorf("the allocations are %+v", all)
	}
	if _, err := conn.Write([]byte("\xFFgarbage")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "garbage is counted", func() bool { return l.dropped(t, dropMalformed) == 1 })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the allocation ends with the connection", func() bool { return len(l.Allocations()) == 0 })
	if got := l.metric(t, "hiroba_turn_tcp_connections", ""); got != 0 {
		t.Errorf("%d connections are left", got)
	}
}

// A client that has forgotten its connection makes another from the same address:
// what it had ends, and what it has works.
func TestAClientBeginsAnewFromItsAddress(t *testing.T) {
	l := newLab(t, nil)
	below := &tap{UDPConn: listenUDP(t, loopback)}
	forgotten := secureOver(t, l, lent{below})
	bindSecure(t, l, forgotten)
	old := l.Allocations()[0].ID

	below.muted.Store(true) // it says no goodbye
	if err := forgotten.Close(); err != nil {
		t.Fatal(err)
	}
	if err := below.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	conn := secureOver(t, l, below.UDPConn)
	eventually(t, "what it had has ended", func() bool { return len(l.Allocations()) == 0 })
	bindSecure(t, l, conn)
	wantBack(t, conn, "after")
	if all := l.Allocations(); len(all) != 1 || all[0].ID == old {
		t.Errorf("the allocations are %+v; one was expected, other than %s", all, old)
	}
}

// lent is a socket that is not its user's to close: closing ends reading.
type lent struct{ *tap }

func (l lent) Close() error { return l.SetReadDeadline(time.Unix(1, 0)) }

// What others send from the address of a client over DTLS, and what came before,
// is dropped and counted, and the client notices nothing.
func TestForgedAndReplayedRecords(t *testing.T) {
	l := newLab(t, nil)
	conn, below := newRawSecure(t, l)
	wantBack(t, conn, "before")
	replayed, forged := bytes.Clone(*below.last.Load()), bytes.Clone(*below.last.Load())
	forged[8] = 1 // another number
	cut := replayed[:20]
	inTheClear := append([]byte{23, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 1, 0, 0, 5}, "hello"...)
	plain := channelData(0x4000, media("in the clear"))
	for name, c := range map[string]struct {
		datagram []byte
		cause    drop
	}{
		"replayed":        {replayed, dropReplayed},
		"forged":          {forged, dropForged},
		"cut short":       {cut, dropMalformed},
		"epoch 0":         {inTheClear, dropMalformed},
		"not over DTLS":   {plain, dropNoAllocation},
		"a type for none": {[]byte{63, 0xFE, 0xFD}, dropMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			before := l.dropped(t, c.cause)
			if _, err := below.WriteToUDPAddrPort(c.datagram, l.at(loopback)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is counted", func() bool { return l.dropped(t, c.cause) == before+1 })
		})
	}
	wantBack(t, conn, "after")
}

// Without an allocation, and in silence, a connection over DTLS ends like any, and
// the client is told.
func TestTimeoutsOverDTLS(t *testing.T) {
	l := newLabWithTimeouts(t, linkTimeouts{allocate: 200 * time.Millisecond, silence: time.Hour, write: time.Hour}, nil)
	conn, _ := dialSecure(t, l)
	if _, err := conn.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("the client hears %v", err)
	}
	if got := l.refused(t, refusedIdle); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	l = newLabWithTimeouts(t, linkTimeouts{allocate: time.Hour, silence: 200 * time.Millisecond, write: time.Hour}, nil)
	conn, _ = newRawSecure(t, l)
	if _, err := conn.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("the client hears %v", err)
	}
	if got := l.refused(t, refusedSilent); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	eventually(t, "the allocation ends", func() bool { return len(l.Allocations()) == 0 })
}

// Who goes on talking is not silent, over any connection.
func TestWhoTalksIsNotSilent(t *testing.T) {
	const silence = 2 * time.Second
	for name, connect := range map[string]func(testing.TB, *lab) net.Conn{
		"TCP":  newRawStream,
		"TLS":  func(t testing.TB, l *lab) net.Conn { return newRawTLS(t, l, tls.VersionTLS13) },
		"DTLS": func(t testing.TB, l *lab) net.Conn { conn, _ := newRawSecure(t, l); return conn },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLabWithTimeouts(t, linkTimeouts{allocate: silence, silence: silence, write: time.Hour}, nil)
			conn := connect(t, l)
			tick := time.NewTicker(silence / 20)
			defer tick.Stop()
			for begun := time.Now(); time.Since(begun) < silence*3/2+sweepEvery; <-tick.C {
				wantBack(t, conn, "right here")
			}
		})
	}
}

func TestLimitsOverDTLS(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Limits.ConnectionsPerSource = 1 })
	first, _ := newRawSecure(t, l)
	second, _ := dialSecure(t, l)
	if _, err := second.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("the second client hears %v", err)
	}
	if got := l.refused(t, refusedConnectionsPerSource); got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
	wantBack(t, first, "still here")
}

// A client over DTLS gets no connection of a peer (RFC 6062): that needs a stream.
func TestNoConnectionBindOverDTLS(t *testing.T) {
	l := newLab(t, nil)
	conn, _ := dialSecure(t, l)
	c := &rawClient{t: t, conn: &streamConn{conn}}
	c.logIn("ann")
	wantCode(t, c.request(stun.MethodConnectionBind, connectionID(1)), stun.CodeBadRequest)
}

// The end of the server is told to clients.
func TestServerSaysGoodbyeOverDTLS(t *testing.T) {
	l := newLab(t, nil)
	conn, _ := newRawSecure(t, l)
	if err := l.Server.Close(); err != nil {
		t.Fatal(err)
	}
	l.Server = newServerForCleanup(t)
	if _, err := conn.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("the client hears %v", err)
	}
}

// Idle clients over DTLS cost no goroutine.
func TestIdleClientsOverDTLS(t *testing.T) {
	l := newLab(t, nil)
	before := runtime.NumGoroutine()
	const many = 10
	for range many {
		conn, tap := newRawSecure(t, l)
		tap.muted.Store(true) // so that the server does not learn of the end
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	if got := len(l.Allocations()); got != many {
		t.Errorf("%d allocations, want %d", got, many)
	}
}

// Relaying over DTLS costs no memory, in neither direction.
func TestRelayOverDTLSAllocatesNothing(t *testing.T) {
	s, err := New(Config{
		UDP: []Socket{newSocket(t)}, Credentials: Credentials{Users: map[string]string{"ann": "word"}}, Logger: quiet,
		Rules: Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	far, client := listenUDP(t, loopback), listenUDP(t, loopback)
	secrets := records.Secrets{
		Suite: records.Suites()[0], Master: make([]byte, 48), ClientRandom: make([]byte, 32), ServerRandom: make([]byte, 32),
	}
	conn, err := records.New(records.Config{
		Secrets: secrets, Local: s.fronts[0].Addr(), Remote: addrPort(client.LocalAddr()),
		Send: func([]byte) error { return nil }, Begin: func() [][]byte { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	in := newIntake(s)
	s.welcomeSecure(in, conn)
	c := s.fronts[0].secured(conn.Remote())
	for _, request := range [][]stun.Setter{
		{stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP},
		{stun.NewType(stun.MethodChannelBind, stun.ClassRequest), channelNumber(0x4000), peer(addrPort(far.LocalAddr()))},
	} {
		nonce := s.nonces.issue(in.now, c.from.addr.Addr())
		m := stun.MustBuild(append(append([]stun.Setter{stun.TransactionID}, request...),
			stun.NewUsername("ann"), stun.NewRealm("hiroba"), stun.NewNonce(nonce), longTermKey("ann", "hiroba", "word"))...)
		in.take(&c.link, m.Raw)
	}
	a := c.client.Load()
	if a == nil || len(a.lease.channels) != 1 {
		t.Fatal("there is no allocation with a channel")
	}
	const runs = 100
	sealed := sealAsClient(t, secrets, runs+2, channelData(0x4000, make([]byte, 1200)))
	payload, from, at := make([]byte, 1200), addrPort(far.LocalAddr()), 0
	if n := testing.AllocsPerRun(runs, func() {
		in.open(c, sealed[at])
		at++
		in.out.arrive(in.now, a.relay(loopback), from, payload)
		in.out.flush()
	}); n > 0 {
		t.Errorf("%v allocations for a datagram each way", n)
	}
	if to, from := a.toPeers.now().Packets, a.fromPeers.now().Packets; to != runs+1 || from != runs+1 {
		t.Errorf("%d and %d datagrams were relayed, want %d each", to, from, runs+1)
	}
}

// sealAsClient makes records that carry a message, by the library.
func sealAsClient(t testing.TB, s records.Secrets, many int, message []byte) (sealed [][]byte) {
	t.Helper()
	keys, err := prf.GenerateEncryptionKeys(s.Master, s.ClientRandom, s.ServerRandom, 0, 16, 4, sha256.New)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := ciphersuite.NewGCM(keys.ClientWriteKey, keys.ClientWriteIV, keys.ServerWriteKey, keys.ServerWriteIV)
	if err != nil {
		t.Fatal(err)
	}
	for n := range many {
		record := &recordlayer.RecordLayer{
			Header:  recordlayer.Header{Version: protocol.Version1_2, Epoch: 1, SequenceNumber: uint64(n)},
			Content: &protocol.ApplicationData{Data: message},
		}
		raw, err := record.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		out, err := gcm.Encrypt(record, raw)
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, out)
	}
	return sealed
}
