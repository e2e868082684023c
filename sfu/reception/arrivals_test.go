package reception_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/reception"
)

// status is what feedback says of one packet.
type status struct {
	seq  uint16
	came bool
	at   time.Duration // by the receiver's clock
}

// statuses reads what one feedback packet says.
func statuses(t *testing.T, packet []byte) (all []status) {
	t.Helper()
	if len(packet)%4 != 0 {
		t.Fatalf("a packet of %d bytes", len(packet))
	}
	var fb rtcp.TransportLayerCC
	if err := fb.Unmarshal(packet); err != nil {
		t.Fatalf("%v in %x", err, packet)
	}
	if want := 4 * (int(fb.Header.Length) + 1); want != len(packet) {
		t.Fatalf("%d bytes say that they are %d", len(packet), want)
	}
	at := time.Duration(fb.ReferenceTime) * 64 * time.Millisecond
	deltas := fb.RecvDeltas
	take := func(symbol uint16) {
		if len(all) == int(fb.PacketStatusCount) {
			if symbol != rtcp.TypeTCCPacketNotReceived {
				t.Fatalf("more statuses than %d", fb.PacketStatusCount)
			}
			return
		}
		s := status{seq: fb.BaseSequenceNumber + uint16(len(all))}
		if symbol != rtcp.TypeTCCPacketNotReceived {
			at += time.Duration(deltas[0].Delta) * time.Microsecond
			s.came, s.at = true, at
			deltas = deltas[1:]
		}
		all = append(all, s)
	}
	for _, chunk := range fb.PacketChunks {
		switch chunk := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range chunk.RunLength {
				take(chunk.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range chunk.SymbolList {
				take(symbol)
			}
		}
	}
	if len(all) != int(fb.PacketStatusCount) || len(deltas) != 0 {
		t.Fatalf("%d of %d statuses, %d times too many", len(all), fb.PacketStatusCount, len(deltas))
	}
	return all
}

// tell takes all feedback that there is.
func tell(t *testing.T, a *reception.Arrivals, now time.Time) (all []status, packets int) {
	t.Helper()
	for more := true; more; more = a.Due(now) {
		packet := a.Feedback(now, 1, 2, nil)
		if len(packet) == 0 {
			break
		}
		if len(packet) > 1000 {
			t.Fatalf("a packet of %d bytes", len(packet))
		}
		if packets++; packets > 3000 {
			t.Fatal("it never ends")
		}
		all = append(all, statuses(t, packet)...)
	}
	return all, packets
}

// What one round of feedback says, and in how many bytes.
func TestArrivalsTell(t *testing.T) {
	type packet struct {
		after time.Duration // of the one before
		seq   int
	}
	in := func(packets ...packet) []packet { return packets }
	evenly := func(from, to int, every time.Duration) (all []packet) {
		for seq := from; seq <= to; seq++ {
			all = append(all, packet{every, seq})
		}
		return all
	}
	const ms = time.Millisecond
	for _, tc := range []struct {
		name         string
		packets      []packet
		base, count  int // what is told, all in all
		came         int
		bytes, parts int
	}{
		{"one", in(packet{0, 7}), 7, 1, 1, 24, 1},
		{"two", in(packet{0, 7}, packet{ms, 8}), 7, 2, 2, 24, 1},
		{"a hundred", evenly(1, 100, ms), 1, 100, 100, 124, 1},
		{"over a wrap", evenly(65500, 65599, ms), 65500, 100, 100, 124, 1},
		{"seven hundred", evenly(1, 700, ms/4), 1, 700, 700, 724, 1},
		{"a thousand", evenly(1, 1000, ms/4), 1, 1000, 1000, 1044, 2},
		{"one in two", in(packet{0, 2}, packet{ms, 4}, packet{ms, 6}, packet{ms, 8}), 2, 7, 4, 28, 1},
		{"slowly", evenly(1, 10, 70*ms), 1, 10, 10, 44, 1},
		{"backwards", in(packet{0, 9}, packet{ms, 8}, packet{ms, 7}, packet{ms, 10}), 7, 4, 4, 28, 1},
		{"one is late", in(packet{0, 1}, packet{ms, 3}, packet{100 * ms, 2}, packet{ms, 4}), 1, 4, 4, 32, 1},
		{"one comes twice", in(packet{0, 1}, packet{ms, 2}, packet{ms, 1}, packet{ms, 2}), 1, 2, 2, 24, 1},
		{"many are lost", in(packet{0, 1}, packet{ms, 2000}), 1, 2000, 2, 28, 1},
		{"too many are lost", in(packet{0, 1}, packet{ms, 3000}), 3000, 1, 1, 24, 1},
		{"a pause", in(packet{0, 1}, packet{9 * time.Second, 2}, packet{ms, 3}), 1, 3, 3, 48, 2},
		{"a stray number", in(packet{0, 10000}, packet{ms, 10001}, packet{ms, 1}, packet{ms, 10002}), 10000, 3, 3, 28, 1},
		{"it begins anew", in(packet{0, 10000}, packet{ms, 1}, packet{ms, 2}, packet{ms, 3}), 2, 2, 2, 24, 1},
		{"it begins anew ahead", in(packet{0, 10}, packet{ms, 20000}), 20000, 1, 1, 24, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a reception.Arrivals
			now := start
			first := map[uint16]time.Time{}
			for _, p := range tc.packets {
				now = now.Add(p.after)
				a.Receive(now, uint16(p.seq))
				if _, known := first[uint16(p.seq)]; !known {
					first[uint16(p.seq)] = now
				}
			}
			var told []status
			bytes, parts := 0, 0
			for more := true; more; more = a.Due(now) {
				packet := a.Feedback(now, 1, 2, nil)
				bytes, parts = bytes+len(packet), parts+1
				told = append(told, statuses(t, packet)...)
			}
			came, zero := 0, time.Time{}
			for i, s := range told {
				if int(s.seq) != (tc.base+i)%(1<<16) {
					t.Fatalf("status %d is of %d", i, s.seq)
				}
				if !s.came {
					continue
				}
				came++
				if zero.IsZero() {
					zero = first[s.seq].Add(-s.at)
				}
				if off := first[s.seq].Sub(zero.Add(s.at)).Abs(); off > 250*time.Microsecond {
					t.Fatalf("%d came %v from when it is said to have", s.seq, off)
				}
			}
			if len(told) != tc.count || came != tc.came {
				t.Errorf("%d statuses, of them %d came; want %d and %d", len(told), came, tc.count, tc.came)
			}
			if bytes != tc.bytes || parts != tc.parts {
				t.Errorf("%d bytes in %d packets, want %d in %d", bytes, parts, tc.bytes, tc.parts)
			}
			if more, _ := tell(t, &a, now); len(more) != 0 {
				t.Errorf("more is told: %v", more)
			}
		})
	}
}

