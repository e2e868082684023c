package forward_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
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
	enc      *encoder
	reader   forward.Reader
	way      []*piece // what is on its way, in order of arrival
	delay    map[*piece]int
	arrived  map[uint16]*piece
	lost     map[*made]int // packets that did not come, or came late
	sent     int           // the newest frame that was offered for sending
	keyframe int           // pictures until the one asked for; -1 for none
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

// check holds what was received against what was made.
func (s *sim) check() {
	s.checkNumbers()
	s.checkFrames()
	s.checkTime()
	s.checkMarkers()
	s.checkCounts()
}

// checkNumbers: what is missing was lost on the way here.
func (s *sim) checkNumbers() {
	lost := 0
	for _, src := range s.sources {
		for _, n := range src.lost {
			lost += n
		}
	}
	for n := s.got.first; n <= s.got.newest; n++ {
		if s.got.packets[n] == nil {
			lost--
		}
	}
	if lost < 0 {
		s.t.Fatalf("%d more numbers are missing than packets were", -lost)
	}
}

// checkFrames: frames are whole or not there, and all that they refer to was
// sent before, unless it was lost on the way.
func (s *sim) checkFrames() {
	sent := map[*made]int{}
	for _, p := range s.got.inOrder() {
		if !p.filled {
			sent[p.of]++
		}
	}
	oldest := s.got.newest - 400 // older gaps were not asked for at the end
	if n := len(s.turns); n > 3 {
		oldest = max(oldest, s.turns[n-4]) // and of older sources nothing is known
	}
	cut := map[*made]bool{} // by a switch to another source
	var before *receivedPacket
	for _, p := range s.got.inOrder() {
		if before != nil && before.of.source != p.of.source {
			cut[before.of] = true
		}
		before = p
	}
	for _, p := range s.got.inOrder() {
		f := p.of
		if p.filled {
			continue
		}
		arrived := 0
		for _, seq := range f.seqs {
			if s.sources[f.source-1].arrived[seq] != nil {
				arrived++
			}
		}
		if sent[f] != arrived && !cut[f] && p.seq > oldest && p.seq < s.got.newest-3 {
			s.t.Fatalf("%d of the %d packets of frame %d are there (%d of %d):\n%s", sent[f], arrived, f.id, p.seq, s.got.newest, s.story(f))
		}
		if s.unknown(f) {
			continue
		}
		for _, r := range f.refs {
			if sent[r] == 0 && s.sources[r.source-1].lost[r] < len(r.seqs) {
				s.t.Fatalf("frame %d needs frame %d, which was left out:\n%s", f.id, r.id, s.story(f))
			}
		}
	}
}

// unknown says that a frame may have come before the structure that tells its
// layer: it is forwarded, to be on the safe side.
func (s *sim) unknown(f *made) bool {
	return f.codec == forward.AV1 && s.sources[f.source-1].lost[f.base] > 0
}

// checkTime: pictures step forward in time, frames of one do not.
func (s *sim) checkTime() {
	var before *receivedPacket
	for _, p := range s.got.inOrder() {
		if before != nil {
			step := int32(p.timestamp - before.timestamp)
			same := before.of.source == p.of.source && before.of.picture == p.of.picture
			if same != (step == 0) || step < 0 {
				s.t.Fatalf("the time steps by %d from frame %d to frame %d:\n%s", step, before.of.id, p.of.id, s.story(p.of))
			}
			captured := int32(p.of.captured - before.of.captured)
			if before.of.source == p.of.source && step != captured {
				s.t.Fatalf("the time steps by %d instead of %d", step, captured)
			}
			passed := int32(p.at.Sub(before.at).Abs().Seconds() * 90000)
			if step > max(captured, passed)+90000 {
				s.t.Fatalf("the time jumps by %d, where %d passed", step, captured)
			}
		}
		before = p
	}
}

// checkMarkers: a picture ends with a marker, if it was sent to its end.
func (s *sim) checkMarkers() {
	all := s.got.inOrder()
	for i, p := range all {
		following := all[i+1:]
		for len(following) > 0 && following[0].filled {
			following = following[1:]
		}
		if p.filled || len(following) == 0 || s.unknown(p.of) || !s.got.complete(p.seq, following[0].seq) {
			continue
		}
		next := following[0]
		last := next.of.source != p.of.source || next.of.picture != p.of.picture
		if last && !p.marker && next.of.source == p.of.source && p.part == len(p.of.seqs)-1 {
			s.t.Fatalf("frame %d ends its picture without a marker, frame %d follows:\n%s", p.of.id, next.of.id, s.story(p.of))
		}
		// Unless the layer above could be had from here on.
		raised := p.of.s < next.of.s && (p.layer != next.layer || s.was != network{})
		if !last && p.marker && !raised {
			s.t.Fatalf("a marker in the middle of a picture:\n%s", s.story(p.of))
		}
	}
}

