package load

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/reception"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// slot is one receiving section of a subscriber.
type slot struct {
	answeredSlot
	filled  bool // a track is in it
	held    bool // and the way to this client does not carry it, the server says
	since   time.Time
	askedAt time.Time // when a keyframe was asked for
	gaveUp  uint64    // of losses, when that was looked at last

	window   window
	received reception.Stream
	losses   reception.Losses
	count    int // of packets since one was opened

	// What is in it, as the last packet that was opened says: the numbers of its
	// packets are those of from, and these more.
	from  *stream
	seqBy uint16
	tsBy  uint32
	last  uint16 // the highest number that came, or was pretended to be lost
	at    int64  // when that was, Unix nanoseconds
}

// addSlot takes a section of the server's answer. The caller holds loop.mu.
func (c *client) addSlot(a answeredSlot) {
	clock := uint32(videoClock)
	if a.kind == audio {
		clock = audioClock
	}
	s := &slot{answeredSlot: a, received: reception.NewStream(clock)}
	c.slots = append(c.slots, s)
	c.bySSRC[a.ssrc] = s
	if a.rtx != 0 {
		c.bySSRC[a.rtx] = s
	}
}

// fillSlots takes what the server says is in the slots, which may be before its
// answer is read. The caller holds loop.mu.
func (c *client) fillSlots(told *protocol.Slots) {
	c.told = told
	now := time.Now()
	for _, t := range told.GetSlots() {
		for _, s := range c.slots {
			if s.mid != t.GetMid() {
				continue
			}
			if filled := t.GetTrack() != "" && t.GetWhy() == protocol.Slot_WHY_UNSPECIFIED; filled != s.filled {
				s.filled, s.since = filled, now
			}
			if held := t.GetWhy() == protocol.Slot_BANDWIDTH; held != s.held && !c.closed {
				s.held = held
				c.loop.counts.held += one(held) - one(!held)
			}
		}
	}
}

// takeMedia takes an RTP packet. The caller holds loop.mu.
func (c *client) takeMedia(b []byte, at int64) {
	h, ok := readHeader(b)
	s := c.bySSRC[h.ssrc]
	if !ok || s == nil {
		c.loop.counts.unknown++
		return
	}
	f := &c.loop.counts.flows[s.kind]
	pretend := c.plan().Loss > 0 && c.loop.random.Float64() < c.plan().Loss
	if h.ssrc != s.ssrc {
		if !pretend {
			c.takeResent(s, b, h, at)
		}
		return
	}
	if pretend {
		if s.window.started {
			before := s.window.missing
			s.window.skip(h.seq)
			f.missing += s.window.missing - before
			f.pretended++
			s.ahead(h.seq, at)
		}
		return
	}
	when := time.Unix(0, at)
	if h.hasTransport {
		c.arrivals.Receive(when, h.transport)
	}
	if !s.window.started {
		c.loop.counts.streams[s.kind]++
		s.last = h.seq
	}
	before := s.window.missing
	verdict := s.window.see(h.seq)
	f.missing += s.window.missing - before
	if verdict == doubled {
		f.doubled++
		return
	}
	if verdict == late {
		f.late++
	}
	f.Packets++
	f.Bytes += uint64(len(b))
	s.ahead(h.seq, at)
	s.received.Receive(when, h.seq, h.timestamp)
	if s.rtx != 0 {
		s.losses.Receive(when, h.seq)
	}
	if !c.playing && (h.marker || s.kind == audio && c.plan().Video == Video{}) {
		c.playing, c.firstAt = true, when
		c.loop.counts.playing++
		c.run.note(&c.run.times.first, when.Sub(c.began))
	}
	s.count++
	if s.from != nil && s.count < c.plan().Open {
		if sent, ok := s.from.sentAt(h.seq-s.seqBy, h.timestamp-s.tsBy); ok {
			f.delay.add(time.Duration(at - sent))
			return
		}
	}
	c.open(s, b, h.seq, h.timestamp, at)
}

// ahead notes the highest number.
func (s *slot) ahead(seq uint16, at int64) {
	s.at = at
	if int16(seq-s.last) > 0 {
		s.last = seq
	}
}

// idle is for how long nothing may come of a stream that flows.
func (p *Plan) idle() time.Duration {
	const least = 300 * time.Millisecond
	if p.Video == (Video{}) {
		return least
	}
	return max(least, time.Duration(3/p.Video.FPS*float64(time.Second)))
}

// flows says whether something came in the slot just before a time.
func (c *client) flows(s *slot, now time.Time) bool {
	return s.window.started && now.UnixNano()-s.at < int64(c.plan().idle())
}

// open opens a packet, which tells what is in the slot. The caller holds loop.mu.
func (c *client) open(s *slot, b []byte, seq uint16, timestamp uint32, at int64) {
	if c.opener == nil {
		return // it came before the end of the handshake was noticed here
	}
	s.count = 0
	var h rtp.Header
	c.loop.counts.openings++
	opened, err := c.opener.RTP(b, &h)
	if err != nil {
		c.loop.counts.broken++
		return
	}
	payload := opened[h.MarshalSize():]
	if len(payload) == 0 || h.Padding {
		return // it only takes the place of something
	}
	said, ok := readStamp(payload)
	from := c.run.registry.get(said.stream)
	switch {
	case !ok || from == nil || from.kind != s.kind:
		c.loop.counts.broken++
	case from.room != c.room.index:
		c.loop.counts.foreign++
	default:
		s.from, s.seqBy, s.tsBy = from, seq-uint16(said.seq), timestamp-said.time
		c.loop.counts.flows[s.kind].delay.add(time.Duration(at - said.sent))
	}
}

