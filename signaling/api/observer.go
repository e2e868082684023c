package api

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
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
		var about slog.Attr
		switch message := request.Any().(type) {
		case interface{ GetRoom() string }:
			about = slog.String("room", message.GetRoom())
		case interface{ GetId() string }:
			about = slog.String("allocation", message.GetId())
		}
		o.api.observe(ctx, path.Base(request.Spec().Procedure), about, err)
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
		o.api.observe(ctx, method, slog.Attr{}, err)
		return err
	}
}

// WrapStreamingClient implements connect.Interceptor; there are no clients.
func (o observer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// count counts a call that is over.
func (a *API) count(ctx context.Context, method string, err error) {
	lineOf(ctx).counted = true
	a.metrics.count(method, err)
}

// countUnread counts a call that came to none of our methods, because its only
// message could not be read. What names no method of ours is no call.
func (a *API) countUnread(l *line, path string) {
	service, method, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if methods := methods[service]; l.counted || methods == nil || methods.ByName(protoreflect.Name(method)) == nil {
		return
	}
	code := unreadCodes[l.status]
	for _, name := range []string{"Grpc-Status", http.TrailerPrefix + "Grpc-Status"} {
		if status, err := strconv.ParseUint(l.Header().Get(name), 10, 32); err == nil && status != 0 {
			code = connect.Code(status)
		}
	}
	if code != 0 {
		a.metrics.calls.WithLabelValues(method, code.String()).Inc()
	}
}

// methods are those of each of our services.
var methods = map[string]protoreflect.MethodDescriptors{
	protocolconnect.RoomServiceName:  protocol.File_hiroba_v1_rooms_proto.Services().ByName("RoomService").Methods(),
	protocolconnect.RelayServiceName: protocol.File_hiroba_v1_relay_proto.Services().ByName("RelayService").Methods(),
}

// unreadCodes are the HTTP statuses of requests that could not be read, and
// what gRPC calls them. A gRPC-Web client finds its code in the body.
var unreadCodes = map[int]connect.Code{
	http.StatusOK:              connect.CodeInvalidArgument,
	0:                          connect.CodeInvalidArgument,
	http.StatusBadRequest:      connect.CodeInvalidArgument,
	http.StatusTooManyRequests: connect.CodeResourceExhausted,
	http.StatusGatewayTimeout:  connect.CodeDeadlineExceeded,
	http.StatusNotImplemented:  connect.CodeUnimplemented,
}

// observe counts a call and logs it: what changed something for everybody to
// see, so that it can be told later who did it.
func (a *API) observe(ctx context.Context, method string, about slog.Attr, err error) {
	a.count(ctx, method, err)
	level, who := slog.LevelDebug, callerOf(ctx)
	attrs := []slog.Attr{slog.String("method", method), slog.String("key", who.KeyID), slog.String("user", who.User)}
	if err != nil {
		// Not what it is about: what that is called is the caller's invention.
		attrs = append(attrs, slog.String("code", outcome(err)))
	} else if about.Key != "" {
		attrs = append(attrs, about)
		if !strings.HasPrefix(method, "Get") && !strings.HasPrefix(method, "List") {
			level = slog.LevelInfo
		}
	}
	a.config.Logger.LogAttrs(ctx, level, "server API", attrs...)
}
