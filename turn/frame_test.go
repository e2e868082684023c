package turn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/pion/stun/v4"
)

// endless are the messages whose length is 0 in 16 bits; a reader that counts so
// reads empty messages for ever.
var endless = map[string][]byte{
	"ChannelData of 0xFFFC": {0x40, 0x00, 0xFF, 0xFC, 0, 0, 0, 0, 0, 0, 0, 0},
	"ChannelData of 0xFFF9": {0x40, 0x00, 0xFF, 0xF9, 0, 0, 0, 0, 0, 0, 0, 0},
	"STUN of 65,516":        stunOfLength(65516),
}

// overflows are those, and others that would be short messages in 16 bits.
var overflows = map[string][]byte{
	"ChannelData of 0xFFFF": {0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0},
	"STUN of 65,532":        stunOfLength(65532),
}

func init() { maps.Copy(overflows, endless) }

// stunOfLength is the header of a Binding request that claims a length.
func stunOfLength(n uint16) []byte {
	header := binary.BigEndian.AppendUint16([]byte{0, 1}, n)
	return append(append(header, 0x21, 0x12, 0xA4, 0x42), "transaction1"...)
}

// channelData is ChannelData as TCP carries it, padded.
func channelData(number uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, payload...)
	return append(b, make([]byte, -len(b)&3)...)
}

// frameReader reads one message after the other.
type frameReader struct {
	frames
	from io.Reader
}

func (r *frameReader) read() ([]byte, error) {
	for {
		if message, err := r.next(); message != nil || err != nil {
			return message, err
		}
		if err := r.fill(r.from); err != nil {
			return nil, err
		}
	}
}

func TestFrames(t *testing.T) {
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw
	named := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewSoftware("odd")).Raw
	cookie := append([]byte{0x21, 0x12, 0xA4, 0x42}, make([]byte, 20)...)
	big := make([]byte, maxFrame-4)
	cases := map[string]struct {
		sent []byte
		want [][]byte
		err  error
	}{
		"nothing":                     {nil, nil, io.EOF},
		"a request":                   {binding, [][]byte{binding}, io.EOF},
		"two requests at once":        {slices.Concat(binding, named), [][]byte{binding, named}, io.EOF},
		"ChannelData, padded":         {channelData(0x4000, []byte("hello")), [][]byte{append([]byte{0x40, 0, 0, 5}, "hello"...)}, io.EOF},
		"ChannelData, empty":          {channelData(0x4001, nil), [][]byte{{0x40, 1, 0, 0}}, io.EOF},
		"ChannelData, one byte":       {channelData(0x4001, []byte{9}), [][]byte{{0x40, 1, 0, 1, 9}}, io.EOF},
		"ChannelData, then STUN":      {slices.Concat(channelData(0x4000, []byte("a")), binding), [][]byte{{0x40, 0, 0, 1, 'a'}, binding}, io.EOF},
		"a payload like STUN's":       {slices.Concat(channelData(0x4000, cookie), binding), [][]byte{channelData(0x4000, cookie), binding}, io.EOF},
		"the largest":                 {channelData(0x4000, big), [][]byte{channelData(0x4000, big)}, io.EOF},
		"one byte over the largest":   {channelData(0x4000, append(big, 0)), nil, errFrameTooLarge},
		"a message cut short":         {binding[:19], nil, io.EOF},
		"ChannelData without its pad": {channelData(0x4000, []byte("hello"))[:9], nil, io.EOF},
		"top bits 10":                 {[]byte{0x80, 0, 0, 0}, nil, errFraming},
		"top bits 11":                 {[]byte("\xC3HTTP"), nil, errFraming},
		"no cookie":                   {[]byte{0, 1, 0, 0, 1, 2, 3, 4}, nil, errFraming},
		"a length not in fours":       {stunOfLength(6), nil, errFraming},
		"a request, then garbage":     {append(slices.Clone(binding), 0xFF, 0xFF, 0xFF, 0xFF), [][]byte{binding}, errFraming},
	}
	for name, sent := range overflows {
		cases[name] = struct {
			sent []byte
			want [][]byte
			err  error
		}{sent, nil, errFrameTooLarge}
	}
	for name, c := range cases {
		for how, reader := range map[string]func(io.Reader) io.Reader{
			"at once":      func(r io.Reader) io.Reader { return r },
			"byte by byte": iotest.OneByteReader,
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				r := frameReader{from: reader(bytes.NewReader(c.sent))}
				for i, want := range c.want {
					if got, err := r.read(); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("message %d is %x, error %v; want %x", i, got, err, want)
					}
				}
				if got, err := r.read(); !errors.Is(err, c.err) || got != nil {
					t.Fatalf("the end is %x and error %v, want %v", got, err, c.err)
				}
			})
		}
	}
}

// FuzzFrames feeds a stream in pieces: whatever comes, each step takes bytes
// off the stream or ends it, and what is read is one whole message.
func FuzzFrames(f *testing.F) {
	for _, sent := range overflows {
		f.Add(sent)
	}
	f.Add(slices.Concat(channelData(0x4000, []byte("hello")), stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw))
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole := frameReader{from: bytes.NewReader(sent)}
		pieces := frameReader{from: iotest.HalfReader(bytes.NewReader(sent))}
		for consumed := 0; ; {
			p, err := whole.read()
			q, err2 := pieces.read()
			if !errors.Is(err2, err) || !bytes.Equal(p, q) {
				t.Fatalf("at once: %x, %v; in pieces: %x, %v", p, err, q, err2)
			}
			if err != nil {
				return
			}
			if len(p) < 4 || len(p) > maxFrame {
				t.Fatalf("a message of %d bytes", len(p))
			}
			if consumed += (len(p) + 3) &^ 3; consumed > len(sent) {
				t.Fatalf("%d of %d bytes consumed", consumed, len(sent))
			}
			if len(whole.buffer) > mostBuffer {
				t.Fatalf("the buffer has grown to %d bytes", len(whole.buffer))
			}
		}
	})
}
