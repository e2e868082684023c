package forward_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// redOf is a RED payload of 20 ms frames with blocks at these offsets.
func redOf(t *testing.T, offsets []int, pause bool) *forward.RED {
	t.Helper()
	var red forward.RED
	payload, bodies := []byte{}, []byte{}
	for _, o := range offsets {
		frame := opusFrame(o, 3)
		if pause {
			frame = frame[:1]
		}
		payload = append(payload, 0x80|opusType, byte(o>>6), byte(o<<2), byte(len(frame)))
		bodies = append(bodies, frame...)
	}
	payload = append(append(append(payload, opusType), bodies...), opusFrame(0, 3)...)
	if !red.Unpack(payload, opusType) {
		t.Fatal("the payload is not readable")
	}
	return &red
}

func TestREDRecovery(t *testing.T) {
	type packet struct {
		seq   uint16
		ts    uint32
		red   []int // offsets of its redundancy; nil of plain Opus
		pause bool  // the redundancy is of a pause
		want  []string
		known bool // was there before
	}
	both := []int{1920, 960}
	for _, tc := range []struct {
		name    string
		packets []packet
	}{
		{"nothing was lost", []packet{{seq: 10, ts: 0, red: both}, {seq: 11, ts: 960, red: both}, {seq: 12, ts: 1920, red: both}}},
		{"one", []packet{{seq: 10, ts: 0, red: both}, {seq: 12, ts: 1920, red: both, want: []string{"11@960"}}, {seq: 13, ts: 2880, red: both}}},
		{"two", []packet{{seq: 10, ts: 0, red: both}, {seq: 13, ts: 2880, red: both, want: []string{"11@960", "12@1920"}}}},
		{"three: the oldest is gone", []packet{{seq: 10, ts: 0, red: both}, {seq: 14, ts: 3840, red: both, want: []string{"12@1920", "13@2880"}}}},
		{"by the one after the next", []packet{
			{seq: 10, ts: 0, red: both}, {seq: 12, ts: 1920}, {seq: 13, ts: 2880, red: both, want: []string{"11@960"}},
		}},
		{"number and time wrap", []packet{
			{seq: 65534, ts: 1<<32 - 960, red: both}, {seq: 1, ts: 1920, red: both, want: []string{"65535@0", "0@960"}},
		}},
		{"between number and time", []packet{
			{seq: 65535, ts: 960, red: both}, {seq: 1, ts: 2880, red: []int{960}, want: []string{"0@1920"}},
		}},
		{"nothing from before the first", []packet{{seq: 10, ts: 9600, red: both}, {seq: 11, ts: 10560, red: both}}},
		{"a late one is not wanted any more", []packet{
			{seq: 10, ts: 0, red: both}, {seq: 12, ts: 1920, red: both, want: []string{"11@960"}},
			{seq: 11, ts: 960, red: both, known: true}, {seq: 13, ts: 2880, red: both},
		}},
		{"the same one twice", []packet{{seq: 10, ts: 0, red: both}, {seq: 11, ts: 960, red: both}, {seq: 11, ts: 960, red: both, known: true}}},
		{"a late one recovers, too", []packet{
			{seq: 10, ts: 0, red: both}, {seq: 20, ts: 9600, red: []int{}}, {seq: 13, ts: 2880, red: both, want: []string{"11@960", "12@1920"}},
		}},
		{"only the one two before is repeated", []packet{
			{seq: 10, ts: 0, red: []int{}}, {seq: 13, ts: 2880, red: []int{1920}, want: []string{"11@960"}},
			{seq: 14, ts: 3840, red: []int{1920}, want: []string{"12@1920"}},
		}},
		{"the one two before, of many lost", []packet{
			{seq: 10, ts: 0, red: []int{}}, {seq: 30, ts: 19200, red: []int{1920}, want: []string{"28@17280"}},
		}},
		{"time without packets before the speech", []packet{ // nothing was sent in 200 ms
			{seq: 10, ts: 0, red: both}, {seq: 12, ts: 10560, red: []int{960}, want: []string{"11@9600"}},
		}},
		{"the start of a pause, after which nothing was sent", []packet{
			{seq: 10, ts: 0, red: both}, {seq: 13, ts: 10560, red: []int{9600}, pause: true, want: []string{"12@960"}},
		}},
		{"only one number is free", []packet{
			{seq: 10, ts: 0}, {seq: 12, ts: 9600, red: []int{4321}, want: []string{"11@5279"}},
		}},
		{"no number is free", []packet{{seq: 10, ts: 0}, {seq: 11, ts: 9600, red: []int{4321}}}},
		{"more blocks than numbers", []packet{{seq: 10, ts: 0}, {seq: 12, ts: 9600, red: []int{2000, 1500, 1000}, want: []string{"11@8600"}}}},
		{"a jump over all that is known", []packet{
			{seq: 10, ts: 0, red: both}, {seq: 30000, ts: 960000, red: both, want: []string{"29998@958080", "29999@959040"}},
		}},
		{"one from so long ago that it may have been there", []packet{
			{seq: 100, ts: 96000}, {seq: 101, ts: 96960}, {seq: 36, ts: 34560, known: true}, {seq: 38, ts: 36480},
		}},
		{"time that runs back", []packet{{seq: 10, ts: 96000}, {seq: 12, ts: 0, red: both}, {seq: 14, ts: 1920, red: both, want: []string{"13@960"}}}},
		{"one that was recovered holds another", []packet{
			{seq: 10, ts: 0, red: both}, {seq: 14, ts: 3840, red: both, want: []string{"12@1920", "13@2880"}},
			{seq: 13, ts: 2880, red: both, want: []string{"11@960"}, known: true},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.REDRecovery
			var losses forward.REDLosses
			for i, p := range tc.packets {
				if p.red == nil {
					if fresh := r.Take(p.seq, p.ts, opusFrame(0, 3)); fresh == p.known {
						t.Fatalf("packet %d: fresh %v", i, fresh)
					}
					continue
				}
				fresh := r.TakeRED(p.seq, p.ts, redOf(t, p.red, p.pause), &losses)
				var got []string
				for _, l := range losses.List() {
					got = append(got, fmt.Sprintf("%d@%d", l.Seq, l.Timestamp))
					if offset := int(p.ts - l.Timestamp); !p.pause && !bytes.Equal(l.Payload, opusFrame(offset, 3)) {
						t.Errorf("packet %d: the block of %d before is %x", i, offset, l.Payload)
					}
				}
				if fresh == p.known || !slices.Equal(got, p.want) {
					t.Fatalf("packet %d: fresh %v, recovered %v; want %v, %v", i, fresh, got, !p.known, p.want)
				}
			}
		})
	}
}

