package ice

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

func TestWhatIsNoCheck(t *testing.T) {
	good := checkOf(t, "us:them", "secret", controls)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(setters...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	request := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername("us:them")}
	for _, tc := range []struct {
		name      string
		b         []byte
		malformed bool
	}{
		{"nothing", nil, true},
		{"cut short", good[:len(good)-4], true},
		{"another cookie", change(4, 0), true},
		{"an attribute that is longer than the message", change(23, 200), true},
		{"a wrong fingerprint", change(len(good)-1, good[len(good)-1]+1), true},
		{"something behind the fingerprint", build(append(request, stun.Fingerprint, nominating)...), true},
		{"a fingerprint of three bytes", build(append(request, attribute(stun.AttrFingerprint, 1, 2, 3))...), true},
		{"an integrity of four bytes", build(append(request, attribute(stun.AttrMessageIntegrity, 1, 2, 3, 4))...), true},
		{"a long one", build(append(request, attribute(0xC001, make([]byte, maxCheck)...))...), true},
		{"an indication", build(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)), false},
		{"an answer", build(stun.TransactionID, stun.BindingSuccess), false},
		{"an error", build(stun.TransactionID, stun.BindingError), false},
		{"another method", build(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)), false},
	} {
		if _, malformed, ok := readCheck(tc.b, new(stun.Message)); ok || malformed != tc.malformed {
			t.Errorf("%s: read %v, malformed %v", tc.name, ok, malformed)
		}
	}
}

// Each answer is what the client's library expects of it.
func TestAnswers(t *testing.T) {
	for _, from := range []string{"192.0.2.7:4711", "[2001:db8::7]:4711"} {
		from := netip.MustParseAddrPort(from)
		for _, tc := range []struct {
			verdict verdict
			code    stun.ErrorCode // 0 for success
		}{
			{verdict{result: answered, password: "secret"}, 0},
			{verdict{result: unsigned}, stun.CodeBadRequest},
			{verdict{result: unknownUser}, stun.CodeUnauthorized},
			{verdict{result: badIntegrity}, stun.CodeUnauthorized},
			{verdict{result: unknownAttribute, password: "secret"}, stun.CodeUnknownAttribute},
			{verdict{result: roleConflict, password: "secret"}, stun.CodeRoleConflict},
		} {
			c := mustRead(t, checkOf(t, "us:them", "secret", attribute(0x0003, 1), attribute(0x0027, 1)))
			m := new(stun.Message)
			if !c.answer(tc.verdict, from, nil, m) {
				t.Fatalf("%s: no answer", resultNames[tc.verdict.result])
			}
			got := new(stun.Message)
			if err := stun.Decode(m.Raw, got); err != nil {
				t.Fatal(err)
			}
			if got.TransactionID != c.message.TransactionID() || stun.Fingerprint.Check(got) != nil {
				t.Errorf("%s: %v", resultNames[tc.verdict.result], got)
			}
			if err := stun.NewShortTermIntegrity("secret").Check(got); (err == nil) != (tc.verdict.password != "") {
				t.Errorf("%s: integrity: %v", resultNames[tc.verdict.result], err)
			}
			if tc.verdict.password == "" && len(m.Raw) > len(c.message) {
				t.Errorf("%s: %d bytes for %d", resultNames[tc.verdict.result], len(m.Raw), len(c.message))
			}
			if tc.code == 0 {
				var mapped stun.XORMappedAddress
				if err := mapped.GetFrom(got); err != nil || mapped.String() != from.String() || got.Type != stun.BindingSuccess {
					t.Errorf("%v to %v: %v", got.Type, mapped, err)
				}
				continue
			}
			var code stun.ErrorCodeAttribute
			if err := code.GetFrom(got); err != nil || code.Code != tc.code || got.Type != stun.BindingError {
				t.Errorf("%s: %v %v: %v", resultNames[tc.verdict.result], got.Type, code, err)
			}
			var unknown stun.UnknownAttributes
			err := unknown.GetFrom(got)
			if tc.verdict.result != unknownAttribute {
				if !errors.Is(err, stun.ErrAttributeNotFound) {
					t.Errorf("%s: names attributes: %v", resultNames[tc.verdict.result], err)
				}
			} else if err != nil || len(unknown) != 2 || unknown[0] != 0x0003 || unknown[1] != 0x0027 {
				t.Errorf("names %v: %v", unknown, err)
			}
		}
	}
}

func TestNobodyGainsByForging(t *testing.T) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(""))
	if err != nil {
		t.Fatal(err)
	}
	if mustRead(t, m.Raw).answer(verdict{result: unsigned}, netip.MustParseAddrPort("192.0.2.7:1"), nil, new(stun.Message)) {
		t.Fatalf("%d bytes were answered with more", len(m.Raw))
	}
}
