package signaling

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// metrics count what signaling does. Label values come from our own enums
// only, never from a client.
type metrics struct {
	sessions  prometheus.Gauge
	peers     prometheus.Gauge
	received  *prometheus.CounterVec
	refused   *prometheus.CounterVec
	endings   *prometheus.CounterVec
	turnedOff *prometheus.CounterVec
	// attachments and snapshots tell how often clients come back, and how
	// often too late.
	attachments *prometheus.CounterVec
	snapshots   prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, rooms func() int) *metrics {
	m := &metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hiroba_signaling_sessions", Help: "Sessions that are open.",
		}),
		peers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hiroba_signaling_peers", Help: "Peers that are in a room.",
		}),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_signaling_messages_received_total", Help: "Messages from clients, by kind.",
		}, []string{"kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_signaling_refusals_total", Help: "Messages that were answered with an error, by its code.",
		}, []string{"code"}),
		endings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_signaling_endings_total", Help: "Sessions that ended, by reason; LEFT is the client's own wish.",
		}, []string{"reason"}),
		turnedOff: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_signaling_sessions_refused_total", Help: "Sessions that were not opened, by the limit that was reached.",
		}, []string{"limit"}),
	}
	m.attachments = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hiroba_signaling_attachments_total", Help: "Connections that took hold of a session, by transport.",
	}, []string{"transport"})
	m.snapshots = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hiroba_signaling_snapshots_total", Help: "Clients that came back too late for the messages they missed, and got a snapshot.",
	})
	registerer.MustRegister(m.attachments, m.snapshots, m.sessions, m.peers, m.received, m.refused, m.endings, m.turnedOff,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hiroba_signaling_rooms", Help: "Rooms that are open.",
		}, func() float64 { return float64(rooms()) }))
	return m
}

func (m *metrics) refuse(err *protocol.Error) {
	m.refused.WithLabelValues(err.GetCode().String()).Inc()
}
