package doctor

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// credentialTTL is how long credentials of the plan's secret are good.
const credentialTTL = 5 * time.Minute

// maxPorts is how many ways of one kind to a TURN server are tried.
const maxPorts = 4

// relayLegs are the legs of TURN, by scheme and transport of their URL (RFC 7065).
var relayLegs = map[stun.SchemeType]map[stun.ProtoType]Leg{
	stun.SchemeTypeTURN:  {stun.ProtoTypeUDP: TURNUDP, stun.ProtoTypeTCP: TURNTCP},
	stun.SchemeTypeTURNS: {stun.ProtoTypeUDP: TURNDTLS, stun.ProtoTypeTCP: TURNTLS},
}

// relayServers is where STUN and TURN are, and with which credentials.
type relayServers struct {
	stun  string // host:port
	turns map[Leg][]relayAt
}

// relayAt is one way to a TURN server.
type relayAt struct {
	host, address      string
	username, password string
}

// offered reads what a server tells of ICE servers.
func (e *exam) offered(list []*protocol.IceServer) relayServers {
	out := relayServers{turns: map[Leg][]relayAt{}}
	for _, s := range list {
		for _, text := range s.GetUrls() {
			uri, err := stun.ParseURI(text)
			if err != nil {
				continue // a kind that is not known here
			}
			at := relayAt{uri.Host, net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)), s.GetUsername(), s.GetCredential()}
			leg, isTURN := relayLegs[uri.Scheme][uri.Proto]
			switch {
			case uri.Scheme == stun.SchemeTypeSTUN && out.stun == "":
				out.stun = at.address
			case isTURN && len(out.turns[leg]) < maxPorts:
				out.turns[leg] = append(out.turns[leg], e.with(at))
			}
		}
	}
	e.learn(func(f *facts) { f.issued = e.plan.TURNSecret == "" && e.plan.Username == "" })
	return out
}

// alone is what a TURN server without a Hiroba around it is to offer.
func (e *exam) alone() relayServers {
	at := e.with(relayAt{host: e.server.host, address: e.server.address()})
	out := relayServers{stun: at.address, turns: map[Leg][]relayAt{TURNUDP: {at}, TURNTCP: {at}}}
	if e.server.secure {
		out = relayServers{turns: map[Leg][]relayAt{TURNTLS: {at}, TURNDTLS: {at}}}
	}
	if at.username == "" {
		e.learn(func(f *facts) { f.secretless = true })
	}
	return out
}

// with replaces the credentials by the plan's, if it has any.
func (e *exam) with(at relayAt) relayAt {
	switch p := e.plan; {
	case p.Username != "": // the environment may have a secret besides
		at.username, at.password = p.Username, p.Password
	case p.TURNSecret != "":
		at.username, at.password = auth.TURN{Secret: []byte(p.TURNSecret), TTL: credentialTTL}.Issue("doctor", time.Now())
	}
	return at
}

// relays tries STUN, the NAT and each way to TURN, at once.
func (e *exam) relays(ctx context.Context, servers relayServers) {
	var legs sync.WaitGroup
	switch {
	case servers.stun != "":
		legs.Go(func() { e.stun(ctx, servers.stun) })
	case e.server.web != nil:
		legs.Go(func() { e.stun(ctx, e.server.address()) })
	}
	for _, leg := range []Leg{TURNUDP, TURNTCP, TURNTLS, TURNDTLS} {
		for _, at := range servers.turns[leg] {
			legs.Go(func() {
				e.try(ctx, leg, at.address, func(ctx context.Context) (finding, error) { return e.relay(ctx, leg, at) })
			})
		}
		switch {
		case len(servers.turns[leg]) > 0:
		case e.server.web != nil && len(servers.turns) == 0:
			e.skip(NotOffered, "the server offers no relay (turn.enabled)", leg)
		case e.server.web != nil:
			e.skip(NotOffered, "the server tells of no such address", leg)
		}
	}
	legs.Wait()
}
