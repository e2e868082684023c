package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// roomy lifts the bounds on strangers: all clients of a benchmark come from one
// address and at once.
func roomy(c *configs.Config) {
	quietly(c)
	c.Limits.Sessions, c.Limits.SessionsPerAddress = 20_000, 20_000
	c.Limits.RequestsPerSecond, c.Limits.JoinsPerMinute = 1_000_000, 1_000_000
	c.Limits.Rooms = 2_000
	c.Limits.MessagesPerSecond = 100_000
}

// progress says on standard error what a long benchmark is at.
func progress(b *testing.B, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s: %s\n", time.Now().Format(time.TimeOnly), b.Name(), fmt.Sprintf(format, args...))
}

// startCrowd starts a crowd; see startSubprocess.
func startCrowd(b *testing.B, url string) (give func(order) outcome, leave func()) {
	b.Helper()
	return startSubprocess[order, outcome](b, envCrowd, strings.TrimPrefix(url, "http://"))
}

// memory is what this process holds, in KiB.
type memory struct{ resident, heap, stacks float64 }

// weigh takes the resident memory as it is, then collects garbage and takes
// what lives in the heap and on stacks.
func weigh(b *testing.B) memory {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return memory{
		resident: float64(pages*os.Getpagesize()) / 1024,
		heap:     float64(stats.HeapAlloc) / 1024,
		stacks:   float64(stats.StackInuse) / 1024,
	}
}

// since is what each of n sessions added.
func (m memory) since(before memory, n int) memory {
	each := func(after, before float64) float64 { return (after - before) / float64(n) }
	return memory{each(m.resident, before.resident), each(m.heap, before.heap), each(m.stacks, before.stacks)}
}

func (m memory) String() string {
	return fmt.Sprintf("%.1f KiB resident, %.1f KiB heap, %.1f KiB stacks", m.resident, m.heap, m.stacks)
}

// BenchmarkIdle is what 10,000 WebSocket sessions cost that do nothing: memory
// before and after they have joined rooms of ten, and CPU time with heartbeats
// both ways, in percent of one core. Beside it stands the floor: a server that
// does no more than answer each heartbeat with the same bytes.
func BenchmarkIdle(b *testing.B) {
	const sessions = 10_000
	for b.Loop() {
		crowd, leave := startCrowd(b, answerAlike(b))
		crowd(order{Do: "connect", N: sessions, Format: protocol.JSON})
		crowd(order{Do: "beat"})
		floor := atRest()
		leave()
		progress(b, "the floor: %.2f %% of a core", floor)

		_, url := runServer(b, roomy)
		crowd, _ = startCrowd(b, url)
		debug.FreeOSMemory()
		before := weigh(b)
		crowd(order{Do: "connect", N: sessions, Format: protocol.JSON})
		connected := weigh(b).since(before, sessions)
		progress(b, "%d are connected: each %v", sessions, connected)
		crowd(order{Do: "join", RoomSize: 10})
		crowd(order{Do: "beat"})
		progress(b, "all have joined")
		<-time.After(heartbeat) // acknowledgements arrive
		// A server that rests does this by itself, every two minutes.
		debug.FreeOSMemory()
		percent := atRest()
		joined := weigh(b).since(before, sessions)
		progress(b, "at rest: %.2f %% of a core, each %v", percent, joined)
		if open := metric(b, url, "hiroba_signaling_peers"); open != sessions {
			b.Fatalf("%.0f of %d are left", open, sessions)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(connected.heap+connected.stacks, "KiB/unjoined")
		b.ReportMetric(joined.resident, "KiB-resident/session")
		b.ReportMetric(joined.heap, "KiB-heap/session")
		b.ReportMetric(joined.stacks, "KiB-stacks/session")
		b.ReportMetric(percent, "%-of-a-core")
		b.ReportMetric(floor, "%-floor")
	}
}

// atRest is the CPU time that this process uses for a while, in percent of one
// core.
func atRest() float64 {
	used, began := cpuTime(), time.Now()
	<-time.After(4 * heartbeat)
	return 100 * float64(cpuTime()-used) / float64(time.Since(began))
}

// answerAlike is a server that upgrades every connection, says something, and
// answers whatever comes with the same frame, until the benchmark ends.
func answerAlike(b *testing.B) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	text := `{"pong":{"received":"1","sent":"12"}}`
	frame := append([]byte{0x80 | opText, byte(len(text))}, text...)
	hello := append([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"), frame...)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				buffer := make([]byte, 512)
				for answer := hello; ; answer = frame {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			})
		}
	})
	b.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return "http://" + listener.Addr().String()
}

const (
	// benchListeners are in a room; one more speaks.
	benchListeners = 1000
	// benchText is what it says, in bytes.
	benchText = 100
	// benchTarget is what one core should deliver in a second.
	benchTarget = 100_000
)

