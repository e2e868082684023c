package port

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pion/stun/v4"
)

func message(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// framed is a message as it comes over ICE-TCP (RFC 4571).
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

var (
	allocate = stun.NewType(stun.MethodAllocate, stun.ClassRequest)
	check    = []stun.Setter{stun.BindingRequest, stun.NewUsername("server:client"), stun.Fingerprint}
)

func TestClassifyStream(t *testing.T) {
	long := stun.NewUsername(string(bytes.Repeat([]byte("x"), 500)))
	cases := map[string]struct {
		first []byte
		want  protocol
	}{
		"GET":                     {[]byte("GET / HTTP/1.1\r\n"), protocolHTTP},
		"one letter of a POST":    {[]byte("P"), protocolHTTP},
		"HTTP/2":                  {[]byte("PRI * HTTP/2.0\r\n"), protocolHTTP},
		"TURN Allocate":           {message(t, allocate), protocolTURN},
		"STUN Binding":            {message(t, stun.BindingRequest), protocolTURN},
		"ICE-TCP check":           {framed(message(t, check...)), protocolICE},
		"ICE-TCP, a long check":   {framed(message(t, stun.BindingRequest, long)), protocolICE},
		"TLS":                     {[]byte{0x16, 0x03, 0x01, 0x02, 0x00}, protocolTLS},
		"SSH":                     {[]byte("ssh-2.0"), unknown},
		"ChannelData":             {[]byte{0x60, 0, 0, 4, 1, 2, 3, 4}, unknown},
		"zeros":                   {make([]byte, streamPeek), unknown},
		"ICE-TCP without cookie":  {append([]byte{0, 20, 0, 1, 0, 0}, 1, 2, 3, 4), unknown},
		"nothing":                 {nil, undecided},
		"a STUN type only":        {[]byte{0, 1}, undecided},
		"nine bytes, no cookie":   {make([]byte, 9), undecided},
		"old STUN without cookie": {append([]byte{0, 1, 0, 0}, make([]byte, 16)...), unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := classifyStream(c.first); got != c.want {
				t.Fatalf("got %d, want %d", got, c.want)
			}
			// Fewer bytes never lead to another answer, only to none yet.
			for n := range min(len(c.first), streamPeek) {
				if got := classifyStream(c.first[:n]); got != undecided && got != c.want {
					t.Errorf("by %d bytes got %d, by all %d", n, got, c.want)
				}
			}
		})
	}
}

func TestClassifyDatagram(t *testing.T) {
	cases := map[string]struct {
		datagram []byte
		want     protocol
	}{
		"RTP":              {append([]byte{0x80, 96}, make([]byte, 20)...), protocolICE},
		"RTCP":             {append([]byte{0x81, 201}, make([]byte, 6)...), protocolICE},
		"DTLS handshake":   {append([]byte{22, 0xFE, 0xFD}, make([]byte, 20)...), protocolICE},
		"ChannelData":      {[]byte{0x40, 0, 0, 4, 1, 2, 3, 4}, protocolTURN},
		"ICE check":        {message(t, check...), protocolICE},
		"ICE answer":       {message(t, stun.BindingSuccess, stun.Fingerprint), protocolICE},
		"ICE error answer": {message(t, stun.BindingError, stun.CodeRoleConflict), protocolICE},
		"ICE keepalive":    {message(t, stun.NewType(stun.MethodBinding, stun.ClassIndication)), protocolICE},
		"STUN Binding":     {message(t, stun.BindingRequest), protocolTURN},
		"STUN Binding, long-term credential": {
			message(t, stun.BindingRequest, stun.NewUsername("1:u"), stun.NewRealm("r")), protocolTURN},
		"Allocate":              {message(t, allocate), protocolTURN},
		"Allocate with login":   {message(t, allocate, stun.NewUsername("1:u"), stun.NewRealm("r")), protocolTURN},
		"Refresh":               {message(t, stun.NewType(stun.MethodRefresh, stun.ClassRequest)), protocolTURN},
		"Send":                  {message(t, stun.NewType(stun.MethodSend, stun.ClassIndication)), protocolTURN},
		"CreatePermission":      {message(t, stun.NewType(stun.MethodCreatePermission, stun.ClassRequest)), protocolTURN},
		"ChannelBind":           {message(t, stun.NewType(stun.MethodChannelBind, stun.ClassRequest)), protocolTURN},
		"Connect":               {message(t, stun.NewType(stun.MethodConnect, stun.ClassRequest)), protocolTURN},
		"STUN cut short":        {message(t, check...)[:30], unknown},
		"STUN without a cookie": {append([]byte{0, 1, 0, 0}, make([]byte, 16)...), unknown},
		"empty":                 {nil, unknown},
		"ZRTP":                  {append([]byte{16}, make([]byte, 20)...), unknown},
		"QUIC":                  {append([]byte{0xC0}, make([]byte, 20)...), unknown},
		"DNS-like":              {append([]byte{4}, make([]byte, 20)...), unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := classifyDatagram(c.datagram); got != c.want {
				t.Fatalf("got %d, want %d", got, c.want)
			}
			if n := testing.AllocsPerRun(100, func() { classifyDatagram(c.datagram) }); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

func FuzzClassifyStream(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add(message(f, allocate))
	f.Add(framed(message(f, check...)))
	f.Add([]byte{0x16, 3, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := classifyStream(b)
		if got == undecided && len(b) >= streamPeek {
			t.Fatalf("%d bytes and undecided", len(b))
		}
		for n := range len(b) { // a verdict stays, whatever follows
			if early := classifyStream(b[:n]); early != undecided && early != got {
				t.Fatalf("by %d bytes %d, by %d bytes %d", n, early, len(b), got)
			}
		}
	})
}

func FuzzClassifyDatagram(f *testing.F) {
	f.Add(message(f, check...))
	f.Add(message(f, allocate, stun.NewRealm("r")))
	f.Add([]byte{0x40, 0, 0, 4, 1, 2, 3, 4})
	f.Add([]byte{0x80, 96, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := classifyDatagram(b)
		if got != unknown && got != protocolICE && got != protocolTURN {
			t.Fatalf("a datagram is %d", got)
		}
		// A whole ICE check is never lost to TURN, nor an Allocate to ICE.
		m := &stun.Message{Raw: bytes.Clone(b)}
		if len(b) == 0 || b[0] > 3 || m.Decode() != nil || len(b)%4 != 0 {
			return
		}
		if m.Type.Method != stun.MethodBinding && got == protocolICE {
			t.Fatalf("%v went to ICE", m.Type)
		}
	})
}

func BenchmarkClassifyDatagram(b *testing.B) {
	for name, datagram := range map[string][]byte{
		"RTP":   append([]byte{0x80, 96}, make([]byte, 1200)...),
		"check": message(b, check...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				classifyDatagram(datagram)
			}
		})
	}
}
