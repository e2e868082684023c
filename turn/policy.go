package turn

import (
	"net/netip"
	"slices"
)

// Rules are what the operator says about peers. Of the networks that contain a
// peer's address, the smallest decides, and Deny if both lists have it; an
// address that is in none is judged by what it is, see special.
type Rules struct {
	Allow []netip.Prefix
	Deny  []netip.Prefix
}

// policy says which peers a client may reach through a relay. A relay sends
// from inside the operator's network, so what it reaches must be no more than
// what anybody on the Internet reaches: global unicast addresses.
//
// There are two exceptions. The server's own SFU is exactly the sockets in
// self, port and all; and the operator may allow networks outright. The other
// ports of this machine's own addresses are denied even where the addresses
// are global, because a host firewall does not guard a machine from itself.
//
// It does not change once made.
type policy struct {
	self  map[netip.AddrPort]struct{}
	own   map[netip.Addr]struct{} // the addresses of this machine
	rules Rules
}

// byRule is why an address is denied that the operator denies.
const byRule = "rule"

func newPolicy(self []netip.AddrPort, own []netip.Addr, rules Rules) *policy {
	p := &policy{
		self:  make(map[netip.AddrPort]struct{}, len(self)),
		own:   make(map[netip.Addr]struct{}, len(own)),
		rules: Rules{Allow: unmapped(rules.Allow), Deny: unmapped(rules.Deny)},
	}
	for _, addr := range self {
		p.self[canonical(addr)] = struct{}{}
		p.own[canonical(addr).Addr()] = struct{}{}
	}
	for _, addr := range own {
		p.own[addr.Unmap().WithZone("")] = struct{}{}
	}
	return p
}

// unmapped writes networks in ::ffff:0:0/96 as the IPv4 networks that they are.
func unmapped(networks []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(networks))
	for _, n := range networks {
		if n.Addr().Is4In6() && n.Bits() >= 96 {
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		out = append(out, n.Masked())
	}
	return out
}

// canonical gives a transport address the one form that is compared.
func canonical(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port())
}

// permission judges an address for which a client wants a permission or a
// channel (RFC 8656, sections 10 and 12). It returns why the address is denied,
// or nothing. A permission names no port; where ports make the difference the
// answer is yes, and peer judges each datagram.
func (p *policy) permission(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if p.isOwn(addr) {
		return ""
	}
	return p.judge(addr)
}

// peer judges the transport address that a datagram goes to or comes from. It
// returns why the address is denied, or nothing.
func (p *policy) peer(addr netip.AddrPort) string {
	addr = canonical(addr)
	if p.isSelf(addr) {
		return ""
	}
	if addr.Port() == 0 {
		return "port 0"
	}
	return p.judge(addr.Addr())
}

// isSelf reports whether the canonical addr is a socket of the server's SFU.
func (p *policy) isSelf(addr netip.AddrPort) bool {
	_, self := p.self[addr]
	return self
}

// isOwn reports whether a canonical address is this machine's, so that ports
// make a difference.
func (p *policy) isOwn(addr netip.Addr) bool {
	_, own := p.own[addr]
	return own
}

// inside reports whether nothing at an address is allowed but this server's own
// sockets.
func (p *policy) inside(addr netip.Addr) bool { return p.isOwn(addr) && p.judge(addr) != "" }

// anotherPort is why a port of this machine is denied.
const anotherPort = "another port of this server"

// judge says why an address is denied, or nothing.
func (p *policy) judge(addr netip.Addr) string {
	switch denied, allowed := longest(p.rules.Deny, addr), longest(p.rules.Allow, addr); {
	case denied >= 0 && denied >= allowed:
		return byRule
	case allowed >= 0:
		return ""
	case p.isOwn(addr):
		return anotherPort
	}
	return special(addr, p.judge)
}

// longest is the length of the smallest network that contains an address; -1
// for none.
func longest(networks []netip.Prefix, addr netip.Addr) int {
	bits := -1
	for _, n := range networks {
		if n.Bits() > bits && n.Contains(addr) {
			bits = n.Bits()
		}
	}
	return bits
}

// special says what makes an address other than a global unicast one, or
// nothing. An IPv6 address that stands for an IPv4 one is judged by that.
func special(addr netip.Addr, judge func(netip.Addr) string) string {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return "no address"
	}
	ranges := special4
	if addr.Is6() {
		ranges = special6
	}
	for _, r := range ranges {
		if !r.prefix.Contains(addr) {
			continue
		}
		if len(r.embedded) == 0 {
			return r.what
		}
		for _, e := range r.embedded {
			if what := judge(e.in(addr)); what != "" {
				return what
			}
		}
		return ""
	}
	if addr.Is6() && !globalUnicast6.Contains(addr) {
		return notUnicast
	}
	return ""
}

