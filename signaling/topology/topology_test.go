package topology_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/topology"
)

const cooldown = 5 * time.Second

const (
	sfu = protocol.Topology_SFU
	p2p = protocol.Topology_P2P
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// room is a decider and its clock.
type room struct {
	*topology.Decider
	now time.Time
}

// step is one thing that happens; it says whether the topology changed.
type step func(*room) bool

func join(id string) step { return func(r *room) bool { return r.Join(r.now, id, true) } }
func joinUnsuited(id string) step {
	return func(r *room) bool { return r.Join(r.now, id, false) }
}
func leave(id string) step { return func(r *room) bool { return r.Leave(r.now, id) } }
func suit(id string, suited bool) step {
	return func(r *room) bool { return r.Suit(r.now, id, suited) }
}
func record(on bool) step { return func(r *room) bool { return r.Record(r.now, on) } }
func set(policy protocol.TopologyPolicy, relayOnly bool) step {
	return func(r *room) bool { return r.Set(r.now, policy, relayOnly) }
}
func received(id string, epoch uint64) step {
	return func(r *room) bool { return r.Direct(r.now, id, epoch, protocol.Direct_RECEIVED) }
}
func failed(id string, epoch uint64) step {
	return func(r *room) bool { return r.Direct(r.now, id, epoch, protocol.Direct_FAILED) }
}

// wait lets time pass; Tick is called at its end only, as by a late timer.
func wait(d time.Duration) step {
	return func(r *room) bool {
		r.now = r.now.Add(d)
		return r.Tick(r.now)
	}
}

func steps(groups ...[]step) (out []step) {
	for _, group := range groups {
		out = append(out, group...)
	}
	return out
}

var (
	auto = protocol.TopologyPolicy_TOPOLOGY_AUTO
	pair = []step{join("a"), join("b")}
	// moved is a pair whose media is on the leg of epoch 1.
	moved = steps(pair, []step{received("a", 1), received("b", 1)})
)

func TestTopology(t *testing.T) {
	direct := func(epoch uint64) topology.State {
		return topology.State{Mode: p2p, Epoch: epoch, Peers: [2]string{"a", "b"}}
	}
	directMoved := func(epoch uint64) topology.State {
		s := direct(epoch)
		s.Moved = true
		return s
	}
	over := func(epoch uint64) topology.State { return topology.State{Mode: sfu, Epoch: epoch} }
	never, at := time.Time{}, func(d time.Duration) time.Time { return start.Add(d) }

	for _, test := range []struct {
		name    string
		policy  protocol.TopologyPolicy
		relay   bool
		steps   []step
		want    topology.State
		changed bool // by the last step
		next    time.Time
	}{
		{name: "one peer", steps: pair[:1], want: over(0)},
		{name: "a fresh pair starts at once", steps: pair, want: direct(1), changed: true, next: at(20 * time.Second)},
		{name: "the one that joined first offers first", steps: []step{join("b"), join("a")},
			want: topology.State{Mode: p2p, Epoch: 1, Peers: [2]string{"b", "a"}}, changed: true, next: at(20 * time.Second)},
		{name: "policy p2p is as auto", policy: protocol.TopologyPolicy_TOPOLOGY_P2P, steps: pair, want: direct(1), changed: true, next: at(20 * time.Second)},
		{name: "policy sfu", policy: protocol.TopologyPolicy_TOPOLOGY_SFU, steps: pair, want: over(0)},
		{name: "relay only", relay: true, steps: pair,
			want: topology.State{Mode: p2p, Epoch: 1, Peers: [2]string{"a", "b"}, RelayOnly: true}, changed: true, next: at(20 * time.Second)},
		{name: "one of two is not suited", steps: []step{join("a"), joinUnsuited("b")}, want: over(0)},
		{name: "it becomes suited", steps: []step{join("a"), joinUnsuited("b"), suit("b", true)}, want: direct(1), changed: true, next: at(20 * time.Second)},
		{name: "the same peer twice is one", steps: []step{join("a"), join("a")}, want: over(0)},

		{name: "one receives", steps: steps(pair, []step{received("a", 1)}), want: direct(1), next: at(20 * time.Second)},
		{name: "one receives and says it twice", steps: steps(pair, []step{received("a", 1), received("a", 1)}), want: direct(1), next: at(20 * time.Second)},
		{name: "both receive", steps: moved, want: directMoved(1), changed: true},
		{name: "nothing more to say", steps: steps(moved, []step{received("b", 1)}), want: directMoved(1)},
		{name: "moved, it may last", steps: steps(moved, []step{wait(time.Hour)}), want: directMoved(1)},
		{name: "words of an earlier leg", steps: steps(pair, []step{record(true), record(false), wait(cooldown), received("a", 1), received("b", 1)}),
			want: direct(3), next: at(25 * time.Second)},
		{name: "words of a later leg", steps: steps(pair, []step{received("a", 3), failed("b", 2)}), want: direct(1), next: at(20 * time.Second)},
		{name: "words of somebody else", steps: steps(pair, []step{received("a", 1), received("c", 1), failed("c", 1), failed("", 1)}), want: direct(1), next: at(20 * time.Second)},
		{name: "words without a leg", steps: []step{join("a"), failed("a", 0), received("", 0), failed("", 0)}, want: over(0)},
		{name: "words that mean nothing", steps: steps(pair, []step{func(r *room) bool { return r.Direct(r.now, "a", 1, 0) }}), want: direct(1), next: at(20 * time.Second)},

		{name: "a third joins", steps: steps(moved, []step{join("c")}), want: over(2), changed: true},
		{name: "a third joins who is not suited", steps: steps(moved, []step{joinUnsuited("c")}), want: over(2), changed: true},
		{name: "the third leaves: not at once", steps: steps(moved, []step{join("c"), wait(time.Minute), leave("c")}), want: over(2), next: at(time.Minute + cooldown)},
		{name: "the third leaves: after the cool-down", steps: steps(moved, []step{join("c"), wait(time.Minute), leave("c"), wait(cooldown)}),
			want: direct(3), changed: true, next: at(time.Minute + cooldown + 20*time.Second)},
		{name: "another one leaves of three: the two that stay", steps: steps(moved, []step{join("c"), leave("a"), wait(cooldown)}),
			want: topology.State{Mode: p2p, Epoch: 3, Peers: [2]string{"b", "c"}}, changed: true, next: at(cooldown + 20*time.Second)},
		{name: "a fourth leaves", steps: steps(moved, []step{join("c"), join("d"), leave("d"), wait(time.Hour)}), want: over(2)},
		{name: "one leaves", steps: steps(moved, []step{leave("a")}), want: over(2), changed: true},
		{name: "one leaves, and a new one makes a fresh pair", steps: steps(moved, []step{leave("b"), join("c")}),
			want: topology.State{Mode: p2p, Epoch: 3, Peers: [2]string{"a", "c"}}, changed: true, next: at(20 * time.Second)},
		{name: "a stranger leaves", steps: steps(moved, []step{leave("x")}), want: directMoved(1)},
		{name: "one is away", steps: steps(moved, []step{suit("b", false)}), want: over(2), changed: true},
		{name: "it comes back: after the cool-down", steps: steps(moved, []step{suit("b", false), wait(time.Second), suit("b", true)}), want: over(2), next: at(cooldown)},
		{name: "it comes back late: at once", steps: steps(moved, []step{suit("b", false), wait(time.Minute), suit("b", true)}),
			want: direct(3), changed: true, next: at(80 * time.Second)},
		{name: "a stranger is away", steps: steps(moved, []step{suit("x", false)}), want: directMoved(1)},
		{name: "recording begins", steps: steps(moved, []step{record(true)}), want: over(2), changed: true},
		{name: "while it is recorded", steps: steps(moved, []step{record(true), wait(time.Hour)}), want: over(2)},
		{name: "recording has ended", steps: steps(moved, []step{record(true), record(false), wait(cooldown)}), want: direct(3), changed: true, next: at(25 * time.Second)},
		{name: "policy becomes sfu", steps: steps(moved, []step{set(protocol.TopologyPolicy_TOPOLOGY_SFU, false)}), want: over(2), changed: true},
		{name: "policy becomes p2p", steps: steps(moved, []step{set(protocol.TopologyPolicy_TOPOLOGY_P2P, false)}), want: directMoved(1)},
		{name: "addresses are to be hidden from now on", steps: steps(moved, []step{set(auto, true)}), want: over(2), changed: true, next: at(cooldown)},
		{name: "hidden, it starts again", steps: steps(moved, []step{set(auto, true), wait(cooldown)}),
			want: topology.State{Mode: p2p, Epoch: 3, Peers: [2]string{"a", "b"}, RelayOnly: true}, changed: true, next: at(25 * time.Second)},
		{name: "addresses need not be hidden any more: nothing is disturbed", relay: true, steps: steps(pair, []step{set(auto, false)}),
			want: topology.State{Mode: p2p, Epoch: 1, Peers: [2]string{"a", "b"}, RelayOnly: true}, next: at(20 * time.Second)},

		{name: "one says failed", steps: steps(pair, []step{failed("b", 1)}), want: over(2), changed: true, next: at(15 * time.Second)},
		{name: "failed after it moved", steps: steps(moved, []step{failed("a", 1)}), want: over(2), changed: true, next: at(15 * time.Second)},
		{name: "the other says it too", steps: steps(moved, []step{failed("a", 1), failed("b", 1)}), want: over(2), next: at(15 * time.Second)},
		{name: "too early for the next try", steps: steps(pair, []step{failed("a", 1), wait(15*time.Second - 1)}), want: over(2), next: at(15 * time.Second)},
		{name: "the next try", steps: steps(pair, []step{failed("a", 1), wait(15 * time.Second)}), want: direct(3), changed: true, next: at(35 * time.Second)},
		{name: "not received in time", steps: steps(pair, []step{received("a", 1), wait(20 * time.Second)}), want: over(2), changed: true, next: at(35 * time.Second)},
		{name: "in time, just", steps: steps(pair, []step{wait(20*time.Second - 1)}), want: direct(1), next: at(20 * time.Second)},
		{name: "a failed pair and a third: the longer wait counts", steps: steps(pair, []step{failed("a", 1), join("c"), wait(time.Second), leave("c")}),
			want: over(2), next: at(15 * time.Second)},
		{name: "another pair does not pay for it", steps: steps(pair, []step{failed("a", 1), leave("b"), join("c")}),
			want: topology.State{Mode: p2p, Epoch: 3, Peers: [2]string{"a", "c"}}, changed: true, next: at(20 * time.Second)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &room{topology.New(test.policy, test.relay, cooldown), start}
			changed := false
			for i, step := range test.steps {
				before := r.State()
				changed = step(r)
				if changed != (r.State() != before) {
					t.Fatalf("step %d: changed is %v, but %+v became %+v", i+1, changed, before, r.State())
				}
			}
			if r.State() != test.want || changed != test.changed {
				t.Errorf("State() = %+v, changed %v; want %+v, %v", r.State(), changed, test.want, test.changed)
			}
			if next := r.Next(); next != test.next && test.next != never || test.next == never && !next.IsZero() {
				t.Errorf("Next() = %v; want %v", next, test.next)
			}
		})
	}
}

