package port_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"

	"github.com/hiroba-rtc/hiroba/internal/port"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

func dialUDP(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// serveTURN is what TURN gets of a socket from now on, and what waits for it.
func serveTURN(t testing.TB, u *port.UDP) <-chan []byte {
	t.Helper()
	came := make(chan []byte, 2000) // more than ever wait
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = u.TURN().Serve(func(datagrams []udp.Datagram) {
			for _, d := range datagrams {
				came <- bytes.Clone(d.Bytes)
			}
		})
	})
	t.Cleanup(func() {
		_ = u.TURN().Close()
		serving.Wait()
	})
	return came
}

// next is what comes next.
func next(t testing.TB, came <-chan []byte) []byte {
	t.Helper()
	select {
	case b := <-came:
		return b
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		return nil
	}
}

// readOn has ICE's side read for the sake of TURN.
func readOn(t testing.TB, u *port.UDP) {
	t.Helper()
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			if _, err := u.ICE().ReadBatch(); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		_ = u.ICE().Close()
		reading.Wait()
	})
}

// read returns what the next ReadFrom of conn gives, within ten seconds.
func read(t testing.TB, conn net.PacketConn) []byte {
	t.Helper()
	giveUp := time.AfterFunc(10*time.Second, func() { conn.Close() })
	defer giveUp.Stop()
	buf := make([]byte, 4096)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatalf("nothing arrived: %v", err)
	}
	return buf[:n]
}

func TestDatagramsAreToldApart(t *testing.T) {
	p, registry := open(t)
	for _, u := range p.UDP() {
		client := dialUDP(t, u.Addr())
		for _, datagram := range [][]byte{rtp, binding, {255, 1, 2}, check, channel, answer} {
			send(t, client, datagram)
		}
		for _, want := range [][]byte{rtp, check, answer} {
			if got := read(t, u.ICE()); !bytes.Equal(got, want) {
				t.Fatalf("%v: ICE got %x, want %x", u.Addr(), got, want)
			}
		}
		readOn(t, u)
		turn := serveTURN(t, u)
		for _, want := range [][]byte{binding, channel} {
			if got := next(t, turn); !bytes.Equal(got, want) {
				t.Fatalf("%v: TURN got %x, want %x", u.Addr(), got, want)
			}
		}
		for name, batch := range map[string]*udp.Batch{"ICE": u.ICE().NewBatch(), "TURN": u.TURN().NewBatch()} {
			batch.Add(copy(batch.Room(len(name)), name), client.LocalAddr().(*net.UDPAddr).AddrPort())
			batch.Flush()
			buf := make([]byte, 100)
			if n, err := client.Read(buf); err != nil || string(buf[:n]) != name {
				t.Fatalf("%v: the client got %q, error %v; want %q", u.Addr(), buf[:n], err, name)
			}
		}
	}
	if got := count(t, registry, drops, "unknown"); got != len(p.UDP()) {
		t.Errorf("%d unknown datagrams were counted, want %d", got, len(p.UDP()))
	}
}

// pion's ICE takes its view of the socket as it is, without the allocations
// of net.Addr, and can go without taking TURN along.
func TestPionUsesTheICESide(t *testing.T) {
	p, _ := open(t)
	u := p.UDP()[0]
	var _ ice.AddrPortReaderWriter = u.ICE()
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: u.ICE()})
	conn, err := mux.GetConn("server", u.ICE().LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	client := dialUDP(t, u.Addr())
	toServer := slices.Concat([]byte{0, 1, 0, 12}, cookie, id, []byte{0, 6, 0, 8}, []byte("server:c"))
	send(t, client, toServer)
	buf := make([]byte, 1500)
	if n, _, err := conn.ReadFrom(buf); err != nil || !bytes.Equal(buf[:n], toServer) {
		t.Fatalf("the check arrived as %x, error %v", buf[:n], err)
	}
	if err := errors.Join(conn.Close(), mux.Close()); err != nil {
		t.Fatal(err)
	}
	send(t, client, binding)
	if got := next(t, serveTURN(t, u)); !bytes.Equal(got, binding) {
		t.Fatalf("after ICE is closed TURN gets %x", got)
	}
}

