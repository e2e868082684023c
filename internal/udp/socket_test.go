package udp_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

func listen(t testing.TB) *udp.Socket {
	t.Helper()
	return listenAt(t, "127.0.0.1:0")
}

func listenAt(t testing.TB, local string) *udp.Socket {
	t.Helper()
	s, err := udp.Listen(netip.MustParseAddrPort(local))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

func receive(t *testing.T, s *udp.Socket) ([]byte, netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 65536)
	n, from, err := s.ReadFromAddrPort(buf)
	if err != nil {
		t.Fatalf("nothing arrived: %v", err)
	}
	return buf[:n], from
}

func TestUncorkedDatagramsLeaveAtOnce(t *testing.T) {
	a, b := listen(t), listen(t)
	if _, err := a.WriteToAddrPort([]byte("now"), b.Addr()); err != nil {
		t.Fatal(err)
	}
	payload, from := receive(t, b)
	if string(payload) != "now" || from != a.Addr() {
		t.Fatalf("got %q from %v, want \"now\" from %v", payload, from, a.Addr())
	}
}

func TestCorkedDatagramsKeepOrderAndAddress(t *testing.T) {
	a, b, c := listen(t), listen(t), listen(t)
	const each = 150 // more than two batches in all
	a.Cork()
	for i := range each {
		for _, to := range []*udp.Socket{b, c} {
			if _, err := a.WriteToAddrPort(binary.BigEndian.AppendUint32(nil, uint32(i)), to.Addr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.Uncork()
	for _, to := range []*udp.Socket{b, c} {
		for want := range each {
			payload, _ := receive(t, to)
			if got := binary.BigEndian.Uint32(payload); got != uint32(want) {
				t.Fatalf("datagram %d came where %d was due", got, want)
			}
		}
	}
}

func TestLargeDatagramsKeepTheirPlace(t *testing.T) {
	a, b := listen(t), listen(t)
	sizes := []int{100, 9000, 100, udp.MaxDatagram, 1200}
	a.Cork()
	for _, size := range sizes {
		if _, err := a.WriteToAddrPort(make([]byte, size), b.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	a.Uncork()
	for i, size := range sizes {
		if payload, _ := receive(t, b); len(payload) != size {
			t.Fatalf("datagram %d has %d bytes, want %d", i, len(payload), size)
		}
	}
}

// A refused datagram (port 0 cannot be sent to) must not hold up the others.
func TestRefusedDatagramIsCountedAndLeftOut(t *testing.T) {
	a, b := listen(t), listen(t)
	a.Cork()
	for _, to := range []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), b.Addr()} {
		if _, err := a.WriteToAddrPort([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
	}
	a.Uncork()
	receive(t, b)
	if got := a.Failed(); got != 1 {
		t.Fatalf("Failed() = %d, want 1", got)
	}
}

func TestManyHoldersAtOnce(t *testing.T) {
	a, b := listen(t), listen(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				a.Cork()
				_, _ = a.WriteToAddrPort([]byte("x"), b.Addr())
				a.Uncork()
			}
		})
	}
	wg.Wait()
	for range 200 {
		receive(t, b)
	}
}

func TestListenWantsASpecificAddress(t *testing.T) {
	if _, err := udp.Listen(netip.MustParseAddrPort("0.0.0.0:0")); err == nil {
		t.Fatal("an unspecified address was accepted")
	}
}
