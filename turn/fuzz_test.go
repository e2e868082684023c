package turn

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// deafConn is a connection that nothing comes from and nothing goes to.
type deafConn struct{ net.Conn }

func (deafConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1000}
}
func (deafConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3478} }
func (deafConn) SetReadDeadline(time.Time) error  { return nil }
func (deafConn) SetWriteDeadline(time.Time) error { return nil }
func (deafConn) Write(b []byte) (int, error)      { return len(b), nil }
func (deafConn) Close() error                     { return nil }

// target is a server, and a client of it whose messages a test makes.
type target struct {
	*Server
	in     *intake
	stream *stream
}

func newTarget(t testing.TB) *target {
	t.Helper()
	s, err := New(Config{
		UDP: []Socket{newSocket(t)}, Credentials: Credentials{Users: map[string]string{"ann": "word"}}, Logger: quiet,
		Limits: Limits{AllocationsPerUser: 4, AllocationsPerSecond: 1_000_000, AnswersPerSecond: 1_000_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	tg := &target{Server: s, in: newIntake(s), stream: s.newStream(deafConn{}, TCP)}
	tg.in.now = s.now()
	return tg
}

// say has the server take a message and returns what it answers.
func (tg *target) say(b []byte) []byte {
	tg.in.take(&tg.stream.link, b)
	if tg.in.joined != nil {
		tg.in.joined = nil
	}
	tg.stream.mu.Lock()
	defer tg.stream.mu.Unlock()
	answer := append([]byte(nil), tg.stream.waiting...)
	tg.stream.waiting = tg.stream.waiting[:0]
	return answer
}

// wantAnswer checks that an answer is one, and to that request.
func wantAnswer(t *testing.T, request, answer []byte) {
	t.Helper()
	m, ok := stunmsg.Parse(answer)
	if !ok || len(m) != len(answer) || m.Class() < stunmsg.SuccessResponse || string(answer[8:20]) != string(request[8:20]) {
		t.Fatalf("the answer to %x is %x", request, answer)
	}
}

// FuzzMessage gives the server whatever a stranger may send: it answers
// requests, once, and nothing else.
func FuzzMessage(f *testing.F) {
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overTCP, stun.NewShortTermIntegrity("x")).Raw)
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest, attribute{0x0003, []byte{0, 0, 0, 6}}).Raw)
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peer(netip.MustParseAddrPort("9.9.9.9:9"))).Raw)
	f.Add(channelData(0x4000, []byte("data")))
	f.Add([]byte{})
	tg := newTarget(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		answer := tg.say(b)
		m, ok := stunmsg.Parse(b)
		if len(answer) == 0 {
			return
		}
		if !ok || m.Class() != stunmsg.Request {
			t.Fatalf("%x is answered by %x", b, answer)
		}
		wantAnswer(t, b, answer)
		if len(tg.Allocations()) > 0 {
			t.Fatal("somebody got an allocation without a password")
		}
	})
}

// FuzzRequest gives the server any request with a right password, with and
// without an allocation, and ChannelData and Send indications between.
func FuzzRequest(f *testing.F) {
	for _, method := range []stun.Method{stun.MethodAllocate, stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind, stun.MethodConnectionBind} {
		f.Add(uint16(method), stun.MustBuild(stun.TransactionID, stun.BindingRequest, overUDP, peer(netip.MustParseAddrPort("9.9.9.9:9")), channelNumber(0x4000)).Raw[20:])
	}
	f.Add(uint16(stun.MethodAllocate), stun.MustBuild(stun.BindingRequest, overUDP, attribute{stun.AttrEvenPort, []byte{0x80}}).Raw[20:])
	tg := newTarget(f)
	key := longTermKey("ann", "hiroba", "word")
	f.Fuzz(func(t *testing.T, method uint16, attributes []byte) {
		if len(attributes) > maxFrame {
			return
		}
		raw := binary.BigEndian.AppendUint16(nil, stun.NewType(stun.Method(method&0xFFF), stun.ClassRequest).Value())
		raw = binary.BigEndian.AppendUint16(raw, uint16(len(attributes)&^3))
		raw = append(binary.BigEndian.AppendUint32(raw, stunmsg.MagicCookie), "transaction1"...)
		raw = append(raw, attributes[:len(attributes)&^3]...)
		m := &stun.Message{Raw: raw}
		if m.Decode() != nil {
			return
		}
		m.Type = stun.NewType(stun.Method(method&0xFFF), stun.ClassRequest)
		nonce := tg.nonces.issue(tg.in.now, tg.stream.from.addr.Addr())
		for _, s := range []stun.Setter{stun.NewUsername("ann"), stun.NewRealm("hiroba"), stun.NewNonce(nonce), key} {
			if s.AddTo(m) != nil {
				return
			}
		}
		if m.Type.Method == stun.MethodConnect { // it would connect
			return
		}
		if answer := tg.say(m.Raw); len(answer) > 0 {
			wantAnswer(t, m.Raw, answer)
		}
		tg.say(channelData(0x4000, attributes))
		tg.in.out.peers = nil // what it would send to peers is dropped
		all := tg.Allocations()
		if len(all) > 1 {
			t.Fatalf("%d allocations of one client", len(all))
		}
		for _, a := range tg.allocations {
			if len(a.lease.permissions) > 128 || len(a.lease.channels) > 128 || len(a.lease.peers) != len(a.lease.channels) {
				t.Fatalf("%d permissions, %d channels and %d peers", len(a.lease.permissions), len(a.lease.channels), len(a.lease.peers))
			}
		}
		if method&0x1000 != 0 { // begin anew
			for _, a := range all {
				tg.Remove(a.ID)
			}
		}
	})
}
