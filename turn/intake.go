package turn

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// intake is what one reading goroutine needs to take messages in, and keeps
// from one to the next. What is to be relayed passes it without a detour;
// requests go on to request.go.
type intake struct {
	server *Server
	out    *outlet
	now    time.Time
	parsed stun.Message // the request at hand
	joined joined       // set by a request that makes the connection a peer's
}

// joined takes a connection over that carries a peer's bytes from now on.
type joined interface {
	run(s *stream, rest []byte) error
}

func newIntake(s *Server) *intake { return &intake{server: s, out: s.newOutlet()} }

// channelData relays ChannelData (RFC 8656, section 12.4); a is nil for who has
// no allocation.
func (in *intake) channelData(a *allocation, b []byte) {
	if a == nil {
		in.server.counts.dropped(dropNoAllocation)
		return
	}
	if len(b) < 4 || int(binary.BigEndian.Uint16(b[2:])) > len(b)-4 {
		in.server.counts.dropped(dropMalformed)
		return
	}
	a.mu.RLock()
	peer, ok := a.lease.peerOf(in.now, binary.BigEndian.Uint16(b))
	a.mu.RUnlock()
	if !ok {
		in.server.counts.dropped(dropNoPermission)
		return
	}
	in.out.toPeer(in.now, a, peer, b[4:4+int(binary.BigEndian.Uint16(b[2:]))], false)
}

// message takes anything else.
func (in *intake) message(from origin, a *allocation, b []byte) {
	if len(b) > 0 && b[0]>>6 == 0b01 {
		in.channelData(a, b)
		return
	}
	m, ok := stunmsg.Parse(b)
	switch {
	case !ok:
		in.server.counts.dropped(dropMalformed)
	case m.Class() == stunmsg.Request:
		in.request(from, a, m)
	case m.Class() == stunmsg.Indication && m.Method() == uint16(stun.MethodSend):
		in.send(a, m)
	case m.Class() == stunmsg.Indication && m.Method() == stunmsg.MethodBinding: // a keepalive
	default:
		in.server.counts.dropped(dropMalformed) // an answer, and we ask nothing
	}
}

// send relays a Send indication (RFC 8656, section 11.2).
func (in *intake) send(a *allocation, m stunmsg.Message) {
	if a == nil {
		in.server.counts.dropped(dropNoAllocation)
		return
	}
	var peer netip.AddrPort
	var data []byte
	var hasData, whole, strange bool
	for attribute, value := range m.Attributes() {
		switch stun.AttrType(attribute) {
		case stun.AttrXORPeerAddress:
			if !peer.IsValid() {
				peer = canonical(xorAddress(value, m[4:20]))
			}
		case stun.AttrData:
			data, hasData = value, true
		case stun.AttrDontFragment:
			whole = true
		default:
			strange = strange || attribute < 0x8000 && !knownAttribute(stun.AttrType(attribute))
		}
	}
	if !peer.IsValid() || !hasData || strange {
		in.server.counts.dropped(dropMalformed)
		return
	}
	a.mu.RLock()
	ok := a.lease.permitted(in.now, peer.Addr())
	a.mu.RUnlock()
	if !ok {
		in.server.counts.dropped(dropNoPermission)
		return
	}
	in.out.toPeer(in.now, a, peer, data, whole)
}

// xorAddress reads an XOR-PEER-ADDRESS; the zero AddrPort if it is none. The
// mask is the cookie and the transaction id.
func xorAddress(value, mask []byte) netip.AddrPort {
	if len(value) < 8 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(value[2:]) ^ stunmsg.MagicCookie>>16
	switch {
	case value[1] == 1 && len(value) == 8:
		var raw [4]byte
		for i := range raw {
			raw[i] = value[4+i] ^ mask[i]
		}
		return netip.AddrPortFrom(netip.AddrFrom4(raw), port)
	case value[1] == 2 && len(value) == 20:
		var raw [16]byte
		for i := range raw {
			raw[i] = value[4+i] ^ mask[i]
		}
		return netip.AddrPortFrom(netip.AddrFrom16(raw), port)
	}
	return netip.AddrPort{}
}
