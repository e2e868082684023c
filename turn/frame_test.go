package turn

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"
)

// endless are the messages whose length is 0 in the 16 bits of the library.
var endless = map[string][]byte{
	"ChannelData of 0xFFFC": {0x40, 0x00, 0xFF, 0xFC, 0, 0, 0, 0, 0, 0, 0, 0},
	"ChannelData of 0xFFF9": {0x40, 0x00, 0xFF, 0xF9, 0, 0, 0, 0, 0, 0, 0, 0},
	"STUN of 65,516":        stunOfLength(65516),
}

// overflows are those, and others that the library takes for short messages.
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

func TestReadFrame(t *testing.T) {
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
				r := bufio.NewReaderSize(reader(bytes.NewReader(c.sent)), streamBuffer)
				p := make([]byte, inboundMTU)
				for i, want := range c.want {
					n, err := readFrame(r, p)
					if err != nil || !bytes.Equal(p[:n], want) {
						t.Fatalf("message %d is %x, error %v; want %x", i, p[:n], err, want)
					}
				}
				if n, err := readFrame(r, p); !errors.Is(err, c.err) || n != 0 {
					t.Fatalf("the end is %d bytes and error %v, want %v", n, err, c.err)
				}
			})
		}
	}
}

func TestReadFrameIntoTooLittle(t *testing.T) {
	r := bufio.NewReaderSize(bytes.NewReader(channelData(0x4000, make([]byte, 100))), streamBuffer)
	if _, err := readFrame(r, make([]byte, 50)); !errors.Is(err, io.ErrShortBuffer) {
		t.Fatalf("got error %v, want io.ErrShortBuffer", err)
	}
}

// Why all this: the library's own reader never comes to an end on these. When
// this test fails, the library is mended and could be given the stream again.
func TestTheLibraryStillHasTheHole(t *testing.T) {
	for name, sent := range endless {
		t.Run(name, func(t *testing.T) {
			conn := pion.NewSTUNConn(&readerConn{Reader: bytes.NewReader(sent)})
			for range 1000 { // the client is long gone, and still there is "a message"
				if n, _, err := conn.ReadFrom(make([]byte, 1600)); n != 0 || err != nil {
					t.Fatalf("the library read %d bytes, error %v: it is mended", n, err)
				}
			}
		})
	}
}

// FuzzReadFrame feeds a stream in pieces: whatever comes, each step takes bytes
// off the stream or ends it, and what is read is one whole message.
func FuzzReadFrame(f *testing.F) {
	for _, sent := range overflows {
		f.Add(sent)
	}
	f.Add(slices.Concat(channelData(0x4000, []byte("hello")), stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw))
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole := bufio.NewReaderSize(bytes.NewReader(sent), streamBuffer)
		pieces := bufio.NewReaderSize(iotest.HalfReader(bytes.NewReader(sent)), streamBuffer)
		p, q := make([]byte, inboundMTU), make([]byte, inboundMTU)
		for consumed := 0; ; {
			n, err := readFrame(whole, p)
			m, err2 := readFrame(pieces, q)
			if n != m || !errors.Is(err2, err) || !bytes.Equal(p[:n], q[:m]) {
				t.Fatalf("at once: %d bytes, %v; in pieces: %d bytes, %v", n, err, m, err2)
			}
			if err != nil {
				return
			}
			if n < 4 || n > maxFrame {
				t.Fatalf("a message of %d bytes", n)
			}
			if consumed += (n + 3) &^ 3; consumed > len(sent) {
				t.Fatalf("%d of %d bytes consumed", consumed, len(sent))
			}
		}
	})
}
