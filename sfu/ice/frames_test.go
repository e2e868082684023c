package ice

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// cut reads a stream that comes in pieces.
func cut(f *frames, stream []byte, piece int) (got [][]byte, err error) {
	for {
		frame, ok, err := f.next()
		switch {
		case err != nil:
			return got, err
		case ok:
			got = append(got, bytes.Clone(frame))
		case len(stream) == 0:
			return got, nil
		default:
			n := copy(f.space(), stream[:min(piece, len(stream))])
			f.filled(n)
			stream = stream[n:]
		}
	}
}

func framed(packets ...[]byte) (stream []byte) {
	for _, packet := range packets {
		stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(packet))), packet...)
	}
	return stream
}

func TestFrames(t *testing.T) {
	packets := [][]byte{{}, {1}, bytes.Repeat([]byte{2}, 300), bytes.Repeat([]byte{3}, 500), {}, bytes.Repeat([]byte{4}, 499)}
	for _, piece := range []int{1, 2, 3, 499, 500, 501, 502, 503, 10_000} {
		var f frames
		f.allow(500)
		got, err := cut(&f, framed(packets...), piece)
		if err != nil || !slices.EqualFunc(got, packets, bytes.Equal) {
			t.Fatalf("in pieces of %d: %d frames, %v", piece, len(got), err)
		}
		if _, err := cut(&f, framed(make([]byte, 501)), piece); !errors.Is(err, errFrameTooLong) {
			t.Fatalf("in pieces of %d: a long one comes to %v", piece, err)
		}
	}
}

func TestMoreIsAllowedLater(t *testing.T) {
	var f frames
	f.allow(10)
	long := bytes.Repeat([]byte{1}, 30)
	stream := framed([]byte("check"), long, []byte("end"))
	f.filled(copy(f.space(), stream))
	if frame, ok, err := f.next(); string(frame) != "check" || !ok || err != nil {
		t.Fatalf("got %q, %v, %v", frame, ok, err)
	}
	f.allow(30)
	got, err := cut(&f, stream[12:], 7)
	if err != nil || len(got) != 2 || !bytes.Equal(got[0], long) || string(got[1]) != "end" {
		t.Fatalf("got %q, %v", got, err)
	}
}

// However a stream is cut, the frames are the same.
func FuzzFrames(f *testing.F) {
	f.Add(framed([]byte("one"), nil, []byte("three")), uint8(3))
	f.Add([]byte{0xFF, 0xFF, 1}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		var slow, fast frames
		slow.allow(64)
		fast.allow(64)
		one, oneErr := cut(&slow, stream, 1)
		other, otherErr := cut(&fast, stream, int(piece)+1)
		if !slices.EqualFunc(one, other, bytes.Equal) || !errors.Is(oneErr, otherErr) {
			t.Fatalf("%q %v and %q %v", one, oneErr, other, otherErr)
		}
	})
}