// try fails the pair's leg that there is, and says how long the next waits.
func try(t *testing.T, r *room) time.Duration {
	t.Helper()
	if !r.Direct(r.now, "a", r.State().Epoch, protocol.Direct_FAILED) {
		t.Fatalf("the leg does not fail: %+v", r.State())
	}
	wait := r.Next().Sub(r.now)
	r.now = r.Next()
	if !r.Tick(r.now) {
		t.Fatalf("no leg at Next(): %+v", r.State())
	}
	return wait
}

func TestEachFailureDoublesTheWait(t *testing.T) {
	r := &room{topology.New(auto, false, cooldown), start}
	for _, step := range pair {
		step(r)
	}
	for i, want := range []time.Duration{15, 30, 60, 120, 240, 300, 300, 300, 300, 300, 300, 300} {
		if got := try(t, r); got != want*time.Second {
			t.Errorf("wait %d is %v; want %v", i+1, got, want*time.Second)
		}
	}
}

func TestALegThatHeldIsNotPunishedForOldFailures(t *testing.T) {
	for _, test := range []struct {
		name string
		held time.Duration
		want time.Duration
	}{
		{"a minute of media", time.Minute, 15 * time.Second},
		{"less than that", 59 * time.Second, 60 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &room{topology.New(auto, false, cooldown), start}
			for _, step := range pair {
				step(r)
			}
			try(t, r)
			try(t, r)
			received("a", r.State().Epoch)(r)
			received("b", r.State().Epoch)(r)
			wait(test.held)(r)
			if got := try(t, r); got != test.want {
				t.Errorf("the next try waits %v; want %v", got, test.want)
			}
		})
	}
}

