package webhook

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// How a delivery ended.
const (
	outcomeAccepted  = "accepted"
	outcomeRefused   = "refused"   // by the target, for good
	outcomeForbidden = "forbidden" // the target has a private address
	outcomeExhausted = "exhausted" // it was tried for as long as it is
	outcomeCut       = "cut"       // to make room, between attempts
	outcomeClosed    = "closed"    // the sender closed
)

// Why an event was not delivered: one of the outcomes, or one of these.
const (
	droppedRoomFull   = "room_full" // too many of its room waited
	droppedFull       = "full"      // too many waited; includes those of cut deliveries
	droppedUnwritable = "unwritable"
)

// metrics count what became of events and deliveries. No label value comes
// from outside.
type metrics struct {
	deliveries *prometheus.CounterVec
	retries    prometheus.Counter
	dropped    *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer, held func() int) *metrics {
	factory := promauto.With(registerer)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hiroba_webhook_queue_length", Help: "Events that are not delivered yet; one for two URLs counts twice.",
	}, func() float64 { return float64(held()) })
	m := &metrics{
		deliveries: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_webhook_deliveries_total", Help: "Deliveries that came to an end, by outcome.",
		}, []string{"outcome"}),
		retries: factory.NewCounter(prometheus.CounterOpts{
			Name: "hiroba_webhook_retries_total", Help: "Attempts after the first one of a delivery.",
		}),
		dropped: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_webhook_events_dropped_total", Help: "Events that a URL did not get, by reason.",
		}, []string{"reason"}),
	}
	// Every series is there from the start, so that a rate over it has a zero
	// to begin from.
	for _, outcome := range []string{outcomeAccepted, outcomeRefused, outcomeForbidden, outcomeExhausted, outcomeCut, outcomeClosed} {
		m.deliveries.WithLabelValues(outcome)
	}
	for _, reason := range []string{outcomeRefused, outcomeForbidden, outcomeExhausted, outcomeClosed,
		droppedRoomFull, droppedFull, droppedUnwritable} {
		m.dropped.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) ended(outcome string, deliveries int) {
	m.deliveries.WithLabelValues(outcome).Add(float64(deliveries))
}

func (m *metrics) drop(reason string, events int) {
	m.dropped.WithLabelValues(reason).Add(float64(events))
}
