package forward_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// network is what happens to packets between publisher and server.
type network struct {
	loss, late, reorder int // percent; what is late was lost and sent again
}

// sim is a server between two sources of one publisher and one receiver.
type sim struct {
	t       *testing.T
	rng     *rand.Rand
	net     network
	was     network // before all settled
	now     time.Time
	tick    uint32 // the publisher's clock, 90 kHz
	sources []*sourceSim
	current int
	pending int // -1 for none
	video   *forward.Video
	frames  map[int]*made
	scratch [forward.ScratchSize]byte
	got     receiver
	wanted  forward.Layer
	turns   []int64 // after which number another source came
	byHint  bool    // the last switch was aligned
}

// sourceSim is one source, its way here, and the server's cache of it.
type sourceSim struct {
	enc       *encoder
	reader    forward.Reader
	way       []*piece // what is on its way, in order of arrival
	delay     map[*piece]int
	arrived   map[uint16]*piece
	lost      map[*made]int // packets that did not come, or came late
	keyframe  int           // pictures until the one asked for; -1 for none
	keyframes []int         // the pictures that were
}

// receiver is what went out.
type receiver struct {
	any     bool
	first   int64
	newest  int64
	packets map[int64]*receivedPacket
}

type receivedPacket struct {
	filled     bool
	of         *made
	part       int
	seq        int64
	marker     bool
	timestamp  uint32
	payload    []byte
	descriptor []byte
	layer      forward.Layer
	at         time.Time
}

func newSim(t *testing.T, seed uint64, net network, shapes ...shape) *sim {
	rng := rand.New(rand.NewPCG(seed, 7))
	s := &sim{
		t: t, rng: rng, net: net, now: start, tick: rng.Uint32(), pending: -1, frames: map[int]*made{},
		video: forward.NewVideo(90000, 512, uint16(rng.Uint32()), rng.Uint32()),
		got:   receiver{packets: map[int64]*receivedPacket{}},
	}
	ids := new(int)
	for i, shape := range shapes {
		s.sources = append(s.sources, &sourceSim{
			enc: newEncoder(rng, shape, uint64(i+1), ids), delay: map[*piece]int{},
			arrived: map[uint16]*piece{}, lost: map[*made]int{}, keyframe: -1,
		})
	}
	s.video.Switch(1)
	s.target(forward.HighestLayer)
	return s
}

func (s *sim) target(l forward.Layer) {
	s.wanted = l
	s.video.SetTarget(l)
}

// picture lets one picture interval pass.
func (s *sim) picture() {
	s.tick += 3000
	s.now = s.now.Add(time.Second / 30)
	for i, src := range s.sources {
		wanted := s.pending == i || s.pending < 0 && s.current == i && s.video.NeedsKeyframe()
		if wanted && src.keyframe < 0 {
			src.keyframe = 2 // a round trip
		}
		frames := src.enc.next(s.tick, src.keyframe == 0)
		if src.keyframe >= 0 {
			src.keyframe--
		}
		for _, f := range frames {
			s.frames[f.id] = f
			if f.base == f {
				src.keyframes = append(src.keyframes, f.picture)
			}
		}
		for _, p := range src.enc.pack(frames) {
			switch roll := s.rng.IntN(100); {
			case roll < s.net.loss:
				src.lost[p.of]++
				continue
			case roll < s.net.loss+s.net.late:
				src.lost[p.of]++
				src.delay[p] = 3 + s.rng.IntN(22) // up to 0.8 s
			case roll < s.net.loss+s.net.late+s.net.reorder:
				src.lost[p.of]++
				src.delay[p] = 1 + s.rng.IntN(6)
			}
			src.way = append(src.way, p)
		}
		var rest []*piece
		for _, p := range src.way {
			if src.delay[p]--; src.delay[p] > 0 {
				rest = append(rest, p)
				continue
			}
			s.arrive(i, p)
		}
		src.way = rest
	}
}

