package rpc

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// request is a message of a client as it came. One that cannot be decoded is
// answered like any other, and does not end the stream.
type request[M any] struct {
	message M
	size    int   // encoded and not compressed, in bytes
	err     error // why it could not be decoded
}

func (r *request[M]) decode(format protocol.Format, data []byte) {
	r.size = len(data)
	r.err = format.Unmarshal(data, any(&r.message).(proto.Message))
}

// malformed is the refusal for a message that could not be decoded, nil for
// one that was.
func (r *request[M]) malformed() *protocol.Error {
	if r.err == nil {
		return nil
	}
	return protocol.Errorf(protocol.Error_MALFORMED, "%.300s", toText(r.err))
}

// response is a message for a client. What it shares with those for other
// clients is encoded once.
type response struct {
	event *protocol.Event
	seq   uint64
	re    string
}

// codec is one of the protocol's encodings as the RPC library wants it.
type codec struct {
	name   string
	format protocol.Format
}

// Name implements connect.Codec.
func (c codec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (c codec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend is Marshal into a buffer that is used again.
func (c codec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	switch m := message.(type) {
	case *response:
		return m.event.Append(dst, c.format, m.seq, m.re), nil
	case proto.Message:
		data, err := c.format.Marshal(m)
		return append(dst, data...), err
	}
	return nil, fmt.Errorf("a %T is no message", message)
}

// Unmarshal implements connect.Codec.
func (c codec) Unmarshal(data []byte, message any) error {
	switch m := message.(type) {
	case interface {
		decode(protocol.Format, []byte)
	}:
		m.decode(c.format, data)
		return nil
	case proto.Message:
		return c.format.Unmarshal(data, m)
	}
	return fmt.Errorf("a %T is no message", message)
}

// decompressor is gzip that gives out a message's worth of bytes and no more:
// the RPC library would go on to the end of what is too large, to tell how
// large it is.
type decompressor struct {
	gzip.Reader
	size int
	left int
}

// errInflated says that a message is larger than it may be.
var errInflated = errors.New("it is too large when decompressed")

// newDecompressor makes decompressors for messages of at most size bytes.
func newDecompressor(size int) func() connect.Decompressor {
	return func() connect.Decompressor { return &decompressor{size: size} }
}

// Reset implements connect.Decompressor.
func (d *decompressor) Reset(r io.Reader) error {
	d.left = d.size + 1 // the library looks for one more than there may be
	return d.Reader.Reset(r)
}

// Read implements io.Reader.
func (d *decompressor) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, errInflated
	}
	n, err := d.Reader.Read(p[:min(len(p), d.left)])
	d.left -= n
	return n, err
}

func newCompressor() connect.Compressor { return gzip.NewWriter(io.Discard) }
