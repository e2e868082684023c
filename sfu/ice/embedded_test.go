package ice

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	pion "github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// hello is what begins like DTLS.
const hello = "\x16\xfe\xfdhello"

// A check carries DTLS to the client's handler, and its answer what that has to
// say; as the client's library writes and reads it.
func TestDTLSInsideOfChecks(t *testing.T) {
	m := run(t)
	for _, network := range []string{"udp", "tcp"} {
		e := newEar()
		transport := m.Open(e)
		brought := make(chan []uint32, 1)
		e.say = func(in Embedded, room int) Embedded {
			brought <- slices.Clone(in.Acks)
			return Embedded{Data: bytes.Repeat([]byte{22}, room), Acks: []uint32{7, 8, 9, 10, 11}}
		}
		answer := dial(t, m, network).checks(transport, pion.DtlsInStunAttribute(hello), pion.DtlsInStunAckAttribute{1, 2, 3})
		e.hears(t, hello)
		if got := <-brought; !slices.Equal(got, []uint32{1, 2, 3}) {
			t.Errorf("over %s: it brought %v", network, got)
		}
		var data pion.DtlsInStunAttribute
		var acks pion.DtlsInStunAckAttribute
		if data.GetFrom(answer) != nil || acks.GetFrom(answer) != nil || len(data) != room || !slices.Equal(acks, []uint32{7, 8, 9, 10}) {
			t.Errorf("over %s: the answer carries %d bytes and %v", network, len(data), acks)
		}
		if len(answer.Raw) > maxAnswer {
			t.Errorf("over %s: the answer has %d bytes", network, len(answer.Raw))
		}
		transport.Close()
	}
	long := new(stun.Message)
	from := netip.MustParseAddrPort("[2001:db8::7]:4711")
	c := mustRead(t, checkOf(t, "us:them", "secret"))
	c.answer(verdict{result: answered, password: "secret"}, from, &Embedded{Data: make([]byte, room), Acks: make([]uint32, maxAcks)}, long)
	if len(long.Raw) > maxAnswer || len(long.Raw) < maxAnswer-8 {
		t.Errorf("the longest answer has %d bytes", len(long.Raw))
	}
}

// Nobody gets DTLS who does not speak it, or is not authentic; and nothing is
// handed on that is none.
func TestWhatIsNotCarried(t *testing.T) {
	m := run(t)
	e := newEar()
	transport := m.Open(e)
	defer transport.Close()
	e.say = func(Embedded, int) Embedded { return Embedded{Data: []byte(hello), Acks: []uint32{1}} }
	ufrag, pwd := transport.Credentials()
	data := attribute(stun.AttrDtlsInStun, []byte(hello)...)
	behind, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(ufrag+":them"),
		stun.NewShortTermIntegrity(pwd), stun.RawAttribute{Type: stun.AttrDtlsInStun, Value: []byte(hello)}, stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name            string
		check           []byte
		heard, answered bool
		bad             int
	}{
		{"nothing", checkOf(t, ufrag+":them", pwd), false, false, 0},
		{"from nobody", checkOf(t, ufrag+":them", "guess", data), false, false, 0},
		{"for nobody", checkOf(t, "nobody:them", pwd, data), false, false, 0},
		{"what nobody signed", behind.Raw, false, false, 0},
		{"in a check to be made again", checkOf(t, ufrag+":them", pwd, controlled, data), false, false, 0},
		{"DTLS", checkOf(t, ufrag+":them", pwd, data), true, true, 0},
		{"twice", checkOf(t, ufrag+":them", pwd, data, attribute(stun.AttrDtlsInStun, 22, 1)), true, true, 0},
		{"that it is spoken", checkOf(t, ufrag+":them", pwd, attribute(stun.AttrDtlsInStunAck)), false, true, 0},
		{"an empty datagram", checkOf(t, ufrag+":them", pwd, attribute(stun.AttrDtlsInStun)), false, true, 0},
		{"RTP", checkOf(t, ufrag+":them", pwd, attribute(stun.AttrDtlsInStun, 0x80, 1, 2)), false, true, 1},
		{"STUN", checkOf(t, ufrag+":them", pwd, attribute(stun.AttrDtlsInStun, 0, 1, 0, 0)), false, true, 1},
		{"half an acknowledgement", checkOf(t, ufrag+":them", pwd, data, attribute(stun.AttrDtlsInStunAck, 1, 2)), true, true, 1},
		{"too many of them", checkOf(t, ufrag+":them", pwd, data, attribute(stun.AttrDtlsInStunAck, make([]byte, 20)...)), true, true, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for len(e.heard) > 0 {
				<-e.heard
			}
			dropped := count(t, m.counts.drops[notEmbedded])
			r := dial(t, m, "udp")
			r.send(tc.check)
			b, err := r.next(soon)
			if err != nil {
				t.Fatal(err)
			}
			answer := new(stun.Message)
			if err := stun.Decode(b, answer); err != nil {
				t.Fatal(err)
			}
			if answer.Contains(stun.AttrDtlsInStun) != tc.answered || answer.Contains(stun.AttrDtlsInStunAck) != tc.answered {
				t.Errorf("the answer is %v", answer)
			}
			select {
			case got := <-e.heard:
				if !tc.heard || got != hello {
					t.Errorf("%q was handed on", got)
				}
			default:
				if tc.heard {
					t.Error("nothing was handed on")
				}
			}
			if bad := count(t, m.counts.drops[notEmbedded]) - dropped; bad != tc.bad {
				t.Errorf("%d were counted", bad)
			}
		})
	}
}

// Whatever a client has signed, only DTLS is handed on, and the answer is no
// longer than it may be.
func FuzzEmbedded(f *testing.F) {
	m := run(f)
	e := newEar()
	transport := m.Open(e)
	f.Cleanup(transport.Close)
	ufrag, pwd := transport.Credentials()
	home := path{remote: netip.MustParseAddrPort("127.0.0.1:9")} // discards
	in := intake{mux: m}
	f.Add([]byte(hello), []byte{1, 2, 3, 4}, 100)
	f.Add([]byte{}, []byte{}, 0)
	f.Add([]byte{0x80}, make([]byte, 17), 5000)
	f.Fuzz(func(t *testing.T, data, acks []byte, say int) {
		said := false
		e.say = func(in Embedded, room int) Embedded {
			said = true
			if len(in.Data) > 0 && (in.Data[0] < 20 || in.Data[0] > 63) || len(in.Acks) > maxAcks {
				t.Fatalf("%x and %v were handed on", in.Data, in.Acks)
			}
			return Embedded{Data: make([]byte, min(max(say, 0), room)), Acks: make([]uint32, maxAcks+1)}
		}
		if len(data) > maxCheck || len(acks) > maxCheck {
			return
		}
		b := checkOf(t, ufrag+":them", pwd, attribute(stun.AttrDtlsInStun, data...), attribute(stun.AttrDtlsInStunAck, acks...))
		in.take(time.Now(), b, home, nil)
		if said != (len(b) <= maxCheck) || said && len(in.answer.Raw) > maxAnswer {
			t.Fatalf("taken %v, an answer of %d bytes", said, len(in.answer.Raw))
		}
		for len(e.heard) > 0 {
			<-e.heard
		}
	})
}
