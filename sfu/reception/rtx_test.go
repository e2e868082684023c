package reception_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pion/rtp"

	"github.com/hiroba-rtc/hiroba/sfu/reception"
)

func TestUnwrapGivesTheOriginal(t *testing.T) {
	extended := func(profile uint16, ids ...uint8) rtp.Header {
		h := rtp.Header{Extension: true, ExtensionProfile: profile}
		for _, id := range ids {
			if err := h.SetExtension(id, []byte{id, 2, 3}); err != nil {
				t.Fatal(err)
			}
		}
		return h
	}
	for _, tc := range []struct {
		name    string
		header  rtp.Header
		payload string
		padding byte
	}{
		{"plain", rtp.Header{}, "payload", 0},
		{"marker", rtp.Header{Marker: true}, "payload", 0},
		{"one byte", rtp.Header{}, "p", 0},
		{"nothing in it", rtp.Header{}, "", 0},
		{"contributing sources", rtp.Header{CSRC: []uint32{1, 2, 3}}, "payload", 0},
		{"extensions", extended(0xBEDE, 1, 5), "payload", 0},
		{"extensions of two bytes", extended(0x1000, 1, 200), "payload", 0},
		{"padding", rtp.Header{}, "payload", 9},
		{"all of it", rtp.Header{Marker: true, CSRC: []uint32{7}, Extension: true, ExtensionProfile: 0xBEDE}, "payload", 255},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := rtp.Packet{Header: tc.header, Payload: []byte(tc.payload), PaddingSize: tc.padding}
			want.Header.Version, want.Header.Padding = 2, tc.padding > 0
			want.Header.Timestamp = 12345678
			sent := want
			want.Header.PayloadType, want.Header.SSRC, want.Header.SequenceNumber = 96, 0x01020304, 65535
			sent.Header.PayloadType, sent.Header.SSRC, sent.Header.SequenceNumber = 97, 0x0a0b0c0d, 17
			sent.Payload = append(binary.BigEndian.AppendUint16(nil, 65535), tc.payload...)
			packet, err := sent.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			wanted, err := want.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			got, ok := reception.Unwrap(packet, 96, 0x01020304)
			if !ok || !bytes.Equal(got, wanted) {
				t.Fatalf("got %x, %v, want %x", got, ok, wanted)
			}
			if &got[0] != &packet[0] {
				t.Fatal("it was copied")
			}
		})
	}
}

func TestUnwrapTellsWhatIsNoRetransmission(t *testing.T) {
	header := func(first byte, rest ...byte) []byte {
		return append([]byte{first, 97, 0, 17, 0, 0, 0, 1, 0, 0, 0, 2}, rest...)
	}
	for _, tc := range []struct {
		name   string
		packet []byte
		ok     bool
	}{
		{"only padding", header(0xa0, 0, 0, 0, 4), true},
		{"only a header", header(0x80), true},
		{"an extension and padding", header(0xb0, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 0, 2), true},
		{"nothing", nil, false},
		{"too short", header(0x80)[:11], false},
		{"another version", header(0x40, 1, 2, 3, 4), false},
		{"half a number", header(0x80, 1), false},
		{"half a number and padding", header(0xa0, 1, 0, 2), false},
		{"no padding that says so", header(0xa0, 1, 2, 3, 0), false},
		{"padding larger than it is", header(0xa0, 1, 2, 3, 5), false},
		{"padding larger than the packet", header(0xa0, 1, 2, 3, 255), false},
		{"a header that counts as padding", header(0xa0), false},
		{"sources beyond the end", header(0x82, 0, 0, 0, 1), false},
		{"half an extension", header(0x90, 0xbe, 0xde, 0), false},
		{"an extension beyond the end", header(0x90, 0xbe, 0xde, 0, 2, 0, 0, 0, 0, 1, 2), false},
		{"a huge extension", header(0x90, 0xbe, 0xde, 255, 255, 0, 0, 0, 0, 1, 2), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := slices.Clone(tc.packet)
			got, ok := reception.Unwrap(tc.packet, 96, 1)
			if got != nil || ok != tc.ok {
				t.Fatalf("got %x, %v", got, ok)
			}
			if !bytes.Equal(tc.packet, before) {
				t.Fatalf("changed to %x", tc.packet)
			}
		})
	}
}

// Whatever comes, what is given is what came with another name.
func FuzzUnwrap(f *testing.F) {
	f.Add([]byte{0x80, 97, 0, 17, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3})
	f.Add([]byte{0xb1, 225, 0, 17, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 1, 2, 3, 0, 2})
	f.Fuzz(func(t *testing.T, packet []byte) {
		var sent, got rtp.Packet
		readable := sent.Unmarshal(slices.Clone(packet)) == nil
		original, ok := reception.Unwrap(packet, 96, 9)
		if original == nil {
			if ok && readable && len(sent.Payload) > 0 {
				t.Fatalf("%x was taken for padding", sent.Payload)
			}
			return
		}
		if !ok || len(original) != len(packet)-2 {
			t.Fatalf("%d bytes of %d, %v", len(original), len(packet), ok)
		}
		if !readable {
			return // extensions within their bounds that make no sense
		}
		if err := got.Unmarshal(original); err != nil {
			t.Fatalf("it was readable, and now: %v", err)
		}
		if got.SequenceNumber != binary.BigEndian.Uint16(sent.Payload) || got.SSRC != 9 || got.PayloadType != 96 {
			t.Fatalf("it has become %v", got.Header)
		}
		if !bytes.Equal(got.Payload, sent.Payload[2:]) || got.PaddingSize != sent.PaddingSize ||
			got.Timestamp != sent.Timestamp || got.Marker != sent.Marker || !slices.Equal(got.CSRC, sent.CSRC) {
			t.Fatalf("%v has become %v", sent, got)
		}
		for _, id := range sent.GetExtensionIDs() {
			if !bytes.Equal(got.GetExtension(id), sent.GetExtension(id)) {
				t.Fatalf("extension %d has become %x", id, got.GetExtension(id))
			}
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	packet := make([]byte, 1200)
	packet[0] = 0x80
	b.ReportAllocs()
	for b.Loop() {
		reception.Unwrap(packet, 96, 1)
	}
}
