package congestion_test

import (
	"math"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

// clean drives an estimator over a good link for some seconds.
func clean(seconds int, mangle func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC)) *congestion.Estimator {
	e := congestion.NewEstimator(start, congestion.Config{})
	recorder := twcc.NewRecorder(1)
	for i := range seconds * 1000 {
		now := start.Add(time.Duration(i) * time.Millisecond)
		if i%5 == 0 {
			recorder.Record(2, e.Sent(now, 600), int64(i+20)*1000)
		}
		if i%100 == 50 {
			for _, packet := range recorder.BuildFeedbackPacket() {
				mangle(now, e, packet.(*rtcp.TransportLayerCC))
			}
			e.Tick(now)
		}
	}
	return e
}

func received(base uint16, count int, reference uint32) *rtcp.TransportLayerCC {
	fb := &rtcp.TransportLayerCC{BaseSequenceNumber: base, PacketStatusCount: uint16(count), ReferenceTime: reference}
	for left := count; left > 0; left -= 8000 {
		fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: uint16(min(left, 8000))})
	}
	for range count {
		fb.RecvDeltas = append(fb.RecvDeltas, &rtcp.RecvDelta{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250})
	}
	return fb
}

func allLost(base uint16, count uint16) *rtcp.TransportLayerCC {
	fb := &rtcp.TransportLayerCC{BaseSequenceNumber: base, PacketStatusCount: count}
	for range 9 {
		fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{RunLength: 8191})
	}
	return fb
}

func TestHostileFeedback(t *testing.T) {
	plain := clean(10, func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC) { e.Feedback(now, fb) }).Estimate()
	for _, tc := range []struct {
		name   string
		mangle func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC)
	}{
		{"each is repeated", func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC) {
			for range 5 {
				e.Feedback(now, fb)
			}
		}},
		{"packets that were never sent were lost", func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC) {
			e.Feedback(now, fb)
			e.Feedback(now, allLost(fb.BaseSequenceNumber+fb.PacketStatusCount+1000, 30000))
		}},
		{"packets that were never sent arrived", func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC) {
			e.Feedback(now, fb)
			e.Feedback(now, received(fb.BaseSequenceNumber+fb.PacketStatusCount+1000, 3000, fb.ReferenceTime))
		}},
		{"what arrived is said to be lost afterwards", func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC) {
			e.Feedback(now, fb)
			e.Feedback(now, allLost(fb.BaseSequenceNumber, fb.PacketStatusCount))
		}},
		{"chunks without an end, deltas that are not there", func(now time.Time, e *congestion.Estimator, fb *rtcp.TransportLayerCC) {
			e.Feedback(now, fb)
			e.Feedback(now, &rtcp.TransportLayerCC{PacketStatusCount: 65535, PacketChunks: []rtcp.PacketStatusChunk{
				nil, &rtcp.StatusVectorChunk{SymbolList: []uint16{1, 1, 2, 3, 7}}, &rtcp.RunLengthChunk{PacketStatusSymbol: 2, RunLength: 65535},
			}, RecvDeltas: []*rtcp.RecvDelta{nil}})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := clean(10, tc.mangle).Estimate(); got < plain*95/100 || got > plain*105/100 {
				t.Errorf("the estimate is %d, without that %d", got, plain)
			}
		})
	}
}

// A receiver may lie about its own link; it gets no more than the bounds.
func TestForgedFeedbackIsBounded(t *testing.T) {
	e := congestion.NewEstimator(start, congestion.Config{Min: 50_000, Max: 2_000_000})
	e.Want(100_000_000)
	for i := range 2000 {
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		first := e.Sent(now, 1200)
		for range 20 {
			e.Sent(now, 1200)
		}
		e.Feedback(now, received(first, 21, uint32(i*7919)))
		e.Tick(now)
		if bytes, wait := e.Padding(now); bytes < 0 || bytes > 10_000 || wait < 0 {
			t.Fatalf("padding of %d bytes, wait %v", bytes, wait)
		}
		if got := e.Estimate(); got < 50_000 || got > 2_000_000 {
			t.Fatalf("estimate %d", got)
		}
	}
}

