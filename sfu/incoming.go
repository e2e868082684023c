package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/congestion"
	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

const (
	// videoCache is how many packets of a video stream are kept for
	// retransmission: some two seconds at 2.5 Mbit/s.
	videoCache = 512
	// audioCache is the same for audio: some two seconds.
	audioCache = 128
	// codecInterval is how often a stream may change its codec.
	codecInterval = time.Second
	// silence is the quietest audio level (RFC 6464), in -dBov.
	silence = 127
	// freshFor is how old a keyframe may be for a newcomer to start from it.
	freshFor = time.Second
)

// incoming is one RTP stream of a publisher.
type incoming struct {
	serial  uint64 // unique in this SFU
	ssrc    uint32
	rid     string // "" without simulcast
	kind    Kind
	rate    uint32 // Hz
	types   *payloadTypes
	ids     extensions
	metrics *metrics
	workers []*worker
	// sendRTCP sends to the publisher.
	sendRTCP func(rtcp.Packet)
	// codecChanged is called, from the reading goroutine, when the publisher
	// sends another codec than before; nil for nobody.
	codecChanged func()
	clock        *peerClock

	// receivers are the slots that carry the stream; receivers[i] belongs to
	// worker i. audience[i] is their number, for everybody to see.
	receivers [][]*outgoing
	audience  []atomic.Int32

	changed time.Time      // when the codec did; the reading goroutine's
	reader  forward.Reader // the reading goroutine's
	// redundancy is the reading goroutine's; nil before any was seen or wanted.
	redundancy *redundancy
	redWanted  atomic.Int32 // how many receivers want it
	muted      atomic.Bool
	unwanted   atomic.Bool              // the publisher was told that nobody receives this
	heard      atomic.Int64             // when the last packet came, Unix nanoseconds
	loudest    atomic.Uint32            // level since the last look, in -dBov
	current    atomic.Pointer[codecKey] // what is sent now

	arriving arriving // counted whether it is forwarded or not

	mu       sync.Mutex // guards all below
	cache    *forward.Cache[*packet]
	started  bool
	newest   uint16                 // of the packets in the cache
	opening  uint16                 // where the newest keyframe begins
	openedAt time.Time              // and when it came; zero for none
	rates    *congestion.LayerRates // video only
	top      forward.Layer          // the highest layer seen
	requests forward.KeyframeRequests
	barren   time.Time   // until when none is expected
	timer    *time.Timer // sends the merged request; nil when none waits
	report   *forward.SenderReport
	ended    bool
}

// newIncoming makes a stream that nothing was received on yet.
func newIncoming(serial uint64, ssrc uint32, kind Kind, types *payloadTypes, ids extensions, rate uint32,
	m *metrics, workers []*worker, clock *peerClock, sendRTCP func(rtcp.Packet),
) *incoming {
	in := &incoming{
		serial: serial, ssrc: ssrc, kind: kind, rate: rate, types: types, ids: ids,
		metrics: m, workers: workers, sendRTCP: sendRTCP, clock: clock,
		receivers: make([][]*outgoing, len(workers)),
		audience:  make([]atomic.Int32, len(workers)),
		cache:     forward.NewCache[*packet](cacheSize(kind)),
	}
	in.loudest.Store(silence)
	if kind == Video {
		in.rates = congestion.NewLayerRates(time.Now(), true)
	}
	return in
}

// cacheSize is how many packets of a stream are kept.
func cacheSize(kind Kind) int {
	if kind == Audio {
		return audioCache
	}
	return videoCache
}

