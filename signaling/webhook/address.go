package webhook

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// forbiddenError is a target that webhooks do not go to.
type forbiddenError struct {
	addr netip.Addr
	what string
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("%v is a %s address; webhooks go to public addresses only, unless webhook.allow_private is true", e.addr, e.what)
}

// public returns a forbiddenError for any address but a global unicast one.
func public(addr netip.Addr) error {
	if what := special(addr); what != "" {
		return &forbiddenError{addr, what}
	}
	return nil
}

// dialer connects to targets. Unless private ones are allowed it judges the
// address that it is about to connect to, after the name was resolved: a name
// whose answer changes between a check and its use gets nowhere.
func dialer(allowPrivate bool) *net.Dialer {
	d := &net.Dialer{Timeout: requestTimeout}
	if allowPrivate {
		return d
	}
	d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("cannot tell whether %q is a public address: %w", address, err)
		}
		return public(target.Addr())
	}
	return d
}

// connect makes the transport's way to open connections: they end, and so does
// what the transport does with them, when the sender does.
func connect(ended context.Context, dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// The transport goes on dialing when the request that wanted the
		// connection is over; only the sender's end stops it.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(ended, cancel)()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &ending{conn, context.AfterFunc(ended, func() { _ = conn.Close() })}, nil
	}
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// ending is a connection that closes with the sender.
type ending struct {
	net.Conn
	release func() bool
}

func (c *ending) Close() error {
	c.release()
	return c.Conn.Close()
}

// special says what makes an address other than a global unicast one, or
// nothing. An IPv6 address that stands for an IPv4 one is judged by that.
func special(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return "missing"
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
			if what := special(e.in(addr)); what != "" {
				return what
			}
		}
		return ""
	}
	if addr.Is6() && !globalUnicast6.Contains(addr) {
		return "reserved"
	}
	return ""
}

// globalUnicast6 is all of IPv6 that is given out for global unicast (RFC 4291,
// section 2.4, and the IANA registry).
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// specialRange is a range of the IANA registries of special-purpose addresses,
// and either forbidden or judged by the IPv4 addresses inside.
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

func forbid(prefix, what string) specialRange {
	return specialRange{prefix: netip.MustParsePrefix(prefix), what: what}
}

func inside(prefix string, embedded ...embedding) specialRange {
	return specialRange{prefix: netip.MustParsePrefix(prefix), embedded: embedded}
}

// special4 is https://www.iana.org/assignments/iana-ipv4-special-registry,
// with multicast, the reserved block, and one cloud's metadata server that
// lives on a public address.
var special4 = []specialRange{
	forbid("0.0.0.0/8", "unspecified"),
	forbid("10.0.0.0/8", "private"),
	forbid("100.64.0.0/10", "carrier-grade NAT"),
	forbid("127.0.0.0/8", "loopback"),
	forbid("168.63.129.16/32", "metadata"), // Azure
	forbid("169.254.0.0/16", "link-local"), // and metadata, 169.254.169.254
	forbid("172.16.0.0/12", "private"),
	forbid("192.0.0.0/24", "protocol assignments"), // and metadata, 192.0.0.192
	forbid("192.0.2.0/24", "documentation"),
	forbid("192.88.99.0/24", "6to4 relay"),
	forbid("192.168.0.0/16", "private"),
	forbid("198.18.0.0/15", "benchmarking"),
	forbid("198.51.100.0/24", "documentation"),
	forbid("203.0.113.0/24", "documentation"),
	forbid("224.0.0.0/4", "multicast"),
	forbid("240.0.0.0/4", "reserved"), // and broadcast
}

// special6 is https://www.iana.org/assignments/iana-ipv6-special-registry,
// with the ways to write an IPv4 address in an IPv6 one. The first that
// contains an address decides.
var special6 = []specialRange{
	forbid("::/128", "unspecified"),
	forbid("::1/128", "loopback"),
	inside("::/96", embedding{offset: 12}),                                       // v4-compatible, RFC 4291
	inside("::ffff:0:0:0/96", embedding{offset: 12}),                             // v4-translated, RFC 2765
	inside("64:ff9b::/96", embedding{offset: 12}),                                // NAT64, RFC 6052
	inside("2001::/32", embedding{offset: 4}, embedding{offset: 12, mask: 0xFF}), // Teredo server and client, RFC 4380
	inside("2002::/16", embedding{offset: 2}),                                    // 6to4, RFC 3056
	forbid("64:ff9b:1::/48", "local NAT64"),
	forbid("2001::/23", "protocol assignments"),
	forbid("2001:db8::/32", "documentation"),
	forbid("3fff::/20", "documentation"),
	forbid("fc00::/7", "private"), // unique local; and metadata, fd00:ec2::254
	forbid("fe80::/10", "link-local"),
	forbid("ff00::/8", "multicast"),
}
