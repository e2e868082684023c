package forward_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// step is one thing that happens to a stream.
type step struct {
	change  uint64 // switch to this source first, unless 0
	at      time.Duration
	seq     uint16
	ts      uint32
	wantSeq uint16
	wantTS  uint32
	dropped bool
}

func TestStreamIsContinuous(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first uint16
		ts    uint32
		steps []step
	}{
		{"one source, in order", 100, 5000, []step{
			{change: 1, seq: 7, ts: 90, wantSeq: 100, wantTS: 5000},
			{seq: 8, ts: 90, wantSeq: 101, wantTS: 5000},
			{seq: 9, ts: 3090, wantSeq: 102, wantTS: 8000},
		}},
		{"a gap of the source stays a gap", 100, 0, []step{
			{change: 1, seq: 7, wantSeq: 100},
			{seq: 10, ts: 300, wantSeq: 103, wantTS: 300},
		}},
		{"reordered packets keep their places", 100, 0, []step{
			{change: 1, seq: 7, wantSeq: 100},
			{seq: 9, ts: 200, wantSeq: 102, wantTS: 200},
			{seq: 8, ts: 100, wantSeq: 101, wantTS: 100},
		}},
		{"the source's number wraps", 100, 0, []step{
			{change: 1, seq: 65535, wantSeq: 100},
			{seq: 0, ts: 1, wantSeq: 101, wantTS: 1},
			{seq: 65534, ts: 0xffffffff, dropped: true},
		}},
		{"the stream's number and timestamp wrap", 65535, 0xfffffff0, []step{
			{change: 1, seq: 1, ts: 0, wantSeq: 65535, wantTS: 0xfffffff0},
			{seq: 2, ts: 0x20, wantSeq: 0, wantTS: 0x10},
		}},
		{"a switch leaves no gap and goes on in time", 100, 0, []step{
			{change: 1, seq: 7, ts: 1000, wantSeq: 100, wantTS: 0},
			{change: 2, at: 100 * time.Millisecond, seq: 40000, ts: 77, wantSeq: 101, wantTS: 9000},
			{at: 133 * time.Millisecond, seq: 40001, ts: 3077, wantSeq: 102, wantTS: 12000},
		}},
		{"a switch in the same instant still steps forward", 100, 0, []step{
			{change: 1, seq: 7, ts: 1000, wantSeq: 100, wantTS: 0},
			{change: 2, seq: 3, ts: 5, wantSeq: 101, wantTS: 1},
		}},
		{"a switch follows the newest, not the last", 100, 0, []step{
			{change: 1, seq: 7, wantSeq: 100},
			{seq: 9, ts: 20, wantSeq: 102, wantTS: 20},
			{seq: 8, ts: 10, wantSeq: 101, wantTS: 10},
			{change: 2, seq: 1, ts: 1, wantSeq: 103, wantTS: 21},
		}},
		{"late packets from before the switch point are dropped", 100, 0, []step{
			{change: 1, seq: 7, wantSeq: 100},
			{change: 2, seq: 50, ts: 9, wantSeq: 101, wantTS: 1},
			{seq: 49, ts: 5, dropped: true},
			{seq: 51, ts: 9, wantSeq: 102, wantTS: 1},
		}},
		{"a packet much too late is dropped", 100, 0, []step{
			{change: 1, seq: 1000, wantSeq: 100},
			{seq: 2000, ts: 9, wantSeq: 1100, wantTS: 9},
			{seq: 1489, ts: 8, wantSeq: 589, wantTS: 8},
			{seq: 1488, ts: 8, dropped: true},
		}},
		{"a source that never sent leaves no trace", 100, 0, []step{
			{change: 1, seq: 7, wantSeq: 100},
			{change: 2, seq: 1, ts: 0, wantSeq: 101, wantTS: 1},
		}},
		{"the first source may start late", 100, 77, []step{
			{change: 1, at: time.Hour, seq: 7, ts: 3, wantSeq: 100, wantTS: 77},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := forward.NewStream(90000, 512, tc.first, tc.ts)
			for i, step := range tc.steps {
				if step.change != 0 {
					s.Switch(step.change)
				}
				seq, ts, ok := s.Rewrite(start.Add(step.at), step.seq, step.ts)
				if ok == step.dropped {
					t.Fatalf("step %d: sent %v, want %v", i, ok, !step.dropped)
				}
				if ok && (seq != step.wantSeq || ts != step.wantTS) {
					t.Fatalf("step %d: got %d at %d, want %d at %d", i, seq, ts, step.wantSeq, step.wantTS)
				}
			}
		})
	}
}