// arrive is what sfu does with each packet.
func (s *sim) arrive(i int, p *piece) {
	src := s.sources[i]
	p.Frame = new(forward.Frame)
	src.reader.Read(src.enc.codec, p.Seq, p.Timestamp, p.Marker, p.Payload, p.Descriptor, p.Frame)
	if !p.Frame.Readable {
		s.t.Fatalf("a packet of %v is not readable: %x %x", src.enc.shape, p.Payload, p.Descriptor)
	}
	src.arrived[p.Seq] = p
	if i == s.pending && p.Frame.Opens() && !p.Frame.Late {
		if s.byHint = s.rng.IntN(2) == 0; s.byHint {
			s.video.SwitchAligned(uint64(i+1), s.sources[s.current].enc.offset-src.enc.offset)
		} else {
			s.video.Switch(uint64(i + 1))
		}
		s.current, s.pending = i, -1
		s.turns = append(s.turns, s.got.newest)
	}
	if i != s.current {
		return
	}
	var out forward.Rewritten
	verdict := s.video.Forward(s.now, &p.Packet, s.scratch[:], &out)
	s.take(verdict, p, &out)
}

// take is what the receiver does with each packet.
func (s *sim) take(verdict forward.Verdict, p *piece, out *forward.Rewritten) {
	if verdict == forward.Leave {
		return
	}
	g := &s.got
	if !g.any {
		g.any = true
		g.first = 1<<20 + int64(out.Seq)
		g.newest = g.first - 1
	}
	n := g.newest + int64(int16(out.Seq-uint16(g.newest)))
	if old := g.packets[n]; old != nil {
		s.t.Fatalf("number %d goes out twice: for frame %d, then %d", n, old.of.id, p.of.id)
	}
	if n < g.first {
		s.t.Fatalf("number %d is from before the first", n)
	}
	r := &receivedPacket{
		filled: verdict == forward.Fill, of: p.of, part: p.part, seq: n, marker: out.Marker, timestamp: out.Timestamp,
		payload: append(slices.Clone(out.Head), out.Tail...), descriptor: slices.Clone(out.Descriptor), at: s.now,
	}
	r.layer, _ = s.video.Layer()
	g.packets[n] = r
	g.newest = max(g.newest, n)
	if verdict == forward.Send {
		tail := binary.BigEndian.AppendUint32(nil, uint32(p.of.id))
		if !bytes.Equal(r.payload[len(r.payload)-5:len(r.payload)-1], tail) {
			s.t.Fatalf("the payload of frame %d changed: %x became %x", p.of.id, p.Payload, r.payload)
		}
	}
}

// nack asks for all that is missing, and now and then for what is not.
func (s *sim) nack() {
	for n := max(s.got.first, s.got.newest-400); n <= s.got.newest; n++ {
		had := s.got.packets[n]
		if had != nil && s.rng.IntN(10) > 0 {
			continue
		}
		origin, ok := s.video.Origin(uint16(n))
		if !ok {
			continue
		}
		p := s.sources[origin.ID-1].arrived[origin.Seq]
		if p == nil {
			continue
		}
		var out forward.Rewritten
		verdict := s.video.Again(origin, &p.Packet, s.scratch[:], &out)
		switch {
		case verdict == forward.Leave:
		case had == nil:
			s.take(verdict, p, &out)
		case had.of != p.of || had.part != p.part || had.filled != (verdict == forward.Fill) ||
			had.timestamp != out.Timestamp || had.marker != out.Marker ||
			!bytes.Equal(had.payload, append(slices.Clone(out.Head), out.Tail...)) || !bytes.Equal(had.descriptor, out.Descriptor):
			s.t.Fatalf("number %d was\n%+v\nand is sent again as\n%+v of frame %d", n, had, out, p.of.id)
		}
	}
}

// complete says whether all numbers in between came.
func (r *receiver) complete(from, to int64) bool {
	for n := from; n < to; n++ {
		if r.packets[n] == nil {
			return false
		}
	}
	return true
}