// notUnicast is why an IPv6 address outside of the ranges below is denied.
const notUnicast = "not global unicast"

// denials are all reasons for which an address can be denied.
func denials() []string {
	all := []string{byRule, anotherPort, notUnicast}
	for _, r := range slices.Concat(special4, special6) {
		if r.what != "" && !slices.Contains(all, r.what) {
			all = append(all, r.what)
		}
	}
	return all
}

// SetRules takes other rules about peers. Permissions that clients have are
// judged again: what is denied now ends at once, and its allocation goes on.
func (s *Server) SetRules(rules Rules) {
	p := newPolicy(s.config.Self, slices.Concat(s.locals, s.config.Advertise), rules)
	s.policy.Store(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	var revoked int
	for _, a := range s.allocations {
		a.mu.Lock()
		revoked += a.lease.revoke(func(addr netip.Addr) bool { return p.permission(addr) != "" })
		a.mu.Unlock()
		if a.tcp != nil {
			a.tcp.revoke(p)
		}
	}
	s.counts.revoked.Add(float64(revoked))
	s.log.Info("TURN rules about peers taken", "allow", len(rules.Allow), "deny", len(rules.Deny), "revoked", revoked)
}

// globalUnicast6 is all of IPv6 that is given out for global unicast (RFC 4291,
// section 2.4, and the IANA registry); the rest is denied without naming it.
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// specialRange is a range of the IANA registries of special-purpose addresses,
// and either denied or judged by the IPv4 addresses inside.
type specialRange struct {
	prefix   netip.Prefix
	what     string
	embedded []embedding
}

// embedding is where an IPv4 address lies in an IPv6 one.
type embedding struct {
	offset int  // in bytes
	mask   byte // XORed with each byte
}

func (e embedding) in(addr netip.Addr) netip.Addr {
	b := addr.As16()
	var v4 [4]byte
	for i := range v4 {
		v4[i] = b[e.offset+i] ^ e.mask
	}
	return netip.AddrFrom4(v4)
}

func deny(prefix, what string) specialRange {
	return specialRange{prefix: netip.MustParsePrefix(prefix), what: what}
}

func judge(prefix string, embedded ...embedding) specialRange {
	return specialRange{prefix: netip.MustParsePrefix(prefix), embedded: embedded}
}

// special4 is https://www.iana.org/assignments/iana-ipv4-special-registry,
// with multicast, the reserved block, and one cloud's metadata server that
// lives on a public address.
var special4 = []specialRange{
	deny("0.0.0.0/8", "unspecified"),
	deny("10.0.0.0/8", "private"),
	deny("100.64.0.0/10", "carrier-grade NAT"),
	deny("127.0.0.0/8", "loopback"),
	deny("168.63.129.16/32", "metadata"), // Azure
	deny("169.254.0.0/16", "link-local"), // and metadata, 169.254.169.254
	deny("172.16.0.0/12", "private"),
	deny("192.0.0.0/24", "protocol assignments"), // and metadata, 192.0.0.192
	deny("192.0.2.0/24", "documentation"),
	deny("192.88.99.0/24", "6to4 relay"),
	deny("192.168.0.0/16", "private"),
	deny("198.18.0.0/15", "benchmarking"),
	deny("198.51.100.0/24", "documentation"),
	deny("203.0.113.0/24", "documentation"),
	deny("224.0.0.0/4", "multicast"),
	deny("240.0.0.0/4", "reserved"), // and broadcast
}

// special6 is https://www.iana.org/assignments/iana-ipv6-special-registry,
// with the ways to write an IPv4 address in an IPv6 one. The first that
// contains an address decides.
var special6 = []specialRange{
	deny("::/128", "unspecified"),
	deny("::1/128", "loopback"),
	judge("::/96", embedding{offset: 12}),                                       // v4-compatible, RFC 4291
	judge("::ffff:0:0:0/96", embedding{offset: 12}),                             // v4-translated, RFC 2765
	judge("64:ff9b::/96", embedding{offset: 12}),                                // NAT64, RFC 6052
	judge("2001::/32", embedding{offset: 4}, embedding{offset: 12, mask: 0xFF}), // Teredo server and client, RFC 4380
	judge("2002::/16", embedding{offset: 2}),                                    // 6to4, RFC 3056
	deny("64:ff9b:1::/48", "local NAT64"),
	deny("2001::/23", "protocol assignments"),
	deny("2001:db8::/32", "documentation"),
	deny("3fff::/20", "documentation"),
	deny("fc00::/7", "private"), // unique local; and metadata, fd00:ec2::254
	deny("fe80::/10", "link-local"),
	deny("ff00::/8", "multicast"),
}