// Whatever is lost or late, of speech with pauses of all kinds: what is
// recovered is what was sent, under its own number and time, and all is
// recovered that was repeated in what arrived.
func TestREDRecoversWhatWasSent(t *testing.T) {
	type packet struct {
		seq     uint16
		ts      uint32
		payload []byte
		red     []byte
	}
	losts, found := 0, 0
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		var maker forward.REDMaker
		var sent []packet
		seq, ts := uint16(65000+random.IntN(1000)), random.Uint32()
		if seed%2 == 0 {
			ts = 1<<32 - 300_000
		}
		ticks, configuration := uint32(960), byte(0x78)
		if seed%3 == 0 {
			ticks, configuration = 2880, 0x18 // SILK, 60 ms
		}
		for n := 0; len(sent) < 1500; n++ {
			size := 20 + random.IntN(200)
			if n%200 > 150 { // a pause
				size = 1
			}
			frame := opusFrame(n, size)
			frame[0] = configuration
			into := make([]byte, 1200)
			into = into[:maker.Make(into, opusType, seq, ts, frame)]
			sent = append(sent, packet{seq, ts, frame, into})
			seq, ts = seq+1, ts+ticks
			if size == 1 {
				ts += 20*960 - ticks // 400 ms
			}
		}
		bySeq, there, repeated := map[uint16]packet{}, map[uint16]bool{}, map[uint16]bool{}
		var way []packet
		var lost []uint16
		for i, p := range sent {
			bySeq[p.seq] = p
			if i > 0 && random.IntN(100) < 15 {
				if len(p.payload) > 1 {
					lost = append(lost, p.seq)
				}
				continue
			}
			way = append(way, p)
			if k := len(way); k > 2 && random.IntN(100) < 10 {
				way[k-1], way[k-2] = way[k-2], way[k-1]
			}
		}
		var r forward.REDRecovery
		var losses forward.REDLosses
		var red forward.RED
		for _, p := range way {
			if !red.Unpack(p.red, opusType) {
				t.Fatal("what was made is not readable")
			}
			for _, b := range red.Blocks() {
				for n := uint16(1); n < 4; n++ {
					if q := bySeq[p.seq-n]; q.payload != nil && q.ts == p.ts-uint32(b.Offset) {
						repeated[q.seq] = true
					}
				}
			}
			if r.TakeRED(p.seq, p.ts, &red, &losses) == there[p.seq] {
				t.Fatalf("seed %d: packet %d: there %v", seed, p.seq, there[p.seq])
			}
			there[p.seq] = true
			for _, l := range losses.List() {
				was := bySeq[l.Seq]
				if there[l.Seq] || was.ts != l.Timestamp || !bytes.Equal(was.payload, l.Payload) {
					t.Fatalf("seed %d: recovered %d at %d (there %v), which was sent at %d", seed, l.Seq, l.Timestamp, there[l.Seq], was.ts)
				}
				there[l.Seq] = true
			}
		}
		losts += len(lost)
		for _, s := range lost {
			if there[s] {
				found++
			}
		}
		for s := range repeated {
			if !there[s] && s != sent[0].seq {
				t.Errorf("seed %d: packet %d was repeated, but not recovered", seed, s)
			}
		}
	}
	t.Logf("of %d lost packets with speech %d were recovered", losts, found)
	if float64(found) < 0.95*float64(losts) { // the others were lost with both that follow
		t.Error("that is too few")
	}
}