// A source may run for days: what is late is told from what is new long after
// the 16-bit number has passed its start again.
func TestStreamOverManyWraps(t *testing.T) {
	s := forward.NewStream(90000, 512, 0, 0)
	s.Switch(1)
	for i := range 500_000 {
		out, _, ok := s.Rewrite(start, uint16(i+1234), uint32(i))
		if !ok || out != uint16(i) {
			t.Fatalf("packet %d became %d, %v", i, out, ok)
		}
	}
}

func TestOriginFindsTheSourcesPacket(t *testing.T) {
	s := forward.NewStream(90000, 512, 65530, 0)
	if _, ok := s.Origin(65530); ok {
		t.Fatal("found a packet in an empty stream")
	}
	s.Switch(1)
	for i := range uint16(10) {
		s.Rewrite(start, 100+i, 0) // out 65530 … 3
	}
	s.Switch(2)
	for i := range uint16(3) {
		s.Rewrite(start, 7+i, 0) // out 4 … 6
	}
	s.Switch(3) // nothing written
	s.Switch(4) // nor here, yet
	for _, tc := range []struct {
		out    uint16
		id     uint64
		seq    uint16
		exists bool
	}{
		{65529, 0, 0, false},
		{65530, 1, 100, true},
		{2, 1, 108, true},
		{3, 1, 109, true},
		{4, 2, 7, true},
		{6, 2, 9, true},
		{7, 0, 0, false},
		{30000, 0, 0, false},
	} {
		got, ok := s.Origin(tc.out)
		if got.ID != tc.id || got.Seq != tc.seq || ok != tc.exists {
			t.Errorf("Origin(%d) = %+v, %v; want %d, %d, %v", tc.out, got, ok, tc.id, tc.seq, tc.exists)
		}
	}
}

// A source that was switched to, but sent nothing, is no packet's origin.
func TestASilentSourceIsNobodysOrigin(t *testing.T) {
	s := forward.NewStream(90000, 512, 1000, 0)
	s.Switch(1)
	for i := range uint16(10) {
		s.Rewrite(start, 100+i, 0)
	}
	s.Switch(2)
	s.Switch(3)
	s.Rewrite(start, 5, 0)
	if got, ok := s.Origin(1005); !ok || got.ID != 1 || got.Seq != 105 {
		t.Fatalf("Origin(1005) = %+v, %v", got, ok)
	}
	if !s.Holds(1) || s.Holds(2) || !s.Holds(3) {
		t.Fatal("the wrong sources are held")
	}
}

// Whatever a sender does with its numbers, the stream never panics, and
// packets of one source keep their distances.
func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 0, 1, 0, 2, 2, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := forward.NewStream(90000, 512, 3, 4)
		s.Switch(1)
		now := start
		for len(data) >= 4 {
			seq := uint16(data[0])<<8 | uint16(data[1])
			if data[2]&1 == 1 {
				s.Switch(uint64(data[3]))
			}
			now = now.Add(time.Duration(data[2]) * time.Millisecond)
			if out, _, ok := s.Rewrite(now, seq, uint32(data[3])<<24); ok {
				if origin, ok := s.Origin(out); !ok || origin.Seq != seq {
					t.Fatalf("packet %d went out as %d, which came from %+v, %v", seq, out, origin, ok)
				}
			}
			data = data[4:]
		}
	})
}
