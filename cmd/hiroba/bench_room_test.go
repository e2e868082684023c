package main

import (
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

const (
	// hallWindow is how long CPU time is taken, with everybody still and then
	// with the sources sending.
	hallWindow = 8 * time.Second
	// hallSettle is how long the server is left alone first: what it does for
	// newcomers is over by then.
	hallSettle = 3 * time.Second
	// hallJoins is how many joins are looked at, one by one, at each size.
	hallJoins = 10
)

// BenchmarkRoom grows one room and prints at each size what its peers cost:
// memory, CPU time by what is sent, and what one more join costs the server and
// the others. At the end the CPU time is fitted to packets, peers, and the
// square of peers. With -short it stops at 100 peers.
func BenchmarkRoom(b *testing.B) {
	sizes := []int{50, 100, 200, 400, 1000}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for b.Loop() {
		_, url := runServer(b, roomy)
		give, leave := startHall(b, url)
		debug.FreeOSMemory()
		empty, idle := weigh(b), metric(b, url, "go_goroutines")
		var windows []window
		for _, size := range sizes {
			began := time.Now()
			give(hallOrder{Do: "fill", N: size - hallJoins})
			progress(b, "%d peers after %.1f s", size-hallJoins, time.Since(began).Seconds())
			give(hallOrder{Do: "talk"})
			<-time.After(hallSettle)
			joined := watchJoins(b, url, give, size)
			progress(b, "%d peers: %v", size, joined)

			<-time.After(hallSettle)
			sending := hallLoad(b, url, give, size)
			progress(b, "%d peers, sending: %v", size, sending)
			give(hallOrder{Do: "hush"})
			<-time.After(hallSettle)
			still := hallLoad(b, url, give, size)
			progress(b, "%d peers, still: %v", size, still)
			windows = append(windows, sending, still)

			goroutines := (metric(b, url, "go_goroutines") - idle) / float64(size)
			debug.FreeOSMemory()
			each := weigh(b).since(empty, size)
			progress(b, "%d peers: each %v, %.1f goroutines", size, each, goroutines)
			b.ReportMetric(each.resident, "KiB/peer")
			b.ReportMetric(goroutines, "goroutines/peer")
			b.ReportMetric(joined.cpu, "ms/join")
			b.ReportMetric(slices.Max(joined.bytes[:]), "B/join-to-others")
			b.ReportMetric(joined.offers, "offers-of-others")
			b.ReportMetric(1e6*sending.cpu/sending.packets, "µs/forward")
		}
		last := windows[len(windows)-2]
		names := []string{"forwarded packet a second", "peer", "peer²"}
		factors := []func(window) float64{
			func(w window) float64 { return w.packets },
			func(w window) float64 { return w.peers },
			func(w window) float64 { return w.peers * w.peers },
		}
		for i, c := range fit(windows, factors) {
			share := 100 * c * factors[i](last) / last.cpu
			progress(b, "fit: %.3g µs of CPU time a second for each %s: %.0f %% of all at %.0f peers, sending", 1e6*c, names[i], share, last.peers)
			if i == len(names)-1 {
				b.ReportMetric(share, "%-square")
			}
		}
		b.ReportMetric(0, "ns/op")
		began := time.Now()
		leave()
		progress(b, "all have left after %.1f s", time.Since(began).Seconds())
	}
}

// startHall starts a hall; see startSubprocess.
func startHall(b *testing.B, url string) (give func(hallOrder) hallState, leave func()) {
	b.Helper()
	return startSubprocess[hallOrder, hallState](b, envHall, url)
}

// window is some seconds of a room.
type window struct {
	peers   float64
	cpu     float64 // of the server: seconds a second
	packets float64 // forwarded, a second
	// arrived is the share of these that came to the clients, clients the CPU
	// time of their process, heard the signaling that watchers got, in bytes a second.
	arrived, clients float64
	heard            [hallWatchers]float64
}

func (w window) String() string {
	if w.packets == 0 {
		return fmt.Sprintf("%.1f %% of a core; clients %.1f %%", 100*w.cpu, 100*w.clients)
	}
	return fmt.Sprintf("%.1f %% of a core for %.0f packets a second, %.1f µs each; %.1f %% of them arrived; clients %.1f %%",
		100*w.cpu, w.packets, 1e6*w.cpu/w.packets, 100*w.arrived, 100*w.clients)
}

// hallLoad takes a window of a room that stays as it is.
func hallLoad(b *testing.B, url string, give func(hallOrder) hallState, peers int) window {
	const forwarded = "hiroba_sfu_packets_forwarded_total"
	before, packets, used, began := give(hallOrder{}), metric(b, url, forwarded), cpuTime(), time.Now()
	<-time.After(hallWindow)
	took, used := time.Since(began).Seconds(), cpuTime()-used
	packets = metric(b, url, forwarded) - packets
	after := give(hallOrder{})
	w := window{
		peers: float64(peers), cpu: used.Seconds() / took, packets: packets / took,
		arrived: float64(after.Packets-before.Packets) / max(1, packets), clients: (after.CPU - before.CPU).Seconds() / took,
	}
	for i := range w.heard {
		w.heard[i] = float64(after.Heard[i]-before.Heard[i]) / took
	}
	return w
}

// joins is what one join costs. What else goes on meanwhile is left out.
type joins struct {
	cpu    float64               // ms of the server's CPU time
	bytes  [hallWatchers]float64 // of signaling to one other
	offers float64               // by others, all in all
}

func (j joins) String() string {
	return fmt.Sprintf("a join costs %.1f ms of CPU time and each other %.0f bytes of signaling (%.0f with JSON); the others made %.0f offers",
		j.cpu, j.bytes[0], j.bytes[1], j.offers)
}

// watchJoins looks at the last joins to a size, while the sources send.
func watchJoins(b *testing.B, url string, give func(hallOrder) hallState, size int) (j joins) {
	const descriptions = `hiroba_signaling_messages_received_total{kind="description"}`
	calm := hallLoad(b, url, give, size-hallJoins)
	offers, before := metric(b, url, descriptions), give(hallOrder{})
	used, began := cpuTime(), time.Now()
	for n := size - hallJoins + 1; n <= size; n++ {
		give(hallOrder{Do: "fill", N: n})
	}
	// What newcomers cause just after that is theirs.
	<-time.After(hallSettle)
	took := time.Since(began).Seconds()
	used = cpuTime() - used
	after := give(hallOrder{})
	j.cpu = 1000 * (used.Seconds() - calm.cpu*took) / hallJoins
	for i := range j.bytes {
		j.bytes[i] = (float64(after.Heard[i]-before.Heard[i]) - calm.heard[i]*took) / hallJoins
	}
	j.offers = metric(b, url, descriptions) - offers
	return j
}

// fit finds by least squares how the CPU time of windows depends on factors.
func fit(windows []window, factors []func(window) float64) []float64 {
	// The normal equations, with each factor scaled to its largest value.
	n := len(factors)
	scale := make([]float64, n)
	for i, factor := range factors {
		for _, w := range windows {
			scale[i] = max(scale[i], factor(w))
		}
	}
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, n+1)
		for _, w := range windows {
			x := factors[i](w) / scale[i]
			for k := range n {
				rows[i][k] += x * factors[k](w) / scale[k]
			}
			rows[i][n] += x * w.cpu
		}
	}
	for i := range n { // Gauss and Jordan
		best := i
		for k := i + 1; k < n; k++ {
			if math.Abs(rows[k][i]) > math.Abs(rows[best][i]) {
				best = k
			}
		}
		rows[i], rows[best] = rows[best], rows[i]
		for k := range n {
			if k == i {
				continue
			}
			times := rows[k][i] / rows[i][i]
			for at := range rows[k] {
				rows[k][at] -= times * rows[i][at]
			}
		}
	}
	out := make([]float64, n)
	for i := range n {
		out[i] = rows[i][n] / rows[i][i] / scale[i]
	}
	return out
}
