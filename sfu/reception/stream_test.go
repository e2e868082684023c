package reception_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
	"github.com/hiroba-rtc/hiroba/sfu/reception"
)

// start is when everything here begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// lostOf reads the signed 24 bits of the cumulative number of packets lost.
func lostOf(r rtcp.ReceptionReport) int { return int(int32(r.TotalLost<<8) >> 8) }

func TestStreamTellsWhatIsLost(t *testing.T) {
	to := func(from, to int) (numbers []int) {
		for n := from; n <= to; n++ {
			numbers = append(numbers, n)
		}
		return numbers
	}
	join := func(parts ...[]int) (all []int) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	type told struct {
		newest   uint32
		lost     int
		fraction uint8
	}
	for _, tc := range []struct {
		name string
		// parts come one after the other, and after each there is a report.
		parts [][]int
		want  []told
	}{
		{"everything comes", [][]int{to(10, 20), to(21, 30)}, []told{{20, 0, 0}, {30, 0, 0}}},
		{"a quarter is lost", [][]int{join(to(1, 2), []int{3, 4, 5, 7, 8, 9, 11, 12, 13}), join([]int{15, 16, 17, 19, 20, 21})}, []told{{13, 2, 42}, {21, 4, 64}}},
		{"nothing lost since", [][]int{{1, 2, 3, 7, 8}, to(9, 18)}, []told{{8, 3, 109}, {18, 3, 0}}},
		{"numbers wrap", [][]int{to(65530, 65535), join(to(0, 3), to(5, 7)), to(8, 9)}, []told{{65535, 0, 0}, {65536 + 7, 1, 32}, {65536 + 9, 1, 0}}},
		{"late over a wrap", [][]int{{65530, 65531, 65532, 0, 65533, 1, 65535, 65534, 2}}, []told{{65538, 0, 0}}},
		{"some come twice", [][]int{{1, 2, 3, 3, 3, 4}, {5, 5}}, []told{{4, -2, 0}, {5, -3, 0}}},
		{"late ones make up for it", [][]int{{1, 2, 3, 6, 7}, {4, 5, 8, 9}}, []told{{7, 2, 85}, {9, 0, 0}}},
		{"it begins out of order", [][]int{{7, 3, 9, 10, 11, 12}}, []told{{12, 0, 0}}},
		{"a stray number", [][]int{{1, 2, 3, 30000, 4, 5}}, []told{{5, 0, 0}}},
		{"it begins anew", [][]int{to(1, 9), {30000, 30001, 30002, 30004}}, []told{{9, 0, 0}, {30004, 1, 64}}},
		{"it begins anew further back", [][]int{to(1000, 1009), to(500, 505)}, []told{{1009, 0, 0}, {505, 0, 0}}},
		{"a long outage", [][]int{to(1, 9), {2900, 2901}}, []told{{9, 0, 0}, {2901, 2890, 255}}},
		{"one packet is none yet", [][]int{{5}}, nil},
		{"nothing came since", [][]int{{5, 6}, nil, {7}}, []told{{6, 0, 0}, {7, 0, 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := reception.NewStream(90000)
			now := start
			var got []told
			for _, part := range tc.parts {
				for _, n := range part {
					now = now.Add(10 * time.Millisecond)
					s.Receive(now, uint16(n), uint32(n)*900)
				}
				if r, ok := s.Report(now, 7); ok {
					if r.SSRC != 7 {
						t.Fatalf("a report about %d", r.SSRC)
					}
					got = append(got, told{r.LastSequenceNumber, lostOf(r), r.FractionLost})
				}
			}
			if len(got) != len(tc.want) {
				t.Fatalf("reports %v, want %v", got, tc.want)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Fatalf("report %d is %+v, want %+v", i, got[i], tc.want[i])
				}
			}
		})
	}
}

func TestStreamLostStaysInItsField(t *testing.T) {
	s := reception.NewStream(90000)
	s.Receive(start, 1, 0)
	s.Receive(start, 2, 0)
	for seq := uint16(2); ; seq += 2999 {
		s.Receive(start, seq, 0)
		if r, _ := s.Report(start, 1); r.LastSequenceNumber > 1<<25 {
			if lostOf(r) != 1<<23-1 {
				t.Fatalf("%d lost", lostOf(r))
			}
			break
		}
	}
	s = reception.NewStream(90000)
	s.Receive(start, 1, 0)
	for range 1<<23 + 10 {
		s.Receive(start, 2, 0)
	}
	if r, _ := s.Report(start, 1); lostOf(r) != -1<<23 {
		t.Fatalf("%d lost", lostOf(r))
	}
}

