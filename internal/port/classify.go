package port

import (
	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// protocol is what a connection or a datagram turned out to be.
type protocol uint8

const (
	undecided protocol = iota // more bytes are needed
	unknown
	protocolTLS // a handshake begins; what is inside is told after it
	protocolHTTP
	protocolICE
	protocolTURN
	protocolHTTPS // inside of TLS
	protocolTURNS // inside of TLS
	protocolACME  // a TLS handshake that was all (RFC 8737)
)

// streamPeek is how many bytes decide what a TCP connection is: the two of an
// ICE-TCP length and the eight of a STUN header up to the end of its cookie.
const streamPeek = 10

// classifyStream tells by its first bytes what a TCP connection carries.
//
//   - HTTP begins with a method, so with a capital letter (RFC 9110, section 9;
//     HTTP/2 begins with "PRI").
//   - TURN (RFC 8656) begins with a STUN message: a client has no channel yet,
//     so the first bytes are never ChannelData, whose numbers are letters too.
//   - ICE-TCP (RFC 6544) begins with a STUN message behind the two bytes of
//     its length (RFC 4571). Both lie below 1,024, so the first byte is 0 to 3.
//
// The answer is undecided only while there are less than streamPeek bytes.
func classifyStream(b []byte) protocol {
	if len(b) == 0 {
		return undecided
	}
	switch first := b[0]; {
	case 'A' <= first && first <= 'Z':
		return protocolHTTP
	case first == 0x16: // a handshake record, RFC 8446, section 5.1
		return protocolTLS
	case first > 3:
		return unknown
	}
	if len(b) >= 8 && stunmsg.HasCookie(b[4:]) {
		return protocolTURN
	}
	if len(b) < streamPeek {
		return undecided
	}
	if stunmsg.HasCookie(b[6:]) {
		return protocolICE
	}
	return unknown
}

// classifyDatagram tells by its first byte what a datagram is (RFC 7983), and
// for STUN by the little that tells ICE checks from TURN requests. It
// allocates nothing; for media it looks at one byte.
func classifyDatagram(b []byte) protocol {
	if len(b) == 0 {
		return unknown
	}
	switch first := b[0]; {
	case 128 <= first && first <= 191: // RTP, RTCP
		return protocolICE
	case 20 <= first && first <= 63: // DTLS
		return protocolICE
	case 64 <= first && first <= 127: // TURN ChannelData, with the numbers of RFC 5766 that RFC 7983 leaves out
		return protocolTURN
	case first <= 3: // STUN
		return classifySTUN(b)
	}
	return unknown
}

// classifySTUN divides STUN messages. Binding is the only method that ICE has:
// a check carries a USERNAME made of both fragments and no REALM (RFC 8445,
// section 7.2.2); a request without USERNAME asks a STUN server for its mapped
// address, one with REALM comes from a TURN client. Answers carry no USERNAME,
// but only the ICE side ever asks, so they are its own; indications are its
// keepalives.
func classifySTUN(b []byte) protocol {
	m, ok := stunmsg.Parse(b)
	switch {
	case !ok:
		return unknown
	case m.Method() != stunmsg.MethodBinding:
		return protocolTURN
	case m.Class() != stunmsg.Request:
		return protocolICE
	}
	var username, realm bool
	for attribute := range m.Attributes() {
		username = username || attribute == stunmsg.AttrUsername
		realm = realm || attribute == stunmsg.AttrRealm
	}
	if username && !realm {
		return protocolICE
	}
	return protocolTURN
}
