package main

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/certificate"
)

// hsts has browsers remember for a month that a name speaks HTTPS (RFC 6797).
const hsts = "max-age=2592000"

// overTLS is what there is to HTTP besides its routes when the server has a
// certificate, or is about to have one.
func (s *server) overTLS(config configs.Config, next http.Handler) http.Handler {
	if s.certs == nil {
		return next
	}
	next = httpsOnly(config, s.port.Port(), next)
	if authority, ok := s.certs.(*certificate.ACME); ok {
		return authority.Challenges(next)
	}
	return next
}

// httpsOnly sends who comes over plain HTTP from another machine to HTTPS,
// where cameras work and tokens are nobody else's to read. What comes through
// a trusted proxy comes over what the proxy speaks with its clients.
func httpsOnly(config configs.Config, port int, next http.Handler) http.Handler {
	usual := port
	if slices.ContainsFunc(config.Listeners, func(l configs.Listener) bool { return l.Port == 443 && l.TCP }) {
		usual = 443
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostName(r.Host)
		if r.TLS != nil {
			if slices.Contains(config.Domains, strings.ToLower(host)) {
				w.Header().Set("Strict-Transport-Security", hsts)
			}
			next.ServeHTTP(w, r)
			return
		}
		if isSameMachine(r) || isFromProxy(config.TrustedProxies, r) {
			next.ServeHTTP(w, r)
			return
		}
		answerSoon(w, r)
		if r.Method != http.MethodGet && r.Method != http.MethodHead || !isHostName(host) {
			http.Error(w, "This server takes this only over HTTPS.", http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "https://"+secureHost(host, r.Host, usual)+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// secureHost is the host, and the port if need be, under which the same is
// there over HTTPS: every port has that, but to port 80 nobody would go for it.
func secureHost(host, asked string, usual int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if _, port, err := net.SplitHostPort(asked); err == nil && port != "80" {
		return host + ":" + port
	}
	if usual == 443 {
		return host
	}
	return host + ":" + strconv.Itoa(usual)
}

// hostName is the name or address in a Host header, without port and brackets.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// isHostName tells whether a host can stand in a URL as it is.
func isHostName(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_')
	})
}

// isSameMachine says whether a request did not cross a network.
func isSameMachine(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return plain(peer.Addr()).IsLoopback() || local != nil && plain(peer.Addr()) == plain(local.AddrPort().Addr())
}

// isFromProxy says whether a request's peer is a trusted proxy.
func isFromProxy(trusted []netip.Prefix, r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(plain(peer.Addr())) })
}
