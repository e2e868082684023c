package port

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// Why a TCP connection was closed instead of handed on.
const (
	refusedTLS              = "tls"                // begins like TLS, and there is no certificate
	refusedTLSTimeout       = "tls_timeout"        // did not finish the TLS handshake in time
	refusedTLSFailed        = "tls_failed"         // no common version, no certificate for it, or no TLS at all
	refusedUnknown          = "unknown"            // begins like nothing we speak
	refusedSilent           = "silent"             // did not say what it is in time
	refusedGone             = "gone"               // closed before it said what it is
	refusedWaiting          = "waiting"            // too many have not said yet what they are
	refusedWaitingPerSource = "waiting_per_source" // the same, from one address
	refusedICE              = "ice"                // too many ICE-TCP connections
	refusedICEPerSource     = "ice_per_source"     // the same, from one address
	refusedNotAccepted      = "not_accepted"       // its protocol's owner does not accept
)

// Why a datagram was dropped.
const (
	droppedUnknown  = "unknown"   // neither STUN, TURN, DTLS, RTP nor RTCP
	droppedTooLarge = "too_large" // TURN, over maxTURNDatagram
	droppedQueue    = "queue"     // TURN, before it is served or when what strays to it piles up
	droppedNoOwner  = "no_owner"  // TURN or ICE is closed
	droppedDTLS     = "dtls"      // TURN over DTLS, and its connection is behind or ends
)

// Why a handshake of DTLS did not become a connection.
const (
	dtlsUnproved      = "unproved"     // did not bring its cookie back in time
	dtlsCrowded       = "crowded"      // the same, and a newer one took its place
	dtlsTimeoutReason = "timeout"      // did not finish in time
	dtlsFailed        = "failed"       // a wrong cookie, nothing in common, or no certificate
	dtlsRate          = "rate"         // too many begin
	dtlsTotal         = "total"        // too many connections
	dtlsPerSource     = "per_source"   // the same, from one address
	dtlsNotAccepted   = "not_accepted" // its owner does not accept
)

// counts is what the port tells about itself.
type counts struct {
	connections *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	drops       *prometheus.CounterVec
	secured     prometheus.Counter
	dtls        *prometheus.CounterVec
}

func newCounts(registerer prometheus.Registerer, sockets []*udp.Socket) *counts {
	factory := promauto.With(registerer)
	countSockets(factory, sockets)
	c := &counts{
		connections: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_port_tcp_connections_total",
			Help: "TCP connections handed on, by what they carry.",
		}, []string{"protocol"}),
		refusals: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_port_tcp_refusals_total",
			Help: "TCP connections closed before anybody used them, by reason.",
		}, []string{"reason"}),
		drops: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_port_udp_drops_total",
			Help: "UDP datagrams handed to nobody, by reason.",
		}, []string{"reason"}),
		secured: factory.NewCounter(prometheus.CounterOpts{
			Name: "hiroba_port_dtls_connections_total",
			Help: "Connections of DTLS over UDP handed on to TURN.",
		}),
		dtls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_port_dtls_refusals_total",
			Help: "Handshakes of DTLS that did not become a connection, by reason.",
		}, []string{"reason"}),
	}
	// Every series is there from the start, so that a rate over it has a zero
	// to begin from.
	for _, reason := range []string{refusedTLS, refusedTLSTimeout, refusedTLSFailed, refusedUnknown, refusedSilent, refusedGone,
		refusedWaiting, refusedWaitingPerSource, refusedICE, refusedICEPerSource, refusedNotAccepted} {
		c.refusals.WithLabelValues(reason)
	}
	for _, name := range protocolNames {
		c.connections.WithLabelValues(name)
	}
	for _, reason := range []string{droppedUnknown, droppedTooLarge, droppedQueue, droppedNoOwner, droppedDTLS} {
		c.drops.WithLabelValues(reason)
	}
	for _, reason := range []string{dtlsUnproved, dtlsCrowded, dtlsTimeoutReason, dtlsFailed, dtlsRate, dtlsTotal, dtlsPerSource, dtlsNotAccepted} {
		c.dtls.WithLabelValues(reason)
	}
	return c
}

var protocolNames = map[protocol]string{
	protocolHTTP: "http", protocolICE: "ice", protocolTURN: "turn",
	protocolHTTPS: "https", protocolTURNS: "turns", protocolACME: "acme",
}

func (c *counts) accepted(p protocol)       { c.connections.WithLabelValues(protocolNames[p]).Inc() }
func (c *counts) refused(reason string)     { c.refusals.WithLabelValues(reason).Inc() }
func (c *counts) refusedDTLS(reason string) { c.dtls.WithLabelValues(reason).Inc() }
func (c *counts) dropped(reason string)     { c.drops.WithLabelValues(reason).Inc() }
