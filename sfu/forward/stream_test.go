package forward_test

import (
	"slices"
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
	f.Add([]byte{1, 0, 0, 0, 1, 1, 2, 0, 1, 3, 6, 0, 1, 2, 2, 0, 1, 4, 0, 0, 1, 3, 0, 0})
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
			rewrite := s.Rewrite
			if data[2]&2 == 2 {
				rewrite = func(_ time.Time, seq uint16, timestamp uint32) (uint16, uint32, bool) {
					return s.Drop(seq, timestamp, data[2]&4 == 4)
				}
			}
			if out, _, ok := rewrite(now, seq, uint32(data[3])<<24); ok {
				if origin, ok := s.Origin(out); !ok || origin.Seq != seq {
					t.Fatalf("packet %d went out as %d, which came from %+v, %v", seq, out, origin, ok)
				}
			}
			data = data[4:]
		}
	})
}

// What is left out on purpose closes up; what was lost stays a gap.
func TestStreamClosesUpOverDrops(t *testing.T) {
	type step struct {
		drop, run bool
		seq       uint16
		want      uint16
		not       bool // nothing is sent
	}
	for _, tc := range []struct {
		name  string
		first uint16
		steps []step
	}{
		{"one packet", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 9, want: 101},
		}},
		{"over the source's wrap-around", 100, []step{
			{seq: 65534, want: 100}, {seq: 65535, drop: true, not: true}, {seq: 0, drop: true, not: true}, {seq: 1, want: 101},
		}},
		{"over the stream's wrap-around", 65535, []step{
			{seq: 7, want: 65535}, {seq: 8, drop: true, not: true}, {seq: 9, want: 0},
		}},
		{"a loss among drops stays a gap", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 10, drop: true, not: true}, {seq: 11, want: 102},
		}},
		{"a late packet fills its gap among drops", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 10, drop: true, not: true}, {seq: 11, want: 102},
			{seq: 9, want: 101},
		}},
		{"a late drop fills its gap with nothing", 100, []step{
			{seq: 7, want: 100}, {seq: 9, want: 102}, {seq: 8, drop: true, want: 101},
		}},
		{"a late drop before anything followed leaves no gap", 100, []step{
			{seq: 7, want: 100}, {seq: 9, drop: true, not: true}, {seq: 8, drop: true, not: true}, {seq: 10, want: 101},
		}},
		{"a late packet before anything followed is sent", 100, []step{
			{seq: 7, want: 100}, {seq: 9, drop: true, not: true}, {seq: 8, want: 101}, {seq: 10, want: 102},
		}},
		{"what is missing in a dropped frame is dropped", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 10, drop: true, run: true, not: true}, {seq: 11, want: 101},
			{seq: 9, drop: true, not: true}, {seq: 9, not: true},
		}},
		{"what was dropped is not sent later", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 9, want: 101}, {seq: 8, not: true},
		}},
		{"what was sent is not filled", 100, []step{
			{seq: 7, want: 100}, {seq: 7, drop: true, not: true},
		}},
		{"drops before the first packet are no matter", 100, []step{
			{seq: 6, drop: true, not: true}, {seq: 7, want: 100}, {seq: 6, drop: true, not: true},
		}},
		{"a drop much too late is forgotten", 100, []step{
			{seq: 7, want: 100}, {seq: 1000, want: 1093}, {seq: 400, drop: true, not: true},
		}},
		{"a jump ahead over all that is remembered", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 9, want: 101}, {seq: 20000, want: 20092},
			{seq: 20001, drop: true, not: true}, {seq: 20002, want: 20093}, {seq: 20001, not: true},
		}},
		{"a run longer than all that is remembered", 100, []step{
			{seq: 7, want: 100}, {seq: 8, drop: true, not: true}, {seq: 5000, drop: true, run: true, not: true}, {seq: 5001, want: 4580},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := forward.NewStream(90000, 512, tc.first, 0)
			s.Switch(1)
			for i, step := range tc.steps {
				var out uint16
				var ok bool
				if step.drop {
					out, _, ok = s.Drop(step.seq, 0, step.run)
				} else {
					out, _, ok = s.Rewrite(start, step.seq, 0)
				}
				if ok == step.not || ok && out != step.want {
					t.Fatalf("step %d: got %d, %v; want %d, %v", i, out, ok, step.want, !step.not)
				}
				if !ok {
					continue
				}
				if origin, found := s.Origin(out); !found || origin.Seq != step.seq {
					t.Fatalf("step %d: %d comes from %+v, %v", i, out, origin, found)
				}
			}
		})
	}
}

