package turn

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// A peer floods a client over TCP that does not read for a while. What does not
// fit is dropped and counted, each packet; memory stays bounded; the client's
// requests, what it sends, and other clients go on; and it gets what was kept
// when it reads again.
func TestPeerThatFloodsASlowReader(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Rules.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	flooder, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	defer flooder.Close()
	if err := flooder.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, l)
	c := &rawClient{t: t, conn: &streamConn{conn}}
	c.logIn("ann")
	allocated := c.request(stun.MethodAllocate, overUDP)
	wantCode(t, allocated, 0)
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(allocated, stun.AttrXORRelayedAddress); err != nil {
		t.Fatal(err)
	}
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(addrPort(flooder.LocalAddr()))), 0)

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	packet := bytes.Repeat([]byte{0x80}, 1200)
	for most := time.Now().Add(patience / 2); l.dropped(t, dropSlow) < 10_000; {
		if time.Now().After(most) {
			t.Fatalf("%d packets were dropped in %v", l.dropped(t, dropSlow), patience/2)
		}
		for range 500 {
			if _, err := flooder.WriteToUDP(packet, &net.UDPAddr{IP: relayed.IP, Port: relayed.Port}); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// The queue, twice, as one is written while the other fills; and the batches.
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2*streamQueue*3/2+1<<20 {
		t.Errorf("a flood of 12 MB took %d bytes of memory", grown)
	}

	if _, err := conn.Write(channelData(0x4000, []byte("the other way"))); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if n, err := flooder.Read(got); err != nil || string(got[:n]) != "the other way" {
		t.Errorf("the peer got %q, %v", got[:n], err)
	}
	wantEcho(t, allocate(t, newClient(t, "tcp", l.at(loopback))), l.at(loopback), media("hello"))

	refresh := stun.MustBuild(append([]stun.Setter{
		stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest),
	}, append(c.signed, c.key)...)...)
	if _, err := conn.Write(refresh.Raw); err != nil {
		t.Fatal(err)
	}
	a := l.Allocations()[0] // the eldest
	var f frames
	came, refreshed := 0, false
	for !refreshed || came+l.dropped(t, dropSlow) != int(a.FromPeers.Packets) {
		if err := f.fill(conn); err != nil {
			t.Fatalf("of %d packets %d came and %d were dropped; refreshed: %v; then %v",
				a.FromPeers.Packets, came, l.dropped(t, dropSlow), refreshed, err)
		}
		for {
			message, err := f.next()
			if err != nil {
				t.Fatal(err)
			}
			if message == nil {
				break
			}
			switch {
			case bytes.Equal(message, channelData(0x4000, packet)):
				came++
			case stun.IsMessage(message) && bytes.Equal(message[8:20], refresh.TransactionID[:]):
				refreshed = true
			default:
				t.Fatalf("%x came", message)
			}
		}
		a = l.Allocations()[0]
	}
	t.Logf("of %d packets %d came and %d were dropped", a.FromPeers.Packets, came, l.dropped(t, dropSlow))
}