func TestClockRunsBack(t *testing.T) {
	e := congestion.NewEstimator(start, congestion.Config{})
	for i := range 1000 {
		now := start.Add(time.Duration(i%97) * -time.Second)
		seq := e.Sent(now, 1200)
		e.Feedback(now, received(seq, 1, uint32(1000-i)))
		e.Tick(now)
		e.Padding(now)
	}
	if got := e.Estimate(); got <= 0 {
		t.Fatalf("estimate %d", got)
	}
}

func TestREMBAndReceiverReports(t *testing.T) {
	run := func(seconds int, each func(second int, e *congestion.Estimator, now time.Time) (lost float64)) []int64 {
		e := congestion.NewEstimator(start, congestion.Config{})
		var estimates []int64
		highest := uint32(0)
		for i := range seconds * 100 {
			now := start.Add(time.Duration(i) * 10 * time.Millisecond)
			e.Sent(now, int(max(e.Estimate()/800, 100))) // all that may be sent
			highest++
			if i%100 == 99 {
				lost := each(i/100, e, now)
				e.ReceiverReport(now, []rtcp.ReceptionReport{{SSRC: 5, FractionLost: uint8(lost * 255), LastSequenceNumber: highest}}, 50*time.Millisecond)
				e.Tick(now)
				estimates = append(estimates, e.Estimate())
			}
		}
		return estimates
	}
	for _, tc := range []struct {
		name     string
		each     func(second int, e *congestion.Estimator, now time.Time) float64
		from, to int64 // the last estimate
	}{
		{"no loss", func(int, *congestion.Estimator, time.Time) float64 { return 0 }, 1_000_000, 5_000_000},
		{"some loss holds it", func(int, *congestion.Estimator, time.Time) float64 { return 0.05 }, 250_000, 350_000},
		{"much loss lowers it", func(int, *congestion.Estimator, time.Time) float64 { return 0.4 }, 30_000, 40_000},
		{"REMB bounds it", func(_ int, e *congestion.Estimator, now time.Time) float64 { e.REMB(now, 500_000); return 0 }, 450_000, 500_000},
		{"REMB of nothing", func(_ int, e *congestion.Estimator, now time.Time) float64 { e.REMB(now, 0); return 0 }, 30_000, 30_000},
		{"REMB of 2^63", func(_ int, e *congestion.Estimator, now time.Time) float64 { e.REMB(now, 1<<63); return 0 }, 1_000_000, 5_000_000},
		{"REMB that is no number", func(_ int, e *congestion.Estimator, now time.Time) float64 {
			for _, bps := range []float64{math.NaN(), math.Inf(-1), -1, math.Inf(1)} {
				e.REMB(now, bps)
			}
			return 0
		}, 1_000_000, 5_000_000},
		{"REMB is forgotten", func(second int, e *congestion.Estimator, now time.Time) float64 {
			if second < 5 {
				e.REMB(now, 200_000)
			}
			return 0
		}, 300_000, 2_000_000},
		{"reports of numbers out of thin air", func(second int, e *congestion.Estimator, now time.Time) float64 {
			for ssrc := range uint32(500) {
				e.ReceiverReport(now, []rtcp.ReceptionReport{{SSRC: ssrc + 100, FractionLost: 255, LastSequenceNumber: uint32(second) * 0x3fffffff}}, -time.Second)
			}
			return 0
		}, 300_000, 5_000_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			estimates := run(20, tc.each)
			if last := estimates[len(estimates)-1]; last < tc.from || last > tc.to {
				t.Errorf("estimates %v, want the last from %d to %d", estimates, tc.from, tc.to)
			}
		})
	}
}

// The feedback about the last packets before nothing more is sent may be lost:
// that is no outage.
func TestALullIsNoOutage(t *testing.T) {
	e := congestion.NewEstimator(start, congestion.Config{})
	recorder := twcc.NewRecorder(1)
	before := int64(0)
	for i := range 2000 { // in 10 ms
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		if i < 1000 {
			recorder.Record(2, e.Sent(now, 600), int64(i+2)*10_000)
		}
		if i%10 == 5 {
			e.Tick(now)
			if i < 990 {
				for _, packet := range recorder.BuildFeedbackPacket() {
					e.Feedback(now, packet.(*rtcp.TransportLayerCC))
				}
				before = e.Estimate()
			}
		}
		if stats := e.Stats(); stats.Outage || before > 0 && stats.Estimate < before {
			t.Fatalf("after %d ms: %+v, with an estimate of %d before", 10*i, stats, before)
		}
	}
}