// The jitter is that of RFC 3550, A.8, worked out in floating point.
func TestStreamTellsTheJitter(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rate   uint32
		spread time.Duration
		jump   uint32 // of the timestamps, in the middle
	}{
		{"even", 90000, 0, 0},
		{"audio", 48000, 5 * time.Millisecond, 0},
		{"video", 90000, 40 * time.Millisecond, 0},
		{"timestamps begin anew", 90000, 5 * time.Millisecond, 1 << 30},
	} {
		t.Run(tc.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			s := reception.NewStream(tc.rate)
			want, before := 0.0, 0.0
			base := uint32(math.MaxUint32 - 1000) // wraps
			for i := range 5000 {
				sent := time.Duration(i) * 20 * time.Millisecond
				if i == 2500 {
					base += tc.jump
				}
				arrival := sent + time.Duration(random.Float64()*float64(tc.spread))
				s.Receive(start.Add(arrival), uint16(i), base+uint32(sent.Seconds()*float64(tc.rate)))
				transit := (arrival - sent).Seconds() * float64(tc.rate)
				if i > 1 && (i != 2500 || tc.jump == 0) { // the first only makes the source known
					want += (math.Abs(transit-before) - want) / 16
				}
				before = transit
			}
			r, _ := s.Report(start, 1)
			if math.Abs(float64(r.Jitter)-want) > 1+want/100 {
				t.Fatalf("a jitter of %d, want %.1f", r.Jitter, want)
			}
		})
	}
}

func TestStreamAnswersSenderReports(t *testing.T) {
	s := reception.NewStream(48000)
	receive := func(seq uint16) rtcp.ReceptionReport {
		s.Receive(start, seq-1, 0)
		s.Receive(start, seq, 0)
		r, ok := s.Report(start.Add(2500*time.Millisecond), 1)
		if !ok {
			t.Fatal("no report")
		}
		return r
	}
	if r := receive(2); r.LastSenderReport != 0 || r.Delay != 0 {
		t.Fatalf("%+v before any sender report", r)
	}
	ntp := forward.ToNTP(start)
	s.Sender(start, ntp)
	if r := receive(4); r.LastSenderReport != uint32(ntp>>16) || r.Delay != 5<<15 {
		t.Fatalf("LSR %x and DLSR %d", r.LastSenderReport, r.Delay)
	}
	s.Sender(start.Add(-100*time.Hour), ntp)
	if r := receive(6); r.Delay != math.MaxUint32 {
		t.Fatalf("a delay of %d for days", r.Delay)
	}
	s.Sender(start.Add(time.Hour), ntp)
	if r := receive(8); r.Delay != 0 {
		t.Fatalf("a delay of %d for a report in the future", r.Delay)
	}
}

// Whatever comes, what is told goes into a report, and is about what came.
func FuzzStream(f *testing.F) {
	f.Add(uint32(90000), []byte{1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 2, 0, 0, 0, 0, 1})
	f.Add(uint32(0), []byte{255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, rate uint32, data []byte) {
		s := reception.NewStream(rate)
		now := start
		came := map[uint16]bool{}
		for ; len(data) >= 8; data = data[8:] {
			now = now.Add(time.Duration(int8(data[0])) * time.Millisecond)
			seq := uint16(data[1])<<8 | uint16(data[2])
			timestamp := uint32(data[3])<<24 | uint32(data[4])<<16 | uint32(data[5])<<8 | uint32(data[6])
			s.Receive(now, seq, timestamp)
			came[seq] = true
			if data[7]&2 != 0 {
				s.Sender(now, uint64(timestamp)<<16)
			}
			if data[7]&1 == 0 {
				continue
			}
			r, ok := s.Report(now, 1)
			if !ok {
				continue
			}
			if !came[uint16(r.LastSequenceNumber)] {
				t.Fatalf("%d is the newest and never came", r.LastSequenceNumber)
			}
			bytes, err := r.Marshal()
			if err != nil {
				t.Fatalf("%+v cannot be sent: %v", r, err)
			}
			var back rtcp.ReceptionReport
			if err := back.Unmarshal(bytes); err != nil || back != r {
				t.Fatalf("sent %+v, read %+v: %v", r, back, err)
			}
		}
	})
}

func BenchmarkStream(b *testing.B) {
	s := reception.NewStream(90000)
	b.ReportAllocs()
	now, timestamp := time.Now(), uint32(0)
	for seq := uint16(0); b.Loop(); seq++ {
		now = now.Add(2 * time.Millisecond)
		timestamp += 180
		s.Receive(now, seq, timestamp)
		if seq%500 == 0 {
			s.Report(now, 1)
		}
	}
}