func TestAPeerIsToldItsOwnEnd(t *testing.T) {
	r := &room{topology.New(auto, true, cooldown), start}
	for _, step := range moved {
		step(r)
	}
	a, b, c := r.State().For("a"), r.State().For("b"), r.State().For("c")
	if a.GetPeer() != "b" || a.GetPolite() || !a.GetMoved() || !a.GetRelayOnly() || a.GetEpoch() != 1 || a.GetMode() != p2p {
		t.Errorf("the first is told %v", a)
	}
	if b.GetPeer() != "a" || !b.GetPolite() || !b.GetMoved() || !b.GetRelayOnly() {
		t.Errorf("the second is told %v", b)
	}
	if c.GetPeer() != "" || c.GetMoved() {
		t.Errorf("one that is not of the leg is told %v", c)
	}
	join("c")(r)
	if a := r.State().For(""); a.GetMode() != sfu || a.GetEpoch() != 2 || a.GetPeer() != "" {
		t.Errorf("over the SFU everybody is told %v", a)
	}
}

func TestOnlyThePresentLegCarriesMessages(t *testing.T) {
	r := &room{topology.New(auto, false, cooldown), start}
	for _, step := range pair {
		step(r)
	}
	leg := r.State()
	for _, test := range []struct {
		name     string
		state    topology.State
		from, to string
		epoch    uint64
		want     bool
	}{
		{"between the two", leg, "a", "b", 1, true},
		{"back", leg, "b", "a", 1, true},
		{"to oneself", leg, "a", "a", 1, false},
		{"to a stranger", leg, "a", "c", 1, false},
		{"from a stranger", leg, "c", "a", 1, false},
		{"late", leg, "a", "b", 0, false},
		{"early", leg, "a", "b", 3, false},
		{"without a leg", topology.State{Mode: sfu, Epoch: 1}, "", "", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.state.Carries(test.from, test.to, test.epoch); got != test.want {
				t.Errorf("Carries = %v", got)
			}
		})
	}
}
