package turn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// maxFrame is the largest message we take from a client, in bytes: what a path
// MTU of 1,500 can carry, with room to spare. Media and requests are smaller.
const maxFrame = 2048

// inboundMTU is the size of the buffers that the library reads into; it drops
// what fills one.
const inboundMTU = maxFrame + 1

var (
	errFraming       = errors.New("turn: neither a STUN message nor ChannelData")
	errFrameTooLarge = errors.New("turn: a message over 2,048 bytes")
)

// readFrame reads the next whole message of a TCP connection into p and
// returns its length (RFC 8656, section 12.5: a STUN message is its header and
// as much as that says; ChannelData the same, and padded to four bytes, which
// are left out here). The reader's buffer must hold maxFrame bytes.
//
// Lengths are judged before anything is read by them, in an int. The library's
// own reader adds in 16 bits, where 4 + 0xFFFC is 0: it then returns empty
// messages for ever, and takes a whole core with it.
func readFrame(r *bufio.Reader, p []byte) (int, error) {
	header, err := r.Peek(4)
	if err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint16(header[2:]))
	switch header[0] >> 6 {
	case 0b00:
		if header, err = r.Peek(8); err != nil {
			return 0, err
		}
		if !stunmsg.HasCookie(header[4:]) || size%4 != 0 {
			return 0, errFraming
		}
		size += stunmsg.HeaderLen
	case 0b01:
		size += 4
	default:
		return 0, errFraming
	}
	if size > maxFrame {
		return 0, errFrameTooLarge
	}
	if size > len(p) {
		return 0, io.ErrShortBuffer
	}
	padded := (size + 3) &^ 3
	frame, err := r.Peek(padded)
	if err != nil {
		return 0, err
	}
	copy(p, frame[:size])
	_, err = r.Discard(padded)
	return size, err
}
