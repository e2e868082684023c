package main

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/load"
)

const (
	// costRuns is how often the server and the floor take turns.
	costRuns = 5
	// envCostPlot is the file that BenchmarkCost draws itself in.
	envCostPlot = "HIROBA_COST_PLOT"
)

// video and sound are what the cases of BenchmarkCost send.
var (
	even   = camera{bursts: 150, packets: 1, bytes: 1200}
	frames = camera{bursts: 30, packets: 5, bytes: 1200}
	slow   = camera{bursts: 10, packets: 5, bytes: 1200}
	sound  = camera{bursts: 50, packets: 1, bytes: 160}
)

// flags are those of `hiroba load` for a camera.
func (c camera) flags() []string {
	if c == sound {
		return []string{"--audio"}
	}
	flags := []string{"--video", fmt.Sprintf("vp8:%d:%d", c.bursts*c.packets*c.bytes*8, c.bursts), "--steady"}
	if c.packets == 1 {
		// A camera of 30 frames whose packets are spaced evenly.
		flags = []string{"--video", fmt.Sprintf("vp8:%d:30", c.bursts*c.bytes*8), "--even"}
	}
	return flags
}

// BenchmarkCost is the server's CPU time per packet that a receiver got,
// everything included, as a process of its own, loaded by `hiroba load`, in turns
// with the floor at the same pace; medians.
func BenchmarkCost(b *testing.B) {
	var drawn []costBar
	for _, tc := range []struct {
		name      string
		camera    camera
		rooms     int
		receivers int // in each
		flags     []string
	}{
		{"evenly spaced", even, 1, 60, nil},
		{"frames of 5", frames, 1, 60, nil},
		{"sound", sound, 1, 60, nil},
		{"evenly spaced, 10 receivers", even, 1, 10, nil},
		{"simulcast, 2 % lost", frames, 1, 60, []string{"--simulcast", "--loss", "2"}},
		{"1 receiver", slow, 1, 1, nil},
		{"10 receivers", slow, 1, 10, nil},
		{"60 receivers", slow, 1, 60, nil},
		{"200 receivers", slow, 1, 200, nil},
		{"600 receivers", slow, 1, 600, nil},
		{"1500 receivers", slow, 1, 1500, nil},
		{"100 rooms of 2", slow, 100, 1, nil},
		{"20 rooms of 10", slow, 20, 9, nil},
		{"1 room of 200", slow, 1, 199, nil},
	} {
		b.Run(strings.ReplaceAll(tc.name, " ", "-"), func(b *testing.B) {
			var server, floor, own, memory []float64
			for b.Loop() {
				for range costRuns {
					floor = append(floor, floorCost(b, tc.camera, tc.receivers, 2*time.Second))
					r := loadCost(b, append(append([]string{
						"--rooms", strconv.Itoa(tc.rooms), "--subscribers", strconv.Itoa(tc.receivers), "--duration", "6s",
					}, tc.camera.flags()...), tc.flags...)...)
					server, own = append(server, r.Server.PerPacket), append(own, r.Generator.PerPacket)
					memory = append(memory, float64(r.Server.Resident)/1024)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(server), "µs/packet")
			b.ReportMetric(median(floor), "µs/floor")
			b.ReportMetric(median(server)/median(floor), "×floor")
			b.ReportMetric(median(own), "µs/generator")
			b.ReportMetric(median(memory)/float64(tc.rooms*(tc.receivers+1)), "KiB/peer")
			drawn = append(drawn, costBar{tc.name, median(server), median(floor)})
		})
	}
	if name := os.Getenv(envCostPlot); name != "" {
		if err := os.WriteFile(name, []byte(drawCost(drawn)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// costBar is one case of BenchmarkCost, in µs per packet.
type costBar struct {
	name          string
	server, floor float64
}

// drawCost draws the cases beside each other, the server above the floor.
func drawCost(bars []costBar) string {
	const width, left, row, most = 760, 190, 44, 480
	longest := 1.0
	for _, bar := range bars {
		longest = max(longest, bar.server, bar.floor)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, 40+row*len(bars))
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="white"/><text x="12" y="24" font-weight="bold">µs of CPU per packet that a receiver got</text>`+"\n", width, 40+row*len(bars))
	for i, bar := range bars {
		top := 40 + row*i
		fmt.Fprintf(&out, `<text x="12" y="%d">%s</text>`+"\n", top+20, html.EscapeString(bar.name))
		for j, part := range []struct {
			value  float64
			colour string
			name   string
		}{{bar.server, "#2563eb", "server"}, {bar.floor, "#9ca3af", "floor"}} {
			long := part.value / longest * most
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%.0f" height="14" fill="%s"/><text x="%.0f" y="%d" font-size="11">%s %.1f</text>`+"\n",
				left, top+4+17*j, long, part.colour, left+long+6, top+15+17*j, part.name, part.value)
		}
	}
	return out.String() + "</svg>\n"
}

// loadCost is the report of one load on a server of its own.
func loadCost(b *testing.B, flags ...string) *load.Report {
	b.Helper()
	server := program(b, []string{
		"HIROBA_PORT=0", "HIROBA_LOG_LEVEL=error", "HIROBA_LIMITS_SESSIONS_PER_ADDRESS=10000", "HIROBA_LIMITS_PEERS_PER_ROOM=5000",
		"HIROBA_LIMITS_JOINS_PER_MINUTE=100000", "HIROBA_LIMITS_REQUESTS_PER_SECOND=100000",
	}, "serve")
	url := startProgram(b, server)
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	}()
	out, err := program(b, nil, append([]string{"load", url, "--json", "--pid", strconv.Itoa(server.Process.Pid)}, flags...)...).Output()
	if err != nil {
		b.Fatalf("the load: %v", err)
	}
	report := &load.Report{}
	if err := json.Unmarshal(out, report); err != nil {
		b.Fatal(err)
	}
	for kind, flow := range report.Flows {
		if flow.Lost > 0 || flow.Streams < flow.Expected {
			b.Errorf("of %s, %d packets were lost, and %d streams of %d came", kind, flow.Lost, flow.Streams, flow.Expected)
		}
	}
	return report
}