// receive takes over p, whose buffer holds n bytes as they were received.
func (in *incoming) receive(now time.Time, p *packet, n int) {
	defer p.release()
	if !p.parse(n, in.ids) {
		in.metrics.dropped.WithLabelValues("malformed").Inc()
		return
	}
	in.metrics.received.Inc()
	in.arriving.add(now, p.header.SequenceNumber, p.header.Timestamp, in.rate)
	if in.muted.Load() {
		return
	}
	if in.types.red[p.header.PayloadType&0x7f] && !in.unpackRED(p) {
		in.metrics.dropped.WithLabelValues("malformed").Inc()
		return
	}
	if !in.follow(p.header.PayloadType, func() time.Time { return now }) {
		in.metrics.dropped.WithLabelValues("codec").Inc()
		return
	}
	if in.unwanted.Load() && !in.followed() {
		in.metrics.dropped.WithLabelValues("unwanted").Inc()
		return
	}
	if level := uint32(in.level(p)); level < in.loudest.Load() {
		in.loudest.Store(level)
	}

	if !in.keep(p, now) {
		return
	}
	in.heard.Store(now.UnixNano())
	if in.kind == Audio {
		if in.redundancy != nil {
			in.recoverLost(p, now)
		}
		in.makeRED(p, n)
	}
	in.spread(p)
}

// level is how loud a packet is, in -dBov.
func (in *incoming) level(p *packet) uint8 {
	switch {
	case len(p.level) == 1:
		return p.level[0] & 0x7f // RFC 6464; the first bit is another matter
	case in.kind == Audio && in.ids.level == 0:
		return guessedLevel(len(p.payload))
	}
	return silence
}

// spread gives a packet to all workers that have receivers of the stream.
func (in *incoming) spread(p *packet) {
	for i, w := range in.workers {
		if in.audience[i].Load() > 0 {
			p.retain()
			w.forward(in, p)
		}
	}
}

// keep puts a packet into the cache and reads what it carries. It reports false
// for one that is there already, and after the end.
func (in *incoming) keep(p *packet, now time.Time) bool {
	seq := p.header.SequenceNumber
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return false
	}
	if _, known := in.cache.Get(seq); known {
		in.metrics.dropped.WithLabelValues("duplicate").Inc()
		return false
	}
	in.reader.Read(in.types.codec(p.header.PayloadType), seq, p.header.Timestamp, p.header.Marker, p.payload, p.descriptor, &p.frame)
	if !p.frame.Readable && len(p.payload) > 0 && in.rates != nil {
		in.metrics.dropped.WithLabelValues("payload").Inc()
	}
	p.describe()
	p.arrived = now
	p.retain() // the cache's
	if replaced, full := in.cache.Put(seq, p); full {
		replaced.release()
	}
	if f := &p.frame; in.rates != nil {
		in.top = forward.Layer{Spatial: max(in.top.Spatial, f.Spatial), Temporal: max(in.top.Temporal, f.Temporal)}
		in.rates.Add(now, int(f.Spatial), int(f.Temporal), len(p.payload))
		if f.Opens() {
			in.requests.Arrived()
			if !f.Late {
				in.opening, in.openedAt = seq, now
			}
		}
	}
	if in.newest-seq >= 1<<15 || !in.started {
		in.newest, in.started = seq, true
	}
	return true
}

// standInAfter is how long nothing comes of a stream before another size takes
// its place.
const standInAfter = 700 * time.Millisecond

// flows says whether packets come in now.
func (in *incoming) flows(now time.Time) bool {
	return now.UnixNano()-in.heard.Load() < int64(standInAfter)
}

// follow takes a change of what the publisher sends, which concerns everybody
// who receives it; a publisher that changes all the time is not followed. It
// reports whether the packet is of the codec that is sent now.
func (in *incoming) follow(payloadType uint8, now func() time.Time) bool {
	key := in.types.keys[payloadType&0x7f]
	switch {
	case key == "":
		return false // it was not negotiated
	case key == in.codec():
		return true
	}
	at := now()
	if in.codec() != "" && at.Sub(in.changed) < codecInterval {
		return false
	}
	in.setCodec(payloadType)
	in.changed = at
	if in.codecChanged != nil {
		in.codecChanged()
	}
	return true
}

// setCodec notes what a payload type means as what is sent now.
func (in *incoming) setCodec(payloadType uint8) {
	in.current.Store(&in.types.keys[payloadType&0x7f])
}

// codec is what the publisher sends now; "" before its first packet.
func (in *incoming) codec() codecKey {
	if key := in.current.Load(); key != nil {
		return *key
	}
	return ""
}