// Feedback is appended, with the SSRCs it was given and a number of its own.
func TestArrivalsAppend(t *testing.T) {
	var a reception.Arrivals
	dst := []byte("abc")
	if got := a.Feedback(start, 1, 2, dst); string(got) != "abc" {
		t.Fatalf("%q is told of nothing", got)
	}
	for i := range 300 {
		a.Receive(start.Add(time.Duration(i)*time.Second), uint16(i))
		got := a.Feedback(start.Add(time.Duration(i)*time.Second), 0x01020304, 0x05060708, dst)
		var fb rtcp.TransportLayerCC
		if err := fb.Unmarshal(got[3:]); err != nil || string(got[:3]) != "abc" {
			t.Fatalf("%x: %v", got, err)
		}
		if fb.SenderSSRC != 0x01020304 || fb.MediaSSRC != 0x05060708 || int(fb.FbPktCount) != i%256 || int(fb.BaseSequenceNumber) != i {
			t.Fatalf("feedback %d is %v", i, fb)
		}
		all, err := rtcp.Unmarshal(got[3:])
		if err != nil || len(all) != 1 {
			t.Fatalf("%d packets: %v", len(all), err)
		}
	}
}

// When feedback is due.
func TestArrivalsAreDue(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name  string
		every time.Duration
		want  time.Duration // between feedback
	}{
		{"audio", 20 * ms, 100 * ms},
		{"video", 3 * ms, 100 * ms},
		{"much", 500 * time.Microsecond, 50 * ms},
		{"seldom", 500 * ms, 500 * ms},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a reception.Arrivals
			if _, ok := a.Next(start); ok || a.Due(start) {
				t.Fatal("feedback is due on nothing")
			}
			now, next, last := start, start, time.Time{}
			for i := uint16(0); i < 1000; {
				if wait, ok := a.Next(now); ok && now.Add(wait).Before(next) {
					now = now.Add(wait)
				} else {
					a.Receive(next, i)
					now, next, i = next, next.Add(tc.every), i+1
				}
				if !a.Due(now) {
					continue
				}
				if a.Feedback(now, 1, 2, nil); a.Due(now) {
					t.Fatal("feedback is due again")
				}
				if _, ok := a.Next(now); ok {
					t.Fatal("feedback is due on nothing")
				}
				if took := now.Sub(last); !last.IsZero() && (took-tc.want).Abs() > tc.every/2+ms {
					t.Fatalf("feedback after %v", took)
				}
				last = now
			}
		})
	}
}

