package ice

import "time"

const (
	// movedAfter is how long nothing may have come from where a client was,
	// before a check from elsewhere means that it has moved: longer than
	// clients wait between two checks, and shorter than it takes to call the
	// client lost.
	movedAfter = 3 * time.Second
	// maxAddresses is how many addresses of one client are kept: its
	// candidates, and one more with each NAT that forgets it.
	maxAddresses = 64
)

// agent decides what a client's checks mean: whether one is authentic, how it
// is answered, and to which of the client's addresses is sent.
//
// The client says so by nominating (RFC 8445, section 8.1.1), and the latest
// nomination wins: that is what browsers mean by it. Until it has, the place of
// its first check will do: DTLS may begin there a round trip earlier, and a
// check proves no less than a nomination. But when a NAT on its way
// forgets it, or its socket was replaced, its checks come from another
// address, and not every client nominates that one: its consent checks are
// answered, so to the client all is well, while what is sent goes to where it
// was. So a check from elsewhere is enough once the selected address is silent.
type agent struct {
	owner   *Transport // whose addresses are made
	current generation
	// former is the one before an ICE restart, until the client has nominated
	// with the current one; zero if there is none.
	former generation

	addresses []*address // at most maxAddresses
	selected  *address   // one of them, or nil
}

// generation is what both sides agreed on from one ICE restart to the next.
type generation struct {
	ours   credentials
	theirs credentials // zero until they are known
}

// verdict is what becomes of a check.
type verdict struct {
	result   result
	password string   // signs the answer; empty for who is not authentic
	at       *address // where it came from, once it is authentic
	evicted  *address // the one that made room for it; nil for none
	selected bool     // the pair that is sent on changed
	expired  string   // a name of ours that is over by this; empty for none
}

// receive judges a check that came on a path.
func (a *agent) receive(now time.Time, c *check, from path) (v verdict) {
	g := &a.current
	switch {
	case c.unsigned():
		return verdict{result: unsigned}
	case c.names(a.current):
	case c.names(a.former):
		g = &a.former
	default:
		return verdict{result: unknownUser}
	}
	if !c.authentic(g.ours.pwd) {
		return verdict{result: badIntegrity}
	}
	v.password = g.ours.pwd
	v.at, v.evicted = a.address(now, from)
	switch {
	case c.unknowns > 0:
		v.result = unknownAttribute
		return v
	case c.controlled:
		// We cannot be controlling, so whatever the tie-breakers say, the
		// client is (RFC 8445, sections 6.1.1 and 7.3.1.1).
		v.result = roleConflict
		return v
	}
	v.result = answered
	switch {
	case c.nominates:
		v.selected = a.choose(v.at)
		if g == &a.current {
			v.expired = a.former.ours.ufrag
			a.former = generation{}
		}
	case a.selected == nil:
		// It is the first, or the one that was selected is gone.
		v.selected = a.choose(v.at)
	case a.selected != v.at && now.Sub(a.selected.heard.get()) >= movedAfter:
		v.selected = a.choose(v.at)
	}
	return v
}

// choose selects an address, and tells whether another one was selected.
func (a *agent) choose(at *address) (changed bool) {
	changed = a.selected != at
	a.selected = at
	return changed
}

// address returns the address of a path, from which something came. If it is
// new and there are too many, the one that is longest silent makes room, so
// that nobody can lock a client out by naming its addresses for it.
func (a *agent) address(now time.Time, from path) (at, evicted *address) {
	for _, at := range a.addresses {
		if at.path == from {
			at.heard.set(now)
			return at, nil
		}
	}
	at = &address{path: from, owner: a.owner}
	at.heard.set(now)
	if len(a.addresses) < maxAddresses {
		a.addresses = append(a.addresses, at)
		return at, nil
	}
	oldest := -1
	for i, other := range a.addresses {
		if other != a.selected && (oldest < 0 || other.heard.get().Before(a.addresses[oldest].heard.get())) {
			oldest = i
		}
	}
	evicted, a.addresses[oldest] = a.addresses[oldest], at
	return at, evicted
}

// forget drops an address that can no longer be sent to, and tells whether it
// was selected.
func (a *agent) forget(at *address) (selected bool) {
	for i, other := range a.addresses {
		if other != at {
			continue
		}
		last := len(a.addresses) - 1
		a.addresses[i], a.addresses[last] = a.addresses[last], nil
		a.addresses = a.addresses[:last]
	}
	if a.selected != at {
		return false
	}
	a.selected = nil
	return true
}

// meet takes the client's credentials. It reports true, and changes nothing,
// when they are others than before: that is an ICE restart.
func (a *agent) meet(theirs credentials) (restarts bool) {
	if a.current.theirs == (credentials{}) {
		a.current.theirs = theirs
	}
	return a.current.theirs != theirs
}

// restart begins with new credentials (RFC 8445, section 9). What was selected
// is sent to, and checks with the credentials of before are taken, until the
// client nominates with the new ones. It returns the name of ours that is over
// by this, if one is: a restart that never came to anything.
func (a *agent) restart(ours, theirs credentials) (expired string) {
	if a.former == (generation{}) {
		a.former = a.current
	} else {
		expired = a.current.ours.ufrag
	}
	a.current = generation{ours: ours, theirs: theirs}
	return expired
}
