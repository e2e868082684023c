package sfu

import (
	"io"
	"sync/atomic"

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
)

// intake bounds what a client can make the server keep by sending RTP and
// RTCP: the library has a buffer for each SSRC that ever came, offered or not.
type intake struct {
	// flooded is called once when there are too many streams.
	flooded func()
	// feedback is given all RTCP that names a stream, whichever direction that
	// has. It must not block.
	feedback func(ssrc uint32, packets []rtcp.Packet)

	waiting atomic.Int64
	streams atomic.Int32
}

// buffer is what the library asks for each new SSRC.
func (i *intake) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if i.streams.Add(1) == intakeStreams {
		i.flooded()
	}
	b := &intakeBuffer{Buffer: packetio.NewBuffer(), intake: i}
	if kind == packetio.RTCPBufferPacket {
		return &reportBuffer{intakeBuffer: b, ssrc: ssrc}
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

// Write keeps a packet, or drops one that is too large to be forwarded or finds
// too much waiting on the connection.
func (b *intakeBuffer) Write(packet []byte) (int, error) {
	size := int64(len(packet))
	if size > packetBytes {
		return 0, packetio.ErrFull
	}
	if b.intake.waiting.Add(size) > intakeBytes {
		b.intake.waiting.Add(-size)
		return 0, packetio.ErrFull
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
	ssrc uint32
}

// Write keeps what a publisher says of its own streams, for the library to
// read.
func (b *reportBuffer) Write(packet []byte) (int, error) {
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		return len(packet), nil // it cannot be read later either
	}
	b.intake.feedback(b.ssrc, packets)
	for _, p := range packets {
		if report, ok := p.(*rtcp.SenderReport); ok && report.SSRC == b.ssrc {
			return b.intakeBuffer.Write(packet)
		}
	}
	return len(packet), nil
}