// Any mix of packets and drops, over many wrap-arounds: numbers stay without
// gap, and lead back to where they came from.
func TestOriginReachesOverDrops(t *testing.T) {
	s := forward.NewStream(90000, 512, 65000, 0)
	s.Switch(1)
	type sent struct{ out, in uint16 }
	var all []sent
	next := uint16(65000)
	for i := range 300_000 {
		in := uint16(i + 30000)
		// Once a while long stretches are left out.
		if i > 0 && (i%3 == 1 || i%2000 > 1700) {
			s.Drop(in, 0, i%2 == 0)
			continue
		}
		out, _, ok := s.Rewrite(start, in, 0)
		if !ok || out != next {
			t.Fatalf("packet %d became %d, %v; want %d", i, out, ok, next)
		}
		next++
		all = append(all, sent{out, in})
		back := all[max(0, len(all)-1-i%150)]
		origin, ok := s.Origin(back.out)
		if far := in - back.in; ok != (far < 512) && far != 511 && far != 512 || ok && origin.Seq != back.in {
			t.Fatalf("%d, %d packets ago, comes from %+v, %v; want %d", back.out, far, origin, ok, back.in)
		}
	}
}

func TestOriginOfEarlierSourcesKnowsTheirDrops(t *testing.T) {
	s := forward.NewStream(90000, 512, 100, 0)
	s.Switch(1)
	for i := range uint16(10) {
		if i%2 == 1 {
			s.Drop(50+i, 0, false)
			continue
		}
		s.Rewrite(start, 50+i, 0) // 50, 52 … 58 are 100 … 104
	}
	s.Switch(2)
	s.Rewrite(start, 9000, 0) // 105
	s.Drop(9001, 0, false)
	s.Rewrite(start, 9002, 0) // 106
	for _, tc := range []struct {
		out uint16
		id  uint64
		seq uint16
	}{{100, 1, 50}, {101, 1, 52}, {104, 1, 58}, {105, 2, 9000}, {106, 2, 9002}} {
		if got, ok := s.Origin(tc.out); !ok || got.ID != tc.id || got.Seq != tc.seq {
			t.Errorf("Origin(%d) = %+v, %v; want %d, %d", tc.out, got, ok, tc.id, tc.seq)
		}
	}
}

// Two sources of one publisher whose timestamps differ by a known offset: the
// stream's time goes on exactly, however late packets came.
func TestAlignedSwitches(t *testing.T) {
	const second = 90000
	type step struct {
		change  uint64
		offset  int64
		aligned bool
		at      time.Duration
		ts      uint32
		want    uint32
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"exact, though the packet came late", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, aligned: true, offset: 1000 - 50000, at: 80 * time.Millisecond, ts: 50000 + 3000, want: 3000},
			{at: 90 * time.Millisecond, ts: 50000 + 6000, want: 6000},
		}},
		{"without alignment the delay is in it", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, at: 80 * time.Millisecond, ts: 50000 + 3000, want: 7200},
		}},
		{"timestamps wrap", []step{
			{change: 1, ts: 0xfffffff0, want: 0},
			{change: 2, aligned: true, offset: 0xfffffff0 - 5, at: 33 * time.Millisecond, ts: 3005, want: 3000},
		}},
		{"the same instant steps by one tick", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, aligned: true, offset: 1000 - 50000, ts: 50000, want: 1},
		}},
		{"an older picture does not step back", []step{
			{change: 1, ts: 1000, want: 0},
			{at: 33 * time.Millisecond, ts: 4000, want: 3000},
			{change: 2, aligned: true, offset: 1000 - 50000, at: 40 * time.Millisecond, ts: 50000, want: 3001},
			{at: 70 * time.Millisecond, ts: 53000, want: 6001},
		}},
		{"what was added then is taken back at the next switch", []step{
			{change: 1, ts: 1000, want: 0},
			{at: 33 * time.Millisecond, ts: 4000, want: 3000},
			{change: 2, aligned: true, offset: 1000 - 50000, at: 40 * time.Millisecond, ts: 50000, want: 3001},
			{change: 1, aligned: true, offset: 50000 - 1000, at: 100 * time.Millisecond, ts: 1000 + 9000, want: 9000},
		}},
		{"over a source that never sent", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, aligned: true, offset: 1000 - 50000},
			{change: 3, aligned: true, offset: 50000 - 7000, at: 50 * time.Millisecond, ts: 7000 + 3000, want: 3000},
		}},
		{"over one that never sent and whose time is not known", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2},
			{change: 3, aligned: true, offset: 50000 - 7000, at: 50 * time.Millisecond, ts: 7000 + 3000, want: 4500},
		}},
		{"after a long silence", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, aligned: true, offset: 1000 - 50000, at: time.Hour, ts: 50000 + 3600*second, want: 3600 * second},
		}},
		{"an offset far ahead of real time is not followed", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, aligned: true, offset: 1000 - 50000 + 5*second, at: 100 * time.Millisecond, ts: 50000, want: 9000},
		}},
		{"an offset far back is not followed", []step{
			{change: 1, ts: 1000, want: 0},
			{change: 2, aligned: true, offset: 1000 - 50000 - 5*second, at: 100 * time.Millisecond, ts: 50000, want: 9000},
		}},
		{"nothing to align with", []step{
			{change: 1, aligned: true, offset: 77, ts: 1000, want: 0},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := forward.NewStream(second, 512, 0, 0)
			for i, step := range tc.steps {
				switch {
				case step.aligned:
					s.SwitchAligned(step.change, uint32(step.offset))
				case step.change != 0:
					s.Switch(step.change)
				}
				if step.ts == 0 {
					continue
				}
				if _, got, ok := s.Rewrite(start.Add(step.at), uint16(i), step.ts); !ok || got != step.want {
					t.Fatalf("step %d: at %d, %v; want %d", i, got, ok, step.want)
				}
			}
		})
	}
}

