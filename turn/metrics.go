package turn

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// Why the server did not do what somebody wanted: the reasons of
// hiroba_turn_refusals_total. Logins are counted apart, by authFailures.
const (
	// Requests.
	refusedUserQuota    = "user_quota"    // the user holds as many allocations as one may
	refusedTotalQuota   = "total_quota"   // the server holds as many as it may
	refusedPace         = "pace"          // too many allocations of one address in a short time
	refusedDraining     = "draining"      // the server takes no new ones
	refusedAllocated    = "allocated"     // it has an allocation
	refusedNoAllocation = "no_allocation" // it has none
	refusedTransport    = "transport"     // a transport to peers that there is not
	refusedFamily       = "family"        // an address family that there is not
	refusedNoSocket     = "no_socket"     // the system gave no relay socket
	refusedPermissions  = "permissions"   // more permissions than an allocation may have
	refusedChannels     = "channels"      // more channels than an allocation may have
	refusedPeer         = "peer"          // a permission for an address that is denied
	refusedConnect      = "connect"       // a peer that cannot be connected to (RFC 6062)
	refusedRequest      = "request"       // says nothing that can be done
	refusedMethod       = "method"        // a method that there is not

	// Connections.
	refusedConnections          = "connections"            // too many in all
	refusedConnectionsPerSource = "connections_per_source" // too many of one address
	refusedFraming              = "framing"                // neither STUN nor ChannelData
	refusedFrameTooLarge        = "frame_too_large"        // claims more than maxFrame
	refusedIdle                 = "idle"                   // made no allocation in time
	refusedSilent               = "silent"                 // has an allocation and sent nothing for long
	refusedNotReading           = "not_reading"            // does not read what is sent to it
)

var refusalReasons = []string{
	refusedUserQuota, refusedTotalQuota, refusedPace, refusedDraining, refusedAllocated, refusedNoAllocation,
	refusedTransport, refusedFamily, refusedNoSocket, refusedPermissions, refusedChannels, refusedPeer,
	refusedConnect, refusedRequest, refusedMethod,
	refusedConnections, refusedConnectionsPerSource, refusedFraming, refusedFrameTooLarge,
	refusedIdle, refusedSilent, refusedNotReading,
}

// drop is why a single datagram or message went nowhere.
type drop int

const (
	dropPeerOut        drop = iota // to a denied peer
	dropPeerIn                     // from a denied peer
	dropNoPermission               // of or for a peer without a permission, or of a channel that is not bound
	dropNoAllocation               // needs an allocation, and there is none
	dropNoConnection               // of or for a connection over DTLS that has ended
	dropForged                     // a record of DTLS that its client did not seal
	dropReplayed                   // a record of DTLS that came before
	dropMalformed                  // neither a request, an indication nor ChannelData, or no record of DTLS
	dropNoSocket                   // the system gave the relay no socket
	dropTooLarge                   // more than can be carried
	dropRate                       // too many requests of a source without allocation
	dropTotalRate                  // too many answers to all who have neither an allocation nor logged in
	dropAmplification              // the answer would be too long for its request
	dropSlow                       // for a client over TCP or TLS that reads more slowly than its peer sends
	dropAllocationBits             // over the bit rate of its allocation
	dropUserBits                   // over that of its user
	dropTotalBits                  // over that of all
	drops
)

var dropNames = [drops]string{
	"peer_out", "peer_in", "no_permission", "no_allocation", "no_connection", "forged", "replayed", "malformed", "no_socket", "too_large", "rate", "total_rate", "amplification", "slow",
	"allocation_bits", "user_bits", "total_bits",
}

// Why a login failed: the reasons of hiroba_turn_auth_failures_total.
const (
	authMalformed = "username"
	authRealm     = "realm"
	authExpired   = "expired"
	authIntegrity = "integrity" // the password is wrong
	authStale     = "stale"     // the nonce is too old or not of this server
	authUser      = "user"      // another user's allocation
)

// counts is what the server tells about itself. All label values are known
// beforehand; every series exists from the start.
type counts struct {
	allocations  *prometheus.GaugeVec
	connections  prometheus.Gauge
	refusals     *prometheus.CounterVec
	denials      *prometheus.CounterVec
	authFailures *prometheus.CounterVec
	revoked      prometheus.Counter
	drops        [drops]prometheus.Counter
	toPeer       flow
	fromPeer     flow
}

// flow counts what is relayed in one direction.
type flow struct {
	packets, bytes prometheus.Counter
}

func newCounts(registerer prometheus.Registerer, groups []*loop) *counts {
	factory := promauto.With(registerer)
	packets := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "hiroba_turn_relayed_packets_total",
		Help: "Datagrams relayed, by direction.",
	}, []string{"direction"})
	bytes := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "hiroba_turn_relayed_bytes_total",
		Help: "Payload bytes relayed, by direction.",
	}, []string{"direction"})
	direction := func(name string) flow {
		return flow{packets: packets.WithLabelValues(name), bytes: bytes.WithLabelValues(name)}
	}
	c := &counts{
		allocations: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hiroba_turn_allocations",
			Help: "Allocations that exist now, by the transport of their client.",
		}, []string{"transport"}),
		connections: factory.NewGauge(prometheus.GaugeOpts{
			Name: "hiroba_turn_tcp_connections",
			Help: "Connections of TURN clients over TCP, TLS and DTLS that are open now.",
		}),
		refusals: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_turn_refusals_total",
			Help: "Requests and connections of TURN clients that were refused, by reason.",
		}, []string{"reason"}),
		denials: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_turn_denials_total",
			Help: "Permissions for peers that were denied, by what denies them.",
		}, []string{"rule"}),
		authFailures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_turn_auth_failures_total",
			Help: "TURN logins that failed, by reason.",
		}, []string{"reason"}),
		revoked: factory.NewCounter(prometheus.CounterOpts{
			Name: "hiroba_turn_revoked_total",
			Help: "Permissions that ended because the rules changed.",
		}),
		toPeer:   direction("to_peer"),
		fromPeer: direction("from_peer"),
	}
	dropped := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "hiroba_turn_drops_total",
		Help: "Datagrams and messages of TURN clients and peers that went nowhere, by cause.",
	}, []string{"cause"})
	for i, name := range dropNames {
		c.drops[i] = dropped.WithLabelValues(name)
	}
	for _, transport := range []Transport{UDP, TCP, TLS, DTLS} {
		c.allocations.WithLabelValues(string(transport))
	}
	for _, reason := range refusalReasons {
		c.refusals.WithLabelValues(reason)
	}
	for _, rule := range denials() {
		c.denials.WithLabelValues(rule)
	}
	for _, reason := range []string{authMalformed, authRealm, authExpired, authIntegrity, authStale, authUser} {
		c.authFailures.WithLabelValues(reason)
	}
	for _, cause := range udp.Drops() {
		factory.NewCounterFunc(prometheus.CounterOpts{
			Name: "hiroba_turn_relay_unsent_total", Help: "Datagrams that the system did not take from or give to relayed addresses, by reason.",
			ConstLabels: prometheus.Labels{"reason": cause.String()},
		}, func() (sum float64) {
			for _, g := range groups {
				sum += float64(g.Stats().Dropped[cause])
			}
			return sum
		})
	}
	return c
}

func (c *counts) refused(reason string)    { c.refusals.WithLabelValues(reason).Inc() }
func (c *counts) denied(rule string)       { c.denials.WithLabelValues(rule).Inc() }
func (c *counts) authFailed(reason string) { c.authFailures.WithLabelValues(reason).Inc() }
func (c *counts) dropped(cause drop)       { c.drops[cause].Inc() }
