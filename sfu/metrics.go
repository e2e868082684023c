package sfu

import "github.com/prometheus/client_golang/prometheus"

// metrics count what the SFU does.
type metrics struct {
	peers            prometheus.Gauge
	received         prometheus.Counter
	forwarded        prometheus.Counter
	forwardedBytes   prometheus.Counter
	dropped          *prometheus.CounterVec
	resent           *prometheus.CounterVec
	recovered        prometheus.Counter
	keyframeRequests prometheus.Counter
	dataFrames       *prometheus.CounterVec
	quality          map[Cause]prometheus.Observer
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		peers:            prometheus.NewGauge(prometheus.GaugeOpts{Name: "hiroba_sfu_peers", Help: "Peers with a media connection, connected or connecting."}),
		received:         counter("hiroba_sfu_packets_received_total", "RTP packets from publishers."),
		forwarded:        counter("hiroba_sfu_packets_forwarded_total", "RTP packets sent to receivers, retransmissions not counted."),
		forwardedBytes:   counter("hiroba_sfu_bytes_forwarded_total", "RTP payload bytes sent to receivers."),
		dropped:          vector("hiroba_sfu_packets_dropped_total", "RTP packets that were not forwarded, by cause.", "cause"),
		resent:           vector("hiroba_sfu_retransmissions_total", "Answers to NACKs, by outcome.", "outcome"),
		recovered:        counter("hiroba_sfu_packets_recovered_total", "Lost audio packets found in the redundancy of later ones."),
		keyframeRequests: counter("hiroba_sfu_keyframe_requests_total", "PLIs sent to publishers."),
		dataFrames:       vector("hiroba_sfu_data_frames_total", "DataChannel frames, by outcome.", "outcome"),
	}
	registerer.MustRegister(m.peers, m.received, m.forwarded, m.forwardedBytes, m.dropped, m.resent, m.recovered, m.keyframeRequests, m.dataFrames)
	quality := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "hiroba_sfu_quality_score",
		Help:    "Quality from 0 to 100, every two seconds: of the uplink of each track, the downlink of each peer, the server's each worker.",
		Buckets: []float64{10, 20, 30, 40, 50, 60, 70, 80, 90, 100},
	}, []string{"cause"})
	registerer.MustRegister(quality)
	m.quality = map[Cause]prometheus.Observer{
		Uplink: quality.WithLabelValues("uplink"), Downlink: quality.WithLabelValues("downlink"), Server: quality.WithLabelValues("server"),
	}
	return m
}
