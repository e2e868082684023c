package sfu

import (
	"errors"
	"io"
)

// readBytes is the room that each channel keeps for what comes: most messages
// are smaller, and most clients of a big room send none.
const readBytes = 1 << 10

// listen takes what comes over a channel until it ends.
func (d *data) listen(label string, channel *dataChannel) {
	defer d.forget(label, channel)
	buffer := make([]byte, readBytes)
	for {
		message, err := readMessage(channel, buffer)
		if errors.Is(err, io.ErrShortBuffer) {
			d.count("too large")
			_ = channel.Close()
			return
		}
		if err != nil {
			return
		}
		d.received(label, message)
	}
}

// messageReader is a DataChannel that is read.
type messageReader interface {
	ReadDataChannel(into []byte) (n int, isText bool, err error)
}

// readMessage reads one message, into the buffer if it fits; one that is larger
// than is allowed is io.ErrShortBuffer.
func readMessage(stream messageReader, buffer []byte) ([]byte, error) {
	for {
		n, _, err := stream.ReadDataChannel(buffer)
		if !errors.Is(err, io.ErrShortBuffer) || len(buffer) >= dataMessageBytes {
			return buffer[:n], err
		}
		// The message is still there; its size is not told.
		buffer = make([]byte, min(8*len(buffer), dataMessageBytes))
	}
}

// forget takes off a channel that has ended.
func (d *data) forget(label string, channel *dataChannel) {
	d.mu.Lock()
	if d.channels[label] == channel {
		delete(d.channels, label)
	}
	d.mu.Unlock()
	d.departed()
}
