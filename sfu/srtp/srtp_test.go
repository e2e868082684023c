package srtp

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"testing"

	"github.com/pion/rtp"
)

// exporter stands for a finished DTLS handshake.
type exporter struct{}

func (exporter) ExportKeyingMaterial(label string, _ []byte, length int) ([]byte, error) {
	sum := sha512.Sum512([]byte(label))
	return append(sum[:], sum[:]...)[:length], nil
}

var profiles = map[string]Profile{
	"AES-128-GCM":        AES128GCM,
	"AES-256-GCM":        AES256GCM,
	"AES-128-CM-SHA1-80": AES128CM,
}

// pair is what seals at one end, and what opens at the other.
func pair(t testing.TB, profile Profile) (*Sealer, *Opener, Keys) {
	t.Helper()
	keys, err := Export(exporter{}, profile, true)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := NewSealer(keys)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := NewOpener(keys.Swapped())
	if err != nil {
		t.Fatal(err)
	}
	return sealer, opener, keys
}

// seal seals a packet whose payload lies behind its header, or elsewhere.
func seal(t testing.TB, s *Sealer, stream *Stream, seq uint16, payload []byte, behind bool) ([]byte, error) {
	t.Helper()
	h := rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, SSRC: stream.ssrc}
	if err := h.SetExtension(5, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, 1500)
	at, err := h.MarshalTo(packet)
	if err != nil {
		t.Fatal(err)
	}
	if behind {
		payload = packet[at : at+copy(packet[at:], payload)]
	}
	n, err := s.Seal(stream, seq, packet, at, payload)
	return packet[:n], err
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			sealer, opener, _ := pair(t, profile)
			video, again := NewStream(7), NewStream(8)
			payload := bytes.Repeat([]byte("square"), 200)
			check := func(stream *Stream, seq uint16) {
				t.Helper()
				sealed, err := seal(t, sealer, stream, seq, payload, seq%2 == 0)
				if err != nil {
					t.Fatal(err)
				}
				var h rtp.Header
				opened, err := opener.RTP(sealed, &h)
				if err != nil {
					t.Fatalf("packet %d: %v", seq, err)
				}
				if h.SSRC != stream.ssrc || h.SequenceNumber != seq || !bytes.Equal(opened[h.MarshalSize():], payload) {
					t.Fatalf("packet %d came out as another one: %+v", seq, h)
				}
			}
			for i := range 1 << 17 { // over two wrap-arounds
				if i%64 != 0 && i%65536 > 100 && i%65536 < 65400 {
					continue // a stream may leave out many
				}
				check(&video, uint16(65000+i))
				if i == 600 {
					check(&again, 65530)
					check(&again, 3) // the other stream wraps around by itself
				}
			}
		})
	}
}

// A packet that is late when the numbers have wrapped around has the roll-over
// counter of before (RFC 3711, 3.3.1).
func TestPacketsFromBeforeAWrapAround(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			sealer, opener, _ := pair(t, profile)
			stream := NewStream(7)
			for _, seq := range []uint16{65533, 65535, 0, 2, 65534, 1, 3} {
				sealed, err := seal(t, sealer, &stream, seq, []byte("late"), true)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := opener.RTP(sealed, &rtp.Header{}); err != nil {
					t.Errorf("packet %d: %v", seq, err)
				}
			}
		})
	}
}

func TestAKeyIsNotUsedTwice(t *testing.T) {
	sealer, _, _ := pair(t, AES128GCM)
	stream := Stream{ssrc: 7, started: true, highest: lastIndex - 1}
	if _, err := seal(t, sealer, &stream, 65535, []byte("last"), true); err != nil {
		t.Fatalf("the last packet of a key: %v", err)
	}
	if _, err := seal(t, sealer, &stream, 0, []byte("beyond"), true); !errors.Is(err, ErrExhausted) {
		t.Fatalf("one more: %v; ErrExhausted was expected", err)
	}
	young := NewStream(8)
	if _, err := seal(t, sealer, &young, 3, []byte("first"), true); err != nil {
		t.Fatal(err)
	}
	if _, err := seal(t, sealer, &young, 65530, []byte("before"), true); err == nil {
		t.Fatal("a packet from before the first one was sealed; its index would be below zero")
	}
}

func TestWhatWasChangedOrCameBeforeIsNotOpened(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			sealer, opener, _ := pair(t, profile)
			stream := NewStream(7)
			sealed, err := seal(t, sealer, &stream, 1, []byte("once"), true)
			if err != nil {
				t.Fatal(err)
			}
			for i := range sealed {
				changed := bytes.Clone(sealed)
				changed[i] ^= 4
				if _, err := opener.RTP(changed, &rtp.Header{}); err == nil {
					t.Errorf("a packet whose byte %d was changed was opened", i)
				}
			}
			if _, err := opener.RTP(bytes.Clone(sealed), &rtp.Header{}); err != nil {
				t.Fatal(err)
			}
			if _, err := opener.RTP(bytes.Clone(sealed), &rtp.Header{}); err == nil {
				t.Error("the same packet was opened twice")
			}
		})
	}
}

func TestReports(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			_, opener, keys := pair(t, profile)
			sealer, err := NewReportSealer(keys)
			if err != nil {
				t.Fatal(err)
			}
			report := []byte{0x80, 201, 0, 1, 0, 0, 0, 7}
			room := make([]byte, 0, 100)
			for range 3 {
				sealed, err := sealer.Seal(room, report)
				if err != nil {
					t.Fatal(err)
				}
				opened, err := opener.RTCP(bytes.Clone(sealed))
				if err != nil || !bytes.Equal(opened, report) {
					t.Fatalf("%x was opened: %v", opened, err)
				}
			}
		})
	}
}

func TestSealNeedsRoom(t *testing.T) {
	sealer, _, _ := pair(t, AES128GCM)
	stream := NewStream(7)
	if _, err := sealer.Seal(&stream, 1, make([]byte, 40), 12, make([]byte, 20)); err == nil {
		t.Fatal("a packet was sealed into too little room")
	}
}

func BenchmarkSeal(b *testing.B) {
	sealer, _, _ := pair(b, AES128GCM)
	stream := NewStream(7)
	packet, payload := make([]byte, 1500), make([]byte, 1200)
	h := rtp.Header{Version: 2, PayloadType: 96, SSRC: 7}
	at, _ := h.MarshalTo(packet)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	seq := uint16(0)
	for b.Loop() {
		seq++
		if _, err := sealer.Seal(&stream, seq, packet, at, payload); err != nil {
			b.Fatal(err)
		}
	}
}
