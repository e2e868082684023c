package turn

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// A source without an allocation may ask this much. Each request is answered,
// and by UDP its source can be forged, so without a bound the server would
// throw its answers at whoever somebody names.
const (
	requestsPerSecond = 100
	requestsBurst     = 200
)

// protocolUDP is the only REQUESTED-TRANSPORT we relay (RFC 8656, section 18.7).
const protocolUDP = 17

// admit decides whether the library sees a message. What would be in vain, or
// what the library has no bound for, ends here, counted; where RFC 8656 has an
// answer that the library does not give, it is given.
func (f *front) admit(b []byte, from net.Addr) bool {
	f.mu.RLock()
	c := f.clients[addrPort(from)]
	f.mu.RUnlock()

	if len(b) > 0 && b[0]>>6 == 0b01 { // ChannelData
		if c == nil {
			f.server.counts.refused(refusedNoAllocation)
		}
		return c != nil
	}
	m, ok := stunmsg.Parse(b)
	switch {
	case !ok:
		f.server.counts.refused(refusedMalformed)
		return false
	case m.Class() == stunmsg.Request:
		return f.admitRequest(m, c, from)
	case m.Class() == stunmsg.Indication && c != nil:
		return true
	case m.Class() == stunmsg.Indication:
		f.server.counts.refused(refusedNoAllocation)
		return false
	}
	f.server.counts.refused(refusedMalformed) // an answer, and we ask nothing
	return false
}

func (f *front) admitRequest(m stunmsg.Message, c *client, from net.Addr) bool {
	if c == nil && !f.server.requests.Allow(addrPort(from).Addr(), time.Now()) {
		f.server.counts.refused(refusedRate)
		return false
	}
	if _, signed := m.Attribute(stunmsg.AttrMessageIntegrity); !signed {
		return true // it is a Binding, or asks for a nonce; either has no effect
	}
	reason, code := f.beyondTheLibrary(m, c)
	if reason != "" {
		f.answer(from, reason, m.Method(), m.TransactionID(), code)
	}
	return reason == ""
}

// beyondTheLibrary says why a request is refused with what code, where the
// library would have no answer, a worse one, or no bound.
func (f *front) beyondTheLibrary(m stunmsg.Message, c *client) (reason string, code stun.ErrorCode) {
	switch m.Method() {
	case stunmsg.MethodAllocate:
		transport, ok := m.Attribute(stunmsg.AttrRequestedTransport)
		if ok && len(transport) == 4 && transport[0] != protocolUDP {
			return refusedTCPAllocation, stun.CodeUnsupportedTransProto
		}
	case stunmsg.MethodRefresh, stunmsg.MethodCreatePermission, stunmsg.MethodChannelBind:
		if c == nil { // the library would say nothing, and the client would ask for long
			return refusedNoAllocation, stun.CodeAllocMismatch
		}
		number, ok := m.Attribute(stunmsg.AttrChannelNumber)
		if ok && len(number) == 4 && !f.roomForChannel(c, binary.BigEndian.Uint16(number)) {
			return refusedChannels, stun.CodeInsufficientCapacity
		}
	}
	return "", 0
}

// roomForChannel reports whether a client may bind that channel, or has it.
func (f *front) roomForChannel(c *client, number uint16) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	_, has := c.channels[number]
	return has || len(c.channels) < maxChannels
}
