package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// packetBytes is the largest RTP packet that is forwarded: what fits into an
// Ethernet frame, with room for what pion may put back (RTX unwrapped).
const packetBytes = 1600

// packet is one RTP packet on its way from a publisher to its receivers. It is
// read once, kept in its stream's cache and shared by all workers; nobody
// changes it after it was parsed. It goes back to the pool with its last
// reference.
type packet struct {
	refs atomic.Int32

	arrived time.Time
	header  rtp.Header // Extensions point into buf
	payload []byte     // without padding; points into buf
	red     []byte     // the same with redundancy, if there is any; points into buf
	redMade bool       // it did not come so
	frame   forward.Frame
	media   forward.Packet // all of it as forwarding looks at it; points into this
	// Header extensions worth passing on; absent ones have no bytes.
	level       []byte // audio level, RFC 6464
	orientation []byte // video orientation, 3GPP TS 26.114
	descriptor  []byte // dependency descriptor, AV1 RTP specification, appendix A

	buf [packetBytes]byte
}

var packets = sync.Pool{New: func() any { return new(packet) }}

// newPacket takes a packet from the pool, with one reference.
func newPacket() *packet {
	p := packets.Get().(*packet)
	p.refs.Store(1)
	return p
}

// retain adds a reference.
func (p *packet) retain() { p.refs.Add(1) }

// release drops a reference.
func (p *packet) release() {
	if p.refs.Add(-1) == 0 {
		packets.Put(p)
	}
}

// parse reads the n bytes in buf. It reports false for what is no RTP packet.
func (p *packet) parse(n int, ids extensions) bool {
	at, err := p.header.Unmarshal(p.buf[:n])
	if err != nil || p.header.Version != 2 {
		return false
	}
	end := n
	if p.header.Padding {
		// RFC 3550, 5.1: the last byte counts the padding, itself included.
		end -= int(p.buf[n-1])
		if p.buf[n-1] == 0 || end < at {
			return false
		}
	}
	p.payload = p.buf[at:end]
	p.red, p.level, p.orientation, p.descriptor = nil, nil, nil, nil
	if ids.level != 0 {
		p.level = p.header.GetExtension(ids.level)
	}
	if ids.orientation != 0 {
		p.orientation = p.header.GetExtension(ids.orientation)
	}
	if ids.descriptor != 0 {
		p.descriptor = p.header.GetExtension(ids.descriptor)
	}
	return true
}

// describe sums up what was read, for forwarding.
func (p *packet) describe() {
	p.media = forward.Packet{
		Seq: p.header.SequenceNumber, Timestamp: p.header.Timestamp, Marker: p.header.Marker,
		Payload: p.payload, Descriptor: p.descriptor, Frame: &p.frame,
	}
}
