package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/srtp"
)

// kind is what a flow consists of.
type kind int

const (
	video kind = iota
	audio
	data
	kinds
)

var kindNames = [kinds]string{"video", "audio", "data"}

const (
	payloadVideo = 96
	payloadRTX   = 97
	payloadAudio = 111

	videoClock = 90_000
	audioClock = 48_000

	// maxPayload is the largest payload of a packet, in bytes, minPayload the
	// smallest: a description and a stamp.
	maxPayload = 1200
	minPayload = maxDescription + stampBytes

	audioInterval = 20 * time.Millisecond
	audioPayload  = 160
	audioLevel    = 0x80 | 30 // speaks, at -30 dBov (RFC 6464)

	// sentKept is how many packets of a video stream are known back, a power of
	// two: those of a second of 40 Mbit/s. audioKept is the same for audio.
	sentKept  = 4096
	audioKept = 256
)

// packet is all that a packet of a publisher was made of, so that it can be made
// again.
type packet struct {
	seq              uint16
	timestamp        uint32
	sent             int64 // Unix nanoseconds
	size             int   // of the payload, in bytes
	picture          uint16
	width, height    uint16
	first, last, key bool
}

// stream is one RTP stream of a publisher. Its own loop sends; what is atomic is
// read by the loops of subscribers.
type stream struct {
	index     uint32 // in the registry
	room      int
	kind      kind
	codec     codec
	rid       string // of simulcast; "" for none
	mid       string
	ssrc, rtx uint32
	size      [2]uint16 // of the picture

	sealing, sealingRTX srtp.Stream
	next                packet // the numbers of the next packet
	rtxSeq              uint16
	began               uint32 // the first timestamp
	packets, octets     uint32
	known               bool // the server reported on it: it needs no names any more
	active              bool // somebody receives it
	wantsKey            bool
	keyAt               time.Time

	camera camera
	frames int64
	left   []packet // of a frame under way, with packets evenly spaced
	kept   []packet // by sequence number, of video: what can be sent again

	sent   []sentPacket // by sequence number
	newest atomic.Uint32
}

// sentPacket is when a packet left. name is its timestamp and sequence number.
type sentPacket struct {
	name atomic.Uint64
	at   atomic.Int64 // Unix nanoseconds
}

func nameOf(timestamp uint32, seq uint16) uint64 { return 1<<63 | uint64(timestamp)<<16 | uint64(seq) }

// note keeps when a packet left.
func (s *stream) note(p *packet) {
	place := &s.sent[int(p.seq)%len(s.sent)]
	place.at.Store(p.sent)
	place.name.Store(nameOf(p.timestamp, p.seq))
	s.newest.Store(uint32(p.seq))
	if s.kept != nil {
		s.kept[int(p.seq)%len(s.kept)] = *p
	}
}

// sentAt is when a packet left, in Unix nanoseconds; false if there is no such
// packet, or it is too long ago.
func (s *stream) sentAt(seq uint16, timestamp uint32) (int64, bool) {
	place := &s.sent[int(seq)%len(s.sent)]
	return place.at.Load(), place.name.Load() == nameOf(timestamp, seq)
}

// registry is all streams that there are.
type registry struct {
	mu   sync.RWMutex
	list []*stream
}

func (r *registry) add(s *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.index = uint32(len(r.list))
	r.list = append(r.list, s)
}

// get is the stream with an index; nil for none.
func (r *registry) get(index uint32) *stream {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if int64(index) >= int64(len(r.list)) {
		return nil
	}
	return r.list[index]
}
