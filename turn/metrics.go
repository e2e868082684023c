package turn

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Why the server did not do what somebody wanted: the reasons of
// hiroba_turn_refusals_total.
const (
	// Logins are counted apart, by authFailures.

	// Allocations and what belongs to them.
	refusedUserQuota     = "user_quota"     // the user holds as many as one may
	refusedTotalQuota    = "total_quota"    // the server holds as many as it may
	refusedTCPAllocation = "tcp_allocation" // a relayed TCP address (RFC 6062)
	refusedEvenPort      = "even_port"      // EVEN-PORT, a pair of ports
	refusedNoSocket      = "no_socket"      // the system gave no relay socket
	refusedPermissions   = "permissions"    // more permissions than an allocation may have
	refusedChannels      = "channels"       // more channels than an allocation may have
	refusedPeer          = "peer"           // a permission for an address that is denied

	// Single datagrams and messages.
	refusedPeerOut      = "peer_out"      // to a denied peer
	refusedPeerIn       = "peer_in"       // from a denied peer
	refusedTruncated    = "truncated"     // from a peer, too large to relay whole
	refusedRate         = "rate"          // too many requests of a source without allocation
	refusedNoAllocation = "no_allocation" // needs an allocation, and there is none
	refusedMalformed    = "malformed"     // neither a request, an indication nor ChannelData

	// TCP connections.
	refusedConnections          = "connections"            // too many in all
	refusedConnectionsPerSource = "connections_per_source" // too many of one address
	refusedFraming              = "framing"                // neither STUN nor ChannelData
	refusedFrameTooLarge        = "frame_too_large"        // claims more than maxFrame
	refusedIdle                 = "idle"                   // made no allocation in time
	refusedSilent               = "silent"                 // has an allocation and sent nothing for long
	refusedNotReading           = "not_reading"            // does not read what is sent to it
)

var refusalReasons = []string{
	refusedUserQuota, refusedTotalQuota, refusedTCPAllocation, refusedEvenPort, refusedNoSocket,
	refusedPermissions, refusedChannels, refusedPeer,
	refusedPeerOut, refusedPeerIn, refusedTruncated, refusedRate, refusedNoAllocation, refusedMalformed,
	refusedConnections, refusedConnectionsPerSource, refusedFraming, refusedFrameTooLarge,
	refusedIdle, refusedSilent, refusedNotReading,
}

// Why a login failed: the reasons of hiroba_turn_auth_failures_total.
const (
	authMalformed = "username"
	authRealm     = "realm"
	authExpired   = "expired"
	authIntegrity = "integrity" // the password is wrong
)

// counts is what the server tells about itself. All label values are known
// beforehand; every series exists from the start.
type counts struct {
	allocations  *prometheus.GaugeVec
	connections  prometheus.Gauge
	refusals     *prometheus.CounterVec
	authFailures *prometheus.CounterVec
	toPeer       flow
	fromPeer     flow
}

// flow counts what is relayed in one direction.
type flow struct {
	packets, bytes prometheus.Counter
}

func (f flow) add(n int) {
	f.packets.Inc()
	f.bytes.Add(float64(n))
}

func newCounts(registerer prometheus.Registerer) *counts {
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
			Help: "What TURN clients and peers wanted and did not get, by reason.",
		}, []string{"reason"}),
		authFailures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_turn_auth_failures_total",
			Help: "TURN logins that failed, by reason.",
		}, []string{"reason"}),
		toPeer:   direction("to_peer"),
		fromPeer: direction("from_peer"),
	}
	for _, transport := range []Transport{UDP, TCP, TLS, DTLS} {
		c.allocations.WithLabelValues(string(transport))
	}
	for _, reason := range refusalReasons {
		c.refusals.WithLabelValues(reason)
	}
	for _, reason := range []string{authMalformed, authRealm, authExpired, authIntegrity} {
		c.authFailures.WithLabelValues(reason)
	}
	return c
}

func (c *counts) refused(reason string)    { c.refusals.WithLabelValues(reason).Inc() }
func (c *counts) authFailed(reason string) { c.authFailures.WithLabelValues(reason).Inc() }