// BenchmarkBroadcast is how many messages reach the clients of one room of
// 1,000 over WebSocket, per second of the server's CPU time: as fast as they are
// heard, with some under way, and one at a time, which leaves nothing to be sent
// together. Then how long they take, at half of the target and at half of the
// first.
func BenchmarkBroadcast(b *testing.B) {
	const run = 10 * time.Second
	for _, format := range []protocol.Format{protocol.JSON, protocol.Binary} {
		b.Run(format.String(), func(b *testing.B) {
			for b.Loop() {
				_, url := runServer(b, roomy)
				crowd, _ := startCrowd(b, url)
				crowd(order{Do: "connect", N: benchListeners + 1, Format: format})
				crowd(order{Do: "join", RoomSize: benchListeners + 1})
				crowd(order{Do: "beat"})
				crowd(order{Do: "flood", Window: 32, Bytes: benchText, For: time.Second})
				progress(b, "all are there")

				flood := func(underWay int) (perCore float64) {
					used := cpuTime()
					o := crowd(order{Do: "flood", Window: underWay, Bytes: benchText, For: run})
					perCore = float64(o.Deliveries) / (cpuTime() - used).Seconds()
					progress(b, "%d under way: %.0f deliveries a second per core, %.0f a second here", underWay, perCore,
						float64(o.Deliveries)/o.Took.Seconds())
					return perCore
				}
				many, one := flood(32), flood(1)
				steady := func(deliveries float64) outcome {
					used := cpuTime()
					o := crowd(order{Do: "steady", Rate: deliveries / benchListeners, Bytes: benchText, For: run})
					progress(b, "%.0f deliveries a second, %.0f %% of a core: p50 %v, p99 %v, the unluckiest listener's %v",
						float64(o.Deliveries)/o.Took.Seconds(), 100*(cpuTime()-used).Seconds()/o.Took.Seconds(), o.P50, o.P99, o.Worst)
					return o
				}
				quiet, half := steady(benchTarget/2), steady(many/2)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(many, "deliveries/s/core")
				b.ReportMetric(one, "deliveries/s/core-one-by-one")
				b.ReportMetric(milliseconds(quiet.P50), "ms-p50-at-50k/s")
				b.ReportMetric(milliseconds(quiet.P99), "ms-p99-at-50k/s")
				b.ReportMetric(milliseconds(quiet.Worst), "ms-worst-p99-at-50k/s")
				b.ReportMetric(milliseconds(half.P50), "ms-p50-at-half")
				b.ReportMetric(milliseconds(half.P99), "ms-p99-at-half")
				b.ReportMetric(milliseconds(half.Worst), "ms-worst-p99-at-half")
			}
		})
	}
}

// BenchmarkSlowReaders is what others notice of clients that stop reading: a
// tenth of a room of 1,000 does. Measured are the delays of the others when
// everybody reads, while the outboxes of those fill, and when they lose their
// sessions, of which everybody is told: all of that in the same seconds.
func BenchmarkSlowReaders(b *testing.B) {
	const stopped = benchListeners / 10
	for b.Loop() {
		_, url := runServer(b, func(c *configs.Config) {
			roomy(c)
			// So that they fall behind before they count as gone, which they do
			// when nothing could be sent to them for ten seconds.
			c.Limits.OutboxMessages = 128
		})
		crowd, _ := startCrowd(b, url)
		crowd(order{Do: "connect", N: benchListeners + 1, Format: protocol.JSON})
		crowd(order{Do: "join", RoomSize: benchListeners + 1})
		crowd(order{Do: "beat"})
		steady := func(when string, run time.Duration) outcome {
			o := crowd(order{Do: "steady", Rate: 20, Bytes: 4000, For: run})
			progress(b, "%s: p50 %v, p99 %v, the unluckiest listener's %v; %.0f sessions ended as slow", when, o.P50, o.P99, o.Worst,
				metric(b, url, `hiroba_signaling_endings_total{reason="SLOW"}`))
			return o
		}
		steady("to begin with", 5*time.Second)
		all := steady("everybody reads", 10*time.Second)
		crowd(order{Do: "stop", N: stopped})
		waiting := steady("a tenth has stopped", 5*time.Second)
		ending := steady("they are left behind", 15*time.Second)
		ended := 0.0
		for deadline := time.After(patience); ended < stopped; {
			select {
			case <-time.After(100 * time.Millisecond):
				ended = metric(b, url, `hiroba_signaling_endings_total{reason="SLOW"}`)
			case <-deadline:
				b.Fatalf("%.0f sessions ended as slow; %d do not read", ended, stopped)
			}
		}
		if ending.Gone != 0 {
			b.Errorf("%d of who reads have lost their connections", ending.Gone)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(milliseconds(all.P50), "ms-p50-all-read")
		b.ReportMetric(milliseconds(all.P99), "ms-p99-all-read")
		b.ReportMetric(milliseconds(waiting.P50), "ms-p50-stopped")
		b.ReportMetric(milliseconds(waiting.P99), "ms-p99-stopped")
		b.ReportMetric(milliseconds(ending.P50), "ms-p50-ending")
		b.ReportMetric(milliseconds(ending.P99), "ms-p99-ending")
		b.ReportMetric(ended, "slow-sessions")
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
