package stunmsg_test

import (
	"bytes"
	"testing"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

func build(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// What pion writes, we read alike: every method and class, and attributes of
// lengths that need padding.
func TestReadsWhatPionWrites(t *testing.T) {
	for _, method := range []stun.Method{stun.MethodBinding, stun.MethodAllocate, stun.MethodChannelBind, stun.MethodData, 0xFFF} {
		for _, class := range []stun.MessageClass{stun.ClassRequest, stun.ClassIndication, stun.ClassSuccessResponse, stun.ClassErrorResponse} {
			raw := build(t, stun.TransactionID, stun.NewType(method, class),
				stun.NewSoftware("a"), stun.NewUsername("abcde"), stun.NewRealm("abcdefg"))
			m, ok := stunmsg.Parse(raw)
			if !ok {
				t.Fatalf("%v %v: not seen as STUN", method, class)
			}
			if m.Method() != uint16(method) || m.Class() != stunmsg.Class(class) {
				t.Errorf("%v %v: read as method %#x class %d", method, class, m.Method(), m.Class())
			}
			if name, _ := m.Attribute(stunmsg.AttrUsername); string(name) != "abcde" {
				t.Errorf("%v %v: USERNAME is %q", method, class, name)
			}
			if realm, _ := m.Attribute(stunmsg.AttrRealm); string(realm) != "abcdefg" {
				t.Errorf("%v %v: REALM is %q", method, class, realm)
			}
			if _, ok := m.Attribute(stunmsg.AttrChannelNumber); ok {
				t.Errorf("%v %v: found an attribute that is not there", method, class)
			}
			if id := m.TransactionID(); !bytes.Equal(id[:], raw[8:20]) {
				t.Errorf("%v %v: transaction id is %x", method, class, id)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"))
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	cases := map[string][]byte{
		"nothing":                 {},
		"a header cut short":      good[:19],
		"a message cut short":     good[:len(good)-1],
		"top bits set":            change(0, 0x40),
		"another cookie":          change(4, 0),
		"a length not in fours":   change(3, 7),
		"a length past its bytes": change(2, 1),
	}
	for name, b := range cases {
		if _, ok := stunmsg.Parse(b); ok {
			t.Errorf("%s: seen as STUN", name)
		}
	}
	if m, ok := stunmsg.Parse(append(bytes.Clone(good), 1, 2, 3)); !ok || len(m) != len(good) {
		t.Errorf("bytes behind a message: %d bytes, %v; want the %d of the message", len(m), ok, len(good))
	}
}

func TestAttributeThatClaimsTooMuchEndsTheWalk(t *testing.T) {
	raw := build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("abcd"), stun.NewRealm("efgh"))
	raw[stunmsg.HeaderLen+2] = 0xFF // USERNAME claims 65,284 bytes
	m, ok := stunmsg.Parse(raw)
	if !ok {
		t.Fatal("not seen as STUN")
	}
	for attribute := range m.Attributes() {
		t.Errorf("attribute %#x was yielded", attribute)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	raw := build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), stun.NewRealm("r"))
	if n := testing.AllocsPerRun(100, func() {
		m, _ := stunmsg.Parse(raw)
		m.Attribute(stunmsg.AttrRealm)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(build(f, stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), stun.Fingerprint))
	f.Add([]byte{0, 1, 0, 4, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := stunmsg.Parse(b)
		if !ok {
			return
		}
		// Whatever pion can decode, it and we agree on.
		theirs := &stun.Message{Raw: bytes.Clone(b)}
		if theirs.Decode() != nil {
			for range m.Attributes() { // must end all the same
			}
			return
		}
		if m.Method() != uint16(theirs.Type.Method) || m.Class() != stunmsg.Class(theirs.Type.Class) {
			t.Fatalf("method %#x class %d, pion reads %v", m.Method(), m.Class(), theirs.Type)
		}
		i := 0
		for attribute, value := range m.Attributes() {
			want := theirs.Attributes[i]
			renamed := attribute == 0x8020 // an old number of XOR-MAPPED-ADDRESS, which pion maps
			if attribute != uint16(want.Type) && !renamed || !bytes.Equal(value, want.Value) {
				t.Fatalf("attribute %d is %#x %x, pion reads %v", i, attribute, value, want)
			}
			if attribute == stunmsg.AttrMessageIntegrity || attribute == uint16(stun.AttrMessageIntegritySHA256) {
				return // pion leaves out what follows
			}
			i++
		}
		if i != len(theirs.Attributes) {
			t.Fatalf("%d attributes, pion reads %d", i, len(theirs.Attributes))
		}
	})
}
