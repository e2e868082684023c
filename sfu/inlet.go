package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/reception"
	"github.com/hiroba-rtc/hiroba/sfu/sdp"
	"github.com/hiroba-rtc/hiroba/sfu/srtp"
)

const (
	// inletStreams is how many streams one connection may ever have: the cipher
	// keeps something for each.
	inletStreams = 1024
	// inletPackets is how many RTP packets a second are taken of one connection:
	// several cameras and screens in every size send less than half of it. What is
	// more would keep others from being served.
	inletPackets = 6000
	// inletReports is the same for RTCP, counted for each packet of a compound. A
	// client with many slots reports on each every second.
	inletReports = 2000
	// replacedAfter is how long a stream may be silent before another one takes
	// its place in a media section.
	replacedAfter = 2 * time.Second
)

// inlet takes what a client sends: it opens packets, finds the stream that each
// belongs to, and tells the client what is missing.
//
// Its methods may be called from several goroutines: a client may be heard on
// more than one socket.
type inlet struct {
	peer       *Peer
	connection *connection

	mu       sync.Mutex // guards all below; room.mu is never taken under it
	opener   *srtp.Opener
	packets  ration
	feedback ration
	sections []*inletSection
	flows    map[uint32]*flow
	// reporters are the SSRCs that RTCP came from; the cipher keeps them.
	reporters map[uint32]bool
	flooded   bool
	closed    bool

	ssrc      uint32 // ours, as who reports
	arrivals  reception.Arrivals
	about     uint32 // a stream that the arrivals are of
	reportBuf []byte
	nacks     []rtcp.NackPair

	// tasks wait for the goroutine that does what needs the room.
	tasks   []func()
	working bool
}

// inletSection is a media section that the client sends in.
type inletSection struct {
	*sdp.Section
	types *payloadTypes
	ids   extensions
	// The ids of the header extensions that name streams; 0 is none.
	midID, ridID, repairedID uint8
}

// flow is what comes with one SSRC.
type flow struct {
	ssrc    uint32
	section *inletSection // nil for what was not offered
	of      *flow         // what this one repeats (RFC 4588); nil for a stream itself
	in      *incoming     // nil for what was not offered, and for repeats
	heard   time.Time
	stats   reception.Stream
	nacks   bool // what is lost is sent again when it is asked for
	losses  reception.Losses
}

func newInlet(p *Peer, c *connection) *inlet {
	return &inlet{
		peer: p, connection: c, ssrc: rand.Uint32(),
		packets: newRation(inletPackets, inletPackets), feedback: newRation(inletReports, inletReports),
		flows: map[uint32]*flow{}, reporters: map[uint32]bool{},
	}
}

// open makes use of the keys.
func (i *inlet) open(keys srtp.Keys) error {
	opener, err := srtp.NewOpener(keys)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.opener = opener
	return nil
}

// describe takes the media sections of an offer. Streams that it does not have
// any more end.
func (i *inlet) describe(offer *sdp.Offer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sections = nil
	for n := range offer.Sections {
		if s := &offer.Sections[n]; s.Role == sdp.Sending {
			i.sections = append(i.sections, &inletSection{
				Section: s, types: i.peer.sfu.types.of(s.Codecs), ids: idsOf(s),
				midID: s.ExtensionID(sdp.URIMid), ridID: s.ExtensionID(sdp.URIStreamID), repairedID: s.ExtensionID(sdp.URIRepairedStreamID),
			})
		}
	}
	for ssrc, f := range i.flows {
		next := f.section
		if next != nil {
			next = i.section(next.Mid)
		}
		if next != nil && next.holds(f) {
			f.section = next
			continue
		}
		i.forget(ssrc) // it may belong elsewhere now
	}
}

// forget lets go of what came with an SSRC, and of what repeats it.
func (i *inlet) forget(ssrc uint32) {
	f := i.flows[ssrc]
	delete(i.flows, ssrc)
	if f.in == nil {
		return
	}
	for other, repeats := range i.flows {
		if repeats.of == f {
			delete(i.flows, other)
		}
	}
	mid := f.section.Mid
	i.later(func() {
		i.peer.room.departed(i.peer, mid, f.in)
		f.in.end()
	})
}

// holds says whether what came before goes on in this section.
func (s *inletSection) holds(f *flow) bool {
	switch {
	case f.of != nil:
		return true // it ends with what it repeats
	case len(s.RIDs) > 0:
		return slices.Contains(s.RIDs, f.in.rid)
	}
	return f.in.rid == "" && (len(s.SSRCs) == 0 || slices.ContainsFunc(s.SSRCs, func(ids sdp.StreamIDs) bool { return ids.SSRC == f.ssrc }))
}

func (i *inlet) section(mid string) *inletSection {
	for _, s := range i.sections {
		if s.Mid == mid {
			return s
		}
	}
	return nil
}

