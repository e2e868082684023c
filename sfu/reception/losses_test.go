package reception_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/reception"
)

// numbers are the packets that pairs ask for.
func numbers(pairs []rtcp.NackPair) (all []uint16) {
	for _, pair := range pairs {
		all = append(all, pair.PacketList()...)
	}
	return all
}

// What is asked for when, step by step.
func TestLossesAsk(t *testing.T) {
	type step struct {
		after     time.Duration // ms
		receive   []int
		recovered []int
		asked     []int
	}
	for _, tc := range []struct {
		name  string
		rtt   time.Duration
		steps []step
	}{
		{"nothing is missing", 50, []step{{receive: []int{1, 2, 3}}, {after: 500, receive: []int{4}}}},
		{"after three later ones", 50, []step{{receive: []int{1, 3, 4}}, {after: 1, receive: []int{5}, asked: []int{2}}}},
		{"after ten milliseconds", 50, []step{{receive: []int{1, 3}}, {after: 9}, {after: 1, asked: []int{2}}}},
		{"only late", 50, []step{{receive: []int{1, 3, 4}}, {after: 5, receive: []int{2, 5, 6}}, {after: 500}}},
		{"recovered before it is asked for", 50, []step{{receive: []int{1, 3}, recovered: []int{2}}, {after: 500}}},
		{"recovered after", 50, []step{{receive: []int{1, 3, 4, 5}, asked: []int{2}}, {after: 40, recovered: []int{2}}, {after: 500}}},
		{"again after a round trip and a quarter", 80, []step{
			{receive: []int{1, 3, 4, 5}, asked: []int{2}}, {after: 99}, {after: 1, asked: []int{2}}, {after: 124}, {after: 1, asked: []int{2}},
		}},
		{"an unknown round trip", 0, []step{{receive: []int{1, 3, 4, 5}, asked: []int{2}}, {after: 124}, {after: 1, asked: []int{2}}}},
		{"a round trip of nothing", 1, []step{{receive: []int{1, 3, 4, 5}, asked: []int{2}}, {after: 24}, {after: 1, asked: []int{2}}}},
		{"a slow way", 900, []step{{receive: []int{1, 3, 4, 5}, asked: []int{2}}, {after: 999}, {after: 1}, {after: 500}}},
		{"over a wrap", 50, []step{{receive: []int{65533, 0, 1, 2, 3}, asked: []int{65534, 65535}}}},
		{"a burst", 50, []step{{receive: []int{1, 101, 102, 103}, asked: seqs(2, 100)}, {after: 30, recovered: seqs(2, 99)}, {after: 40, asked: []int{100}}}},
		{"the largest gap", 50, []step{{receive: []int{1, 513, 514, 515}, asked: seqs(3, 512)}}},
		{"too large a gap", 50, []step{{receive: []int{1, 514, 515, 516}}, {after: 50, receive: []int{518, 519, 520}, asked: []int{517}}}},
		{"too far back by then", 50, []step{{receive: []int{1, 3, 4, 5}, asked: []int{2}}, {after: 10, receive: seqs(6, 515)}, {after: 80}}},
		{"too large a gap forgets", 50, []step{{receive: []int{1, 3, 1000}}, {after: 50}}},
		{"one stray number far back", 50, []step{{receive: []int{5000, 5002, 1, 5003, 5004, 5005}, asked: []int{5001}}}},
		{"it begins anew far back", 50, []step{{receive: []int{5000, 5002, 1, 2, 4, 5, 6}, asked: []int{3}}}},
		{"retransmissions from far back", 50, []step{{receive: []int{5000, 5002}, recovered: []int{1, 2, 3}}, {after: 10, asked: []int{5001}}}},
		{"retransmissions from far ahead", 50, []step{{receive: []int{1, 3}, recovered: []int{9000, 9001}}, {after: 10, asked: []int{2}}}},
		{"a retransmission is the newest", 50, []step{{receive: []int{1, 2}, recovered: []int{4}}, {after: 1, receive: []int{5, 6, 7}, asked: []int{3}}}},
		{"a retransmission is the first", 50, []step{{recovered: []int{9}}, {receive: []int{3, 4}}, {after: 100}}},
		{"the same again", 50, []step{{receive: []int{1, 1, 3, 3, 3, 3, 3}}, {after: 10, asked: []int{2}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l reception.Losses
			now := start
			for i, step := range tc.steps {
				now = now.Add(step.after * time.Millisecond)
				for _, n := range step.receive {
					l.Receive(now, uint16(n))
				}
				for _, n := range step.recovered {
					l.Recovered(now, uint16(n))
				}
				got := numbers(l.Due(now, tc.rtt*time.Millisecond, nil))
				if !slices.EqualFunc(got, step.asked, func(a uint16, b int) bool { return int(a) == b }) {
					t.Fatalf("step %d asks for %v, want %v", i, got, step.asked)
				}
			}
		})
	}
}

func seqs(from, to int) (all []int) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// A packet that never comes is asked for ten times at most, and for a second.
func TestLossesGiveUp(t *testing.T) {
	for _, tc := range []struct {
		rtt  time.Duration
		asks int
	}{{5 * time.Millisecond, 10}, {30 * time.Millisecond, 10}, {100 * time.Millisecond, 5}, {300 * time.Millisecond, 3}, {2 * time.Second, 1}} {
		t.Run(tc.rtt.String(), func(t *testing.T) {
			var l reception.Losses
			l.Receive(start, 1)
			l.Receive(start, 3)
			now, asks := start, 0
			for wait, ok := l.Next(now); ok; wait, ok = l.Next(now) {
				if now = now.Add(wait); now.Sub(start) > time.Second {
					t.Fatalf("looked at again after %v", now.Sub(start))
				}
				asks += len(l.Due(now, tc.rtt, nil))
			}
			if asks != tc.asks || l.GaveUp() != 1 {
				t.Fatalf("asked %d times, want %d; gave up %d", asks, tc.asks, l.GaveUp())
			}
		})
	}
}

// Due adds to what is there and leaves it as it was.
func TestLossesAppend(t *testing.T) {
	var l reception.Losses
	for _, seq := range []uint16{1, 3, 4, 22, 23, 24, 25} {
		l.Receive(start, seq)
	}
	got := l.Due(start, 0, []rtcp.NackPair{{PacketID: 1}})
	want := []rtcp.NackPair{{PacketID: 1}, {PacketID: 2, LostPackets: 0xfffc}, {PacketID: 19, LostPackets: 3}}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// way is a network between a sender that sends evenly and a receiver that asks
// for what is missing.
type way struct {
	packets   int
	every     time.Duration
	loss      float64
	burst     int // how many are lost in a row
	rtt       time.Duration
	late      float64       // share of packets that come later
	lateBy    time.Duration // at most
	duplicate float64
	first     int // sequence number
	jumpEvery int // packets; the numbers jump ahead
	jump      int
}

// arrival is something that reaches the receiver.
type arrival struct {
	at  time.Duration
	n   int // sequence number that never wraps
	rtx bool
}

// told is what became of a packet.
type told struct {
	came, missed time.Duration // when it did, and when a later one did; -1 for never
	asked        []time.Duration
	passed       int // how far the numbers were when it was asked for first
}

// run sends all over the way and gives what became of each packet that was
// sent, and how many packets are known to have been given up.
func (w way) run(t *testing.T) (packets map[int]*told, order []int, l *reception.Losses) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, uint64(w.loss*1000)))
	packets = map[int]*told{}
	var queue []arrival
	push := func(a arrival) {
		at, _ := slices.BinarySearchFunc(queue, a, func(x, y arrival) int { return int(x.at - y.at) })
		for at < len(queue) && queue[at].at == a.at {
			at++
		}
		queue = slices.Insert(queue, at, a)
	}
	cut := 0
	number := w.first
	for i := range w.packets {
		if w.jumpEvery > 0 && i%w.jumpEvery == w.jumpEvery-1 {
			number += w.jump
		}
		packets[number] = &told{came: -1, missed: -1}
		order = append(order, number)
		at := time.Duration(i)*w.every + w.rtt/2
		switch {
		case cut > 0:
			cut--
		case random.Float64() < w.loss/float64(max(w.burst, 1)):
			cut = max(w.burst, 1) - 1
		default:
			if random.Float64() < w.late {
				at += time.Duration(random.Int64N(int64(w.lateBy)))
			}
			push(arrival{at, number, false})
			if random.Float64() < w.duplicate {
				push(arrival{at + time.Duration(random.Int64N(int64(200*time.Millisecond))), number, false})
			}
		}
		number++
	}

	l = &reception.Losses{}
	var pairs []rtcp.NackPair
	newest := -1
	for now := time.Duration(0); ; {
		wait, waits := l.Next(start.Add(now))
		switch {
		case waits && (len(queue) == 0 || now+wait <= queue[0].at):
			if wait > 0 {
				now += wait
			}
		case len(queue) > 0:
			a := queue[0]
			queue = queue[1:]
			now = a.at
			if a.rtx {
				l.Recovered(start.Add(now), uint16(a.n))
			} else {
				l.Receive(start.Add(now), uint16(a.n))
			}
			p := packets[a.n]
			if p.came < 0 {
				p.came = now
			}
			for n := max(newest+1, w.first); newest >= 0 && n < a.n; n++ {
				if missed := packets[n]; missed != nil {
					missed.missed = now
				}
			}
			newest = max(newest, a.n)
		default:
			return packets, order, l
		}
		pairs = l.Due(start.Add(now), w.rtt, pairs[:0])
		if wait, ok := l.Next(start.Add(now)); ok && wait <= 0 {
			t.Fatalf("at %v, something is due that was asked for just now", now)
		}
		for _, seq := range numbers(pairs) {
			n := newest - int(uint16(newest)-seq)
			p := packets[n]
			switch {
			case p == nil:
				t.Fatalf("at %v, %d is asked for, which was never sent", now, n)
			case p.came >= 0:
				t.Fatalf("%d is asked for at %v and came at %v", n, now, p.came)
			case p.missed < 0:
				t.Fatalf("%d is asked for at %v and nothing later came", n, now)
			case len(p.asked) > 0 && now-p.asked[len(p.asked)-1] < w.rtt:
				t.Fatalf("%d is asked for at %v and was at %v", n, now, p.asked)
			case now-p.missed > time.Second || len(p.asked) == 10:
				t.Fatalf("%d is asked for at %v, was missed at %v and asked for %d times", n, now, p.missed, len(p.asked))
			}
			if len(p.asked) == 0 {
				p.passed = newest - n
			}
			p.asked = append(p.asked, now)
			// The request and the answer may be lost too.
			if random.Float64() < (1-w.loss)*(1-w.loss) {
				push(arrival{now + w.rtt, n, true})
			}
		}
	}
}