// takeResent takes a retransmission (RFC 4588). The caller holds loop.mu.
func (c *client) takeResent(s *slot, b []byte, h header, at int64) {
	if c.opener == nil {
		return
	}
	when := time.Unix(0, at)
	if h.hasTransport {
		c.arrivals.Receive(when, h.transport)
	}
	var opened rtp.Header
	plain, err := c.opener.RTP(b, &opened)
	if err != nil {
		c.loop.counts.broken++
		return
	}
	f := &c.loop.counts.flows[s.kind]
	original, ok := reception.Unwrap(plain, payloadVideo, s.ssrc)
	if !ok || original == nil {
		f.probes++
		return
	}
	repeated, ok := readHeader(original)
	if !ok {
		c.loop.counts.broken++
		return
	}
	before := s.window.missing
	missed := s.window.recover(repeated.seq)
	f.missing += s.window.missing - before
	s.losses.Recovered(when, repeated.seq)
	if !missed {
		f.probes++
		return
	}
	f.recovered++
	if said, ok := readStamp(original); ok {
		f.delay.add(time.Duration(at - said.sent))
	}
}

// tick sends what is due: feedback, reports, NACKs, requests for keyframes. The
// caller holds loop.mu.
func (c *client) tick(now time.Time) {
	if c.reports == nil {
		return
	}
	for c.arrivals.Due(now) {
		c.report(c.arrivals.Feedback(now, c.ssrc, c.slots[0].ssrc, c.reportBuf[:0]))
	}
	for _, s := range c.slots {
		c.askFor(s, now)
	}
	if now.Sub(c.reported) < reportEvery {
		return
	}
	c.reported = now
	if c.publisher {
		for _, s := range c.streams {
			c.sendSenderReport(s, now)
		}
		return
	}
	const most = 31 // blocks in a report
	var blocks []rtcp.ReceptionReport
	for _, s := range c.slots {
		if block, ok := s.received.Report(now, s.ssrc); ok {
			blocks = append(blocks, block)
		}
	}
	for len(blocks) > 0 {
		n := min(len(blocks), most)
		c.reportPacket(&rtcp.ReceiverReport{SSRC: c.ssrc, Reports: blocks[:n]})
		blocks = blocks[n:]
	}
}

// askFor asks for what is missing in a slot.
func (c *client) askFor(s *slot, now time.Time) {
	if s.rtx == 0 || !s.filled {
		return
	}
	var pairs [32]rtcp.NackPair
	if wanted := s.losses.Due(now, c.rtt, pairs[:0]); len(wanted) > 0 {
		c.reportPacket(&rtcp.TransportLayerNack{SenderSSRC: c.ssrc, MediaSSRC: s.ssrc, Nacks: wanted})
	}
	hopeless := s.losses.GaveUp() > s.gaveUp
	if (hopeless || !s.window.started && now.Sub(s.since) > keyframePatience) && now.Sub(s.askedAt) > keyframePatience {
		s.gaveUp, s.askedAt = s.losses.GaveUp(), now
		c.reportPacket(&rtcp.PictureLossIndication{SenderSSRC: c.ssrc, MediaSSRC: s.ssrc})
	}
}

func (c *client) reportPacket(packet rtcp.Packet) {
	if b, err := packet.Marshal(); err == nil {
		c.report(b)
	}
}

// report seals RTCP and sends it. The caller holds loop.mu.
func (c *client) report(compound []byte) {
	if c.socket == nil {
		return
	}
	sealed, err := c.reports.Seal(c.sealBuf, compound)
	if err != nil {
		return
	}
	c.sealBuf = sealed[:0]
	c.socket.send(sealed)
}

// takeReports takes RTCP. The caller holds loop.mu.
func (c *client) takeReports(b []byte) {
	if c.opener == nil {
		return
	}
	plain, err := c.opener.RTCP(b)
	if err != nil || !readReports(plain, c) {
		c.loop.counts.broken++
	}
}

// senderReport takes the time of a stream (RFC 3550, 6.4.1).
func (c *client) senderReport(ssrc uint32, ntp uint64) {
	if s := c.bySSRC[ssrc]; s != nil && ssrc == s.ssrc {
		s.received.Sender(time.Now(), ntp)
	}
}

// missingAtTheEnd counts what was sent last and did not come, once publishers have
// stopped. The caller holds loop.mu.
func (c *client) missingAtTheEnd(stopped time.Time) {
	for _, s := range c.slots {
		if s.from == nil || s.from.rid != "" || !c.flows(s, stopped) {
			continue
		}
		const believed = 1000
		if left := uint16(s.from.newest.Load()) - (s.last - s.seqBy); left < believed {
			c.loop.counts.flows[s.kind].missing += int64(left)
		}
	}
}

// one is 1 for what is so.
func one(so bool) int {
	if so {
		return 1
	}
	return 0
}
