package api

import (
	"context"
	"log/slog"
	"path"
	"strings"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the API does. Label values are the names of our own
// methods and gRPC's codes, never a caller's words.
type metrics struct {
	calls   *prometheus.CounterVec
	streams *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hiroba_api_calls_total", Help: "Calls of the server API that are over, by method and by gRPC's code for how they ended; a stream is one call.",
		}, []string{"method", "code"}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hiroba_api_streams", Help: "Streams of the server API that are open, by method.",
		}, []string{"method"}),
	}
	registerer.MustRegister(m.calls, m.streams)
	return m
}

// count counts a call that is over.
func (m *metrics) count(method string, err error) {
	m.calls.WithLabelValues(method, outcome(err)).Inc()
}

// stream counts a stream that is open, until the function is called.
func (m *metrics) stream(method string) (over func()) {
	open := m.streams.WithLabelValues(method)
	open.Inc()
	return open.Dec
}

// outcome is how a call ended, in gRPC's words.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return connect.CodeOf(err).String()
}

// observer counts and logs all calls that the gate lets in.
type observer struct{ api *API }

// WrapUnary implements connect.Interceptor.
func (o observer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		response, err := next(ctx, request)
		name := ""
		if about, ok := request.Any().(interface{ GetRoom() string }); ok {
			name = about.GetRoom()
		}
		o.api.observe(ctx, path.Base(request.Spec().Procedure), name, err)
		return response, err
	}
}

// WrapStreamingHandler implements connect.Interceptor.
func (o observer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		method := path.Base(conn.Spec().Procedure)
		defer o.api.metrics.stream(method)()
		err := next(ctx, conn)
		if err != nil {
			lineOf(ctx).hurry() // nobody waits for what is left of the body
		}
		o.api.observe(ctx, method, "", err)
		return err
	}
}

// WrapStreamingClient implements connect.Interceptor; there are no clients.
func (o observer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// observe counts a call and logs it: what changed something for everybody to
// see, so that it can be told later who did it.
func (a *API) observe(ctx context.Context, method, room string, err error) {
	a.metrics.count(method, err)
	level, who := slog.LevelDebug, callerOf(ctx)
	attrs := []slog.Attr{slog.String("method", method), slog.String("key", who.KeyID), slog.String("user", who.User)}
	if err != nil {
		// Not the room: what it is called is the caller's invention.
		attrs = append(attrs, slog.String("code", outcome(err)))
	} else if room != "" {
		attrs = append(attrs, slog.String("room", room))
		if !strings.HasPrefix(method, "Get") && !strings.HasPrefix(method, "List") {
			level = slog.LevelInfo
		}
	}
	a.config.Logger.LogAttrs(ctx, level, "server API", attrs...)
}
