package turn

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/port/stunmsg"
)

// amplification is how many times as long as its request an answer to somebody
// may be who has not logged in, over UDP, where a source can be forged.
const amplification = 3.5

// request is a request of a client that is being answered.
type request struct {
	*intake
	from origin
	a    *allocation // of the client, or nil
	m    *stun.Message
	user string                // once it has logged in
	key  stun.MessageIntegrity // that signed it; nil before
}

// request answers a request.
func (in *intake) request(from origin, a *allocation, b stunmsg.Message) {
	s := in.server
	if a == nil && !s.requests.Allow(from.addr.Addr(), in.now) {
		s.counts.dropped(dropRate)
		return
	}
	in.parsed.Raw = append(in.parsed.Raw[:0], b...)
	if err := in.parsed.Decode(); err != nil {
		s.counts.dropped(dropMalformed)
		return
	}
	r := &request{intake: in, from: from, a: a, m: &in.parsed}
	if r.m.Type.Method == stun.MethodBinding {
		r.binding()
		return
	}
	if !r.logIn() {
		return
	}
	if strange := r.strange(); len(strange) > 0 {
		r.refuse(stun.CodeUnknownAttribute, "", strange)
		return
	}
	switch r.m.Type.Method {
	case stun.MethodAllocate:
		r.allocate()
	case stun.MethodRefresh:
		r.refresh()
	case stun.MethodCreatePermission:
		r.createPermission()
	case stun.MethodChannelBind:
		r.channelBind()
	case stun.MethodConnect:
		r.connect()
	case stun.MethodConnectionBind:
		r.connectionBind()
	default:
		r.refuse(stun.CodeBadRequest, refusedMethod)
	}
}

// logIn checks the credentials of a request (RFC 8489, section 9.2.4), and
// reports whether they are good. If not, it answers.
func (r *request) logIn() bool {
	s := r.server
	if !r.m.Contains(stun.AttrMessageIntegrity) {
		r.challenge(stun.CodeUnauthorized)
		return false
	}
	var username stun.Username
	var realm stun.Realm
	var nonce stun.Nonce
	if r.m.Parse(&username, &realm, &nonce) != nil {
		r.refuse(stun.CodeBadRequest, "")
		return false
	}
	if !s.nonces.fresh(r.now, r.from.addr.Addr(), nonce.String()) {
		s.counts.authFailed(authStale)
		r.challenge(stun.CodeStaleNonce)
		return false
	}
	user, keys, err := s.auth.Load().check(r.now, username.String(), realm.String(), r.m.Type.Method)
	for _, key := range keys {
		if key.Check(r.m) == nil {
			r.user, r.key = user, key
			break
		}
	}
	if r.key != nil {
		if r.a == nil || r.a.user == user || r.m.Type.Method == stun.MethodAllocate {
			return true
		}
		s.counts.authFailed(authUser)
		r.refuse(stun.CodeWrongCredentials, "")
		return false
	}
	reason := authIntegrity
	switch {
	case errors.Is(err, errRealm):
		reason = authRealm
	case errors.Is(err, errExpired):
		reason = authExpired
	case errors.Is(err, errUsername):
		reason = authMalformed
	}
	s.counts.authFailed(reason)
	s.log.Debug("TURN login refused", "client", r.from.addr, "reason", reason)
	r.challenge(stun.CodeUnauthorized)
	return false
}

// challenge refuses a request and says what to log in with.
func (r *request) challenge(code stun.ErrorCode) {
	r.refuse(code, "", stun.NewRealm(r.server.config.Realm), stun.NewNonce(r.server.nonces.issue(r.now, r.from.addr.Addr())))
}

// strange lists the attributes that have to be understood and are not.
func (r *request) strange() (types stun.UnknownAttributes) {
	for _, attribute := range r.m.Attributes {
		if attribute.Type < 0x8000 && !knownAttribute(attribute.Type) {
			types = append(types, attribute.Type)
		}
	}
	return types
}

