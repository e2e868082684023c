package congestion_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(now ms) time.Time { return start.Add(time.Duration(now * float64(time.Millisecond))) }

// scenario is one receiver on one link.
type scenario struct {
	capacity func(ms) float64
	buffer   ms // of the bottleneck; 0: 300 ms
	delay    ms // one way; 0: 20 ms
	loss     float64
	jitter   ms
	layers   []congestion.Layer // 0: camera
	width    int                // that the slot is shown with; 0: 1920
	tcp      *tcpFlow
	seconds  float64

	feedback       ms // interval; 0: 100 ms
	feedbackLoss   float64
	feedbackJitter ms            // reorders
	silent         func(ms) bool // no feedback then
	drift          float64       // of the receiver's clock
	clock          time.Duration // that it begins with
	firstSeq       int           // packets sent before the beginning
	keyframeFactor float64       // times an average frame; 0: 5
	start          int64         // estimate; 0: the default
	others         []int         // layers that other receivers have from the beginning
	clockJumpAt    ms
	seed           uint64
}

// The three simulcast layers of a camera.
var camera = []congestion.Layer{
	{Spatial: 0, Width: 320, Height: 180, FPS: 30, Bitrate: 150_000},
	{Spatial: 1, Width: 640, Height: 360, FPS: 30, Bitrate: 500_000},
	{Spatial: 2, Width: 1280, Height: 720, FPS: 30, Bitrate: 1_700_000},
}

const (
	audioRate   = 48_000 // bps: 120 bytes every 20 ms
	packetSize  = 1150
	frameLength = 1000.0 / 30
	ticks       = 100
)

// sample is what was true at one millisecond.
type sample struct {
	layer    int
	estimate int64
	queue    ms
}

// arrivedFrame is a whole frame at the receiver.
type arrivedFrame struct {
	at    ms
	layer int
}

// run is what became of a scenario.
type run struct {
	t        *testing.T
	scenario scenario
	samples  []sample // one per ms
	delays   [][2]ms  // arrival, one-way delay of our packets
	frames   []arrivedFrame
	switches []string //
	dropped  int      // by the queue
	padding  int      // bytes
	stats    congestion.Stats
}

