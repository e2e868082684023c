package udp_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// put adds a datagram of that size to a batch. Its bytes tell its number.
func put(b *udp.Batch, number, size int, to netip.AddrPort) {
	fill(b.Room(size)[:size], number)
	b.Add(size, to)
}

func fill(payload []byte, number int) {
	for i := range payload {
		payload[i] = byte(number>>(i%2*8)) + byte(i>>8)
	}
}

func filled(number, size int) []byte {
	payload := make([]byte, size)
	fill(payload, number)
	return payload
}

// expect reads datagrams of those sizes, numbered from first.
func expect(t *testing.T, r *udp.Reader, from netip.AddrPort, first int, sizes ...int) {
	t.Helper()
	for number := first; len(sizes) > 0; {
		datagrams, err := r.Read()
		if err != nil {
			t.Fatalf("waiting for datagram %d: %v", number, err)
		}
		for _, d := range datagrams {
			if len(sizes) == 0 {
				t.Fatalf("a datagram of %d bytes came that nobody sent", len(d.Bytes))
			}
			if d.From != from || !bytes.Equal(d.Bytes, filled(number, sizes[0])) {
				t.Fatalf("datagram %d: got %d bytes from %v, want its %d from %v, unharmed", number, len(d.Bytes), d.From, sizes[0], from)
			}
			number, sizes = number+1, sizes[1:]
		}
	}
}

func TestBatchCarriesEverySize(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(local, func(t *testing.T) {
			a, b := listenAt(t, local), listenAt(t, local)
			batch, reader := a.NewBatch(), b.NewReader()
			number := 0
			send := func(sizes ...int) {
				first := number
				for _, size := range sizes {
					put(batch, number, size, b.Addr())
					number++
				}
				batch.Flush()
				expect(t, reader, a.Addr(), first, sizes...)
			}
			for size := 1; size < 1600; size++ {
				send(size, size, size, size-1, size+1)
			}
			for size := 1600; size <= udp.MaxDatagram; size += 613 {
				send(size, size)
			}
			send(udp.MaxDatagram, udp.MaxDatagram, 1, 0, 1, 0, 0)
			if got := a.Stats(); got.Sent != uint64(number) || a.Failed() != 0 {
				t.Fatalf("Stats() = %+v, want %d sent", got, number)
			}
			if got := b.Stats().Received; got != uint64(number) {
				t.Fatalf("Stats().Received = %d, want %d", got, number)
			}
		})
	}
}

func TestBatchTakesWhatFitsOnlyInSeveralRings(t *testing.T) {
	a, b := listen(t), listen(t)
	batch, reader := a.NewBatch(), b.NewReader()
	var sizes []int
	for range 500 {
		sizes = append(sizes, 1200)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for number, size := range sizes {
			put(batch, number, size, b.Addr())
		}
		batch.Flush()
	}()
	expect(t, reader, a.Addr(), 0, sizes...)
	<-done
	if batch.Room(udp.MaxDatagram+1) != nil {
		t.Fatal("there is room for more than a datagram can carry")
	}
}

// Any mixture of sizes and addresses arrives in order at each address.
func TestBatchMixesAddressesAndSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	a := listen(t)
	batch := a.NewBatch()
	var sockets []*udp.Socket
	var readers []*udp.Reader
	for range 7 {
		s := listen(t)
		sockets, readers = append(sockets, s), append(readers, s.NewReader())
	}
	for range 200 {
		sent := make([][]int, len(sockets)) // numbers of datagrams
		size := map[int]int{}
		for number := range random.IntN(150) {
			i := random.IntN(len(sockets))
			size[number] = []int{1200, 1200, 1200, 1 + random.IntN(1400)}[random.IntN(4)]
			put(batch, number, size[number], sockets[i].Addr())
			sent[i] = append(sent[i], number)
		}
		batch.Flush()
		for i, numbers := range sent {
			for len(numbers) > 0 {
				datagrams, err := readers[i].Read()
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range datagrams {
					if !bytes.Equal(d.Bytes, filled(numbers[0], size[numbers[0]])) {
						t.Fatalf("address %d got %d bytes where datagram %d of %d bytes was due", i, len(d.Bytes), numbers[0], size[numbers[0]])
					}
					numbers = numbers[1:]
				}
			}
		}
	}
}

