package port

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// countSockets registers what the UDP sockets count by themselves, summed up.
// They are asked when the metrics are.
func countSockets(factory promauto.Factory, sockets []*udp.Socket) {
	register := func(name, help string, labels prometheus.Labels, of func(udp.Stats) uint64) {
		factory.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() (sum float64) {
			for _, socket := range sockets {
				sum += float64(of(socket.Stats()))
			}
			return sum
		})
	}
	in, out := prometheus.Labels{"direction": "in"}, prometheus.Labels{"direction": "out"}

	const datagrams, datagramsHelp = "hiroba_port_udp_datagrams_total", "UDP datagrams that came in and that were sent."
	register(datagrams, datagramsHelp, in, func(s udp.Stats) uint64 { return s.Received })
	register(datagrams, datagramsHelp, out, func(s udp.Stats) uint64 { return s.Sent })

	const calls, callsHelp = "hiroba_port_udp_calls_total", "System calls that brought or sent UDP datagrams."
	register(calls, callsHelp, in, func(s udp.Stats) uint64 { return s.ReceiveCalls })
	register(calls, callsHelp, out, func(s udp.Stats) uint64 { return s.SendCalls })

	const merged, mergedHelp = "hiroba_port_udp_merged_total", "UDP datagrams that passed the system several at once (GRO and GSO)."
	register(merged, mergedHelp, in, func(s udp.Stats) uint64 { return s.Coalesced })
	register(merged, mergedHelp, out, func(s udp.Stats) uint64 { return s.Segments })

	register("hiroba_port_udp_merge_refusals_total", "Sends of several UDP datagrams at once (GSO) that the system refused; the datagrams went one by one.",
		nil, func(s udp.Stats) uint64 { return s.Refusals })
	for _, drop := range udp.Drops() {
		if drop != udp.DropTruncated {
			register("hiroba_port_udp_unsent_total", "UDP datagrams of a batch that were not sent, by reason.",
				prometheus.Labels{"reason": drop.String()}, func(s udp.Stats) uint64 { return s.Dropped[drop] })
		}
	}
	register("hiroba_port_udp_truncated_total", "UDP datagrams that came in but not whole, and were dropped.",
		nil, func(s udp.Stats) uint64 { return s.Dropped[udp.DropTruncated] })
}
