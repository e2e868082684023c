package turn

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// maxFrame is the largest message we take from a client, in bytes: what a path
// MTU of 1,500 can carry, with room to spare. Media and requests are smaller.
const maxFrame = 2048

const (
	// leastBuffer is what is read of a connection at once while little comes.
	leastBuffer = 2 * maxFrame
	// mostBuffer is what it grows to when much comes; together they are the only
	// memory that grows with what a stranger sends, and its bound.
	mostBuffer = 64 << 10
)

var (
	errFraming       = errors.New("turn: neither a STUN message nor ChannelData")
	errFrameTooLarge = errors.New("turn: a message over 2,048 bytes")
)

// frameLength tells by its beginning how long the next message of a stream is,
// without padding (RFC 8656, section 12.5: a STUN message is its header and as
// much as that says; ChannelData the same). It is 0 while too little is there to
// tell.
//
// Lengths are judged before anything is read by them, in an int: 4 + 0xFFFC is
// 0 in the 16 bits of the message.
func frameLength(b []byte) (int, error) {
	if len(b) > 0 && b[0]>>6 > 0b01 {
		return 0, errFraming
	}
	if len(b) < 4 {
		return 0, nil
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>6 == 0b01 {
		return size + 4, nil
	}
	if len(b) < 8 {
		return 0, nil
	}
	if !stunmsg.HasCookie(b[4:]) || size%4 != 0 {
		return 0, errFraming
	}
	return size + stunmsg.HeaderLen, nil
}

// frames takes a stream apart into messages.
type frames struct {
	buffer     []byte
	start, end int // of what was read and not yet taken
}

// fill reads what is there. Messages that next returned before are not to be
// touched any more.
func (f *frames) fill(from io.Reader) error {
	full := f.end == len(f.buffer)
	f.end = copy(f.buffer, f.buffer[f.start:f.end])
	f.start = 0
	if want := len(f.buffer); want == 0 || full && want < mostBuffer {
		f.buffer = append(make([]byte, 0, max(leastBuffer, 4*want)), f.buffer[:f.end]...)
		f.buffer = f.buffer[:cap(f.buffer)]
	}
	n, err := from.Read(f.buffer[f.end:])
	f.end += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// next returns the next whole message, without its padding, or nil when fill is
// to be called first.
func (f *frames) next() ([]byte, error) {
	size, err := frameLength(f.buffer[f.start:f.end])
	if size > maxFrame {
		err = errFrameTooLarge
	}
	padded := (size + 3) &^ 3 // ChannelData may be of any length
	if err != nil || size == 0 || f.start+padded > f.end {
		return nil, err
	}
	frame := f.buffer[f.start : f.start+size : f.start+size]
	f.start += padded
	return frame, nil
}

// rest is what was read and is no message yet.
func (f *frames) rest() []byte { return f.buffer[f.start:f.end] }