// Over ways of all kinds, what is lost is asked for soon, what is only late is
// not asked for in vain, and nearly everything is there in the end.
func TestLossesOverAWay(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name   string
		way    way
		gaveUp float64 // share of the packets at most that never come
		asks   float64 // for each packet lost, at most
	}{
		{"perfect", way{rtt: 50 * ms}, 0, 0},
		{"1 %", way{rtt: 50 * ms, loss: 0.01}, 0, 1.3},
		{"5 %", way{rtt: 50 * ms, loss: 0.05}, 0, 1.4},
		{"20 %", way{rtt: 50 * ms, loss: 0.2}, 0.001, 2},
		{"20 %, far", way{rtt: 200 * ms, loss: 0.2}, 0.02, 2},
		{"20 %, near", way{rtt: 2 * ms, loss: 0.2}, 0.001, 2},
		{"20 %, fast", way{rtt: 100 * ms, loss: 0.2, every: ms}, 0.02, 2},
		{"5 %, audio", way{rtt: 100 * ms, loss: 0.05, every: 20 * ms}, 0.001, 1.4},
		{"bursts", way{rtt: 50 * ms, loss: 0.05, burst: 30}, 0.001, 1.5},
		{"long bursts", way{rtt: 50 * ms, loss: 0.05, burst: 400, every: ms}, 0.02, 1.5},
		{"a little reordered", way{rtt: 50 * ms, late: 0.2, lateBy: 6 * ms}, 0, 0},
		{"reordered and lost", way{rtt: 50 * ms, loss: 0.05, late: 0.1, lateBy: 60 * ms}, 0.001, 4},
		{"duplicates", way{rtt: 50 * ms, loss: 0.05, duplicate: 0.3}, 0, 1.4},
		{"jumps", way{rtt: 50 * ms, loss: 0.05, jumpEvery: 700, jump: 3000}, 0.02, 1.4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.way
			if w.packets = 10_000; w.every == 0 {
				w.every = 3 * ms
			}
			w.first = 60_000 // wraps
			packets, order, l := w.run(t)
			lost, never, asks := 0, 0, 0
			for _, n := range order {
				p := packets[n]
				asks += len(p.asked)
				if p.missed < 0 {
					continue // or nobody knows
				}
				if p.came < 0 {
					never++
				}
				if len(p.asked) == 0 && p.came >= 0 && p.came <= p.missed+11*ms {
					continue // only late
				}
				lost++
				switch {
				case len(p.asked) == 0 && w.jump > 0:
				case len(p.asked) == 0:
					t.Fatalf("%d was missed at %v and never asked for", n, p.missed)
				case p.asked[0]-p.missed > 11*ms:
					t.Fatalf("%d was missed at %v and asked for at %v only", n, p.missed, p.asked[0])
				case p.asked[0]-p.missed < 9*ms && p.passed < 3:
					t.Fatalf("%d was missed at %v and asked for at %v, %d numbers later", n, p.missed, p.asked[0], p.passed)
				}
			}
			t.Logf("%d lost, asked for %d times, %d never came, %d were given up", lost, asks, never, l.GaveUp())
			if float64(never) > tc.gaveUp*float64(w.packets) {
				t.Errorf("%d of %d packets never came", never, w.packets)
			}
			if float64(asks) > tc.asks*float64(max(lost, 1)) {
				t.Errorf("%d lost packets were asked for %d times", lost, asks)
			}
			if l.GaveUp() < uint64(never) {
				t.Errorf("%d packets never came, and only %d were given up", never, l.GaveUp())
			}
		})
	}
}