// add is called on the slot's worker.
func (in *incoming) add(o *outgoing) {
	i := o.link.worker.index
	in.receivers[i] = append(in.receivers[i], o)
	in.audience[i].Add(1)
}

// remove is called on the slot's worker.
func (in *incoming) remove(o *outgoing) {
	i := o.link.worker.index
	if at := slices.Index(in.receivers[i], o); at >= 0 {
		in.receivers[i] = slices.Delete(in.receivers[i], at, at+1)
		in.audience[i].Add(-1)
	}
}

// followed says whether anybody receives this, or waits for it.
func (in *incoming) followed() bool {
	for i := range in.audience {
		if in.audience[i].Load() > 0 {
			return true
		}
	}
	return false
}

func (in *incoming) needsKeyframe() bool { return in.kind == Video }

// requestKeyframe asks the publisher for a keyframe, now or with the next
// merged request.
func (in *incoming) requestKeyframe() {
	if !in.needsKeyframe() {
		return
	}
	in.mu.Lock()
	send, wait := in.requests.Request(time.Now())
	if wait > 0 && !in.ended {
		in.timer = time.AfterFunc(wait, in.requestDue)
	}
	send = send && !in.ended
	in.mu.Unlock()
	if send {
		in.sendPLI()
	}
}

const (
	// barrenAfter is for how long keyframes are asked for in vain before another
	// size of the track is taken instead, barrenFor until it is tried again.
	barrenAfter = 3 * time.Second
	barrenFor   = 15 * time.Second
)

// gives says whether keyframes come of this when they are asked for; while
// nothing comes at all, that is not known.
func (in *incoming) gives(now time.Time) bool {
	flows := in.flows(now)
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case !flows:
		in.requests.Excuse()
	case in.requests.InVain(now) > barrenAfter:
		in.requests.Excuse()
		in.barren = now.Add(barrenFor)
	}
	return !now.Before(in.barren)
}

func (in *incoming) requestDue() {
	in.mu.Lock()
	send := in.requests.Due(time.Now()) && !in.ended
	in.mu.Unlock()
	if send {
		in.sendPLI()
	}
}

func (in *incoming) sendPLI() {
	in.metrics.keyframeRequests.Inc()
	in.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: in.ssrc})
}

// takeReport notes a sender report of the publisher.
func (in *incoming) takeReport(sr *rtcp.SenderReport, arrival time.Time) {
	report := &forward.SenderReport{NTP: forward.FromNTP(sr.NTPTime), RTP: sr.RTPTime}
	in.clock.observe(report.NTP, arrival)
	in.mu.Lock()
	in.report = report
	in.mu.Unlock()
}

// timestamp is the source's RTP timestamp at the moment now, by the
// publisher's own clock; false before its first report.
func (in *incoming) timestamp(now time.Time) (uint32, bool) {
	in.mu.Lock()
	report := in.report
	in.mu.Unlock()
	if report == nil {
		return 0, false
	}
	return report.Timestamp(now, in.clock.ours(report.NTP), in.rate), true
}

// offsetTo is what to add to timestamps of this stream to have those of another
// one of the same publisher at the same instant; false before both have told
// their clocks.
func (in *incoming) offsetTo(other *incoming) (uint32, bool) {
	in.mu.Lock()
	report := in.report
	in.mu.Unlock()
	other.mu.Lock()
	theirs := other.report
	other.mu.Unlock()
	if report == nil || theirs == nil || in.clock != other.clock || in.rate != other.rate {
		return 0, false
	}
	return report.OffsetTo(*theirs, in.rate), true
}

// takeLevel is the loudest level since the last call.
func (in *incoming) takeLevel() uint8 { return uint8(in.loudest.Swap(silence)) }

// end lets go of all packets. Receivers are taken off by their rooms.
func (in *incoming) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	if in.timer != nil {
		in.timer.Stop()
	}
	in.cache.Drain((*packet).release)
}

// peerClock is the clock that all streams of one publisher share.
type peerClock struct {
	mu     sync.Mutex
	offset forward.ClockOffset
}

func (c *peerClock) observe(theirs, arrival time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset.Observe(theirs, arrival)
}

func (c *peerClock) ours(theirs time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset.Ours(theirs)
}