func knownAttribute(t stun.AttrType) bool {
	switch t {
	case stun.AttrMappedAddress, stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrErrorCode, stun.AttrUnknownAttributes,
		stun.AttrRealm, stun.AttrNonce, stun.AttrXORMappedAddress, stun.AttrChannelNumber, stun.AttrLifetime,
		stun.AttrXORPeerAddress, stun.AttrData, stun.AttrXORRelayedAddress, stun.AttrRequestedAddressFamily, stun.AttrEvenPort,
		stun.AttrRequestedTransport, stun.AttrDontFragment, stun.AttrReservationToken, stun.AttrConnectionID,
		stun.AttrPriority, stun.AttrUseCandidate,
		0x0010: // BANDWIDTH, of drafts before RFC 5766; some clients send it
		return true
	}
	return false
}

// succeed answers that it was done.
func (r *request) succeed(attributes ...stun.Setter) { r.answer(stun.ClassSuccessResponse, attributes) }

// refuse answers with an error, and counts it; no reason if it is counted as
// something else.
func (r *request) refuse(code stun.ErrorCode, reason string, attributes ...stun.Setter) {
	if reason != "" {
		r.server.counts.refused(reason)
	}
	r.answer(stun.ClassErrorResponse, append([]stun.Setter{code}, attributes...))
}

// answer sends an answer.
func (r *request) answer(class stun.MessageClass, attributes []stun.Setter) {
	m := r.build(class, attributes)
	if m == nil {
		return
	}
	forgeable := r.key == nil && r.from.transport == UDP
	if forgeable && r.a == nil && !r.server.strangers.Allow(r.now) {
		r.server.counts.dropped(dropTotalRate)
		return
	}
	if forgeable && len(m.Raw) > int(amplification*float64(len(r.m.Raw))) {
		// The phrase that explains a code can be left out.
		if code, ok := attributes[0].(stun.ErrorCode); ok {
			attributes[0] = bareCode(code)
			m = r.build(class, attributes)
		}
		if m == nil || len(m.Raw) > int(amplification*float64(len(r.m.Raw))) {
			r.server.counts.dropped(dropAmplification)
			return
		}
	}
	r.out.answer(r.from, m.Raw)
}

func (r *request) build(class stun.MessageClass, attributes []stun.Setter) *stun.Message {
	setters := append([]stun.Setter{
		stun.NewTransactionIDSetter(r.m.TransactionID), stun.NewType(r.m.Type.Method, class),
	}, attributes...)
	if r.key != nil {
		setters = append(setters, r.key)
	}
	if r.m.Contains(stun.AttrFingerprint) {
		setters = append(setters, stun.Fingerprint)
	}
	m, err := stun.Build(setters...)
	if err != nil {
		r.server.log.Error("building a STUN answer", "method", r.m.Type.Method, "class", class, "err", err)
		return nil
	}
	return m
}

// bareCode is an ERROR-CODE without a phrase.
type bareCode stun.ErrorCode

func (c bareCode) AddTo(m *stun.Message) error {
	m.Add(stun.AttrErrorCode, []byte{0, 0, byte(c / 100), byte(c % 100)})
	return nil
}

// address is an attribute that names one, such as XOR-RELAYED-ADDRESS.
type address struct {
	attribute stun.AttrType
	addr      netip.AddrPort
}

func (a address) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: a.addr.Addr().AsSlice(), Port: int(a.addr.Port())}.AddToAs(m, a.attribute)
}

// lifetimeLeft is a LIFETIME.
type lifetimeLeft time.Duration

func (l lifetimeLeft) AddTo(m *stun.Message) error {
	m.Add(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, uint32(time.Duration(l)/time.Second)))
	return nil
}

// lifetime is what the client asks for, and whether it says so.
func (r *request) lifetime() (seconds uint32, given, ok bool) {
	value, err := r.m.Get(stun.AttrLifetime)
	if err != nil {
		return 0, false, true
	}
	if len(value) != 4 {
		return 0, true, false
	}
	return binary.BigEndian.Uint32(value), true, true
}

// peers are the XOR-PEER-ADDRESSes of a request, in canonical form; not ok if
// one of them is none.
func (r *request) peers() (peers []netip.AddrPort, ok bool) {
	for _, attribute := range r.m.Attributes {
		if attribute.Type != stun.AttrXORPeerAddress {
			continue
		}
		peer := xorAddress(attribute.Value, r.m.Raw[4:20])
		if !peer.IsValid() {
			return nil, false
		}
		peers = append(peers, canonical(peer))
	}
	return peers, true
}