// Whatever comes, nothing is asked for that is here, more than ten times, or
// that is too old; and Next says when Due has something to give.
func FuzzLosses(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 0, 3, 1, 0, 4, 1, 0, 5, 40, 0, 6})
	f.Add([]byte{0, 255, 250, 1, 0, 200, 2, 1, 2, 130, 0, 5, 60, 1, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		var l reception.Losses
		now := start
		came, asked := map[uint16]bool{}, map[uint16]int{}
		newest, began, stray := uint16(0), false, -1
		for ; len(data) >= 3; data = data[3:] {
			now = now.Add(time.Duration(data[0]&0x3f) * time.Millisecond)
			seq := uint16(data[1])<<8 | uint16(data[2])
			recovered := data[0]&0x40 != 0
			if recovered {
				l.Recovered(now, seq)
			} else {
				l.Receive(now, seq)
			}
			switch ahead := int(int16(seq - newest)); {
			case began && ahead >= -512 && ahead <= 0:
				came[seq] = true
			case began && ahead > 0 && ahead <= 512:
				for n := newest + 1; n != seq; n++ {
					delete(came, n)
					delete(asked, n)
				}
				came[seq] = true
				newest, stray = seq, -1
			case recovered:
			case began && ahead < 0 && ahead > -1<<15 && stray != int(seq):
				stray = int(seq + 1)
			default: // it begins anew
				clear(came)
				clear(asked)
				came[seq] = true
				newest, began, stray = seq, true, -1
			}
			if data[0]&0x80 != 0 {
				continue // nobody asks
			}
			wait, ok := l.Next(now)
			pairs := l.Due(now, time.Duration(data[2])*time.Millisecond, nil)
			if len(pairs) > 32 || len(pairs) > 0 && (!ok || wait > 0) {
				t.Fatalf("%d pairs are due, in %v (%v)", len(pairs), wait, ok)
			}
			if wait, ok := l.Next(now); ok && (wait <= 0 || wait > time.Second) {
				t.Fatalf("after that, it is due again in %v", wait)
			}
			before := uint16(0)
			for i, seq := range numbers(pairs) {
				if came[seq] {
					t.Fatalf("%d is asked for, and is here", seq)
				}
				if asked[seq]++; asked[seq] > 10 {
					t.Fatalf("%d is asked for %d times", seq, asked[seq])
				}
				if i > 0 && seq-before > 1<<15 {
					t.Fatalf("%d is asked for after %d", seq, before)
				}
				before = seq
			}
		}
		if wait, ok := l.Next(now); ok {
			l.Due(now.Add(max(wait, 2*time.Second)), 0, nil)
			if _, ok := l.Next(now.Add(3 * time.Second)); ok {
				t.Fatal("something old is still missed")
			}
		}
	})
}

func BenchmarkLosses(b *testing.B) {
	for _, loss := range []int{0, 100, 20, 5} {
		name := "nothing lost"
		if loss > 0 {
			name = fmt.Sprintf("one in %d lost", loss)
		}
		b.Run(name, func(b *testing.B) {
			var l reception.Losses
			var pairs []rtcp.NackPair
			b.ReportAllocs()
			now := time.Now()
			for seq := uint16(1); b.Loop(); seq++ {
				now = now.Add(2 * time.Millisecond)
				if loss > 0 && int(seq)%loss == 0 {
					continue
				}
				l.Receive(now, seq)
				if back := seq - 50; loss > 0 && int(back)%loss == 0 {
					l.Recovered(now, back)
				}
				if wait, ok := l.Next(now); ok && wait <= 0 {
					pairs = l.Due(now, 80*time.Millisecond, pairs[:0])
				}
			}
		})
	}
}
