package ice

import (
	"bytes"
	"net/netip"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

const (
	// maxCheck is the largest check that is read, in bytes: clients send
	// little more than a hundred, and a datagram of DTLS.
	maxCheck = 1500
	// maxUnknown is how many attributes that we do not know an answer names.
	maxUnknown = 8
	// integrityBytes is the length of a MESSAGE-INTEGRITY.
	integrityBytes = 20
)

// check is a connectivity check (RFC 8445, section 7.2.2): a STUN Binding
// request. It refers to the bytes that it was read from, and to storage for
// one check at a time.
type check struct {
	message      stunmsg.Message
	decoded      *stun.Message // storage
	ours, theirs []byte        // the two halves of USERNAME
	integrity    bool
	nominates    bool // USE-CANDIDATE
	controlled   bool // the client believes that it is, too
	embedded     embedded
	unknown      [maxUnknown]stun.AttrType
	unknowns     int // how many of them are there
}

// readCheck reads what begins like STUN. It returns false for what is no check
// of a client: then malformed tells nonsense from messages that a lite agent
// has no use for, which are indications, answers and other methods.
func readCheck(b []byte, decoded *stun.Message) (c check, malformed, ok bool) {
	message, whole := stunmsg.Parse(b)
	switch {
	case !whole || len(message) > maxCheck:
		return c, true, false
	case message.Method() != stunmsg.MethodBinding || message.Class() != stunmsg.Request:
		return c, false, false
	}
	c.message, c.decoded = message, decoded
	at, fingerprint := stunmsg.HeaderLen, false
	for kind, value := range message.Attributes() {
		begin := at
		at += 4 + (len(value)+3)&^3
		kind := stun.AttrType(kind)
		switch {
		case fingerprint:
			return c, true, false // it is the last one (RFC 8489, section 14.7)
		case kind == stun.AttrFingerprint:
			fingerprint = true
			if len(value) != 4 || stun.FingerprintValue(message[:begin]) != uint32(value[0])<<24|uint32(value[1])<<16|uint32(value[2])<<8|uint32(value[3]) {
				return c, true, false
			}
		case c.integrity:
			// What follows MESSAGE-INTEGRITY is nobody's word.
		case kind == stun.AttrMessageIntegrity:
			if len(value) != integrityBytes {
				return c, true, false
			}
			c.integrity = true
		case kind == stun.AttrUsername:
			if c.ours == nil { // of two, the first one counts
				var both bool
				if c.ours, c.theirs, both = bytes.Cut(value, []byte{':'}); !both {
					c.ours = c.ours[:0] // is nobody's name
				}
			}
		case kind == stun.AttrUseCandidate:
			c.nominates = true
		case kind == stun.AttrICEControlled:
			c.controlled = true
		case c.embedded.read(kind, value):
		case kind.Required() && !known(kind) && c.unknowns < maxUnknown:
			c.unknown[c.unknowns] = kind
			c.unknowns++
		}
	}
	return c, at != len(message), at == len(message)
}

// known are the attributes that must be understood, and are (RFC 8489, section
// 18.3; RFC 8445, section 16.1). Those that have no meaning in a check are
// ignored.
func known(kind stun.AttrType) bool {
	const sha256, passwordAlgorithm, userhash = 0x001C, 0x001D, 0x001E
	switch kind {
	case stun.AttrMappedAddress, stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrErrorCode, stun.AttrUnknownAttributes,
		stun.AttrRealm, stun.AttrNonce, sha256, passwordAlgorithm, userhash, stun.AttrXORMappedAddress,
		stun.AttrPriority, stun.AttrUseCandidate:
		return true
	}
	return false
}

// unsigned reports whether the check lacks what could prove it authentic.
func (c *check) unsigned() bool { return !c.integrity || c.ours == nil }

// names reports whether the check is meant for that generation: the client
// writes our name before its own (RFC 8445, section 7.2.2). Its own may be
// unknown yet.
func (c *check) names(g generation) bool {
	return g.ours.ufrag != "" && string(c.ours) == g.ours.ufrag &&
		(g.theirs.ufrag == "" || string(c.theirs) == g.theirs.ufrag)
}

// authentic reports whether MESSAGE-INTEGRITY was made with the password
// (RFC 8489, section 9.1.3).
func (c *check) authentic(password string) bool {
	return stun.Decode(c.message, c.decoded) == nil && stun.MessageIntegrity(password).Check(c.decoded) == nil
}

// answer writes what the check is answered with into m, and reports whether
// there is an answer. It is signed if the check was authentic; if not, it is no
// longer than the check, so that nobody gains by forging its source. What it
// carries is nil for a check that carried nothing.
func (c *check) answer(v verdict, from netip.AddrPort, carries *Embedded, m *stun.Message) bool {
	class, code := stun.ClassErrorResponse, stun.ErrorCode(0)
	switch v.result {
	case answered:
		class = stun.ClassSuccessResponse
	case unsigned:
		code = stun.CodeBadRequest
	case unknownUser, badIntegrity:
		code = stun.CodeUnauthorized
	case unknownAttribute:
		code = stun.CodeUnknownAttribute
	case roleConflict:
		code = stun.CodeRoleConflict
	default:
		return false
	}
	m.Reset()
	m.Type = stun.NewType(stun.MethodBinding, class)
	m.TransactionID = c.message.TransactionID()
	m.WriteHeader()
	var err error
	if code == 0 {
		err = stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}.AddTo(m)
	} else {
		// The reason is for people, and nobody reads it here.
		err = stun.ErrorCodeAttribute{Code: code}.AddTo(m)
	}
	if err == nil && v.result == unknownAttribute {
		err = stun.UnknownAttributes(c.unknown[:c.unknowns]).AddTo(m)
	}
	if err == nil && carries != nil {
		carries.add(m)
	}
	if err == nil && v.password != "" {
		err = stun.MessageIntegrity(v.password).AddTo(m)
	}
	if err == nil {
		err = stun.Fingerprint.AddTo(m)
	}
	return err == nil && (v.password != "" || len(m.Raw) <= len(c.message))
}
