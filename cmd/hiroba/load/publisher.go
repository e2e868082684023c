package load

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"github.com/hiroba-rtc/hiroba/sfu/srtp"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// keyframePause is the shortest time between two keyframes.
const keyframePause = 300 * time.Millisecond

// simulcastSizes are the sizes of a camera, the smallest first, each with its
// share of the bitrate.
var simulcastSizes = []struct {
	rid           string
	width, height uint16
	share         float64
}{{"q", 320, 180, 0.1}, {"h", 640, 360, 0.3}, {"f", 1280, 720, 1}}

// publish makes the streams that a publisher sends. The caller holds loop.mu, or
// is the only one to know the client.
func (c *client) publish() {
	plan := c.plan()
	if plan.Audio {
		c.addStream(&stream{kind: audio, sent: make([]sentPacket, audioKept)})
	}
	if plan.Video == (Video{}) {
		return
	}
	sizes := simulcastSizes
	if !plan.Simulcast {
		sizes = sizes[len(sizes)-1:]
	}
	for _, size := range sizes {
		s := &stream{
			kind: video, codec: codecs[plan.Video.Codec], rtx: c.loop.random.Uint32() | 1, size: [2]uint16{size.width, size.height},
			sent: make([]sentPacket, sentKept), kept: make([]packet, sentKept/4),
			camera:   newCamera(plan.Video.Bitrate*size.share, plan.Video.FPS, plan.Steady || plan.Even, c.loop.random),
			wantsKey: true,
		}
		if plan.Simulcast {
			s.rid = size.rid
		}
		s.sealingRTX = srtp.NewStream(s.rtx)
		c.addStream(s)
	}
}

func (c *client) addStream(s *stream) {
	random := c.loop.random
	s.room, s.ssrc, s.active = c.room.index, random.Uint32()&^1, true
	s.sealing = srtp.NewStream(s.ssrc)
	s.next = packet{seq: uint16(random.Uint32() >> 17), timestamp: random.Uint32(), picture: uint16(random.Uint32() >> 17), width: s.size[0], height: s.size[1]}
	s.began, s.rtxSeq = s.next.timestamp, uint16(random.Uint32()>>17)
	c.run.registry.add(s)
	c.streams = append(c.streams, s)
}

// start has a stream sent. The caller holds loop.mu.
func (c *client) start(s *stream, now time.Time) {
	interval := audioInterval
	send := c.sendAudio
	if s.kind == video {
		interval = time.Duration(float64(time.Second) / c.plan().Video.FPS)
		send = c.sendFrame
	}
	// Cameras and microphones are not in step.
	due := now.Add(time.Duration(c.loop.random.Int64N(int64(interval))))
	began, beats := due, int64(0)
	c.loop.add(due, func(now time.Time) time.Time {
		if c.closed || c.run.quietly.Load() {
			return time.Time{}
		}
		if len(s.left) == 0 {
			send(s, now)
			beats++
			due = began.Add(time.Duration(beats) * interval)
			if late := now.Sub(due); late > time.Second { // this machine stood still
				began, beats, due = now, 0, now
			}
		} else {
			c.sendPacket(s, &s.left[0], now)
			s.left = s.left[1:]
		}
		if n := len(s.left); n > 0 {
			// The rest is spread over what is left of the interval.
			return now.Add(max(due.Sub(now), 0) / time.Duration(n+1))
		}
		return due
	})
}

func (c *client) sendAudio(s *stream, now time.Time) {
	p := s.next
	p.size, p.first, p.last = audioPayload, true, true
	if s.active {
		c.sendPacket(s, &p, now)
		s.next.seq++
	}
	s.next.timestamp += uint32(audioClock * audioInterval / time.Second)
}

// sendFrame sends a frame at once, or its first packet.
func (c *client) sendFrame(s *stream, now time.Time) {
	s.frames++
	s.next.timestamp = s.began + uint32(int64(float64(s.frames)*videoClock/c.plan().Video.FPS))
	if !s.active {
		return
	}
	p := s.next
	p.key = s.wantsKey
	if p.key {
		s.wantsKey, s.keyAt = false, now
	}
	s.next.picture = (s.next.picture + 1) & 0x7fff
	bytes := s.camera.next(p.key)
	n, size := split(bytes, maxPayload, minPayload)
	frame := make([]packet, 0, 64)
	for i := range n {
		p.seq, p.first, p.last = s.next.seq, i == 0, i == n-1
		p.size = max(min(size, bytes), minPayload)
		bytes -= size
		s.next.seq++
		frame = append(frame, p)
	}
	if c.plan().Even {
		s.left = frame[1:]
		frame = frame[:1]
	}
	for i := range frame {
		c.sendPacket(s, &frame[i], now)
	}
}