// simulate drives the real estimator, prober and allocator over the link.
func simulate(t *testing.T, s scenario) *run {
	t.Helper()
	random := rand.New(rand.NewPCG(1+s.seed, 2))
	defaults(&s)
	l := &link{capacity: s.capacity, buffer: s.buffer, delay: s.delay, loss: s.loss, jitter: s.jitter, random: random}
	e := congestion.NewEstimator(at(0), congestion.Config{Start: s.start})
	for range s.firstSeq {
		e.Sent(at(0), 1)
	}
	var allocator congestion.Allocator
	recorder := twcc.NewRecorder(1)
	out := &run{t: t, scenario: s}
	type message struct {
		at   ms
		data []byte
	}
	var back []message
	camera := newPublisher(s.layers)
	for _, layer := range s.others {
		camera.demand.Change(at(0), congestion.Paused, layer)
	}
	// What is to be sent, whose keyframe was asked for and when, and what is sent.
	layer, coming, sending := congestion.Paused, congestion.Paused, congestion.Paused
	asked, keyframe := 0.0, false
	frame, nextFrame := 0, 0.0
	type outgoing struct {
		at ms
		p  simPacket
	}
	var pacer []outgoing
	paddingAt := -1.0
	framePackets := map[int][3]int{} // sent, arrived, layer
	send := func(now ms, p simPacket) {
		p.sent = now
		p.seq = e.Sent(at(now), p.size)
		l.send(now, p)
	}
	tick := func(now ms) {
		e.Tick(at(now))
		layers := camera.offers(now)
		a := allocator.Allocate(at(now), e.Estimate(), audioRate, []congestion.Slot{{ID: 1, Width: s.width, Height: s.width * 9 / 16, Layers: layers}})
		e.Want(a.Wanted)
		if target := a.Targets[0]; target != layer {
			out.switches = append(out.switches, fmt.Sprintf("%.1fs→%d(%dk)", now/1000, target, e.Estimate()/1000))
			camera.demand.Change(at(now), layer, target)
			layer = target
		}
		camera.listens(now)
		if next := camera.flowing(layer); next != coming {
			coming, asked = next, now
		}
		if coming == congestion.Paused || coming < sending && float64(layers[sending].Bitrate) > 1.1*float64(a.Rooms[0]) {
			sending = congestion.Paused // until the keyframe comes
		}
		if paddingAt < 0 {
			paddingAt = now
		}
	}
	for now := 0.0; now < s.seconds*1000; now++ {
		if int(now)%ticks == 0 {
			tick(now)
		}
		if coming != sending && now >= asked+answers {
			sending, keyframe = coming, true
		}
		if int(now)%20 == 0 {
			send(now, simPacket{size: 120})
		}
		if now >= nextFrame {
			nextFrame += frameLength
			for i := range s.layers {
				factor := 1.0
				if i == sending && keyframe {
					factor, keyframe = s.keyframeFactor, false
				}
				bytes := camera.frame(now, i, factor, random)
				if bytes == 0 || i != sending {
					continue
				}
				frame++
				// The publisher paces what it sends at 2.5 times its rate.
				spacing := packetSize * 8 / (2.5 * float64(s.layers[i].Bitrate)) * 1000
				n := bytes/packetSize + 1
				framePackets[frame] = [3]int{n, 0, i}
				for i := range n {
					size := min(packetSize, max(bytes-i*packetSize, 60))
					pacer = append(pacer, outgoing{now + float64(i)*spacing, simPacket{size: size, frame: frame}})
				}
			}
		}
		rest := pacer[:0]
		for _, o := range pacer {
			if o.at <= now {
				send(now, o.p)
			} else {
				rest = append(rest, o)
			}
		}
		pacer = rest
		if paddingAt >= 0 && now >= paddingAt {
			bytes, wait := e.Padding(at(now))
			for ; bytes > 0; bytes -= 250 {
				send(now, simPacket{size: 250})
				out.padding += 250
			}
			if paddingAt = -1; wait > 0 {
				paddingAt = now + float64(wait)/1e6
			}
		}
		if s.tcp != nil {
			s.tcp.step(now, l)
		}
		for _, p := range l.step(now) {
			if p.flow == 1 {
				s.tcp.arrived(p, l)
				continue
			}
			out.delays = append(out.delays, [2]ms{p.arrives, p.arrives - p.sent})
			if p.frame > 0 {
				f := framePackets[p.frame]
				if f[1]++; f[1] == f[0] {
					out.frames = append(out.frames, arrivedFrame{p.arrives, f[2]})
				}
				framePackets[p.frame] = f
			}
			clock := s.clock + time.Duration(p.arrives*(1+s.drift)*1e6)
			if s.clockJumpAt > 0 && p.arrives > s.clockJumpAt {
				clock += time.Hour
			}
			recorder.Record(2, p.seq, clock.Microseconds())
		}
		if int(now)%int(s.feedback) == 0 && !(s.silent != nil && s.silent(now)) {
			for _, packet := range recorder.BuildFeedbackPacket() {
				fb := packet.(*rtcp.TransportLayerCC)
				data, err := fb.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if random.Float64() >= s.feedbackLoss {
					back = append(back, message{now + s.delay + s.feedbackJitter*random.Float64(), data})
				}
			}
		}
		keep := back[:0]
		for _, m := range back {
			if m.at > now {
				keep = append(keep, m)
				continue
			}
			fb := &rtcp.TransportLayerCC{}
			if err := fb.Unmarshal(m.data); err != nil {
				t.Fatal(err)
			}
			before := e.Estimate()
			e.Feedback(at(now), fb)
			if e.Estimate() < before {
				tick(now) // down at once
			}
		}
		back = keep
		out.samples = append(out.samples, sample{sending, e.Estimate(), l.queueDelay(now)})
	}
	out.dropped = l.dropped
	out.stats = e.Stats()
	return out
}