// trace is how packets come over a connection.
type trace struct {
	name    string
	every   time.Duration
	loss    float64
	burst   int           // lost in a row
	jitter  time.Duration // what reorders
	twice   float64
	pauses  time.Duration // now and then
	leaping int           // numbers, now and then
}

var traces = []trace{
	{name: "perfect", every: 2 * time.Millisecond},
	{name: "one in 100 lost", every: 2 * time.Millisecond, loss: 0.01},
	{name: "one in 20 lost", every: 2 * time.Millisecond, loss: 0.05},
	{name: "one in 5 lost", every: 2 * time.Millisecond, loss: 0.2},
	{name: "bursts lost", every: 2 * time.Millisecond, loss: 0.05, burst: 100},
	{name: "reordered", every: 2 * time.Millisecond, loss: 0.02, jitter: 20 * time.Millisecond},
	{name: "much reordered", every: 2 * time.Millisecond, loss: 0.02, jitter: 80 * time.Millisecond},
	{name: "duplicates", every: 2 * time.Millisecond, twice: 0.2, jitter: 10 * time.Millisecond},
	{name: "fast", every: 300 * time.Microsecond, loss: 0.05, jitter: time.Millisecond},
	{name: "slow", every: 90 * time.Millisecond, loss: 0.05},
	{name: "pauses", every: 5 * time.Millisecond, loss: 0.05, pauses: 10 * time.Second},
	{name: "leaps", every: 5 * time.Millisecond, loss: 0.05, leaping: 1000},
}

// packets are the times and numbers of a trace, in the order they come.
func (tr trace) packets(random *rand.Rand, n int) (all []arrival) {
	at, number, cut := time.Duration(0), 65000, 0
	for range n {
		at += tr.every/2 + time.Duration(random.Int64N(int64(tr.every)))
		if number++; random.IntN(500) == 0 {
			at += tr.pauses
			number += tr.leaping
		}
		if cut > 0 {
			cut--
			continue
		}
		if random.Float64() < tr.loss/float64(max(tr.burst, 1)) {
			cut = max(tr.burst, 1) - 1
			continue
		}
		for copies := 1; copies > 0; copies-- {
			if random.Float64() < tr.twice {
				copies++
			}
			late := time.Duration(0)
			if tr.jitter > 0 {
				late = time.Duration(random.Int64N(int64(tr.jitter)))
			}
			all = append(all, arrival{at: (at + late).Truncate(time.Microsecond), n: number})
		}
	}
	slices.SortStableFunc(all, func(x, y arrival) int { return cmp.Compare(x.at, y.at) })
	return all
}

