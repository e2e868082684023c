package records

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

func secrets(suite dtls.CipherSuiteID) Secrets {
	return Secrets{
		Suite: suite, Master: bytes.Repeat([]byte{1}, 48),
		ClientRandom: bytes.Repeat([]byte{2}, 32), ServerRandom: bytes.Repeat([]byte{3}, 32),
	}
}

// end is a server's end, with what it said.
type end struct {
	*Conn
	said [][]byte
}

func newEnd(t testing.TB, config Config) *end {
	t.Helper()
	if config.Suite == 0 {
		config.Secrets = secrets(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	}
	e := &end{}
	config.Send = func(b []byte) error { e.said = append(e.said, bytes.Clone(b)); return nil }
	var err error
	if e.Conn, err = New(config); err != nil {
		t.Fatal(err)
	}
	return e
}

// peer is the client's end of the library's making.
type peer struct {
	cipher *ciphersuite.GCM
	number uint64
}

func newPeer(t testing.TB, s Secrets) *peer {
	t.Helper()
	of := suites[s.Suite]
	keys, err := prf.GenerateEncryptionKeys(s.Master, s.ClientRandom, s.ServerRandom, 0, of.key, saltLen, of.hash)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := ciphersuite.NewGCM(keys.ClientWriteKey, keys.ClientWriteIV, keys.ServerWriteKey, keys.ServerWriteIV)
	if err != nil {
		t.Fatal(err)
	}
	return &peer{cipher: gcm}
}

// says is the next record of the client.
func (p *peer) says(t testing.TB, kind protocol.ContentType, content []byte) []byte {
	t.Helper()
	record := &recordlayer.RecordLayer{Header: recordlayer.Header{
		ContentType: kind, ContentLen: uint16(len(content)), Version: protocol.Version1_2, Epoch: 1, SequenceNumber: p.number,
	}}
	p.number++
	header, err := record.Header.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := p.cipher.Encrypt(record, append(header, content...))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// hears opens a record of the server.
func (p *peer) hears(t testing.TB, record []byte) []byte {
	t.Helper()
	opened, err := p.cipher.Decrypt(recordlayer.Header{}, record)
	if err != nil {
		t.Fatal(err)
	}
	return opened[HeaderLen:]
}

// sealed is a message as it leaves.
func sealed(t testing.TB, c *Conn, message []byte) []byte {
	t.Helper()
	room := make([]byte, len(message)+Overhead)
	copy(room[Before:], message)
	if err := c.Seal(room); err != nil {
		t.Fatal(err)
	}
	return room
}

// What the library seals is opened, and the other way round.
func TestTheLibraryUnderstands(t *testing.T) {
	for _, suite := range Suites() {
		t.Run(suite.String(), func(t *testing.T) {
			e := newEnd(t, Config{Secrets: secrets(suite), Next: 5})
			p := newPeer(t, secrets(suite))
			for i, want := range []string{"one", "", string(bytes.Repeat([]byte("x"), 1200))} {
				got, rest, err := e.Open(p.says(t, protocol.ContentTypeApplicationData, []byte(want)))
				if err != nil || string(got) != want || len(rest) > 0 {
					t.Errorf("opened %q, %d more, %v; want %q", got, len(rest), err, want)
				}
				record := sealed(t, e.Conn, []byte(want))
				if n := Number(record); n != uint64(5+i) || Epoch(record) != 1 {
					t.Errorf("sealed as %d of epoch %d, want %d of 1", n, Epoch(record), 5+i)
				}
				if got := p.hears(t, record); string(got) != want {
					t.Errorf("the library opens %q, want %q", got, want)
				}
			}
		})
	}
}

func TestOtherSuitesAreRefused(t *testing.T) {
	if _, err := New(Config{Secrets: secrets(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM)}); err == nil {
		t.Error("AES-CCM was taken")
	}
}

// Records of strangers, and those that come twice, lead to nothing, and spoil
// nothing.
func TestWhatIsDropped(t *testing.T) {
	e := newEnd(t, Config{})
	p := newPeer(t, e.config.Secrets)
	first := p.says(t, protocol.ContentTypeApplicationData, []byte("first"))
	again := bytes.Clone(first)
	if _, _, err := e.Open(first); err != nil {
		t.Fatal(err)
	}
	change := func(at int, bits byte) []byte {
		b := p.says(t, protocol.ContentTypeApplicationData, []byte("a message"))
		b[at] ^= bits
		return b
	}
	long := make([]byte, HeaderLen+math.MaxUint16)
	copy(long, []byte{23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 1, 0, 0xFF, 0xFF})
	for name, c := range map[string]struct {
		datagram []byte
		want     error
	}{
		"it came before":        {again, ErrReplayed},
		"another key":           {newPeer(t, secrets(dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)).says(t, 23, []byte("x")), ErrReplayed},
		"a changed tag":         {change(len(first), 1), ErrForged},
		"a changed message":     {change(Before, 1), ErrForged},
		"another type":          {change(0, 23^22), ErrForged},
		"another number":        {change(10, 64), ErrForged},
		"another nonce":         {change(HeaderLen+7, 64), ErrForged},
		"in the clear":          {change(4, 1), ErrMalformed},
		"of the handshake":      {[]byte{22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0}, ErrMalformed},
		"a later epoch":         {change(4, 1^2), ErrMalformed},
		"DTLS 1.0":              {change(2, 0xFD^0xFF), ErrMalformed},
		"no record at all":      {[]byte("hello"), ErrMalformed},
		"cut short":             {p.says(t, 23, []byte("x"))[:HeaderLen+4], ErrMalformed},
		"too short to be any":   {[]byte{23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 9, 9, 0, 3, 1, 2, 3}, ErrMalformed},
		"more than a record":    {long, ErrMalformed},
		"an alert in the clear": {[]byte{21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40}, ErrMalformed},
		"a heartbeat":           {p.says(t, 24, []byte("x")), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			message, _, err := e.Open(c.datagram)
			if message != nil || !errors.Is(err, c.want) {
				t.Errorf("opened %q, %v; want %v", message, err, c.want)
			}
		})
	}
	if got, _, err := e.Open(p.says(t, 23, []byte("last"))); err != nil || string(got) != "last" {
		t.Errorf("after all that %q, %v", got, err)
	}
	if len(e.said) > 0 {
		t.Errorf("%d datagrams were answered", len(e.said))
	}
}

// Many records of one datagram come one by one, and one that is bad does not cost
// the others.
func TestManyRecordsOfADatagram(t *testing.T) {
	e := newEnd(t, Config{})
	p := newPeer(t, e.config.Secrets)
	forged := p.says(t, 23, []byte("two"))
	forged[Before] ^= 1
	datagram := bytes.Join([][]byte{p.says(t, 23, []byte("one")), forged, p.says(t, 23, []byte("three")), []byte("rest")}, nil)
	var got []string
	for len(datagram) > 0 {
		message, rest, err := e.Open(datagram)
		got = append(got, fmt.Sprint(string(message), " ", err))
		datagram = rest
	}
	want := []string{"one <nil>", " " + ErrForged.Error(), "three <nil>", " " + ErrMalformed.Error()}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A client that lacks the last flight gets it again, until it uses the keys.
func TestTheLastFlightIsRepeated(t *testing.T) {
	flight := [][]byte{[]byte("the end"), []byte("of it")}
	e := newEnd(t, Config{Flight: flight})
	p := newPeer(t, e.config.Secrets)
	clear := []byte{20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 1}
	finished := p.says(t, protocol.ContentTypeHandshake, []byte("finished"))
	for i := range 2 { // the very same, as if it was kept, and lost again
		datagram := append(bytes.Clone(clear), finished...)
		message, rest, err := e.Open(datagram)
		if message != nil || err != nil {
			t.Fatalf("%q, %v", message, err)
		}
		if message, _, err = e.Open(rest); message != nil || err != nil {
			t.Fatalf("%q, %v", message, err)
		}
		if len(e.said) != 2*(i+1) || !bytes.Equal(e.said[2*i], flight[0]) || !bytes.Equal(e.said[2*i+1], flight[1]) {
			t.Fatalf("said %q", e.said)
		}
	}
	forged := p.says(t, protocol.ContentTypeHandshake, []byte("finished"))
	forged[Before] ^= 1
	if _, _, err := e.Open(forged); !errors.Is(err, ErrForged) || len(e.said) != 4 {
		t.Errorf("a forged one: %v, %d said", err, len(e.said))
	}
	if _, _, err := e.Open(p.says(t, 23, []byte("I have it"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Open(p.says(t, protocol.ContentTypeHandshake, []byte("finished"))); err != nil || len(e.said) != 4 {
		t.Errorf("it is repeated to who has it: %v, %d said", err, len(e.said))
	}
}

func TestAlerts(t *testing.T) {
	for name, c := range map[string]struct {
		alert []byte
		want  error
	}{
		"goodbye":      {[]byte{1, 0}, io.EOF},
		"an error":     {[]byte{2, 40}, io.EOF},
		"a warning":    {[]byte{1, 90}, nil},
		"half of one":  {[]byte{2}, nil},
		"none at all":  {nil, nil},
		"two, in one":  {[]byte{1, 0, 1, 0}, nil},
		"a level more": {[]byte{3, 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnd(t, Config{})
			message, _, err := e.Open(newPeer(t, e.config.Secrets).says(t, protocol.ContentTypeAlert, c.alert))
			if message != nil || !errors.Is(err, c.want) {
				t.Errorf("%q, %v; want %v", message, err, c.want)
			}
		})
	}
}

// Closing says goodbye, once, and nothing is sealed after it.
func TestClose(t *testing.T) {
	closed := 0
	e := newEnd(t, Config{Closed: func() { closed++ }})
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if closed != 1 || len(e.said) != 1 {
		t.Fatalf("closed %d times, said %d datagrams; want one each", closed, len(e.said))
	}
	if e.said[0][0] != alert {
		t.Errorf("it is of type %d", e.said[0][0])
	}
	if got := newPeer(t, e.config.Secrets).hears(t, e.said[0]); !bytes.Equal(got, []byte{warning, closeNotify}) {
		t.Errorf("it says %x", got)
	}
	if err := e.Seal(make([]byte, Overhead)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("sealing goes on with %v", err)
	}
}

// No number is used twice: when there is none left, nothing is sealed.
func TestNumbersEnd(t *testing.T) {
	e := newEnd(t, Config{Next: lastNumber})
	if n := Number(sealed(t, e.Conn, nil)); n != lastNumber {
		t.Errorf("the last number is %d", n)
	}
	if err := e.Seal(make([]byte, Overhead)); !errors.Is(err, errExhausted) {
		t.Errorf("one more: %v", err)
	}
}

func TestWindow(t *testing.T) {
	var w window
	for _, step := range []struct {
		number uint64
		fresh  bool
	}{
		{0, true}, {0, false}, {2, true}, {1, true}, {1, false}, {65, true}, {2, false}, {3, true}, {3, false},
		{66, true}, {2, false}, {3, false}, {4, true}, {1000, true}, {936, false}, {937, true}, {937, false}, {999, true},
		{lastNumber, true}, {lastNumber, false}, {lastNumber - 63, true}, {lastNumber - 64, false}, {1000, false},
	} {
		if got := w.fresh(step.number); got != step.fresh {
			t.Fatalf("%d is fresh: %v, want %v", step.number, got, step.fresh)
		}
		if step.fresh {
			w.take(step.number)
		}
	}
}

// Opening and sealing cost no memory.
func TestNothingIsAllocated(t *testing.T) {
	e := newEnd(t, Config{})
	p := newPeer(t, e.config.Secrets)
	const runs = 100
	var records [][]byte
	for range runs + 2 {
		records = append(records, p.says(t, 23, make([]byte, 1200)))
	}
	room := make([]byte, 1200+Overhead)
	at := 0
	if n := testing.AllocsPerRun(runs, func() {
		if _, _, err := e.Open(records[at]); err != nil {
			t.Fatal(err)
		}
		at++
		if err := e.Seal(room); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a record each way", n)
	}
}

// FuzzOpen gives a connection whatever may come: nobody but the client is heard,
// and each step takes bytes off the datagram.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 1, 0, 30, 1, 2, 3})
	f.Add(binary.BigEndian.AppendUint16([]byte{22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1}, 0))
	e := newEnd(f, Config{Flight: [][]byte{[]byte("flight")}})
	p := newPeer(f, e.config.Secrets)
	f.Add(newPeer(f, secrets(dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)).says(f, 23, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for datagram := bytes.Clone(b); len(datagram) > 0; {
			message, rest, err := e.Open(datagram)
			if message != nil || errors.Is(err, io.EOF) || len(rest) >= len(datagram) {
				t.Fatalf("%x: opened %q, %v, %d left", b, message, err, len(rest))
			}
			datagram = rest
		}
		if len(e.said) > 0 {
			t.Fatalf("%x is answered", b)
		}
		if got, _, err := e.Open(p.says(t, 23, []byte("I"))); err != nil || string(got) != "I" {
			t.Fatalf("%x: then the client is heard as %q, %v", b, got, err)
		}
	})
}

func BenchmarkOpenAndSeal(b *testing.B) {
	e := newEnd(b, Config{})
	p := newPeer(b, e.config.Secrets)
	record := p.says(b, 23, make([]byte, 1200))
	came := make([]byte, len(record))
	room := make([]byte, 1200+Overhead)
	b.ReportAllocs()
	for b.Loop() {
		copy(came, record)
		e.window = window{}
		if _, _, err := e.Open(came); err != nil {
			b.Fatal(err)
		}
		if err := e.Seal(room); err != nil {
			b.Fatal(err)
		}
	}
}
