package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// The benchmarks run clients in processes of their own, so that the server's CPU
// time is the server's. Each is this test binary again, told what to do by the
// environment.
func TestMain(m *testing.M) {
	if os.Getenv(envMain) != "" {
		os.Unsetenv(envMain)
		for _, name := range []string{envLab, envNATLab, envCostPlot} { // no settings of the program
			os.Unsetenv(name)
		}
		main()
		os.Exit(0)
	}
	for name, run := range map[string]func(string) error{
		envFloor: floorMain, envSinks: sinksMain,
		envLabReceiver: labReceiverMain, envFar: farMain, envCrowd: crowdMain, envHall: hallMain,
	} {
		task := os.Getenv(name)
		if task == "" {
			continue
		}
		if err := run(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if sharedChromium.end != nil {
		_ = sharedChromium.end() // it may have been killed
	}
	os.Exit(code)
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// quietly logs nothing but errors.
func quietly(c *configs.Config) {
	c.Log.Level = slog.LevelError
	c.Limits.SessionsPerAddress = 4096
	c.Limits.PeersPerRoom = 2000
	c.Limits.JoinsPerMinute, c.Limits.RequestsPerSecond = 1_000_000, 1_000_000
}

// BenchmarkJoin is the time from the beginning of the WebSocket's connection
// to the first media packet: one signaling round trip plus ICE and DTLS.
func BenchmarkJoin(b *testing.B) {
	const joins = 50
	_, url := runServer(b, quietly)
	voice := newSource(b, webrtc.MimeTypeOpus, []byte("voice"))
	enter(b, url, "bench", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: voice.track, Source: "microphone"}}
	})
	var answered, connected, media []float64
	for b.Loop() {
		for range joins {
			began := time.Now()
			since := func() float64 { return float64(time.Since(began).Microseconds()) / 1000 }
			first := make(chan struct{})
			var once sync.Once
			p, err := tryEnter(b, url, "bench", func(c *client.Config) {
				c.OnTrack = func(_ string, track *webrtc.TrackRemote) {
					if _, _, err := track.ReadRTP(); err == nil {
						once.Do(func() { close(first) })
					}
				}
			})
			if err != nil {
				b.Fatal(err)
			}
			answered = append(answered, since())
			<-p.Connected()
			connected = append(connected, since())
			<-first
			media = append(media, since())
			if err := p.Drop(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(answered), "ms-to-answer")
	b.ReportMetric(median(connected), "ms-to-connected")
	b.ReportMetric(median(media), "ms-to-media")
}

// BenchmarkChurn joins and leaves 500 times: goroutines, open files and heap
// stay where they were.
func BenchmarkChurn(b *testing.B) {
	const times = 500
	_, url := runServer(b, quietly)
	once := func() {
		p, err := tryEnter(b, url, "bench", func(c *client.Config) { c.AudioSlots, c.VideoSlots = 1, 1 })
		if err != nil {
			b.Fatal(err)
		}
		<-p.Connected()
		if err := p.Leave(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	for range 50 { // pools and caches fill
		once()
	}
	for b.Loop() {
		before := takeStock(b, url)
		for range times {
			once()
		}
		after := takeStock(b, url)
		for i, name := range []string{"goroutines", "files", "heap-bytes"} {
			b.ReportMetric(before[i], name+"-before")
			b.ReportMetric(after[i], name+"-after")
			if after[i] > before[i]*1.05+1 {
				b.Errorf("%s grew from %.0f to %.0f", name, before[i], after[i])
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

// takeStock counts what a leak would leave behind, once the last peer's
// connection is gone.
func takeStock(b *testing.B, url string) []float64 {
	b.Helper()
	deadline := time.After(patience)
	for metric(b, url, "hiroba_sfu_peers") > 0 || metric(b, url, "hiroba_signaling_sessions") > 0 {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			b.Fatal("peers are left over")
		}
	}
	// Timers and finalizers of what just ended run out.
	<-time.After(2 * time.Second)
	runtime.GC()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		b.Fatal(err)
	}
	return []float64{float64(runtime.NumGoroutine()), float64(len(files)), float64(memory.HeapAlloc)}
}
