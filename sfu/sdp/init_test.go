package sdp

import (
	"bytes"
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/pion/logging"
	"github.com/pion/sctp"
)

// The INIT chunk of the draft, of 30 bytes.
const anInit = "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA"

func TestReadInit(t *testing.T) {
	good, err := base64.StdEncoding.DecodeString(anInit)
	if err != nil {
		t.Fatal(err)
	}
	with := func(at int, value ...byte) []byte {
		out := slices.Clone(good)
		copy(out[at:], value)
		return out
	}
	longer := func(by ...byte) []byte {
		out := append(slices.Clone(good), by...)
		out[3] = byte(len(out))
		return out
	}
	for _, tc := range []struct {
		name  string
		chunk []byte
		ok    bool
	}{
		{"as it should be", good, true},
		{"without parameters", with(3, 20)[:20], true},
		{"padded", append(slices.Clone(good), 0, 0), true},
		{"a parameter that may be skipped", longer(0, 0, 0x8F, 0xFF, 0, 5, 1), true},
		{"a parameter that may not be skipped", longer(0, 0, 0x40, 1, 0, 4), false},
		{"an address", longer(0, 0, 0, 5, 0, 8, 1, 2, 3, 4), false},
		{"padded with something", append(slices.Clone(good), 0, 1), false},
		{"padded with too much", append(slices.Clone(good), 0, 0, 0, 0), false},
		{"empty", nil, false},
		{"cut off", good[:19], false},
		{"another chunk", with(0, 2), false},
		{"flags", with(1, 1), false},
		{"longer than it is", with(3, 31), false},
		{"shorter than any", with(3, 19), false},
		{"no tag", with(4, 0, 0, 0, 0), false},
		{"no window", with(8, 0, 0, 5, 0xDB), false},
		{"no streams out", with(12, 0, 0), false},
		{"no streams in", with(14, 0, 0), false},
		{"a parameter without length", with(22, 0, 0), false},
		{"a parameter that is cut off", with(26, 0, 7), false},
		{"without end", append(slices.Clone(good), make([]byte, maxInit)...), false},
	} {
		if got := readInit(base64.StdEncoding.EncodeToString(tc.chunk)); (got != nil) != tc.ok || tc.ok && !bytes.Equal(got, tc.chunk) {
			t.Errorf("%s: read %x", tc.name, got)
		}
	}
	for _, text := range []string{"", "=", "AQ AA", anInit + "*"} {
		if readInit(text) != nil {
			t.Errorf("%q was read", text)
		}
	}
}

// An association begins with whatever is taken.
func FuzzInit(f *testing.F) {
	good, err := base64.StdEncoding.DecodeString(anInit)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:20])
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
	ours, err := sctp.GenerateOutOfBandToken(sctp.WithLoggerFactory(quiet))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, chunk []byte) {
		if !isInit(chunk) {
			return
		}
		near, far := net.Pipe()
		defer far.Close()
		association, err := sctp.ClientWithOptions(sctp.WithNetConn(near), sctp.WithLoggerFactory(quiet), sctp.WithSNAP(ours, chunk))
		if err != nil {
			t.Fatalf("%x is no INIT: %v", chunk, err)
		}
		_ = near.Close()
		_ = association.Close()
	})
}

// A client that has DTLS inside of its checks begins with it, and is answered in
// its own words; one that has not waits for the server. Both stay as they were.
func TestDTLSInsideOfChecksIsNegotiated(t *testing.T) {
	plain := offerOf("application sendrecv 0")
	option := func(options string) string {
		return strings.Replace(plain, "a=mid:0", "a=ice-options:"+options+"\r\na=mid:0", 1)
	}
	for _, tc := range []struct {
		offer, answered string
		active          bool
	}{
		{plain, "", true},
		{option("trickle ice2"), "", true},
		{option("trickle sped"), "sped", false},
		{option("trickle googspedv1"), "googspedv1", false},
		{option("goog-sped-v1 sped"), "sped", false},
		{strings.Replace(plain, "t=0 0", "t=0 0\r\na=ice-options:sped", 1), "sped", false},
		{strings.Replace(option("sped"), "actpass", "passive", 1), "sped", true},
		{option("spedometer"), "", true},
	} {
		o := mustRead(t, tc.offer, nil)
		for range 2 {
			answer := Answer(o, server)
			if got := strings.Contains(answer, "a=setup:active"); got != tc.active || o.Active != tc.active {
				t.Errorf("active is %v for\n%s", got, tc.offer)
			}
			if got := strings.Contains(answer, "a=ice-options:"+tc.answered+"\r\n"); got != (tc.answered != "") {
				t.Errorf("answered with\n%s", answer)
			}
			o = mustRead(t, tc.offer, o)
		}
	}
}

func TestTheInitIsAnswered(t *testing.T) {
	l := server
	o := mustRead(t, strings.Replace(offerOf("application sendrecv 0"), "a=mid:0", "a=sctp-init:"+anInit+"\r\na=sctp-init:AA\r\na=mid:0", 1), nil)
	if base64.StdEncoding.EncodeToString(o.SCTPInit) != anInit {
		t.Errorf("read %x", o.SCTPInit)
	}
	if strings.Contains(Answer(o, l), "sctp-init") {
		t.Error("the answer has what the server has not")
	}
	l.SCTPInit = o.SCTPInit
	if !strings.Contains(Answer(o, l), "a=sctp-init:"+anInit+"\r\n") {
		t.Error("the answer has none")
	}
	if o := mustRead(t, strings.Replace(offerOf("application sendrecv 0"), "a=mid:0", "a=sctp-init:AQ==\r\na=mid:0", 1), nil); o.SCTPInit != nil {
		t.Errorf("%x is no INIT", o.SCTPInit)
	}
}