// While nothing is sent with a number, receiver reports tell what is lost, and
// feedback does again when it is.
func TestReportsTellWhileNothingIsNumbered(t *testing.T) {
	e := congestion.NewEstimator(start, congestion.Config{})
	recorder := twcc.NewRecorder(1)
	highest := uint32(0)
	for i := range 3000 { // in 10 ms: 10 s numbered, 10 s plain, 10 s numbered
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		numbered := i/1000 != 1
		highest++
		if numbered {
			recorder.Record(2, e.Sent(now, 600), int64(i+2)*10_000)
		} else {
			e.SentPlain(now, 600)
		}
		if i%10 == 5 {
			e.Tick(now)
			if numbered {
				for _, packet := range recorder.BuildFeedbackPacket() {
					e.Feedback(now, packet.(*rtcp.TransportLayerCC))
				}
			}
		}
		if i%100 == 99 {
			lost := uint8(0)
			if !numbered {
				lost = 26
			}
			e.ReceiverReport(now, []rtcp.ReceptionReport{{SSRC: 5, FractionLost: lost, LastSequenceNumber: highest}}, 0)
		}
		stats := e.Stats()
		switch {
		case i == 990 || i == 2990:
			if stats.Lost != 0 || stats.Outage {
				t.Errorf("after %d s: %+v, though nothing is lost", i/100, stats)
			}
		case i == 1990:
			if stats.Lost < 0.09 || stats.Lost > 0.11 || stats.Outage {
				t.Errorf("while nothing is numbered: %+v, want a tenth lost and no outage", stats)
			}
		}
	}
}

func FuzzFeedback(f *testing.F) {
	seed, err := received(5, 20, 77).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0xff, 0xff, 0, 0, 1, 0, 0x1f, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		e := congestion.NewEstimator(start, congestion.Config{})
		e.Want(5_000_000)
		now := start
		for round := range 4 {
			for range 200 {
				now = now.Add(time.Millisecond)
				e.Sent(now, 1200)
			}
			var fb rtcp.TransportLayerCC
			if err := fb.Unmarshal(data); err != nil {
				return
			}
			fb.BaseSequenceNumber += uint16(round * 200)
			e.Feedback(now, &fb)
			e.Tick(now)
			e.Padding(now)
			if got := e.Estimate(); got < 30_000 || got > 50_000_000 {
				t.Fatalf("estimate %d", got)
			}
			if s := e.Stats(); math.IsNaN(s.Lost) || s.Lost < 0 || s.Lost > 1 {
				t.Fatalf("stats %+v", s)
			}
		}
	})
}

func BenchmarkSent(b *testing.B) {
	e := congestion.NewEstimator(start, congestion.Config{})
	b.ReportAllocs()
	for i := range b.N {
		e.Sent(start.Add(time.Duration(i)*time.Millisecond), 1200)
	}
}

// BenchmarkFeedback takes what a receiver of 2 Mbps says every 100 ms, of 20
// packets, a tenth of which was lost.
func BenchmarkFeedback(b *testing.B) {
	e := congestion.NewEstimator(start, congestion.Config{})
	now := start
	fb := received(0, 18, 0)
	fb.PacketStatusCount = 20
	fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{RunLength: 2})
	for i := range 18 {
		fb.RecvDeltas[i].Delta = 5000
	}
	b.ReportAllocs()
	for range b.N {
		for n := range 20 {
			now = now.Add(5 * time.Millisecond)
			seq := e.Sent(now, 1200)
			if n == 0 {
				fb.BaseSequenceNumber = seq
			}
		}
		fb.ReferenceTime = uint32(now.Sub(start) / (64 * time.Millisecond))
		e.Feedback(now, fb)
		e.Tick(now)
	}
}
