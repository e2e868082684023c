// Package stunmsg reads the few fields of a STUN message (RFC 8489, section 5)
// that tell protocols apart and requests from answers. It allocates nothing
// and checks no integrity: what it lets through still goes to a real decoder.
package stunmsg

import (
	"encoding/binary"
	"iter"
)

// HeaderLen is the length of a STUN header in bytes.
const HeaderLen = 20

// MagicCookie is in bytes 4 to 8 of every STUN message.
const MagicCookie = 0x2112A442

// Class is the class of a message: what somebody wants, or what became of it.
type Class uint8

// The classes of RFC 8489, section 5.
const (
	Request         Class = 0b00
	Indication      Class = 0b01
	SuccessResponse Class = 0b10
	ErrorResponse   Class = 0b11
)

// Methods of RFC 8489 and RFC 8656.
const (
	MethodBinding          uint16 = 0x001
	MethodAllocate         uint16 = 0x003
	MethodRefresh          uint16 = 0x004
	MethodCreatePermission uint16 = 0x008
	MethodChannelBind      uint16 = 0x009
)

// Attributes of RFC 8489 and RFC 8656.
const (
	AttrUsername           uint16 = 0x0006
	AttrMessageIntegrity   uint16 = 0x0008
	AttrChannelNumber      uint16 = 0x000C
	AttrRealm              uint16 = 0x0014
	AttrRequestedTransport uint16 = 0x0019
)

// Message is a byte slice that Parse found to hold one whole STUN message.
type Message []byte

// Parse looks at a datagram or frame and reports whether it is a STUN message,
// all of it there. Bytes behind the message are left out.
func Parse(b []byte) (Message, bool) {
	if len(b) < HeaderLen || b[0]&0xC0 != 0 || !HasCookie(b[4:]) {
		return nil, false
	}
	total := HeaderLen + int(binary.BigEndian.Uint16(b[2:]))
	if total > len(b) || total%4 != 0 {
		return nil, false
	}
	return Message(b[:total]), true
}

// HasCookie reports whether b begins with the magic cookie.
func HasCookie(b []byte) bool {
	return len(b) >= 4 && binary.BigEndian.Uint32(b) == MagicCookie
}

// Class returns the class, the two bits 4 and 8 of the message type.
func (m Message) Class() Class {
	return Class(m[0]&1<<1 | m[1]>>4&1)
}

// Method returns the method, the message type without the class bits.
func (m Message) Method() uint16 {
	t := binary.BigEndian.Uint16(m)
	return t&0x000F | t&0x00E0>>1 | t&0x3E00>>2
}

// TransactionID returns the 12 bytes that an answer repeats.
func (m Message) TransactionID() (id [12]byte) {
	copy(id[:], m[8:HeaderLen])
	return id
}

// Attributes yields type and value of each attribute in order, up to the first
// one that claims more bytes than there are.
func (m Message) Attributes() iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for rest := m[HeaderLen:]; len(rest) >= 4; {
			length := int(binary.BigEndian.Uint16(rest[2:]))
			padded := 4 + (length+3)&^3
			if padded > len(rest) {
				return
			}
			if !yield(binary.BigEndian.Uint16(rest), rest[4:4+length]) {
				return
			}
			rest = rest[padded:]
		}
	}
}

// Attribute returns the value of the first attribute of that type.
func (m Message) Attribute(want uint16) ([]byte, bool) {
	for attribute, value := range m.Attributes() {
		if attribute == want {
			return value, true
		}
	}
	return nil, false
}