// inOrder is what was received, by number.
func (r *receiver) inOrder() []*receivedPacket {
	var all []*receivedPacket
	for n := r.first; n <= r.newest; n++ {
		if p := r.packets[n]; p != nil {
			all = append(all, p)
		}
	}
	return all
}

// settle lets the network be good for a while and checks that the receiver
// gets all of its target, and nothing else.
func (s *sim) settle() {
	s.was, s.net = s.net, network{}
	for range 30 {
		s.picture()
		s.nack()
	}
	if s.pending >= 0 || s.video.NeedsKeyframe() {
		s.t.Fatalf("the receiver still waits: pending %d", s.pending)
	}
	src := s.sources[s.current]
	first := src.enc.pictures + 1
	for range 16 {
		s.picture()
		s.nack()
	}
	s.checkLayers(src, first, s.wanted)
}

var modelShapes = []shape{
	{codec: forward.VP8, spatial: 1, temporal: 1, bits: 15},
	{codec: forward.VP8, spatial: 1, temporal: 2, bits: 7},
	{codec: forward.VP8, spatial: 1, temporal: 3, bits: 15},
	{codec: forward.VP8, spatial: 1, temporal: 3, bits: 15, loose: true},
	{codec: forward.VP8, spatial: 1, temporal: 1},
	{codec: forward.VP8, spatial: 1, temporal: 3},
	{codec: forward.VP9, spatial: 1, temporal: 1, bits: 7},
	{codec: forward.VP9, spatial: 1, temporal: 3, bits: 15},
	{codec: forward.VP9, spatial: 2, temporal: 2, bits: 15},
	{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15},
	{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15, keyOnly: true},
	{codec: forward.VP9, spatial: 1, temporal: 3, bits: 15, flexible: true, loose: true},
	{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15, flexible: true},
	{codec: forward.VP9, spatial: 3, temporal: 3, bits: 7, flexible: true, keyOnly: true},
	{codec: forward.VP9, spatial: 3, temporal: 3},
	{codec: forward.VP9, spatial: 3, temporal: 3, keyOnly: true},
	{codec: forward.H264, spatial: 1, temporal: 1},
	{codec: forward.AV1, spatial: 1, temporal: 1},
	{codec: forward.AV1, spatial: 1, temporal: 3},
	{codec: forward.AV1, spatial: 2, temporal: 1},
	{codec: forward.AV1, spatial: 3, temporal: 3},
	{codec: forward.AV1, spatial: 2, temporal: 2, keyOnly: true},
	{codec: forward.AV1, spatial: 3, temporal: 3, keyOnly: true},
}

// underRace says that the race detector looks on. It has little to see here,
// where nothing is shared, and takes ten times as long.
var underRace bool

// Whatever is lost and reordered on the way here, whatever is asked for and
// whoever takes turns: what is sent can be decoded, and shows no gap that was
// no loss.
func TestReceiversCanDecodeWhatTheyGet(t *testing.T) {
	networks := []network{{}, {reorder: 8}, {loss: 2, late: 5}, {loss: 1, late: 6, reorder: 6}}
	seeds := 24
	if testing.Short() || underRace {
		seeds = 3
	}
	for i, first := range modelShapes {
		t.Run(first.String(), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds * len(networks)) {
				net := networks[seed%uint64(len(networks))]
				rng := rand.New(rand.NewPCG(seed, 99))
				// The other source: of the same kind, or of any.
				second := first
				if seed%3 == 0 {
					second = modelShapes[(i+int(seed))%len(modelShapes)]
				}
				s := newSim(t, seed<<8|uint64(i), net, first, second)
				for range 150 {
					if rng.IntN(12) == 0 {
						s.target(forward.Layer{Spatial: uint8(rng.IntN(4)), Temporal: uint8(rng.IntN(4))})
					}
					if rng.IntN(40) == 0 && s.pending < 0 {
						s.pending = 1 - s.current
					}
					s.picture()
					if rng.IntN(3) == 0 {
						s.nack()
					}
				}
				s.settle()
				s.check()
			}
		})
	}
}
