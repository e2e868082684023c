package ice

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// deaf is a Handler that does nothing.
type deaf struct{}

func (deaf) Datagram(time.Time, []byte)                 {}
func (deaf) Selected(time.Time)                         {}
func (deaf) Embedded(time.Time, Embedded, int) Embedded { return Embedded{} }

// crowd is a Mux whose first socket knows so many clients.
func crowd(t testing.TB, clients int) (*Mux, []path) {
	t.Helper()
	m := run(t)
	in := intake{mux: m}
	var paths []path
	for n := range clients {
		transport := m.Open(deaf{})
		t.Cleanup(transport.Close)
		ufrag, pwd := transport.Credentials()
		p := path{remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)}), 9)}
		if in.take(time.Now(), checkOf(t, ufrag+":them", pwd, nominating), p, nil) == nil {
			t.Fatal("a check was not taken")
		}
		paths = append(paths, p)
	}
	return m, paths
}

// No packet of a client allocates, and none of somebody who knows no name of
// ours.
func TestPacketsAllocateNothing(t *testing.T) {
	m, paths := crowd(t, 1)
	in := intake{mux: m}
	stranger := path{remote: netip.MustParseAddrPort("127.0.0.1:9")}
	packet := []byte(media("x"))
	unknown := checkOf(t, "nobody:them", "guess")
	for name, take := range map[string]func(){
		"a client's":         func() { in.take(time.Now(), packet, paths[0], m.tables[0].get(paths[0].remote)) },
		"a stranger's":       func() { in.take(time.Now(), packet, stranger, m.tables[0].get(stranger.remote)) },
		"a stranger's check": func() { in.take(time.Now(), unknown, stranger, m.tables[0].get(stranger.remote)) },
	} {
		for range 2 * errorsAtOnce { // past what is answered
			take()
		}
		if allocations := testing.AllocsPerRun(1000, take); allocations > 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func BenchmarkMedia(b *testing.B) {
	m, paths := crowd(b, 2000)
	in := intake{mux: m}
	packet := []byte(media("x"))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		p := paths[n%len(paths)]
		n += 7
		in.take(time.Now(), packet, p, m.tables[0].get(p.remote))
	}
}

func BenchmarkLookup(b *testing.B) {
	m, paths := crowd(b, 2000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m.tables[0].get(paths[n%len(paths)].remote)
		n += 7
	}
}

func BenchmarkCheck(b *testing.B) {
	m, paths := crowd(b, 1)
	at := m.tables[0].get(paths[0].remote)
	ufrag, pwd := at.owner.Credentials()
	raw := checkOf(b, ufrag+":them", pwd, controls)
	var decoded, answer stun.Message
	b.ReportAllocs()
	for b.Loop() {
		c, _, _ := readCheck(raw, &decoded)
		v := at.owner.judge(time.Now(), &c, paths[0])
		if !c.answer(v, paths[0].remote, nil, &answer) {
			b.Fatal("no answer")
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	m, paths := crowd(b, 1)
	transport := m.tables[0].get(paths[0].remote).owner
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := transport.Route(); !ok {
			b.Fatal("no route")
		}
	}
}