// media takes an SRTP packet.
func (i *inlet) media(now time.Time, datagram []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.opener == nil || i.closed {
		return
	}
	switch ssrc := binary.BigEndian.Uint32(datagram[8:]); {
	case len(datagram) > packetBytes:
		i.drop("too large")
		return
	case !i.packets.take(now):
		i.drop("flood")
		return
	case i.flows[ssrc] == nil && len(i.flows) >= inletStreams:
		i.flood()
		return
	}
	p := newPacket()
	opened, err := i.opener.RTP(p.buf[:copy(p.buf[:], datagram)], &p.header)
	if err != nil {
		i.drop("unreadable")
		p.release()
		return
	}
	f := i.flows[p.header.SSRC]
	if f == nil || f.section == nil {
		f = i.identify(now, p)
	}
	if f.section == nil {
		i.drop("unknown stream")
		p.release()
		return
	}
	if id := f.section.ids.transport; id != 0 {
		if number := p.header.GetExtension(id); len(number) == 2 {
			i.arrivals.Receive(now, binary.BigEndian.Uint16(number))
			i.about = p.header.SSRC
		}
	}
	f.heard = now
	i.take(now, f, p, len(opened))
	i.ask(now, f)
	i.sayArrivals(now)
}

// take gives a packet to its stream. It takes over p, whose buffer holds n bytes.
func (i *inlet) take(now time.Time, f *flow, p *packet, n int) {
	if f.of == nil {
		f.stats.Receive(now, p.header.SequenceNumber, p.header.Timestamp)
		if f.nacks {
			f.losses.Receive(now, p.header.SequenceNumber)
		}
		f.in.receive(now, p, n)
		return
	}
	original, ok := reception.Unwrap(p.buf[:n], f.section.types.repeats[p.header.PayloadType&0x7f], f.of.ssrc)
	if !ok {
		i.drop("malformed")
	}
	if len(original) == 0 {
		p.release() // padding
		return
	}
	f.of.heard = now
	f.of.losses.Recovered(now, binary.BigEndian.Uint16(original[2:]))
	f.of.in.receive(now, p, len(original))
}

// identify finds out what comes with an SSRC (RFC 9143, 9.2): by what the offer
// says of it, or by what its packets say themselves.
func (i *inlet) identify(now time.Time, p *packet) *flow {
	f := i.flows[p.header.SSRC]
	if f == nil {
		f = &flow{ssrc: p.header.SSRC}
		i.flows[f.ssrc] = f
	}
	for _, s := range i.sections {
		for _, ids := range s.SSRCs {
			switch {
			case ids.RTX == f.ssrc && ids.RTX != 0:
				if of := i.flows[ids.SSRC]; of != nil && of.in != nil {
					f.section, f.of = s, of
				}
				return f
			case ids.SSRC == f.ssrc && len(s.RIDs) == 0:
				i.begin(now, f, s, "", p)
				return f
			}
		}
	}
	for _, s := range i.sections {
		if s.midID != 0 && string(p.header.GetExtension(s.midID)) != s.Mid {
			continue
		}
		if s.midID == 0 && len(i.sections) > 1 {
			continue // it could be any
		}
		rid, repeats := string(p.header.GetExtension(s.ridID)), false
		if repaired := p.header.GetExtension(s.repairedID); s.repairedID != 0 && len(repaired) > 0 {
			rid, repeats = string(repaired), true
		} else if s.types.repeats[p.header.PayloadType&0x7f] != 0 {
			repeats = true
		}
		if len(s.RIDs) > 0 != (rid != "") || rid != "" && !slices.Contains(s.RIDs, rid) {
			return f
		}
		if !repeats {
			i.begin(now, f, s, rid, p)
		} else if of := i.stream(s, rid); of != nil {
			f.section, f.of = s, of
		}
		return f
	}
	return f
}

// stream is what comes in a section under a rid; nil for nothing.
func (i *inlet) stream(s *inletSection, rid string) *flow {
	for _, f := range i.flows {
		if f.in != nil && f.section.Mid == s.Mid && f.in.rid == rid {
			return f
		}
	}
	return nil
}

// begin makes a stream of what comes with an SSRC, unless there is one in its
// place that still comes.
func (i *inlet) begin(now time.Time, f *flow, s *inletSection, rid string, p *packet) {
	if s.types.repeats[p.header.PayloadType&0x7f] != 0 {
		return
	}
	if other := i.stream(s, rid); other != nil {
		if now.Sub(other.heard) < replacedAfter {
			return
		}
		i.forget(other.ssrc)
	}
	kind, rate := Video, uint32(90000)
	if s.Kind == sdp.Audio {
		kind, rate = Audio, 48000
	}
	in := newIncoming(i.peer.sfu.nextSerial(), f.ssrc, kind, s.types, s.ids, rate,
		i.peer.sfu.metrics, i.peer.sfu.workers, &i.peer.clock, i.peer.sendRTCP)
	in.rid = rid
	in.setCodec(p.header.PayloadType)
	in.codecChanged = func() { i.later(i.peer.room.changed) } // under mu, as all of receive
	f.section, f.in, f.nacks, f.stats = s, in, s.Feedback.NACK, reception.NewStream(rate)
	i.later(func() { i.peer.room.arrived(i.peer, s.Mid, in) })
}

