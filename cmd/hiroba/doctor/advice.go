package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// situation is what advice depends on beside the leg itself.
type situation struct {
	server     server
	works      map[Leg]bool
	candidates []netip.AddrPort // of the SFU
	reached    netip.AddrPort   // where the server's name leads to
	misplaced  bool             // what the server announces is not where its name leads
	issued     bool             // the server made the TURN credentials that were used
	secretless bool             // there were none to use
	ended      time.Time        // when those that were given ended; zero if they have not
}

// udpPort is the server's UDP port, as far as it is known.
func (s situation) udpPort(target string) string {
	if _, port, err := net.SplitHostPort(target); err == nil {
		return port
	}
	if len(s.candidates) > 0 {
		return strconv.Itoa(int(s.candidates[0].Port()))
	}
	return s.server.port
}

// elsewhere says whether a target is an address to which the server's name does
// not lead.
func (s situation) elsewhere(target string) bool {
	at, err := netip.ParseAddrPort(target)
	to := s.reached.Addr()
	return err == nil && s.server.web != nil && to.Is4() == at.Addr().Is4() && to.IsValid() && at.Addr() != to
}

// advise says what to do about a leg that does not work, or not well.
func advise(r Result, s situation) []string {
	switch r.Leg {
	case HTTP:
		return adviseHTTP(r, s)
	case WebSocket, SSE, LongPoll:
		return adviseSignaling(r, s)
	case STUN, Media, ICETCP:
		return adviseMedia(r, s)
	case TURNUDP, TURNTCP, TURNTLS, TURNDTLS:
		return adviseTURN(r, s)
	case Address:
		return []string{adviseAddress(s)}
	case NAT:
		return []string{"Open UDP to the server's second address and port as to the first: what a NAT does can only be told with both."}
	case Clock:
		return []string{"Have both machines keep time by NTP (timedatectl set-ntp true): tokens and TURN credentials carry times, and are refused when clocks disagree."}
	case Buffers:
		return []string{"Bursts are lost at less load than this machine could carry: sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304, and the same in /etc/sysctl.d to keep it."}
	case Files:
		return []string{fmt.Sprintf("Let the server have more files open: LimitNOFILE=%d in its systemd unit, --ulimit nofile=%d for a container.", 65536, 65536)}
	}
	return nil
}

const tokenAdvice = "Give an access token by --token or HIROBA_TOKEN; `hiroba token --room doctor`, where the server's keys are, makes one."

func adviseHTTP(r Result, s situation) []string {
	at := s.server.address()
	switch r.Cause {
	case Unnamed:
		return []string{fmt.Sprintf("The name %s does not resolve: make a DNS record (A, AAAA) for it, or use the server's address.", s.server.host)}
	case Refused:
		return []string{fmt.Sprintf("Nothing listens at TCP %s: start the server, and look at its host and port; host 127.0.0.1, the default, can be reached from its own machine only.", at)}
	case Silent, Unreachable:
		return []string{fmt.Sprintf("Open TCP port %s to the server in its firewall and its provider's (security group), and look whether a router forwards it.", s.server.port)}
	case Certificate:
		return []string{"The certificate is not good for this name: get one that is (ACME, or the proxy's), or, for one of your own making, name its CA in SSL_CERT_FILE."}
	case Alert:
		return []string{adviseAlert(at)}
	case NoTLS:
		return []string{fmt.Sprintf("What answers at %s speaks no TLS: use http://, or have a proxy in front of it end TLS.", at)}
	}
	return []string{fmt.Sprintf("Something else than Hiroba answers at %s, or it refuses this name: look at the proxy in front of it, and at the server's log.", at)}
}

func adviseSignaling(r Result, s situation) []string {
	switch {
	case r.Cause == Unauthorized:
		return []string{tokenAdvice}
	case r.Cause == Quota:
		return []string{"The server is full: raise limits.sessions, or limits.sessions_per_address for many clients behind one address."}
	case !s.works[HTTP]:
		return []string{"HTTP comes first; this is likely to work when that does."}
	case r.Leg == WebSocket:
		return []string{"A proxy on the way does not pass on upgrades: have it send Upgrade and Connection (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"). Until then clients fall back to the transports below."}
	case r.Leg == SSE:
		return []string{"A proxy on the way holds back answers until they are whole: have it stream them (nginx: proxy_buffering off). Until then clients fall back to long polls."}
	}
	return []string{"A proxy on the way cuts or changes plain requests to /v1/signal: let POST and GET through with their Authorization header, and give answers 30 s."}
}

func adviseMedia(r Result, s situation) []string {
	port := s.udpPort(r.Target)
	switch {
	case r.Cause == Unauthorized || r.Cause == Forbidden:
		return []string{tokenAdvice + " It has to be good for the room; --room names another one."}
	case r.Cause == Quota:
		return []string{"The room or the server is full: name another room by --room, or raise limits.peers_per_room."}
	case r.Cause == Unnamed && r.Leg == STUN && s.server.web == nil:
		return []string{adviseName(r)}
	case r.Cause == Unnamed:
		return []string{fmt.Sprintf("The name in %s does not resolve; advertise should have addresses that do not need to.", r.Target)}
	case s.misplaced:
		return []string{adviseAddress(s)}
	case r.Cause == Keys:
		return []string{fmt.Sprintf("Small packets get through on port %s, and larger ones do not: look for a lower MTU on the way (a VPN), or a firewall that drops fragments.", port)}
	case r.Leg == ICETCP:
		return []string{fmt.Sprintf("Open TCP port %s to the server's own address: behind a proxy for HTTP, ICE-TCP still comes directly. It is for networks that let no UDP out.", port)}
	case r.Leg == STUN && s.works[Media], r.Leg == Media && s.works[STUN]:
		return []string{fmt.Sprintf("UDP port %s is open at one of the server's addresses and not at the other: set advertise to the one that is.", port)}
	case r.Cause == Refused:
		return []string{adviseClosed("UDP", r.Target, s)}
	}
	return []string{openUDP(port, s)}
}