// checkCounts: what decoders count goes on without a gap that was no loss, and
// references still lead to their frames.
func (s *sim) checkCounts() {
	var reader forward.Reader
	var before *receivedPacket
	var was forward.Frame
	numbers := map[*made]int64{}
	lossless := s.was == network{}
	for _, p := range s.got.inOrder() {
		if p.filled {
			continue
		}
		var f forward.Frame
		reader.Read(p.of.codec, uint16(p.seq), p.timestamp, p.marker, p.payload, p.descriptor, &f)
		if !f.Readable {
			s.t.Fatalf("what is sent is not readable: %x %x", p.payload, p.descriptor)
		}
		fits := p.of.codec == forward.H264 || p.of.spatial == 1 && p.of.temporal == 1 ||
			int(f.Spatial) == p.of.s && int(f.Temporal) == p.of.t
		if !fits && lossless {
			s.t.Fatalf("frame %d is sent as of layer %v", p.of.id, f.Layer)
		}
		if f.Numbered {
			if n, ok := numbers[p.of]; ok && n != f.Number {
				s.t.Fatalf("frame %d has the numbers %d and %d", p.of.id, n, f.Number)
			}
			numbers[p.of] = f.Number
			for _, r := range p.of.refs {
				n, ok := numbers[r]
				want := f.Number - int64(r.distance(p.of))
				if ok && n != want && p.of.codec != forward.VP8 {
					s.t.Fatalf("frame %d refers to %d, which frame %d is not: it is %d", p.of.id, want, r.id, n)
				}
			}
		}
		if before != nil && before.of != p.of && was.Codec == f.Codec {
			s.checkCount(before, p, &was, &f, lossless)
		}
		before, was = p, f
	}
}

// distance is how far the numbers of frames are apart, in their source.
func (f *made) distance(later *made) int {
	if f.codec == forward.VP9 {
		return (later.pid-f.pid)*8 + later.s - f.s
	}
	return later.number - f.number
}

func (s *sim) checkCount(before, p *receivedPacket, was, f *forward.Frame, lossless bool) {
	switched := before.of.source != p.of.source
	between := 0 // frames that may be missing because of losses
	if !lossless && !switched {
		between = p.of.id - before.of.id
	}
	if f.Numbered && was.Numbered && f.Codec == forward.VP8 {
		if step := f.Number - was.Number; step < 1 || step > 1+int64(between) {
			s.t.Fatalf("the picture id steps by %d, %d frames may be missing:\n%s", step, between, s.story(p.of))
		}
	}
	if f.Numbered && was.Numbered && switched && p.of.codec == before.of.codec && p.of.bits == before.of.bits {
		size := int64(1)
		if f.Codec == forward.VP9 {
			size = 8
		}
		step := f.Number/size - was.Number/size
		if step != 1 {
			s.t.Fatalf("the number steps by %d over a switch:\n%s", step, s.story(p.of))
		}
	}
	if f.HasTL0PICIDX && was.HasTL0PICIDX {
		want := p.of.tl0 - before.of.tl0
		if switched {
			want = 1
		}
		if got := f.TL0PICIDX - was.TL0PICIDX; got != want && (lossless || !switched) {
			s.t.Fatalf("TL0PICIDX steps by %d instead of %d", got, want)
		}
	}
	if f.HasKEYIDX && was.HasKEYIDX {
		want := (p.of.kix - before.of.kix) & 0x1f
		if switched {
			want = 1
		}
		if got := (f.KEYIDX - was.KEYIDX) & 0x1f; got != want && (lossless || !switched) {
			s.t.Fatalf("KEYIDX steps by %d instead of %d", got, want)
		}
	}
}

// story tells what became of the frames before f.
func (s *sim) story(f *made) string {
	text := ""
	fates := map[*made]string{}
	for _, p := range s.got.inOrder() {
		c := "+"
		if p.filled {
			c = "o"
		}
		if p.marker {
			c += "|"
		}
		fates[p.of] += fmt.Sprint(p.part, c, " ")
	}
	for id := max(1, f.id-60); id <= f.id+3; id++ {
		of := s.frames[id]
		if of == nil || of.source != f.source {
			continue
		}
		refs := ""
		for _, r := range of.refs {
			refs += fmt.Sprintf(" %d", r.id)
		}
		text += fmt.Sprintf("frame %d: picture %d S%dT%d key %v sync %v refs%s; %d packets, %d lost or late; sent %s\n",
			id, of.picture, of.s, of.t, of.key, of.sync, refs, len(of.seqs), s.sources[of.source-1].lost[of], fates[of])
	}
	return text
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

// Whatever is lost and reordered on the way here, whatever is asked for and
// whoever takes turns: what is sent can be decoded, and shows no gap that was
// no loss.
func TestReceiversCanDecodeWhatTheyGet(t *testing.T) {
	networks := []network{{}, {reorder: 8}, {loss: 2, late: 5}, {loss: 1, late: 6, reorder: 6}}
	seeds := 24
	if testing.Short() {
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
