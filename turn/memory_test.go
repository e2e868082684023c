package turn

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

// TestIdleAllocations holds what many idle allocations cost: memory, and no
// goroutines. 2,000 unless HIROBA_TURN_ALLOCATIONS=10000.
func TestIdleAllocations(t *testing.T) {
	many := 2000
	if os.Getenv("HIROBA_TURN_ALLOCATIONS") == "10000" {
		many = 10_000
	}
	tg := newTarget(t)
	tg.users = limit.New[string](many, many)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()

	key := longTermKey("ann", "hiroba", "word")
	for i := range many {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0x09000000+uint32(i))
		from := origin{transport: UDP, addr: netip.AddrPortFrom(netip.AddrFrom4(ip), 1000), local: loopback, front: tg.fronts[0]}
		nonce := tg.nonces.issue(tg.in.now, from.addr.Addr())
		m := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP,
			stun.NewUsername("ann"), stun.NewRealm("hiroba"), stun.NewNonce(nonce), key)
		tg.in.message(from, nil, m.Raw)
	}
	if got := len(tg.Allocations()); got != many {
		t.Skipf("%d of %d allocations were made; the system may not allow so many open files", got, many)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(many)
	t.Logf("%d allocations: %.0f bytes each, %.1f MB in all from the system", many, each, float64(after.Sys)/1e6)
	if each > 4096 {
		t.Errorf("an idle allocation takes %.0f bytes, want 4,096 at most", each)
	}
	if got := runtime.NumGoroutine(); got > goroutines {
		t.Errorf("%d goroutines, %d before: an idle allocation wants none", got, goroutines)
	}
}

// Many strangers without a password leave nothing behind.
func TestFloodOfStrangersKeepsMemoryFlat(t *testing.T) {
	tg := newTarget(t)
	allocate := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP).Raw
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw
	flood := func(from uint32) {
		for i := range uint32(50_000) {
			var ip [4]byte
			binary.BigEndian.PutUint32(ip[:], from+i)
			// A stream takes the answers, so that nobody on the Internet gets them.
			o := tg.stream.from
			o.addr = netip.AddrPortFrom(netip.AddrFrom4(ip), 1000)
			tg.in.message(o, nil, allocate)
			tg.in.message(o, nil, binding)
			tg.stream.waiting = tg.stream.waiting[:0]
		}
	}
	flood(0x09000000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	flood(0x0A000000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("100,000 requests of 50,000 strangers left %d bytes behind", grown)
	}
}
