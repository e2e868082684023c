package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
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

// startCrowd starts a process of clients. give gives it an order, leave ends it;
// the benchmark's end does so, too.
func startCrowd(b *testing.B, url string) (give func(order) outcome, leave func()) {
	b.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), envCrowd+"="+strings.TrimPrefix(url, "http://"))
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	leave = sync.OnceFunc(func() {
		if err := errors.Join(stdin.Close(), process.Wait()); err != nil {
			b.Errorf("the crowd: %v", err)
		}
	})
	b.Cleanup(leave)
	orders, outcomes := json.NewEncoder(stdin), json.NewDecoder(stdout)
	return func(o order) outcome {
		b.Helper()
		if err := orders.Encode(o); err != nil {
			b.Fatalf("ordering %q: %v", o.Do, err)
		}
		var out outcome
		if err := outcomes.Decode(&out); err != nil {
			b.Fatalf("%q: %v", o.Do, err)
		}
		if out.Err != "" {
			b.Fatalf("%q: %s", o.Do, out.Err)
		}
		return out
	}, leave
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

// listeners of a broadcast; one more speaks.
const benchListeners = 1000

// BenchmarkBroadcast is how many messages reach the clients of one room of
// 1,000 over WebSocket, per second of the server's CPU time, and how long they
// take at half of that load.
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
				crowd(order{Do: "flood", Window: 32, Bytes: 100, For: time.Second})
				progress(b, "all are there")

				used := cpuTime()
				flood := crowd(order{Do: "flood", Window: 32, Bytes: 100, For: run})
				perCore := float64(flood.Deliveries) / (cpuTime() - used).Seconds()
				progress(b, "%.0f deliveries a second per core; %.0f a second here, p99 %v", perCore,
					float64(flood.Deliveries)/flood.Took.Seconds(), flood.P99)

				used = cpuTime()
				half := crowd(order{Do: "steady", Rate: perCore / 2 / benchListeners, Bytes: 100, For: run})
				percent := 100 * (cpuTime() - used).Seconds() / half.Took.Seconds()
				progress(b, "at half of that (%.0f a second, %.0f %% of a core) p50 %v, p99 %v, the unluckiest listener's %v",
					float64(half.Deliveries)/half.Took.Seconds(), percent, half.P50, half.P99, half.Worst)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(perCore, "deliveries/s/core")
				b.ReportMetric(milliseconds(half.P50), "ms-p50")
				b.ReportMetric(milliseconds(half.P99), "ms-p99")
				b.ReportMetric(milliseconds(half.Worst), "ms-p99-worst")
			}
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
