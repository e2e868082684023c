package udp_test

import (
	"bytes"
	"net/netip"
	"sync"
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// echoes is a Group whose members send back what they receive.
func echoes(t *testing.T, members int) (*udp.Group, []*udp.Member) {
	t.Helper()
	group, err := udp.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	var all []*udp.Member
	for i := range members {
		m, err := group.Listen(netip.MustParseAddrPort("127.0.0.1:0"), i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	var running sync.WaitGroup
	running.Go(func() {
		gather := udp.NewGather()
		group.Run(func(owner any, datagrams []udp.Datagram) {
			for _, d := range datagrams {
				gather.Add(all[owner.(int)], bytes.Clone(d.Bytes), d.From)
			}
		}, gather.Flush)
	})
	t.Cleanup(func() {
		_ = group.Close()
		running.Wait()
	})
	return group, all
}

// One goroutine reads many sockets, and what it sends from them arrives whole
// and in order.
func TestGroupReadsAndGatherSends(t *testing.T) {
	group, members := echoes(t, 20)
	client := listen(t)
	reader, batch := client.NewReader(), client.NewBatch()
	for _, m := range members {
		var sizes []int
		for number, size := range []int{1200, 1200, 1200, 700, 1, 1300, 1300} {
			put(batch, number, size, m.Addr())
			sizes = append(sizes, size)
		}
		batch.Flush()
		expect(t, reader, m.Addr(), 0, sizes...)
	}
	if got := group.Stats(); got.Sent != 140 || got.Received != 140 {
		t.Errorf("Stats() = %+v, want 140 received and sent", got)
	}
}

// A closed member hears nothing, and its place goes to another one.
func TestMembersComeAndGo(t *testing.T) {
	group, members := echoes(t, 3)
	if err := members[1].Close(); err != nil {
		t.Fatal(err)
	}
	if err := members[1].Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	again, err := group.Listen(members[1].Addr(), 2)
	if err != nil {
		t.Fatalf("the address of a closed member is taken: %v", err)
	}
	client := listen(t)
	batch := client.NewBatch()
	put(batch, 1, 100, again.Addr())
	batch.Flush()
	expect(t, client.NewReader(), members[2].Addr(), 1, 100) // the owner says who answers
	if err := again.WriteWhole(make([]byte, 100), netip.MustParseAddrPort("[::1]:9")); err == nil {
		t.Error("an address of the other family was sent to")
	}
}

// diversion takes what is for one address.
type diversion struct {
	only  netip.AddrPort
	taken [][]byte
}

func (d *diversion) Has(to netip.AddrPort) bool { return to == d.only }

func (d *diversion) Take(datagrams []udp.Diverted) {
	for _, g := range datagrams {
		d.taken = append(d.taken, bytes.Clone(g.Bytes))
	}
}

// What a diversion has does not leave, and the rest does.
func TestDivert(t *testing.T) {
	a, b := listen(t), listen(t)
	d := &diversion{only: netip.MustParseAddrPort("192.0.2.1:4000")}
	a.Divert(d)
	batch, reader := a.NewBatch(), b.NewReader()
	for number := range 6 {
		to := b.Addr()
		if number%2 == 1 {
			to = d.only
		}
		put(batch, number, 100, to)
	}
	batch.Flush()
	if _, err := a.WriteToAddrPort(filled(7, 100), d.only); err != nil {
		t.Fatal(err)
	}
	want := [][]byte{filled(1, 100), filled(3, 100), filled(5, 100), filled(7, 100)}
	if len(d.taken) != len(want) {
		t.Fatalf("%d datagrams were diverted, want %d", len(d.taken), len(want))
	}
	for i := range want {
		if !bytes.Equal(d.taken[i], want[i]) {
			t.Errorf("diverted datagram %d is another one", i)
		}
	}
	expectNumbers(t, reader, 0, 2, 4)
	if got := a.Stats(); got.Diverted != 4 || got.Sent != 3 {
		t.Errorf("Stats() = %+v, want 4 diverted and 3 sent", got)
	}
}

// expectNumbers reads datagrams of 100 bytes with those numbers.
func expectNumbers(t *testing.T, r *udp.Reader, numbers ...int) {
	t.Helper()
	for len(numbers) > 0 {
		datagrams, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range datagrams {
			if len(numbers) == 0 || !bytes.Equal(d.Bytes, filled(numbers[0], 100)) {
				t.Fatalf("another datagram came than %v", numbers)
			}
			numbers = numbers[1:]
		}
	}
}
