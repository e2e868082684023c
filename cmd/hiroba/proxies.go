package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// behindProxies gives requests that come through a trusted proxy the address
// of the client itself, with port 0, before anything else sees them. What
// anybody else says in X-Forwarded-For is left where it is and not believed.
func behindProxies(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			if client := clientOf(trusted, plain(peer.Addr()), r.Header["X-Forwarded-For"]); client != plain(peer.Addr()) {
				copied := *r // a handler does not change the request it is given
				copied.RemoteAddr = netip.AddrPortFrom(client, 0).String()
				r = &copied
			}
		}
		next.ServeHTTP(w, r)
	})
}

// clientOf finds the client that a request comes from, if its peer is a
// trusted proxy: each proxy adds the address that it was called from at the
// end, so the client is the last address that is not itself a trusted proxy.
// What stands before it is the client's own invention. An entry that is no
// address says nothing, and the client is then the peer.
func clientOf(trusted []netip.Prefix, peer netip.Addr, forwarded []string) netip.Addr {
	isTrusted := func(addr netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(addr) })
	}
	client := peer
	rest, more := strings.Join(forwarded, ","), len(forwarded) > 0
	for more && isTrusted(client) {
		entry := rest
		if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
			rest, entry = rest[:comma], rest[comma+1:]
		} else {
			more = false
		}
		addr, ok := parseForwarded(entry)
		if !ok {
			return peer
		}
		client = addr
	}
	return client
}

// parseForwarded reads an entry of X-Forwarded-For: an address, which some
// proxies write with its port.
func parseForwarded(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	if addr, err := netip.ParseAddr(entry); err == nil {
		return plain(addr), true
	}
	if addr, err := netip.ParseAddrPort(entry); err == nil {
		return plain(addr.Addr()), true
	}
	if inner, bracketed := strings.CutPrefix(entry, "["); bracketed {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return plain(addr), err == nil
	}
	return netip.Addr{}, false
}

// plain brings an address to the one form that limits and networks go by.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// isForwarded says whether a request shows the traces of a proxy, trusted or
// not. That they are there counts, not what they say.
func isForwarded(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"} {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	return false
}
