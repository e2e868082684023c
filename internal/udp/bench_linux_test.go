package udp

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const benchBytes = 1200

// sinks are sockets that nobody reads: once their buffers are full, what comes
// is dropped, at the same cost for every way of sending.
func sinks(b *testing.B, n int) []netip.AddrPort {
	var to []netip.AddrPort
	for range n {
		to = append(to, open(b).Addr())
	}
	return to
}

// perDatagram reports the processor's time of the benchmark's loop, which other
// programs disturb less than the clock's: call it before, and what it returns
// after.
func perDatagram(b *testing.B, n int) func() {
	begin := processorTime()
	return func() {
		b.ReportMetric(float64(processorTime()-begin)/float64(b.N*n), "cpu-ns/datagram")
	}
}

func processorTime() time.Duration {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkSend is 1,200-byte datagrams to 60 addresses: one each, and frames
// of five, one receiver after the other or one datagram after the other.
func BenchmarkSend(b *testing.B) {
	const receivers, frame = 60, 5
	payload := make([]byte, benchBytes)
	b.Run("single", func(b *testing.B) {
		s, to := open(b), sinks(b, receivers)
		report := perDatagram(b, receivers)
		b.ReportAllocs()
		for b.Loop() {
			for _, addr := range to {
				_, _ = s.WriteToAddrPort(payload, addr)
			}
		}
		report()
	})
	for _, c := range []struct {
		name       string
		frame      int
		byPacket   bool
		segmenting bool
	}{
		{"batch/one each", 1, false, true},
		{"batch/frames by receiver/plain", frame, false, false},
		{"batch/frames by receiver/segmented", frame, false, true},
		{"batch/frames by packet/plain", frame, true, false},
		{"batch/frames by packet/segmented", frame, true, true},
		{"batch/frames of 20 by receiver/segmented", 20, false, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, to := open(b), sinks(b, receivers)
			if !c.segmenting {
				s.segmentation.never()
			}
			batch := s.NewBatch()
			add := func(addr netip.AddrPort) { batch.Add(copy(batch.Room(benchBytes), payload), addr) }
			report := perDatagram(b, receivers*c.frame)
			b.ReportAllocs()
			for b.Loop() {
				if c.byPacket {
					for range c.frame {
						for _, addr := range to {
							add(addr)
						}
					}
				} else {
					for _, addr := range to {
						for range c.frame {
							add(addr)
						}
					}
				}
				batch.Flush()
			}
			report()
		})
	}
}

// BenchmarkRead is what reading a datagram costs, when many are there.
func BenchmarkRead(b *testing.B) {
	const burst = 60
	for _, c := range []struct {
		name              string
		single, segmented bool
	}{
		{"single", true, false},
		{"batch/alone", false, false},
		{"batch/coalesced", false, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, from := open(b), open(b)
			if !c.segmented {
				from.segmentation.never()
			}
			out := from.NewBatch()
			var in *Reader
			if !c.single {
				in = s.NewReader()
			}
			buf := make([]byte, 2048)
			var reading time.Duration
			b.ReportAllocs()
			for b.Loop() {
				for range burst {
					out.Room(benchBytes)
					out.Add(benchBytes, s.Addr())
				}
				out.Flush()
				begin := processorTime()
				for n := 0; n < burst; {
					if c.single {
						if _, _, err := s.ReadFromAddrPort(buf); err != nil {
							b.Fatal(err)
						}
						n++
						continue
					}
					datagrams, err := in.Read()
					if err != nil {
						b.Fatal(err)
					}
					n += len(datagrams)
				}
				reading += processorTime() - begin
			}
			b.ReportMetric(float64(reading.Nanoseconds())/float64(b.N*burst), "cpu-ns/datagram")
		})
	}
}