// sendPacket sends a packet for the first time. The caller holds loop.mu.
func (c *client) sendPacket(s *stream, p *packet, now time.Time) {
	var w headerWriter
	payloadType := uint8(payloadAudio)
	if s.kind == video {
		payloadType = payloadVideo
	}
	buffer := c.loop.buffer[:]
	w.begin(buffer, payloadType, p.last && s.kind == video, p.seq, p.timestamp, s.ssrc)
	c.extend(&w, s)
	if !s.known {
		w.text(midID, s.mid)
		if s.rid != "" {
			w.text(streamID, s.rid)
		}
	}
	at := w.end()
	// The time is that of the system, which the receiving socket tells, too.
	p.sent = time.Now().UnixNano()
	s.note(p)
	s.describe(buffer[at:at+p.size], p)
	n, err := c.sealer.Seal(&s.sealing, p.seq, buffer, at, buffer[at:at+p.size])
	if err != nil {
		return // the stream has used up its key, after years
	}
	s.packets++
	s.octets += uint32(p.size)
	sent := &c.loop.counts.sent[s.kind]
	sent.Packets++
	sent.Bytes += uint64(n)
	c.socket.send(buffer[:n])
}

// extend writes what each packet says of itself.
func (c *client) extend(w *headerWriter, s *stream) {
	w.number(transportID, c.sequence)
	c.sequence++
	if s.kind == audio {
		w.octet(levelID, audioLevel)
	}
}

// describe writes a payload: how it begins, and its stamp. What is between may be
// anything.
func (s *stream) describe(payload []byte, p *packet) {
	if s.kind == video {
		s.codec.describe(payload, p)
	} else {
		payload[0] = 0xfc // Opus: 20 ms of sound in stereo (RFC 6716, 3.1)
	}
	said := stamp{stream: s.index, seq: uint32(p.seq), time: p.timestamp, sent: p.sent}
	said.write(payload)
}

// resend sends a packet again (RFC 4588). The caller holds loop.mu.
func (c *client) resend(s *stream, seq uint16) {
	p := &s.kept[int(seq)%len(s.kept)]
	if p.size == 0 || p.seq != seq || c.sealer == nil {
		return
	}
	var w headerWriter
	buffer := c.loop.buffer[:]
	w.begin(buffer, payloadRTX, p.last, s.rtxSeq, p.timestamp, s.rtx)
	c.extend(&w, s)
	w.text(midID, s.mid)
	if s.rid != "" {
		w.text(repairedID, s.rid)
	}
	at := w.end()
	buffer[at], buffer[at+1] = byte(seq>>8), byte(seq)
	s.describe(buffer[at+2:at+2+p.size], p)
	n, err := c.sealer.Seal(&s.sealingRTX, s.rtxSeq, buffer, at, buffer[at:at+2+p.size])
	if err != nil {
		return
	}
	s.rtxSeq++
	c.socket.send(buffer[:n])
}

// sendSenderReport tells what time a stream's timestamps mean (RFC 3550, 6.4.1).
func (c *client) sendSenderReport(s *stream, now time.Time) {
	if s.packets == 0 {
		return
	}
	const epoch = 2_208_988_800 // 1970 in seconds since 1900
	seconds := uint64(now.Unix() + epoch)
	fraction := uint64(now.Nanosecond()) << 32 / uint64(time.Second)
	clock := time.Duration(videoClock)
	if s.kind == audio {
		clock = audioClock
	}
	newest := int64(0)
	if at, ok := s.sentAt(uint16(s.newest.Load()), s.newestTimestamp()); ok {
		newest = at
	}
	passed := time.Duration(now.UnixNano() - newest)
	if newest == 0 || passed > time.Minute {
		return
	}
	c.reportPacket(&rtcp.SenderReport{
		SSRC: s.ssrc, NTPTime: seconds<<32 | fraction, RTPTime: s.newestTimestamp() + uint32(passed*clock/time.Second),
		PacketCount: s.packets, OctetCount: s.octets,
	})
}

// newestTimestamp is that of the packet that was sent last.
func (s *stream) newestTimestamp() uint32 {
	return uint32(s.sent[int(s.newest.Load())%len(s.sent)].name.Load() >> 16)
}

// receiverReport says that the server knows a stream.
func (c *client) receiverReport(ssrc uint32) {
	for _, s := range c.streams {
		if s.ssrc == ssrc {
			s.known = true
		}
	}
}

// keyframe takes a request for a keyframe. Of several soon after each other, one
// counts.
func (c *client) keyframe(ssrc uint32) {
	for _, s := range c.streams {
		if s.ssrc == ssrc && time.Since(s.keyAt) > keyframePause {
			s.wantsKey = true
		}
	}
}

// nack sends again what the server lost.
func (c *client) nack(ssrc uint32, first, following uint16) {
	for _, s := range c.streams {
		if s.ssrc != ssrc || s.kept == nil {
			continue
		}
		c.resend(s, first)
		for i := range uint16(16) {
			if following&(1<<i) != 0 {
				c.resend(s, first+i+1)
			}
		}
	}
}

// demanded takes what of a track anybody receives. The caller holds loop.mu.
func (c *client) demanded(d *protocol.TrackDemand) {
	first := c.tracks[d.GetTrack()]
	if first == nil {
		return
	}
	for _, s := range c.streams {
		if s.mid != first.mid {
			continue
		}
		active := !d.GetPaused() && (s.rid == "" || slices.Contains(d.GetRids(), s.rid))
		if active && !s.active {
			s.wantsKey = true
		}
		s.active = active
	}
}