// Thousands of aligned switches do not add up to an error.
func TestManySwitchesDoNotDrift(t *testing.T) {
	s := forward.NewStream(90000, 512, 0, 0)
	offsets := [2]uint32{1000, 4_000_000_000}
	s.Switch(0)
	for i := range uint32(20_000) {
		source := i / 2 % 2
		if i > 0 && i%2 == 0 {
			s.SwitchAligned(uint64(source), offsets[1-source]-offsets[source])
		}
		// One of them begins with a picture that the other has sent already.
		captured := 3000 * i
		if i%4 == 0 && i > 0 {
			captured -= 3000
		}
		now := start.Add(time.Duration(i) * time.Second / 30)
		_, got, ok := s.Rewrite(now, uint16(i), captured+offsets[source])
		if lead := int32(got - captured); !ok || lead < 0 || lead > 1 {
			t.Fatalf("picture %d is %d ticks off", i, lead)
		}
	}
}

func TestReportsGiveTheOffset(t *testing.T) {
	at := func(d time.Duration) time.Time { return start.Add(d) }
	for _, tc := range []struct {
		name       string
		from, to   forward.SenderReport
		wantOffset uint32
	}{
		{"reports of one moment", forward.SenderReport{NTP: at(0), RTP: 500}, forward.SenderReport{NTP: at(0), RTP: 2000}, 1500},
		{"the other is later", forward.SenderReport{NTP: at(0), RTP: 500}, forward.SenderReport{NTP: at(time.Second), RTP: 92000}, 1500},
		{"the other is earlier", forward.SenderReport{NTP: at(time.Second), RTP: 90500}, forward.SenderReport{NTP: at(0), RTP: 2000}, 1500},
		{"over a wrap-around", forward.SenderReport{NTP: at(0), RTP: 500}, forward.SenderReport{NTP: at(-time.Second), RTP: 0xffffffff - 89999}, 0xffffffff - 499},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.from.OffsetTo(tc.to, 90000); got != tc.wantOffset {
				t.Fatalf("the offset is %d, want %d", got, tc.wantOffset)
			}
		})
	}
}

// However a source leaps, in number or in time, no number is used twice and a
// decoder sees no step back in time that is more than pictures out of order.
func TestAStreamFollowsNoLeap(t *testing.T) {
	const reach = 512
	type packet struct {
		seq       uint16
		timestamp uint32
		drop      bool
	}
	const second = 90000
	for _, tc := range []struct {
		name    string
		packets []packet
		ahead   []int64 // of each packet that is sent against the first
		late    []int64 // and its time
	}{
		{"two leaps, the first over a packet left out", []packet{
			{10, 0, false}, {11, 90, false}, {11 + 32767, 180, true}, {9, 270, false}, {10, 360, false},
		}, []int64{0, 1, 3, 4}, []int64{0, 90, 270, 360}},
		{"a loss of 20,000", []packet{{10, 0, false}, {20010, 90, false}}, []int64{0, 20000}, []int64{0, 90}},
		{"time falls back by an hour, and goes on", []packet{
			{10, 4000 * second, false}, {11, 400 * second, false}, {12, 400*second + 90, false}, {13, 401 * second, false},
		}, []int64{0, 1, 2, 3}, []int64{0, 1, 91, second + 1}},
		{"time creeps back", []packet{
			{10, 9 * second, false}, {11, 8*second + 45000, false}, {12, 8 * second, false}, {13, 7*second + 45000, false}, {14, 7 * second, false},
		}, []int64{0, 1, 2, 3, 4}, []int64{0, -45000, -second, 1, -44999}},
		{"pictures out of their order", []packet{
			{10, second, false}, {11, second + 9000, false}, {12, second + 3000, false}, {13, second + 6000, false}, {14, second + 18000, false},
		}, []int64{0, 1, 2, 3, 4}, []int64{0, 9000, 3000, 6000, 18000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := forward.NewStream(second, reach, 65000, 1<<31)
			s.Switch(1)
			var ahead, late []int64
			for _, p := range tc.packets {
				if p.drop {
					s.Drop(p.seq, p.timestamp, false)
					continue
				}
				seq, timestamp, ok := s.Rewrite(start, p.seq, p.timestamp)
				if !ok {
					t.Fatalf("%+v is not sent", p)
				}
				ahead = append(ahead, int64(seq-65000))
				late = append(late, int64(int32(timestamp-1<<31)))
				if origin, ok := s.Origin(seq); !ok || origin.Seq != p.seq || p.timestamp+origin.TimestampOffset != timestamp {
					t.Fatalf("%d came from %+v, %v", seq, origin, ok)
				}
			}
			if !slices.Equal(ahead, tc.ahead) || !slices.Equal(late, tc.late) {
				t.Errorf("sent as %v at %v, want %v at %v", ahead, late, tc.ahead, tc.late)
			}
		})
	}
}
