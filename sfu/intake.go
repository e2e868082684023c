package sfu

import (
	"io"
	"sync/atomic"

	"github.com/pion/transport/v4/packetio"
)

const (
	// intakeBytes is how much may wait to be read on one connection. A stream
	// that was offered is read at once; one that was not is never read, and
	// what it leaves here is its own sender's loss.
	intakeBytes = 4 << 20
	// intakeStreams is how many streams one connection may ever have. Each
	// leaves a trace in the library for as long as the connection lasts.
	intakeStreams = 2048
)

// intake bounds what a client can make the server keep by sending RTP and
// RTCP: the library has a buffer for each SSRC that ever came, offered or not.
type intake struct {
	// flooded is called once when there are too many streams.
	flooded func()

	waiting atomic.Int64
	streams atomic.Int32
}

// buffer is what the library asks for each new SSRC.
func (i *intake) buffer(packetio.BufferPacketType, uint32) io.ReadWriteCloser {
	if i.streams.Add(1) == intakeStreams {
		i.flooded()
	}
	return &intakeBuffer{Buffer: packetio.NewBuffer(), intake: i}
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