// TURN falling behind, or sending what is too large, costs TURN datagrams and
// nothing else.
func TestTURNFallingBehind(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	client := dialUDP(t, u.Addr())
	for sent := 0; count(t, registry, drops, "queue") == 0; sent++ {
		if sent > 5000 {
			t.Fatal("five thousand datagrams wait for TURN and none was dropped")
		}
		send(t, client, channel)
		send(t, client, rtp)
		if got := read(t, u.ICE()); !bytes.Equal(got, rtp) {
			t.Fatalf("ICE got %x", got)
		}
	}
	send(t, client, append(channel, make([]byte, 3000)...))
	send(t, client, rtp)
	read(t, u.ICE())
	if got := count(t, registry, drops, "queue") + count(t, registry, drops, "too_large"); got != 2 {
		t.Errorf("%d datagrams were counted as dropped, want 2", got)
	}
	if got := next(t, serveTURN(t, u)); !bytes.Equal(got, channel) {
		t.Errorf("TURN got %x", got)
	}
}

func TestTURNReadsOnWhenICECloses(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	iceEnded := make(chan error, 1)
	go func() { _, _, err := u.ICE().ReadFrom(make([]byte, 1500)); iceEnded <- err }()
	turn := serveTURN(t, u)
	if err := errors.Join(u.ICE().Close(), u.ICE().Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-iceEnded; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ICE's read ended with %v, want net.ErrClosed", err)
	}
	client := dialUDP(t, u.Addr())
	send(t, client, rtp)
	send(t, client, channel)
	if got := next(t, turn); !bytes.Equal(got, channel) {
		t.Errorf("TURN got %x, want %x", got, channel)
	}
	if got := count(t, registry, drops, "no_owner"); got != 1 {
		t.Errorf("%d datagrams without an owner were counted, want 1", got)
	}
	if _, _, err := u.ICE().ReadFrom(make([]byte, 1500)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed ICE side gives %v, want net.ErrClosed", err)
	}
}

func TestICEReadsOnWhenTURNCloses(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	if err := u.TURN().Close(); err != nil {
		t.Fatal(err)
	}
	if err := u.TURN().Serve(func([]udp.Datagram) { t.Error("a closed TURN side gets something") }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serving a closed TURN side gives %v, want net.ErrClosed", err)
	}
	client := dialUDP(t, u.Addr())
	for _, datagram := range [][]byte{channel, rtp} { // what is TURN's is dealt with when ICE reads on
		send(t, client, datagram)
		send(t, client, rtp)
		if got := read(t, u.ICE()); !bytes.Equal(got, rtp) {
			t.Errorf("ICE got %x", got)
		}
	}
	if got := count(t, registry, drops, "no_owner"); got != 1 {
		t.Errorf("%d datagrams without an owner were counted, want 1", got)
	}
}

// A batch is ICE's alone, in the order in which it came; TURN misses nothing.
func TestICEReadsInBatches(t *testing.T) {
	p, registry := open(t)
	u := p.UDP()[0]
	client := dialUDP(t, u.Addr())
	const each = 50
	channelData := []byte{0x40, 0, 0, 0}
	for i := range each {
		for _, payload := range [][]byte{{0x80, 96, byte(i)}, channelData, {0xff}} {
			if _, err := client.Write(payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	for got := 0; got < each; {
		datagrams, err := u.ICE().ReadBatch()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range datagrams {
			if want := []byte{0x80, 96, byte(got)}; !bytes.Equal(d.Bytes, want) || d.From.String() != client.LocalAddr().String() {
				t.Fatalf("got %x from %v, want %x from %v", d.Bytes, d.From, want, client.LocalAddr())
			}
			got++
		}
	}
	// What came behind the last of them is perhaps not read yet.
	if _, err := client.Write([]byte{0x80, 96, each}); err != nil {
		t.Fatal(err)
	}
	read(t, u.ICE())
	readOn(t, u)
	turn := serveTURN(t, u)
	for range each {
		if got := next(t, turn); !bytes.Equal(got, channelData) {
			t.Fatalf("TURN got %x, want %x", got, channelData)
		}
	}
	if got := count(t, registry, drops, "unknown"); got != each {
		t.Errorf("%d unknown datagrams were counted, want %d", got, each)
	}
	if got := count(t, registry, "hiroba_port_udp_datagrams_total", "in"); got != 3*each+1 {
		t.Errorf("%d datagrams were counted in all, want %d", got, 3*each+1)
	}
}

// What one datagram of media costs on its way to ICE, above the bare socket.
func BenchmarkReadMedia(b *testing.B) {
	p, _ := open(b)
	u := p.UDP()[0]
	client := dialUDP(b, u.Addr())
	_ = client.SetDeadline(time.Time{})
	media := append([]byte{0x80, 96}, make([]byte, 1198)...)
	buf := make([]byte, 1500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(media); err != nil {
			b.Fatal(err)
		}
		if _, _, err := u.ICE().ReadFromAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}
