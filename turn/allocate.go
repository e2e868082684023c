package turn

import (
	"errors"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

// Protocol numbers of REQUESTED-TRANSPORT, and address families (RFC 8656,
// section 18).
const (
	protocolTCP = 6
	protocolUDP = 17

	family4 = 1
	family6 = 2
)

// attrAdditionalFamily is ADDITIONAL-ADDRESS-FAMILY (RFC 8656, section 18.11).
const attrAdditionalFamily stun.AttrType = 0x8000

// wish is what an Allocate asks for.
type wish struct {
	tcp        bool
	families   []int // as the relays of an allocation have them
	even, next bool  // an even port, and the next one kept for somebody who has the token
	token      string
}

// allocate makes an allocation (RFC 8656, section 7.2).
func (r *request) allocate() {
	s := r.server
	if r.a != nil {
		if r.a.opened == r.m.TransactionID { // our answer was lost
			r.allocated(r.a, "")
			return
		}
		r.refuse(stun.CodeAllocMismatch, refusedAllocated)
		return
	}
	wish, code, reason := r.wish()
	switch {
	case code != 0:
		r.refuse(code, reason)
		return
	case s.draining.Load():
		r.refuse(stun.CodeInsufficientCapacity, refusedDraining)
		return
	case !s.paces.Allow(r.from.addr.Addr(), r.now):
		r.refuse(stun.CodeAllocQuotaReached, refusedPace)
		return
	}
	if err := s.users.Take(r.user); err != nil {
		reason := refusedTotalQuota
		if errors.Is(err, limit.ErrKey) {
			reason = refusedUserQuota
		}
		r.refuse(stun.CodeAllocQuotaReached, reason)
		return
	}
	a := &allocation{user: r.user, from: r.from, began: r.now, opened: r.m.TransactionID}
	token, err := s.open(a, wish, r.now)
	if err != nil {
		s.users.Give(r.user)
		code := stun.CodeInsufficientCapacity
		if errors.Is(err, errNoFamily) {
			code = stun.CodeAddrFamilyNotSupported
		}
		r.refuse(code, refusedNoSocket)
		s.log.Warn("no relayed address for a TURN client", "client", r.from.addr, "err", err)
		return
	}
	a.bits = [2]*bitRate{newBitRate(s.config.Limits.BitsPerAllocation), s.userBits.take(r.user)}
	seconds, _, _ := r.lifetime()
	a.lease.expires = r.now.Add(lifetimeFor(seconds))
	for _, relay := range a.relays {
		if relay != nil {
			relay.of.Store(a)
		}
	}
	if !s.begin(a) {
		return // the server is closing; its relays are closed with the rest
	}
	r.allocated(a, token)
}

// allocated answers what the allocation is.
func (r *request) allocated(a *allocation, token string) {
	var attributes []stun.Setter
	for _, relay := range a.relays {
		if relay != nil {
			attributes = append(attributes, address{stun.AttrXORRelayedAddress, relay.announced})
		}
	}
	if a.tcp != nil {
		attributes = append(attributes, address{stun.AttrXORRelayedAddress, a.tcp.announced})
	}
	if token != "" {
		attributes = append(attributes, stun.RawAttribute{Type: stun.AttrReservationToken, Value: []byte(token)})
	}
	a.mu.RLock()
	left := a.lease.expires.Sub(r.now)
	a.mu.RUnlock()
	r.succeed(append(attributes, lifetimeLeft(left), address{stun.AttrXORMappedAddress, r.from.addr})...)
}

// wish reads what an Allocate asks for, or says with what code and reason it is
// refused.
func (r *request) wish() (w wish, code stun.ErrorCode, reason string) {
	transport, err := r.m.Get(stun.AttrRequestedTransport)
	if err != nil || len(transport) != 4 {
		return w, stun.CodeBadRequest, refusedRequest
	}
	switch over := r.from.transport; {
	case transport[0] == protocolUDP:
	case transport[0] == protocolTCP && (over == TCP || over == TLS):
		w.tcp = true
	default:
		return w, stun.CodeUnsupportedTransProto, refusedTransport
	}
	if even, err := r.m.Get(stun.AttrEvenPort); err == nil {
		w.even, w.next = true, len(even) > 0 && even[0]&0x80 != 0
	}
	if token, err := r.m.Get(stun.AttrReservationToken); err == nil {
		w.token = string(token)
	}
	asked, errAsked := r.m.Get(stun.AttrRequestedAddressFamily)
	more, errMore := r.m.Get(attrAdditionalFamily)
	w.families = []int{0}
	switch {
	case errAsked == nil && errMore == nil,
		w.token != "" && (w.even || errAsked == nil || errMore == nil),
		errMore == nil && w.next,
		w.tcp && (w.even || w.token != "" || errMore == nil || r.m.Contains(stun.AttrDontFragment)):
		return w, stun.CodeBadRequest, refusedRequest
	case errAsked == nil && (len(asked) == 0 || asked[0] != family4 && asked[0] != family6),
		errMore == nil && (len(more) == 0 || more[0] != family6):
		return w, stun.CodeAddrFamilyNotSupported, refusedFamily
	case errMore == nil:
		w.families = []int{0, 1}
	case errAsked == nil && asked[0] == family6:
		w.families = []int{1}
	}
	return w, 0, ""
}

// open gets an allocation what it asks for, or nothing. The token is for the
// relay that was kept beside it.
func (s *Server) open(a *allocation, w wish, now time.Time) (token string, err error) {
	defer func() {
		if err == nil {
			return
		}
		for i, r := range a.relays {
			if r != nil {
				r.close()
				a.relays[i] = nil
			}
		}
	}()
	if w.token != "" {
		r := s.reservations.take(w.token, now)
		if r == nil {
			return "", errNoReservation
		}
		a.relays[family(r.announced.Addr())] = r
		return "", nil
	}
	var first error
	for i, f := range w.families {
		local, err := s.relayAddress(a.from.local, f == 1)
		if err == nil && w.tcp {
			a.tcp, err = s.newTCPAllocation(a, local)
		} else if err == nil && w.next {
			var next *relay
			if a.relays[f], next, err = s.newPair(local); err == nil {
				token, err = s.reservations.keep(next, now)
			}
		} else if err == nil {
			a.relays[f], err = s.newRelay(local, w.even)
		}
		if err != nil && len(w.families) > 1 {
			first = errors.Join(first, err) // one family of two is better than none
			if i == 0 || a.relays[0] != nil {
				continue
			}
		}
		if err != nil {
			return "", errors.Join(first, err)
		}
	}
	return token, nil
}

// refresh prolongs an allocation or ends it (RFC 8656, section 8.2).
func (r *request) refresh() {
	if r.a == nil {
		r.refuse(stun.CodeAllocMismatch, refusedNoAllocation)
		return
	}
	seconds, given, ok := r.lifetime()
	if !ok {
		r.refuse(stun.CodeBadRequest, refusedRequest)
		return
	}
	if asked, err := r.m.Get(stun.AttrRequestedAddressFamily); err == nil {
		if len(asked) == 0 || asked[0] != family4 && asked[0] != family6 || !r.carries(anyOf(asked[0])) {
			r.refuse(stun.CodePeerAddrFamilyMismatch, refusedFamily)
			return
		}
	}
	if given && seconds == 0 {
		r.server.end(r.a, EndedByClient)
		r.succeed(lifetimeLeft(0))
		return
	}
	d := lifetimeFor(seconds)
	r.a.mu.Lock()
	r.a.lease.expires = r.now.Add(d)
	r.a.mu.Unlock()
	r.succeed(lifetimeLeft(d))
}

// anyOf is an address of a family.
func anyOf(family byte) netip.Addr {
	if family == family4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
