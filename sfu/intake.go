package sfu

import (
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
)

const (
	// intakeBytes is how much may wait to be read on one connection. A stream
	// that was offered is read at once; one that was not is never read, and
	// what it leaves here is its own sender's loss.
	intakeBytes = 4 << 20
	// intakeStreams is how many streams one connection may ever have. Each
	// leaves a trace in the library for as long as the connection lasts.
	intakeStreams = 1024
	// intakePackets is how many RTP packets a second are taken of one
	// connection: several cameras and screens in every size send less than half
	// of it. What is more would keep workers from serving others.
	intakePackets = 6000
	// intakeReports is the same for RTCP, counted for each stream that a packet
	// names. A client with many slots reports on each every second.
	intakeReports = 2000
)

// intake bounds what a client can make the server keep by sending RTP and
// RTCP: the library has a buffer for each SSRC that ever came, offered or not.
type intake struct {
	// flooded is called once when there are too many streams.
	flooded func()
	// feedback is given all RTCP that names a stream, whichever direction that
	// has. It must not block.
	feedback func(ssrc uint32, packets []rtcp.Packet)
	metrics  *metrics

	waiting atomic.Int64
	streams atomic.Int32
	// Each is used by the one goroutine in which the library reads RTP, or RTCP.
	packets, reports ration
}

func newIntake(m *metrics, flooded func(), feedback func(ssrc uint32, packets []rtcp.Packet)) *intake {
	return &intake{
		metrics: m, flooded: flooded, feedback: feedback,
		packets: newRation(intakePackets, intakePackets), reports: newRation(intakeReports, intakeReports),
	}
}

// buffer is what the library asks for each new SSRC.
func (i *intake) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if i.streams.Add(1) == intakeStreams {
		i.flooded()
	}
	b := &intakeBuffer{Buffer: packetio.NewBuffer(), intake: i}
	if kind == packetio.RTCPBufferPacket {
		return &reportBuffer{intakeBuffer: b, ssrc: ssrc, keyframes: newKeyframeRation()}
	}
	return b
}

// intakeBuffer is the buffer of one stream.
type intakeBuffer struct {
	*packetio.Buffer
	intake *intake
	held   atomic.Int64
	closed atomic.Bool
}

// Write keeps a packet, or drops one that is too large to be forwarded, is one
// of too many or finds too much waiting on the connection.
func (b *intakeBuffer) Write(packet []byte) (int, error) {
	switch {
	case len(packet) > packetBytes:
		return 0, b.refuse("too large")
	case !b.intake.packets.take(time.Now()):
		return 0, b.refuse("flood")
	}
	return b.keep(packet)
}

// refuse counts a packet that is dropped.
func (b *intakeBuffer) refuse(cause string) error {
	b.intake.metrics.dropped.WithLabelValues(cause).Inc()
	return packetio.ErrFull
}

// keep puts a packet where it is read from.
func (b *intakeBuffer) keep(packet []byte) (int, error) {
	size := int64(len(packet))
	if b.intake.waiting.Add(size) > intakeBytes {
		b.intake.waiting.Add(-size)
		return 0, b.refuse("unread")
	}
	n, err := b.Buffer.Write(packet)
	if err != nil {
		b.intake.waiting.Add(-size)
		return n, err
	}
	b.held.Add(size)
	return n, nil
}

// Read takes the oldest packet; into has room for packetBytes.
func (b *intakeBuffer) Read(into []byte) (int, error) {
	n, err := b.Buffer.Read(into)
	if !b.closed.Load() {
		b.held.Add(-int64(n))
		b.intake.waiting.Add(-int64(n))
	}
	return n, err
}

// Close gives back what nobody read.
func (b *intakeBuffer) Close() error {
	if !b.closed.Swap(true) {
		b.intake.waiting.Add(-b.held.Load())
	}
	return b.Buffer.Close()
}

// reportBuffer is what comes of RTCP for one stream. Feedback on what is sent
// to the client is taken out of it at once: the library would lose what names
// a stream of retransmissions, and would want a goroutine for each slot.
type reportBuffer struct {
	*intakeBuffer
	ssrc      uint32
	keyframes keyframeRation
}

// Write keeps what a publisher says of its own streams, for the library to
// read.
func (b *reportBuffer) Write(packet []byte) (int, error) {
	now := time.Now()
	if !b.intake.reports.take(now) {
		b.intake.metrics.dropped.WithLabelValues("feedback").Inc()
		return len(packet), nil
	}
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		return len(packet), nil // it cannot be read later either
	}
	packets = slices.DeleteFunc(packets, func(p rtcp.Packet) bool { return asksForKeyframe(p) && !b.ration(now) })
	if len(packets) > 0 {
		b.intake.feedback(b.ssrc, packets)
	}
	for _, p := range packets {
		if report, ok := p.(*rtcp.SenderReport); ok && report.SSRC == b.ssrc && len(packet) <= packetBytes {
			return b.keep(packet)
		}
	}
	return len(packet), nil
}

// ration says whether a keyframe may be asked for.
func (b *reportBuffer) ration(now time.Time) bool {
	ok := b.keyframes.take(now)
	if !ok {
		b.intake.metrics.dropped.WithLabelValues("keyframe request").Inc()
	}
	return ok
}

func asksForKeyframe(p rtcp.Packet) bool {
	switch p.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		return true
	}
	return false
}