func defaults(s *scenario) {
	if s.buffer == 0 {
		s.buffer = 300
	}
	if s.delay == 0 {
		s.delay = 20
	}
	if s.layers == nil {
		s.layers = camera
	}
	if s.width == 0 {
		s.width = 1920
	}
	if s.feedback == 0 {
		s.feedback = 100
	}
	if s.clock == 0 {
		s.clock = 5 * time.Minute
	}
	if s.keyframeFactor == 0 {
		s.keyframeFactor = 5
	}
}

// between selects the samples of some seconds.
func (r *run) between(from, to float64) []sample {
	return r.samples[int(from*1000):min(int(to*1000), len(r.samples))]
}

// onLayer is the share of time that at least this layer was sent.
func (r *run) onLayer(layer int, from, to float64) float64 {
	n := 0
	for _, s := range r.between(from, to) {
		if s.layer >= layer {
			n++
		}
	}
	return float64(n) / float64(len(r.between(from, to)))
}

// falls is how many seconds after from the layer was at most layer.
func (r *run) falls(layer int, from float64) float64 {
	for i, s := range r.samples[int(from*1000):] {
		if s.layer <= layer {
			return float64(i) / 1000
		}
	}
	return 1e9
}

// reaches is how many seconds after from the layer was at least layer.
func (r *run) reaches(layer int, from float64) float64 {
	for i, s := range r.samples[int(from*1000):] {
		if s.layer >= layer {
			return float64(i) / 1000
		}
	}
	return 1e9
}

// delay is a quantile of the one-way delay.
func (r *run) delay(quantile, from, to float64) ms {
	var in []ms
	for _, d := range r.delays {
		if d[0] >= from*1000 && d[0] < to*1000 {
			in = append(in, d[1])
		}
	}
	if len(in) == 0 {
		return 0
	}
	slices.Sort(in)
	return in[int(quantile*float64(len(in)-1))]
}

// freezes are the gaps between whole frames that are longer than 200 ms.
func (r *run) freezes(from, to float64) (count int, longest ms) {
	for i := 1; i < len(r.frames); i++ {
		if r.frames[i].at < from*1000 || r.frames[i].at >= to*1000 {
			continue
		}
		gap := r.frames[i].at - r.frames[i-1].at
		longest = max(longest, gap)
		if gap > 200 {
			count++
		}
	}
	return count, longest
}

// shrinks is how many seconds after from a frame has arrived of a layer that is
// at most layer.
func (r *run) shrinks(layer int, from float64) float64 {
	for _, f := range r.frames {
		if f.at >= from*1000 && f.layer <= layer {
			return f.at/1000 - from
		}
	}
	return 1e9
}

// mean is the mean estimate in bps.
func (r *run) mean(from, to float64) float64 {
	sum := 0.0
	for _, s := range r.between(from, to) {
		sum += float64(s.estimate)
	}
	return sum / float64(len(r.between(from, to)))
}

func (r *run) log(from, to float64) {
	r.t.Helper()
	freezes, longest := r.freezes(from, to)
	r.t.Logf("estimate mean %.0f kbps; layers ≥0 %.0f%% ≥1 %.0f%% ≥2 %.0f%%; delay p50 %.0f p95 %.0f max %.0f ms; freezes %d, longest gap %.0f ms; padding %.1f kbps; dropped %d",
		r.mean(from, to)/1000, 100*r.onLayer(0, from, to), 100*r.onLayer(1, from, to), 100*r.onLayer(2, from, to),
		r.delay(0.5, from, to), r.delay(0.95, from, to), r.delay(1, from, to), freezes, longest,
		float64(r.padding)*8/r.scenario.seconds/1000, r.dropped)
	r.t.Logf("switches: %v; end: %+v", r.switches, r.stats)
}
