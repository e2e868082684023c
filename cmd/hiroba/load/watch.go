package load

import (
	"context"
	"sync"
	"time"
)

// Sample is how a run fared in about a second of it.
type Sample struct {
	Seconds   float64 `json:"seconds"`              // since the run began
	Clients   int     `json:"clients"`              // that are in
	Expected  int     `json:"expected"`             // clients of the plan
	Packets   float64 `json:"packets"`              // that subscribers received, a second
	Bits      float64 `json:"bits"`                 // of those, a second
	Lost      int64   `json:"lost"`                 // packets so far
	DelayP50  float64 `json:"delay_p50"`            // ms
	DelayP99  float64 `json:"delay_p99"`            // ms
	ServerCPU float64 `json:"server_cpu,omitempty"` // share of a core
	Resident  uint64  `json:"resident,omitempty"`   // bytes of the server
	OwnCPU    float64 `json:"own_cpu"`              // share of a core
}

// watch looks at a run every second.
type watch struct {
	run      *run
	progress Progress
	cancel   context.CancelFunc
	done     chan struct{}

	mu      sync.Mutex // guards samples
	samples []Sample
}

func newWatch(r *run, progress Progress) *watch {
	w := &watch{run: r, progress: progress, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.look(ctx)
	return w
}

// stop ends it and waits. It may be called twice.
func (w *watch) stop() {
	w.cancel()
	<-w.done
}

func (w *watch) look(ctx context.Context) {
	defer close(w.done)
	before := w.mark(ctx)
	for ticker := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
		now := w.mark(ctx)
		s := w.sample(before, now)
		before = now
		w.mu.Lock()
		w.samples = append(w.samples, s)
		w.mu.Unlock()
		if w.progress != nil {
			w.progress(s)
		}
	}
}

// mark is everything now; the server's usage only if that costs it nothing.
func (w *watch) mark(ctx context.Context) (m mark) {
	if g := w.run.gauge; g != nil && g.cheap {
		m.usage, _ = g.read(ctx) // the run itself says what is wrong
	}
	m.at, m.counts, m.own = time.Now(), w.run.counts(), ownCPU()
	return m
}

func (w *watch) sample(before, now mark) Sample {
	passed := now.at.Sub(before.at).Seconds()
	plan := &w.run.plan
	s := Sample{
		Seconds:  now.at.Sub(w.run.began).Seconds(),
		Expected: plan.Rooms * (plan.Publishers + plan.Subscribers),
		OwnCPU:   (now.own - before.own).Seconds() / passed,
	}
	w.run.mu.Lock()
	for _, c := range w.run.clients {
		if c.in {
			s.Clients++
		}
	}
	w.run.mu.Unlock()
	var delay histogram
	for k := range kinds {
		s.Packets += float64(now.counts.flows[k].Packets-before.counts.flows[k].Packets) / passed
		s.Bits += 8 * float64(now.counts.flows[k].Bytes-before.counts.flows[k].Bytes) / passed
		s.Lost += now.counts.flows[k].missing
		late := now.counts.flows[k].delay
		late.since(&before.counts.flows[k].delay)
		delay.merge(&late)
	}
	s.DelayP50, s.DelayP99 = milliseconds(delay.quantile(0.5)), milliseconds(delay.quantile(0.99))
	if now.usage.Resident > 0 && before.usage.Resident > 0 {
		s.ServerCPU, s.Resident = (now.usage.CPU-before.usage.CPU).Seconds()/passed, now.usage.Resident
	}
	return s
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
