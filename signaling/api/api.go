// Package api is what a back end asks of rooms and peers: the RoomService of
// signaling/protocol/rooms.proto and, of the TURN server, the RelayService of
// relay.proto, over gRPC, gRPC-Web and JSON; a room's events as server-sent
// events for dashboards; and the servers for ICE. docs/api.md tells the story.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

const (
	// requestBytes bounds one message of a caller: a data frame of the largest
	// size in base64, or a message to as many peers as may be named, and more
	// than either.
	requestBytes = 256 << 10
	// streams bounds how many watch, and how many publish data, in all; and
	// streamsPerAddress those from one address: a back end that watches many
	// rooms comes from a single one.
	streams           = 4096
	streamsPerAddress = 1024
)

// Data sends frames over the DataChannels of a room's peers.
type Data interface {
	// Send gives a frame to the peers named, or to all, without waiting for
	// them. A room that is not there has nobody to get it. The error says what
	// is wrong with the frame.
	Send(room, from string, to []string, topic string, payload []byte, lossy bool) error
}

// Config is what an API needs.
type Config struct {
	// Rooms is nil for a relay alone: then there is the RelayService and nothing
	// else.
	Rooms *room.Rooms
	// Keys are what access tokens are signed with.
	Keys auth.Keys
	// Open lets everybody do everything without a token: for a server that
	// only its own machine reaches.
	Open bool
	Data Data
	// Relay is nil for none.
	Relay Relay
	// ICEServers gives STUN and TURN for a user, by the name or address under
	// which the caller found this server; nil for none.
	ICEServers func(host, user string) []*protocol.IceServer
	// MessageBytes bounds the text of a message.
	MessageBytes int
	// RequestsPerSecond bounds how often one address calls; four times as many
	// in a burst.
	RequestsPerSecond int
	Logger            *slog.Logger
	Registerer        prometheus.Registerer
}

// API serves the server API. It is safe for concurrent use.
type API struct {
	config     Config
	metrics    *metrics
	requests   *limit.Rate
	watching   *limit.Counter[netip.Addr]
	publishing *limit.Counter[netip.Addr]
	// life ends when the API closes, and with it all streams.
	life context.Context
	kill context.CancelFunc

	mu      sync.Mutex // guards closed, and running against it
	closed  bool
	running sync.WaitGroup // calls that are not answered yet
}

// New makes an API. It has to be closed.
func New(config Config) *API {
	life, kill := context.WithCancel(context.Background())
	return &API{
		config:     config,
		metrics:    newMetrics(config.Registerer),
		requests:   limit.NewRate(float64(config.RequestsPerSecond), 4*float64(config.RequestsPerSecond)),
		watching:   limit.New[netip.Addr](streams, streamsPerAddress),
		publishing: limit.New[netip.Addr](streams, streamsPerAddress),
		life:       life, kill: kill,
	}
}

// Register puts the API where it is found.
func (a *API) Register(mux *http.ServeMux) {
	options := connect.WithHandlerOptions(
		connect.WithReadMaxBytes(requestBytes),
		// Nothing comes compressed, so nothing grows when it is read; nothing
		// leaves compressed, so a stream holds no window of its own.
		connect.WithCompression("gzip", nil, nil),
		connect.WithRequestGate(a.gate),
		connect.WithInterceptors(observer{a}),
	)
	failures := connect.NewErrorWriter(options)
	register := func(path string, calls http.Handler) {
		mux.Handle(path, a.serve(calls, func(w http.ResponseWriter, r *http.Request, err *protocol.Error) {
			_ = failures.Write(w, r, refused(err)) // whoever does not read it is gone
		}))
	}
	register(protocolconnect.NewRelayServiceHandler(relayService{a}, options))
	if a.config.Rooms == nil {
		return
	}
	register(protocolconnect.NewRoomServiceHandler(service{a}, options))
	refuse := func(w http.ResponseWriter, _ *http.Request, err *protocol.Error) { transport.Refuse(w, err) }
	mux.Handle("GET /v1/rooms/{room}/events", a.serve(http.HandlerFunc(a.events), refuse))
	mux.Handle("GET /v1/ice", a.serve(http.HandlerFunc(a.ice), refuse))
}

// serve gives each request its line, and holds Close back until it is
// answered.
func (a *API) serve(next http.Handler, refuse func(http.ResponseWriter, *http.Request, *protocol.Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.enter() {
			refuse(w, r, stopping())
			return
		}
		defer a.running.Done()
		l := newLine(w)
		defer l.close()
		defer context.AfterFunc(a.life, l.hurry)()
		next.ServeHTTP(l, r.WithContext(context.WithValue(r.Context(), lineKey{}, l)))
		a.countUnread(l, r.URL.Path)
	})
}

// enter counts a call in, unless all is over.
func (a *API) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.running.Add(1)
	return true
}

// Close refuses further calls, ends all streams, and waits until every call is
// answered or the context ends.
func (a *API) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.kill()
	answered := make(chan struct{})
	go func() {
		a.running.Wait()
		close(answered)
	}()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("some calls of the server API did not end in time: %w", ctx.Err())
	}
}

func stopping() *protocol.Error {
	return protocol.Errorf(protocol.Error_SHUTTING_DOWN, "This server is shutting down. Call again in a moment.")
}
