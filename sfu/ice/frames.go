package ice

import (
	"encoding/binary"
	"errors"
)

const (
	// maxFrame is the longest frame that is read, in bytes: no packet of a
	// client is.
	maxFrame = 8192
	// frameHeader is the length in front of each (RFC 4571, section 2).
	frameHeader = 2
)

// errFrameTooLong means that a frame is longer than any packet.
var errFrameTooLong = errors.New("ice: a frame on TCP is longer than any packet")

// frames cuts what comes on a TCP connection into packets (RFC 4571).
type frames struct {
	buf        []byte
	start, end int // of what is not read yet
}

// allow sets the longest frame that is taken, from the next one on.
func (f *frames) allow(longest int) {
	buf := make([]byte, frameHeader+longest)
	f.start, f.end = 0, copy(buf, f.buf[f.start:f.end])
	f.buf = buf
}

// space is where the next bytes of the connection belong; it is never empty
// after next found no more. Filled says how many have come.
func (f *frames) space() []byte {
	if f.start > 0 {
		f.start, f.end = 0, copy(f.buf, f.buf[f.start:f.end])
	}
	return f.buf[f.end:]
}

func (f *frames) filled(n int) { f.end += n }

// next returns the next frame that is there in whole, or false. The frame is
// good until space is called.
func (f *frames) next() (frame []byte, ok bool, err error) {
	rest := f.buf[f.start:f.end]
	if len(rest) < frameHeader {
		return nil, false, nil
	}
	end := frameHeader + int(binary.BigEndian.Uint16(rest))
	switch {
	case end > len(f.buf):
		return nil, false, errFrameTooLong
	case end > len(rest):
		return nil, false, nil
	}
	f.start += end
	return rest[frameHeader:end], true, nil
}