func openUDP(port string, s situation) string {
	advice := fmt.Sprintf("Open UDP port %s to the server, in its firewall and its provider's (security group), and for answers on the way back; in a container, publish it with /udp.", port)
	if s.works[TURNTCP] || s.works[TURNTLS] || s.works[ICETCP] {
		advice += " If it is this network that lets no UDP out, calls go over TCP, with more delay."
	}
	return advice
}

func adviseTURN(r Result, s situation) []string {
	_, port, _ := net.SplitHostPort(r.Target)
	switch {
	case r.Cause == Unauthorized && s.secretless:
		return []string{"Give credentials by --turn-secret (HIROBA_TURN_SECRET), or --username and --password."}
	case r.Cause == Unauthorized && !s.ended.IsZero():
		return []string{fmt.Sprintf("The user name says that these credentials ended at %s: make new ones (hiroba turn credentials), or give --turn-secret.", s.ended.UTC().Format(time.DateTime+" UTC"))}
	case r.Cause == Unauthorized && s.issued:
		return []string{"The TURN server refuses what the server itself handed out: turn.secret must be the same in all servers behind this name, and their clocks must agree."}
	case r.Cause == Unauthorized:
		return []string{"The TURN server refuses these credentials: --turn-secret must be its turn.secret (HIROBA_TURN_SECRET), and the clocks must agree; a user and password must be one of its own."}
	case r.Cause == Quota:
		return []string{"The TURN server is full: raise turn.allocations, or turn.allocations_per_user."}
	case r.Cause == Relaying:
		return []string{"Allocations are made, and no packet comes through them: open the UDP ports of turn.relay_ports to the server, set advertise to its public address, and look at hiroba_turn_denials_total, which counts by rule what was denied (turn.allow, turn.deny)."}
	case r.Cause == Certificate:
		return []string{fmt.Sprintf("The certificate at %s is not good for this name: give the TURN server one that is, which is often that of the page. --insecure tries the rest with it all the same.", r.Target)}
	case r.Cause == Unnamed:
		return []string{adviseName(r)}
	case r.Cause == Alert:
		return []string{adviseAlert(r.Target)}
	case r.Cause == NoTLS:
		return []string{fmt.Sprintf("What answers at %s speaks no TLS: give it a certificate, or take turns: out of what is handed out.", r.Target)}
	case s.misplaced:
		return []string{adviseAddress(s)}
	case s.elsewhere(r.Target):
		return []string{fmt.Sprintf("The server says that it is at %s, and its name leads to %v: set advertise to where clients reach it, or open the port there.", r.Target, s.reached.Addr())}
	case r.Cause == Refused:
		protocol := "UDP"
		if r.Leg == TURNTCP || r.Leg == TURNTLS {
			protocol = "TCP"
		}
		return []string{adviseClosed(protocol, r.Target, s)}
	case r.Leg == TURNUDP:
		return []string{openUDP(port, s)}
	case r.Leg == TURNDTLS:
		return []string{fmt.Sprintf("Open UDP port %s to the server for DTLS.", port)}
	case r.Cause == Answer || r.Cause == Cut:
		return []string{fmt.Sprintf("Something else than TURN answers at TCP %s: a proxy for HTTP does not pass it on. Let clients reach the server's own port, or give TURN another one.", r.Target)}
	}
	return []string{fmt.Sprintf("Open TCP port %s to the server, in its firewall and its provider's: it is what gets through where UDP does not. Behind a proxy for HTTP it still comes directly.", port)}
}

func adviseClosed(protocol, target string, s situation) string {
	advice := fmt.Sprintf("Nothing listens at %s %s, or a firewall says so in its place: start the server, and look at its host and port; host 127.0.0.1, the default, can be reached from its own machine only.", protocol, target)
	if protocol == "UDP" && s.works[HTTP] {
		advice += " HTTP does get through: in a container, publish the port with /udp as well; behind a proxy for HTTP, set advertise to the server's own address."
	}
	return advice
}

func adviseAlert(at string) string {
	return fmt.Sprintf("What answers at %s gives TLS up, so it has no certificate for this name, or none yet: its log says why.", at)
}

func adviseName(r Result) string {
	return fmt.Sprintf("The name in %s does not resolve: make a DNS record (A, AAAA) for it, or use the server's address.", r.Target)
}

func adviseAddress(s situation) string {
	to := s.reached.Addr()
	if s.server.web == nil {
		return fmt.Sprintf("Set advertise: %v (HIROBA_ADVERTISE), where this client reaches the relay, unless what peers send to the address that it announces leads to its turn.relay_ports as well.", to)
	}
	if isWithin(to) {
		return fmt.Sprintf("The server announces addresses that this client does not reach: set advertise to those at which its clients do, such as %v (several are possible).", to)
	}
	return fmt.Sprintf("Set advertise: %v (HIROBA_ADVERTISE), the address to which the server's name leads; behind a proxy for HTTP that is on another machine, the server's own public address.", to)
}