// sayArrivals tells the client when its packets came, now and then.
func (i *inlet) sayArrivals(now time.Time) {
	for i.arrivals.Due(now) {
		if i.reportBuf = i.arrivals.Feedback(now, i.ssrc, i.about, i.reportBuf[:0]); len(i.reportBuf) == 0 {
			return
		}
		i.connection.sendReports(i.reportBuf)
	}
}

// ask has sent again what is missing of a stream.
func (i *inlet) ask(now time.Time, f *flow) {
	if f.of != nil {
		f = f.of
	}
	if !f.nacks {
		return
	}
	if wait, due := f.losses.Next(now); !due || wait > 0 {
		return
	}
	var rtt time.Duration
	if figures := i.peer.figures.Load(); figures != nil {
		rtt = figures.rtt
	}
	if i.nacks = f.losses.Due(now, rtt, i.nacks[:0]); len(i.nacks) > 0 {
		i.connection.sendRTCP(&rtcp.TransportLayerNack{SenderSSRC: i.ssrc, MediaSSRC: f.ssrc, Nacks: i.nacks})
	}
}

// tick lets time pass; report says that receiver reports are due.
func (i *inlet) tick(now time.Time, report bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.flows) == 0 || i.closed {
		return
	}
	for _, f := range i.flows {
		i.ask(now, f)
	}
	i.sayArrivals(now)
	if !report {
		return
	}
	var blocks []rtcp.ReceptionReport
	for _, f := range i.flows {
		if f.in == nil {
			continue
		}
		if block, ok := f.stats.Report(now, f.ssrc); ok {
			blocks = append(blocks, block)
		}
	}
	for part := range slices.Chunk(blocks, maxBlocks) {
		i.connection.sendRTCP(&rtcp.ReceiverReport{SSRC: i.ssrc, Reports: part})
	}
}

// maxBlocks is how many streams one receiver report tells of (RFC 3550, 6.4.1).
const maxBlocks = 31

// reports takes an SRTCP packet.
func (i *inlet) reports(now time.Time, datagram []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.opener == nil || i.closed {
		return
	}
	reporter := binary.BigEndian.Uint32(datagram[4:])
	if !i.reporters[reporter] && len(i.reporters) >= inletStreams {
		i.drop("flood")
		return
	}
	compound, err := i.opener.RTCP(datagram)
	if err != nil {
		i.drop("unreadable")
		return
	}
	i.reporters[reporter] = true
	for len(compound) >= 4 {
		n := 4 * (1 + int(binary.BigEndian.Uint16(compound[2:])))
		if n > len(compound) {
			break
		}
		if !i.report(now, compound[:n]) {
			break
		}
		compound = compound[n:]
	}
	if len(compound) > 0 {
		i.drop("malformed")
	}
}

// report takes one packet of a compound. It is false for one that cannot be
// read. The caller holds mu.
func (i *inlet) report(now time.Time, raw []byte) bool {
	if !i.feedback.take(now) {
		i.drop("feedback")
		return true
	}
	if isWideFeedback(raw) {
		fb := wideFeedbacks.Get().(*wideFeedback)
		if !fb.read(raw) {
			wideFeedbacks.Put(fb)
			return false
		}
		i.peer.wideFeedback(fb)
		return true
	}
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return false
	}
	for _, packet := range packets {
		if sr, ok := packet.(*rtcp.SenderReport); ok {
			if f := i.flows[sr.SSRC]; f != nil && f.in != nil {
				f.stats.Sender(now, sr.NTPTime)
				f.in.takeReport(sr, now)
			}
		}
	}
	i.peer.feedback(packets)
	return true
}

// flood ends a connection with more streams than anybody could have offered.
// The caller holds mu.
func (i *inlet) flood() {
	i.drop("flood")
	if !i.flooded {
		i.flooded = true
		i.later(i.peer.flooded)
	}
}

func (i *inlet) drop(cause string) { i.peer.sfu.metrics.dropped.WithLabelValues(cause).Inc() }

// later has something done that needs the room, one after the other. The caller
// holds mu.
func (i *inlet) later(task func()) {
	if i.closed {
		return
	}
	i.tasks = append(i.tasks, task)
	if !i.working {
		i.working = true
		i.connection.loops.Go(i.work)
	}
}

func (i *inlet) work() {
	for {
		i.mu.Lock()
		tasks := i.tasks
		i.tasks = nil
		i.working = len(tasks) > 0
		i.mu.Unlock()
		if len(tasks) == 0 {
			return
		}
		for _, task := range tasks {
			task()
		}
	}
}

// stop makes everything that comes from now on be left alone.
func (i *inlet) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
}

// end lets go of all streams, after stop and when no task runs any more.
func (i *inlet) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, f := range i.flows {
		if f.in != nil {
			f.in.end()
		}
	}
}
