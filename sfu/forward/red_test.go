package forward_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

const opusType = 111

// redBytes reads hexadecimal digits with spaces in between.
func redBytes(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// redText is what was read, in words.
func redText(r *forward.RED) string {
	text := ""
	for _, b := range r.Blocks() {
		text += fmt.Sprintf("-%d:%x ", b.Offset, b.Payload)
	}
	return text + fmt.Sprintf("%x", r.Primary)
}

func TestUnpackRED(t *testing.T) {
	many, bodies := "", ""
	for i := range 12 {
		offset := (12 - i) * 960
		many += fmt.Sprintf("ef%02x%02x01", offset>>6, offset<<2&0xff)
		bodies += fmt.Sprintf("%02x", 0xa0+i)
	}
	for _, tc := range []struct {
		name, payload string
		want          string // "" is not readable
	}{
		{"only the primary frame", "6f 78aabb", "78aabb"},
		{"one block, 20 ms before", "ef0f0002 6f 7811 78aabb", "-960:7811 78aabb"},
		{"two blocks", "ef1e0002 ef0f0003 6f 7822 781111 78aabb", "-1920:7822 -960:781111 78aabb"},
		{"the longest offset", "effffc01 6f 01 02", "-16383:01 02"},
		{"more blocks than are looked at", many + "6f" + bodies + "78",
			"-7680:a4 -6720:a5 -5760:a6 -4800:a7 -3840:a8 -2880:a9 -1920:aa -960:ab 78"},
		{"a block of another type is left out", "ef1e0001 e10f0002 6f 22 3333 78", "-1920:22 78"},
		{"an empty block is left out", "ef1e0001 ef0f0000 6f 22 78", "-1920:22 78"},
		{"a block of the packet's own time is left out", "ef1e0001 ef000001 6f 22 33 78", "-1920:22 78"},
		{"blocks out of order are left out", "ef0f0001 ef1e0001 6f 11 22 78", "-960:11 78"},
		{"nothing", "", ""},
		{"a primary frame of nothing", "6f", ""},
		{"a primary frame of another type", "63 78aabb", ""},
		{"RED within RED", "3f 6f 78", ""},
		{"no primary header", "ef0f0002", ""},
		{"half a header", "ef0f", ""},
		{"half a second header", "ef1e0001 ef0f", ""},
		{"a block longer than the payload", "ef0f0005 6f 7811", ""},
		{"blocks that leave nothing for the primary frame", "ef0f0002 6f 7811", ""},
		{"plain Opus", "78aabbccddeeff00", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.RED
			r.Unpack(redBytes(t, "ef1e0002 ef0f0003 6f 7822 781111 78aabb"), opusType) // leaves nothing behind
			got := ""
			if r.Unpack(redBytes(t, tc.payload), opusType) {
				got = redText(&r)
			} else if r.Primary != nil || len(r.Blocks()) != 0 {
				t.Errorf("an unreadable payload gave %s", redText(&r))
			}
			if got != tc.want {
				t.Errorf("read %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPackRED(t *testing.T) {
	const two = "ef1e0002 ef0f0003 6f 7822 781111 78aabb"
	for _, tc := range []struct {
		name, payload string
		room          int
		opus          uint8
		reach         uint32
		want          string // "" is no RED
	}{
		{"all of it", two, 1200, opusType, 1 << 31, two},
		{"the receiver's payload type", two, 1200, 109, 1 << 31, "ed1e0002 ed0f0003 6d 7822 781111 78aabb"},
		{"just enough room", two, 17, opusType, 1 << 31, two},
		{"a byte too few: the oldest is left out", two, 16, opusType, 1 << 31, "ef0f0003 6f 781111 78aabb"},
		{"room for none", two, 10, opusType, 1 << 31, "6f 78aabb"},
		{"not even for the primary frame", two, 3, opusType, 1 << 31, ""},
		{"no room at all", two, 0, opusType, 1 << 31, ""},
		{"the second packet of a source", two, 1200, opusType, 960, "ef0f0003 6f 781111 78aabb"},
		{"the first packet of a source", two, 1200, opusType, 0, "6f 78aabb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r forward.RED
			if !r.Unpack(redBytes(t, tc.payload), opusType) {
				t.Fatal("the payload is not readable")
			}
			into := make([]byte, tc.room)
			if got := into[:r.Pack(into, tc.opus, tc.reach)]; !bytes.Equal(got, redBytes(t, tc.want)) {
				t.Errorf("wrote %x, want %s", got, tc.want)
			}
		})
	}
}

// Whatever a stranger sends as RED, what is read lies within it, and what is
// made of it reads the same.
func FuzzRED(f *testing.F) {
	for _, payload := range []string{
		"6f78aabb", "ef0f00026f781178aabb", "ef1e0002ef0f00036f782278111178aabb", "effffc016f0102", "e10f00026f331178",
		"ef0f00056f7811", "ef0f", "",
	} {
		f.Add(redBytes(f, payload), uint16(65535), uint32(500), uint16(0))
	}
	f.Fuzz(func(t *testing.T, payload []byte, seq uint16, timestamp uint32, step uint16) {
		var red, again forward.RED
		if !red.Unpack(payload, opusType) {
			return
		}
		into := make([]byte, len(payload))
		n := red.Pack(into, opusType, 1<<31)
		if !again.Unpack(into[:n], opusType) || redText(&again) != redText(&red) {
			t.Fatalf("%s became %x: %s", redText(&red), into[:n], redText(&again))
		}
		var recovery forward.REDRecovery
		var losses forward.REDLosses
		known := map[uint16]bool{}
		for i := range uint32(100) {
			if recovery.TakeRED(seq, timestamp, &red, &losses) {
				if known[seq] {
					t.Fatalf("packet %d is said to be missing, but was received", seq)
				}
				known[seq] = true
				for _, l := range losses.List() {
					if known[l.Seq] || int16(l.Seq-seq) >= 0 || int32(l.Timestamp-timestamp) >= 0 || len(l.Payload) == 0 {
						t.Fatalf("packet %d at %d is said to hold packet %d at %d of %d bytes", seq, timestamp, l.Seq, l.Timestamp, len(l.Payload))
					}
					known[l.Seq] = true
				}
			}
			if len(known) > 10000 {
				clear(known)
			}
			seq += step%7 + 1
			timestamp += 960 * (i%3 + uint32(step%5))
		}
	})
}

// opusFrame is an Opus packet of 20 ms with n after its first byte.
func opusFrame(n, size int) []byte {
	frame := []byte{0x78, byte(n >> 8), byte(n)} // CELT, 20 ms, mono, one frame
	for len(frame) < size {
		frame = append(frame, byte(n))
	}
	return frame[:size]
}

func TestREDMaker(t *testing.T) {
	type packet struct {
		seq  uint16
		ts   uint32
		size int
		want []int // offsets of the blocks; nil of no RED
	}
	for _, tc := range []struct {
		name    string
		packets []packet
	}{
		{"two frames before", []packet{
			{10, 0, 80, []int{}}, {11, 960, 80, []int{960}}, {12, 1920, 80, []int{1920, 960}}, {13, 2880, 80, []int{1920, 960}},
		}},
		{"number and time wrap", []packet{
			{65534, 1<<32 - 960, 80, []int{}}, {65535, 0, 80, []int{960}}, {0, 960, 80, []int{1920, 960}}, {1, 1920, 80, []int{1920, 960}},
		}},
		{"after a loss, what is before it is stale", []packet{
			{10, 0, 80, []int{}}, {11, 960, 80, []int{960}}, {13, 2880, 80, []int{}}, {14, 3840, 80, []int{960}},
		}},
		{"a late packet counts for those after it", []packet{
			{10, 0, 80, []int{}}, {12, 1920, 80, []int{}}, {11, 960, 80, []int{960}}, {13, 2880, 80, []int{1920, 960}},
		}},
		{"a packet much later than others hides only what shares its place", []packet{
			{10, 0, 80, []int{}}, {12, 1920, 80, []int{}}, {13, 2880, 80, []int{960}}, {14, 3840, 80, []int{1920, 960}},
			{15, 4800, 80, []int{1920, 960}}, {11, 960, 80, []int{960}}, {16, 5760, 80, []int{1920, 960}},
		}},
		{"the same packet twice", []packet{
			{10, 0, 80, []int{}}, {11, 960, 80, []int{960}}, {11, 960, 80, []int{960}}, {12, 1920, 80, []int{1920, 960}},
		}},
		{"packets of 60 ms", []packet{
			{10, 0, 80, []int{}}, {11, 2880, 80, []int{2880}}, {12, 5760, 80, []int{5760, 2880}},
		}},
		{"only what the offset can say", []packet{
			{10, 0, 80, []int{}}, {11, 15423, 80, []int{15423}}, {12, 16383, 80, []int{16383, 960}}, {13, 17343, 80, []int{1920, 960}},
		}},
		{"one tick more than it can say", []packet{
			{10, 0, 80, []int{}}, {11, 15424, 80, []int{15424}}, {12, 16384, 80, []int{960}},
		}},
		{"time that jumps ahead", []packet{{10, 0, 80, []int{}}, {11, 960000, 80, []int{}}, {12, 960960, 80, []int{960}}}},
		{"time that runs back", []packet{{10, 9600, 80, []int{}}, {11, 960, 80, []int{}}, {12, 1920, 80, []int{960}}}},
		{"time that stands still", []packet{{10, 960, 80, []int{}}, {11, 960, 80, []int{}}, {12, 960, 80, []int{}}}},
		{"a pause carries the last words", []packet{
			{10, 0, 80, []int{}}, {11, 960, 80, []int{960}}, {12, 1920, 1, []int{1920, 960}}, {13, 2880, 1, []int{1920, 960}},
		}},
		{"within a pause there is nothing to repeat", []packet{
			{10, 0, 1, []int{}}, {11, 960, 2, []int{}}, {12, 1920, 1, []int{}},
		}},
		{"speech after a pause has only speech before it", []packet{
			{10, 0, 1, []int{}}, {11, 960, 80, []int{}}, {12, 1920, 80, []int{960}},
		}},
		{"a pause of 400 ms is out of reach", []packet{{10, 0, 80, []int{}}, {11, 960, 2, []int{960}}, {12, 20160, 80, []int{}}}},
		{"a second frame that does not fit", []packet{
			{10, 0, 500, []int{}}, {11, 960, 500, []int{960}}, {12, 1920, 300, []int{960}}, {13, 2880, 300, []int{1920, 960}},
		}},
		{"to the byte", []packet{{10, 0, 595, []int{}}, {11, 960, 600, []int{960}}, {12, 1920, 596, []int{}}}},
		{"a frame too large to be repeated", []packet{{10, 0, 1024, []int{}}, {11, 960, 100, []int{}}, {12, 1920, 100, []int{960}}}},
		{"the largest frame to be repeated", []packet{{10, 0, 1023, []int{}}, {11, 960, 100, []int{960}}}},
		{"a frame too large for RED", []packet{{10, 0, 1199, []int{}}, {11, 960, 1200, nil}, {12, 1920, 80, []int{}}}},
		{"an empty packet", []packet{{10, 0, 80, []int{}}, {11, 960, 0, nil}, {12, 1920, 80, []int{}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m forward.REDMaker
			var red forward.RED
			sent := map[uint32][]byte{}
			for i, p := range tc.packets {
				frame := opusFrame(i, p.size)
				sent[p.ts] = frame
				into := make([]byte, 1500)
				n := m.Make(into, opusType, p.seq, p.ts, frame)
				if p.want == nil {
					if n != 0 {
						t.Fatalf("packet %d became %x", i, into[:n])
					}
					continue
				}
				if n > 1200 || !red.Unpack(into[:n], opusType) || !bytes.Equal(red.Primary, frame) {
					t.Fatalf("packet %d became %x", i, into[:n])
				}
				offsets := []int{}
				for _, b := range red.Blocks() {
					offsets = append(offsets, int(b.Offset))
					if !bytes.Equal(b.Payload, sent[p.ts-uint32(b.Offset)]) {
						t.Fatalf("packet %d repeats another frame than that of %d before", i, b.Offset)
					}
				}
				if !slices.Equal(offsets, p.want) {
					t.Fatalf("packet %d repeats those of %v before, want %v", i, offsets, p.want)
				}
			}
		})
	}
}

func TestNothingIsAllocatedForRED(t *testing.T) {
	var m forward.REDMaker
	var red forward.RED
	var recovery forward.REDRecovery
	var losses forward.REDLosses
	frame, into, out := opusFrame(7, 80), make([]byte, 1200), make([]byte, 1500)
	seq := uint16(0)
	recovered := 0
	allocations := testing.AllocsPerRun(1000, func() {
		seq++
		n := m.Make(into, opusType, seq, uint32(seq)*960, frame)
		if seq%3 == 0 {
			return // lost
		}
		red.Unpack(into[:n], opusType)
		red.Pack(out, 109, 960)
		recovery.TakeRED(seq, uint32(seq)*960, &red, &losses)
		recovered += len(losses.List())
	})
	if allocations != 0 || recovered < 300 {
		t.Fatalf("%v allocations, %d recovered", allocations, recovered)
	}
}

func BenchmarkRED(b *testing.B) {
	frame, into, out := opusFrame(7, 80), make([]byte, 1200), make([]byte, 1500)
	var m forward.REDMaker
	var red forward.RED
	n := 0
	for i := range uint16(3) {
		n = m.Make(into, opusType, i, uint32(i)*960, frame)
	}
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Make(out, opusType, uint16(i), uint32(i)*960, frame)
		}
	})
	b.Run("unpack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			red.Unpack(into[:n], opusType)
		}
	})
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			red.Pack(out, 109, 1<<31)
		}
	})
	b.Run("recover", func(b *testing.B) {
		b.ReportAllocs()
		var recovery forward.REDRecovery
		var losses forward.REDLosses
		for i := 0; b.Loop(); i++ {
			if i%3 != 0 {
				recovery.TakeRED(uint16(i), uint32(i)*960, &red, &losses)
			}
		}
	})
}
