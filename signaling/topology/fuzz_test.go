package topology_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/topology"
)

// FuzzTopology lets anything happen in any order. Whatever comes, epochs only
// grow, by one at a time, and a leg has two ends that are both there, alone.
func FuzzTopology(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 4, 0, 4, 1, 0, 2, 1, 2, 6, 9})
	f.Add([]byte{0, 0, 0, 1, 5, 1, 6, 200, 3, 1, 3, 0, 7, 2, 7, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, now := topology.New(auto, false, cooldown), start
		there := map[string]bool{} // and whether it is suited
		recording, policy := false, auto
		for ; len(data) > 1; data = data[2:] {
			before, n := d.State(), data[1]
			id := string('a' + rune(n%5))
			epoch := before.Epoch + uint64(n/5%3) - 1
			changed := false
			switch data[0] % 8 {
			case 0:
				there[id] = n < 200
				changed = d.Join(now, id, n < 200)
			case 1:
				delete(there, id)
				changed = d.Leave(now, id)
			case 2:
				if _, ok := there[id]; ok {
					there[id] = n%2 == 0
				}
				changed = d.Suit(now, id, n%2 == 0)
			case 3:
				recording = n%2 == 1
				changed = d.Record(now, recording)
			case 4:
				changed = d.Direct(now, id, epoch, protocol.Direct_RECEIVED)
			case 5:
				changed = d.Direct(now, id, epoch, protocol.Direct_FAILED)
			case 6:
				now = now.Add(time.Duration(n) * time.Second / 4)
				changed = d.Tick(now)
			case 7:
				policy = protocol.TopologyPolicy(n % 4)
				changed = d.Set(now, policy, n%8 > 3)
			}
			check(t, before, d.State(), changed)
			if after := d.State(); after.Mode == p2p {
				a, b := after.Peers[0], after.Peers[1]
				if a == b || len(there) != 2 || !there[a] || !there[b] || recording || policy == protocol.TopologyPolicy_TOPOLOGY_SFU {
					t.Fatalf("%+v with the peers %v (recording %v, policy %v)", after, there, recording, policy)
				}
			}
			if next := d.Next(); !next.IsZero() && next.Before(now.Add(-time.Hour)) {
				t.Fatalf("Next() = %v, long before %v", next, now)
			}
		}
	})
}

func check(t *testing.T, before, after topology.State, changed bool) {
	t.Helper()
	switch {
	case changed != (before != after):
		t.Fatalf("changed is %v, but %+v became %+v", changed, before, after)
	case before.Mode == after.Mode && before.Epoch != after.Epoch,
		before.Mode != after.Mode && after.Epoch != before.Epoch+1:
		t.Fatalf("%+v became %+v: the epoch does not count the changes of mode", before, after)
	case after.Mode == sfu && (after.Moved || after.Peers != [2]string{}):
		t.Fatalf("a leg's state over the SFU: %+v", after)
	}
}