func TestBatchLeavesOutWhatCannotBeReached(t *testing.T) {
	a, b := listen(t), listen(t)
	batch, reader := a.NewBatch(), b.NewReader()
	for _, to := range []string{"127.0.0.1:0", "[::1]:4000", "[2001:db8::1]:4000"} {
		put(batch, 0, 100, netip.MustParseAddrPort(to))
	}
	put(batch, 0, 100, netip.AddrPort{})
	put(batch, 0, 100, netip.AddrPortFrom(netip.AddrFrom16(b.Addr().Addr().As16()), b.Addr().Port())) // ::ffff:127.0.0.1
	// Loopback leads to no other machine.
	for range 3 {
		put(batch, 0, 100, netip.MustParseAddrPort("192.0.2.1:4000"))
	}
	put(batch, 1, 100, b.Addr())
	batch.Flush()
	expect(t, reader, a.Addr(), 0, 100, 100)
	stats := a.Stats()
	if stats.Sent != 2 || a.Failed() != 7 || stats.Dropped[udp.DropAddress] < 4 || stats.Refusals != 0 {
		t.Fatalf("Stats() = %+v, want 2 sent and 7 dropped, at least 4 for their address", stats)
	}
}

func TestBatchOfAClosedSocket(t *testing.T) {
	a, b := listen(t), listen(t)
	batch := a.NewBatch()
	put(batch, 0, 100, b.Addr())
	put(batch, 1, 100, b.Addr())
	a.Close()
	batch.Flush()
	if got := a.Stats().Dropped[udp.DropClosed]; got != 2 {
		t.Fatalf("%d datagrams dropped because of the closing, want 2", got)
	}
}

func TestCloseWhileWritingAndReading(t *testing.T) {
	defer goleak.VerifyNone(t)
	a, b := listen(t), listen(t)
	var running sync.WaitGroup
	started := make(chan struct{}, 3)
	for range 2 {
		running.Go(func() {
			batch := a.NewBatch()
			for number := 0; a.Stats().Dropped[udp.DropClosed] == 0; number++ {
				put(batch, number, 100, b.Addr())
				put(batch, number, 100, b.Addr())
				batch.Flush()
				if number == 10 {
					started <- struct{}{}
				}
			}
		})
	}
	var failure error
	running.Go(func() {
		for reader := b.NewReader(); failure == nil; {
			_, failure = reader.Read()
			if b.Stats().ReceiveCalls == 1 {
				started <- struct{}{}
			}
		}
	})
	for range 3 {
		<-started
	}
	a.Close()
	b.Close()
	running.Wait()
	if !errors.Is(failure, net.ErrClosed) {
		t.Fatalf("the reader ended with %v, want net.ErrClosed", failure)
	}
}

func TestReadGivesUpAtItsDeadline(t *testing.T) {
	s := listen(t)
	reader := s.NewReader()
	if err := s.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Read() = %v, want os.ErrDeadlineExceeded", err)
	}
}

// A link-local address means nothing without its zone, and two interfaces can
// have the same one.
func TestZonesComeAndGo(t *testing.T) {
	addr := linkLocal(t)
	a, b := listenAt(t, fmt.Sprintf("[%v]:0", addr)), listenAt(t, fmt.Sprintf("[%v]:0", addr))
	batch, reader := a.NewBatch(), b.NewReader()
	put(batch, 0, 1200, b.Addr())
	put(batch, 1, 1200, b.Addr())
	batch.Flush()
	expect(t, reader, a.Addr(), 0, 1200, 1200)
}

func linkLocal(t *testing.T) netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				return prefix.Addr().WithZone(i.Name)
			}
		}
	}
	t.Skip("this machine has no link-local address")
	return netip.Addr{}
}

func TestMarkRefusesWhatIsNoMark(t *testing.T) {
	s := listen(t)
	for _, dscp := range []int{-1, 64} {
		if s.Mark(dscp, udp.NotECT) == nil {
			t.Errorf("DSCP %d was accepted", dscp)
		}
	}
	if s.Mark(46, 3) == nil {
		t.Error("the mark of a congested router was accepted")
	}
}
