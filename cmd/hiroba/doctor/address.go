package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// address holds the addresses that the server announces for media against the one
// that its name leads to.
func (e *exam) address() {
	e.mu.Lock()
	seen := e.facts
	media := e.state(Media)
	e.mu.Unlock()
	if len(seen.candidates) == 0 {
		e.skip(NotTried, "no answer to a join told of them", Address)
		return
	}
	state, detail := judgeAddress(seen, media == Works)
	e.note(Result{Leg: Address, State: state, Detail: detail})
}

// judgeAddress says whether clients from here on can reach what the server
// announces. Media that came through says more than addresses do.
func judgeAddress(seen facts, media bool) (State, string) {
	var announced []netip.Addr
	for _, c := range seen.candidates {
		if addr := c.Addr(); !slices.Contains(announced, addr) {
			announced = append(announced, addr)
		}
	}
	says := "it announces " + list(announced)
	to := seen.reached.Addr()
	if seen.mapped.IsValid() && !isWithin(seen.mapped.Addr()) {
		says += fmt.Sprintf("; this client is %v to it", seen.mapped.Addr())
	}
	switch {
	case !to.IsValid() || slices.Contains(announced, to):
		return Works, says
	case media && !isWithin(to) && !slices.ContainsFunc(announced, func(a netip.Addr) bool { return !isWithin(a) }):
		return Limited, fmt.Sprintf("%s, which only its own network can reach, and its name leads to %v", says, to)
	case media:
		return Works, fmt.Sprintf("%s; its name leads to %v", says, to)
	}
	return Fails, fmt.Sprintf("%s, and its name leads to %v", says, to)
}

// relayed holds the relayed addresses of a relay alone against where this client
// reaches it.
func (e *exam) relayed() {
	e.mu.Lock()
	seen := e.facts
	e.mu.Unlock()
	if len(seen.relayed) == 0 {
		e.skip(NotTried, "no relayed address could be had", Address)
		return
	}
	state, detail := judgeRelayed(seen.relayed, seen.reached.Addr())
	e.note(Result{Leg: Address, State: state, Detail: detail})
}

// judgeRelayed says whether peers from here on can reach relayed addresses. That
// packets between two of them come through says nothing: they never leave the
// relay.
func judgeRelayed(relayed []netip.Addr, to netip.Addr) (State, string) {
	var announced []netip.Addr
	for _, addr := range relayed {
		if addr.Is4() == to.Is4() && !slices.Contains(announced, addr) {
			announced = append(announced, addr)
		}
	}
	says := "relayed addresses are at " + list(announced)
	switch {
	case len(announced) == 0 || slices.Contains(announced, to):
		return Works, "relayed addresses are at " + list(slices.Compact(relayed))
	case isWithin(to):
		return Works, fmt.Sprintf("%s; this client reaches the relay at %v, from within its network", says, to)
	case slices.ContainsFunc(announced, isWithin):
		return Fails, fmt.Sprintf("%s, which only its own network can reach, and this client reaches the relay at %v", says, to)
	}
	return Limited, fmt.Sprintf("%s, and this client reaches the relay at %v", says, to)
}

// isWithin says whether an address means something in its own network alone.
func isWithin(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || shared.Contains(addr)
}

// shared is the address space between a provider and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func list(addrs []netip.Addr) string {
	var words []string
	for _, addr := range addrs {
		words = append(words, addr.String())
	}
	return strings.Join(words, ", ")
}
