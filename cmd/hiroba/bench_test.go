package main

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// The benchmarks run clients in a process of their own, so that the server's
// CPU time is the server's. It is this test binary again, told what to do by
// the environment.
const envClients = "HIROBA_BENCH_CLIENTS" // "url receivers"

func TestMain(m *testing.M) {
	if os.Getenv(envMain) != "" {
		os.Unsetenv(envMain)
		os.Unsetenv(envLab) // no setting of the program
		main()
		os.Exit(0)
	}
	for name, run := range map[string]func(string) error{
		envClients: benchClients, envFloor: floorMain, envSinks: sinksMain,
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

const (
	benchReceivers = 60
	benchRate      = 150 // packets a second
	benchPayload   = 1200
)

// benchClients joins one publisher and some receivers, says "ready" once all
// of them receive, and goes on until its standard input ends.
func benchClients(task string) error {
	url, count, _ := strings.Cut(task, " ")
	receivers, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "t", "s")
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := client.Join(ctx, client.Config{
		Options: client.Options{URL: url}, Room: "bench", API: plainAPI(), Tracks: []client.LocalTrack{{Track: track, Source: "camera"}},
	}); err != nil {
		return err
	}
	go publishSteadily(track)

	var receiving sync.WaitGroup
	for range receivers {
		receiving.Add(1)
		var once sync.Once
		if _, err := client.Join(ctx, client.Config{
			Options: client.Options{URL: url}, Room: "bench", API: plainAPI(), VideoSlots: 1,
			OnTrack: func(_ string, track *webrtc.TrackRemote) {
				buf := make([]byte, 1600)
				for {
					if _, _, err := track.Read(buf); err != nil {
						return
					}
					once.Do(receiving.Done)
				}
			},
		}); err != nil {
			return err
		}
	}
	receiving.Wait()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// publishSteadily sends evenly spaced packets for as long as the process
// lives.
func publishSteadily(track *webrtc.TrackLocalStaticRTP) {
	ticker := time.NewTicker(time.Second / benchRate)
	payload := make([]byte, benchPayload)
	for n := uint32(0); ; n++ {
		<-ticker.C
		payload[0], payload[1] = 0x10, 0x51
		if n%(2*benchRate) == 0 {
			payload[1] = 0x50
		}
		_ = track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: n * 600},
			Payload: payload,
		})
	}
}

// plainAPI is a light client: no interceptors, no feedback.
func plainAPI() *webrtc.API {
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		panic(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkForwarding is the server's CPU time per forwarded packet: one
// publisher, 60 receivers in another process, packets evenly spaced. Beside it
// stands the floor: sealing and sending alone, at the same pace.
func BenchmarkForwarding(b *testing.B) {
	_, url := runServer(b, quietly)
	clients := exec.Command(os.Args[0])
	clients.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", envClients, url, benchReceivers))
	clients.Stderr = os.Stderr
	stdin, err := clients.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := clients.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		if err := clients.Wait(); err != nil {
			b.Errorf("the clients: %v", err)
		}
	}()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		b.Fatalf("the clients said %q, %v", line, err)
	}

	const forwarded = "hiroba_sfu_packets_forwarded_total"
	const run = 10 * time.Second
	var server, allocations, single, batched []float64
	for b.Loop() {
		var memory, later runtime.MemStats
		runtime.ReadMemStats(&memory)
		before, packets := cpuTime(), metric(b, url, forwarded)
		<-time.After(run)
		used, sent := cpuTime()-before, metric(b, url, forwarded)-packets
		runtime.ReadMemStats(&later)
		if sent < run.Seconds()*benchRate*benchReceivers*0.9 {
			b.Fatalf("only %.0f packets were forwarded in %v", sent, run)
		}
		server = append(server, float64(used.Nanoseconds())/1000/sent)
		allocations = append(allocations, float64(later.Mallocs-memory.Mallocs)/sent)
		single = append(single, floor(b, run/2, false))
		batched = append(batched, floor(b, run/2, true))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(server), "µs/forward")
	b.ReportMetric(median(allocations), "allocs/forward")
	b.ReportMetric(median(single), "µs/floor-single")
	b.ReportMetric(median(batched), "µs/floor-batched")
	b.ReportMetric(median(server)/median(batched), "×floor-batched")
}

// floor is the CPU time in µs per packet of sealing and sending alone, one by
// one or in batches.
func floor(b *testing.B, run time.Duration, batched bool) float64 {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	listen := func() *udp.Socket {
		s, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	from := listen()
	defer from.Close()
	var to []netip.AddrPort
	for range benchReceivers {
		s := listen()
		defer s.Close()
		to = append(to, s.Addr())
	}
	plain, out, nonce := make([]byte, benchPayload), make([]byte, 0, benchPayload+28), make([]byte, 12)
	ticker := time.NewTicker(time.Second / benchRate)
	defer ticker.Stop()
	before, sent := cpuTime(), 0
	for end := time.Now().Add(run); time.Now().Before(end); {
		<-ticker.C
		if batched {
			from.Cork()
		}
		for _, addr := range to {
			nonce[0]++
			_, _ = from.WriteToAddrPort(seal.Seal(out, nonce, plain, nil), addr)
			sent++
		}
		if batched {
			from.Uncork()
		}
	}
	return float64((cpuTime() - before).Nanoseconds()) / 1000 / float64(sent)
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
