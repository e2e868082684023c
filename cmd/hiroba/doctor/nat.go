package doctor

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// listening is how long is waited for an answer that a NAT may have filtered.
const listening = 1500 * time.Millisecond

// behaviour is how a NAT treats UDP (RFC 4787, sections 4.1 and 5).
type behaviour string

// The behaviours of mapping and of filtering.
const (
	independent behaviour = "endpoint-independent"
	address     behaviour = "address-dependent"
	both        behaviour = "address- and port-dependent"
	unknown     behaviour = ""
)

// mapping is the behaviour by what one socket is mapped to on the way to the
// server's first address, to its other address, and to its other address and
// port (RFC 5780, section 4.3).
func mapping(primary, otherAddress, otherBoth netip.AddrPort) behaviour {
	switch {
	case otherAddress == primary:
		return independent
	case otherBoth == otherAddress:
		return address
	}
	return both
}

// filtering is the behaviour by which answers came: from an address and port
// that nothing was sent to, and from another port alone (RFC 5780, section 4.4).
func filtering(fromElsewhere, fromOtherPort bool) behaviour {
	switch {
	case fromElsewhere:
		return independent
	case fromOtherPort:
		return address
	}
	return both
}

// nat finds out how the NAT before this client behaves. The server needs two
// addresses for that.
func (p *prober) nat(ctx context.Context, to netip.AddrPort, first reply) (finding, error) {
	if first.mapped == p.local {
		return finding{detail: "there is none: this machine has the address that the server sees"}, nil
	}
	if !first.other.IsValid() || first.other.Addr() == to.Addr() || first.other.Port() == to.Port() {
		return finding{state: NotOffered, detail: "there is one; how it maps and filters only a server with two addresses can tell (RFC 5780), and this one has a single address"}, nil
	}
	// Filtering first: later requests open what it is about.
	filters := filtering(p.hears(ctx, to, changeAddress|changePort), p.hears(ctx, to, changePort))
	second, err := p.ask(ctx, netip.AddrPortFrom(first.other.Addr(), to.Port()), 0)
	if err != nil {
		return finding{state: Limited, detail: "the server's other address does not answer; " + describe(unknown, filters)}, nil
	}
	third, err := p.ask(ctx, first.other, 0)
	if err != nil {
		return finding{state: Limited, detail: "the server's other port does not answer; " + describe(unknown, filters)}, nil
	}
	return finding{detail: describe(mapping(first.mapped, second.mapped, third.mapped), filters)}, nil
}

// hears says whether an answer comes from elsewhere than asked. The server may
// not heed the request, and answer from where it always does.
func (p *prober) hears(ctx context.Context, to netip.AddrPort, change uint32) bool {
	ctx, cancel := context.WithTimeout(ctx, listening)
	defer cancel()
	r, err := p.ask(ctx, to, change)
	if err != nil {
		return false
	}
	if change&changeAddress != 0 && r.from.Addr() == to.Addr() {
		return false
	}
	return r.from.Port() != to.Port()
}

// describe says what a NAT's behaviour means for calls.
func describe(maps, filters behaviour) string {
	var out []string
	if maps != unknown {
		out = append(out, "mapping is "+string(maps))
	}
	out = append(out, "filtering is "+string(filters))
	switch {
	case maps == unknown:
	case maps == independent:
		out = append(out, "direct connections work with most other networks")
	default:
		out = append(out, "direct connections need a peer that filters little, others are relayed (a symmetric NAT)")
	}
	return strings.Join(out, "; ")
}
