package main

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// iceServers makes the ICE servers of a welcome: this server, by the address
// that is advertised or else by the name under which the client found it. The
// secret is asked for whenever it signs.
func iceServers(config configs.Config, number int, secret func() []byte) func(signaling.Caller, string) []*protocol.IceServer {
	if !config.TURN.Enabled {
		return func(signaling.Caller, string) []*protocol.IceServer { return nil }
	}
	return func(caller signaling.Caller, session string) []*protocol.IceServer {
		host := caller.Host
		if len(config.Advertise) > 0 {
			host = config.Advertise[0].String()
		}
		if addr, err := netip.ParseAddr(host); err == nil {
			host = addr.String()
		}
		username, credential := auth.TURN{Secret: secret(), TTL: config.TURN.CredentialTTL}.Issue(session, time.Now())
		return []*protocol.IceServer{
			{Urls: []string{"stun:" + net.JoinHostPort(host, strconv.Itoa(number))}},
			{Urls: relayURLs(config, number, host, certifiedHost(config, caller.Host)), Username: username, Credential: credential},
		}
	}
}

// certifiedHost is the name that the certificate is for, as far as that is
// known: a client checks it.
func certifiedHost(config configs.Config, asked string) string {
	if len(config.Domains) > 0 && !slices.Contains(config.Domains, asked) {
		return config.Domains[0]
	}
	return asked
}

// Ports that networks rather let through than others, the best first.
var (
	goodUDP  = []int{443, 3478}
	goodTCP  = []int{80, 3478, 443}
	goodTLS  = []int{443, 5349}
	goodDTLS = []int{443, 5349}
)

// relayURLs are the URIs of the relay (RFC 7065): for each way to it the port
// itself and the best of the others, and over TLS only the best. A browser
// tries all of them at once, so more would do harm.
func relayURLs(config configs.Config, number int, host, certified string) []string {
	var urls []string
	add := func(scheme, host string, port int, transport string) {
		urls = append(urls, scheme+":"+net.JoinHostPort(host, strconv.Itoa(port))+"?transport="+transport)
	}
	further := func(good []int, udp bool) (port int) {
		var ports []int
		for _, l := range config.Listeners {
			if udp && l.UDP || !udp && l.TCP {
				ports = append(ports, l.Port)
			}
		}
		for _, port := range slices.Concat(good, ports) {
			if slices.Contains(ports, port) {
				return port
			}
		}
		return 0
	}
	add("turn", host, number, "udp")
	add("turn", host, number, "tcp")
	if port := further(goodUDP, true); port != 0 {
		add("turn", host, port, "udp")
	}
	if port := further(goodTCP, false); port != 0 {
		add("turn", host, port, "tcp")
	}
	if config.Certified() {
		add("turns", certified, cmp.Or(further(goodTLS, false), number), "tcp")
		add("turns", certified, cmp.Or(further(goodDTLS, true), number), "udp")
	}
	return urls
}