// The feedback says the same as pion's does, at every time.
func TestArrivalsAreTheSameAsOfPion(t *testing.T) {
	for _, tr := range traces {
		t.Run(tr.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(5, 6))
			var a reception.Arrivals
			ours, theirs := map[uint16]status{}, twcc.NewRecorder(1)
			packets := tr.packets(random, 20_000)
			told, next := 0, 100*time.Millisecond
			// The clocks of both begin together.
			origin := packets[0].at - 64*time.Millisecond
			for i, p := range packets {
				a.Receive(start.Add(p.at), uint16(p.n))
				theirs.Record(2, uint16(p.n), (p.at - origin).Microseconds())
				if p.at < next && i < len(packets)-1 {
					continue
				}
				next = p.at + 100*time.Millisecond
				got, _ := tell(t, &a, start.Add(p.at))
				var want []status
				for _, packet := range theirs.BuildFeedbackPacket() {
					bytes, err := packet.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, statuses(t, bytes)...)
				}
				// Pion tells again of what comes twice.
				if len(got) != len(want) && tr.twice == 0 {
					t.Fatalf("at %v, %d statuses, want %d", p.at, len(got), len(want))
				}
				for _, s := range got {
					ours[s.seq] = s
				}
				for _, s := range append(got, want...) {
					o := ours[s.seq]
					if o.came != s.came || (o.at-s.at).Abs() > 250*time.Microsecond {
						t.Fatalf("at %v, the status is %v, want %v", p.at, o, s)
					}
				}
				told += len(got)
			}
			t.Logf("%d statuses of %d packets", told, len(packets))
		})
	}
}

// Whatever comes, feedback is well-formed, and what it says to have come came
// then.
func FuzzArrivals(f *testing.F) {
	f.Add([]byte{1, 0, 1, 2, 0, 2, 200, 0, 3, 255, 0, 9})
	f.Add([]byte{1, 255, 255, 30, 0, 2, 128, 0, 1, 90, 4, 0, 1, 200, 0, 160, 200, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var a reception.Arrivals
		// The first packet sets the clock that is told.
		a.Receive(start, 0)
		first, _ := tell(t, &a, start)
		zero := start.Add(-first[0].at)
		came := map[uint16][]time.Time{0: {start}}
		now := start
		for ; len(data) >= 3; data = data[3:] {
			now = now.Add(time.Duration(data[0]&0x1f) * 600 * time.Microsecond)
			if data[0]&0x20 != 0 {
				now = now.Add(time.Duration(data[0]&0x1f) * time.Second)
			}
			seq := uint16(data[1])<<8 | uint16(data[2])
			for range 1 + data[0]>>6*60 {
				a.Receive(now, seq)
				came[seq] = append(came[seq], now)
				seq++
				now = now.Add(300 * time.Microsecond)
			}
			if data[2]&1 != 0 && !a.Due(now) {
				continue
			}
			said := map[uint16]bool{}
			all, _ := tell(t, &a, now)
			for _, s := range all {
				if said[s.seq] {
					t.Fatalf("%d is told twice", s.seq)
				}
				said[s.seq] = true
				if !s.came {
					continue
				}
				right := false
				for _, at := range came[s.seq] {
					right = right || at.Sub(zero.Add(s.at)).Abs() <= 250*time.Microsecond
				}
				if !right {
					t.Fatalf("%d is said to have come at %v and came at %v", s.seq, zero.Add(s.at), came[s.seq])
				}
			}
			if wait, ok := a.Next(now); ok {
				t.Fatalf("after all was told, more is due in %v", wait)
			}
		}
	})
}

func BenchmarkArrivals(b *testing.B) {
	for _, loss := range []int{0, 20} {
		b.Run(fmt.Sprintf("receive, one in %d lost", loss), func(b *testing.B) {
			var a reception.Arrivals
			var packet []byte
			b.ReportAllocs()
			now := time.Now()
			for seq := uint16(0); b.Loop(); seq++ {
				now = now.Add(2 * time.Millisecond)
				if loss > 0 && int(seq)%loss == 0 {
					continue
				}
				if a.Receive(now, seq); a.Due(now) {
					packet = a.Feedback(now, 1, 2, packet[:0])
				}
			}
		})
	}
	b.Run("feedback on 50", func(b *testing.B) {
		var a reception.Arrivals
		var packet []byte
		b.ReportAllocs()
		now, seq := time.Now(), uint16(0)
		for b.Loop() {
			for range 50 {
				now = now.Add(2 * time.Millisecond)
				seq++
				a.Receive(now, seq)
			}
			packet = a.Feedback(now, 1, 2, packet[:0])
		}
	})
}
