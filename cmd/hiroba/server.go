package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/certificate"
	"github.com/hiroba-rtc/hiroba/internal/pionlog"
	"github.com/hiroba-rtc/hiroba/internal/port"
	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/sfu"
	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	signalhttp "github.com/hiroba-rtc/hiroba/signaling/transport/http"
	"github.com/hiroba-rtc/hiroba/signaling/transport/rpc"
	"github.com/hiroba-rtc/hiroba/signaling/transport/websocket"
	"github.com/hiroba-rtc/hiroba/signaling/webhook"
	"github.com/hiroba-rtc/hiroba/turn"
)

// cutAfter is how long HTTP connections have, at the end, for their last words.
const cutAfter = 2 * time.Second

// server is all parts of a running Hiroba.
type server struct {
	port    *port.Port
	certs   certificate.Source // nil without TLS
	sfu     *sfu.SFU
	turn    *turn.Server // nil when it is not wanted
	rooms   *room.Rooms
	service *signaling.Service
	signal  *websocket.Handler
	polling *signalhttp.Handler
	calls   *rpc.Handler
	api     *api.API
	hooks   *webhook.Sender
	// webhooks says whether hooks has anywhere to send to.
	webhooks bool
	http     *http.Server
	ready    atomic.Bool
	read     func() (configs.Config, error) // the configuration again; nil: it cannot change
	began    configs.Config                 // what read gave at the start
	secret   signingSecret
	// failed gets an error when the server cannot go on by itself.
	failed chan error
	loops  sync.WaitGroup

	closing  sync.Once
	closeErr error
}

// start opens the port and starts serving.
func start(config configs.Config, log *slog.Logger) (*server, error) {
	return startWith(config, log, (*server).assemble)
}

// startWith starts a server of the parts that assemble makes.
func startWith(config configs.Config, log *slog.Logger, assemble func(*server, configs.Config, *slog.Logger, *prometheus.Registry) error) (*server, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s := &server{failed: make(chan error, 1)}
	var err error
	if s.certs, err = startCertificates(config, log, registry); err != nil {
		return nil, err
	}
	if s.port, err = port.Listen(port.Config{
		Host: config.Host, Port: config.Port, Extra: extraPorts(config), TLS: secureWith(s.certs), DSCP: config.DSCP,
		Logger: log, Registerer: registry,
	}); err != nil {
		s.closeCertificates()
		return nil, err
	}
	if err := assemble(s, config, log, registry); err != nil {
		return nil, errors.Join(err, s.closeRelay(), s.closeMedia())
	}
	s.ready.Store(true)
	s.loops.Go(func() {
		if err := s.http.Serve(s.port.HTTP()); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serving HTTP: %w", err)
		}
	})
	if authority, ok := s.certs.(*certificate.ACME); ok {
		authority.Begin() // now that it can call back
	}
	log.Info("serving", "version", version, "host", config.Host, "port", s.port.Port())
	return s, nil
}

// extraPorts are the further ports of the configuration. Without a relay there
// is nothing for UDP to do on them.
func extraPorts(config configs.Config) []port.Extra {
	var out []port.Extra
	for _, l := range config.Listeners {
		out = append(out, port.Extra{Port: l.Port, TCP: l.TCP, UDP: l.UDP && config.TURN.Enabled})
	}
	return out
}

// reload takes what is new in files that the configuration names, and the
// credentials and rules of the relay from the configuration itself.
func (s *server) reload(log *slog.Logger) {
	if s.certs != nil {
		s.certs.Reload()
	}
	if s.turn != nil && s.read != nil {
		if err := s.reloadRelay(log); err != nil {
			log.Error("the relay goes on with what it had", "err", err)
		}
	}
}

func (s *server) closeCertificates() {
	if s.certs != nil {
		s.certs.Close()
	}
}

// assemble makes the parts and puts them together.
func (s *server) assemble(config configs.Config, log *slog.Logger, registry *prometheus.Registry) error {
	mediaConfig := sfu.Config{
		TCP: s.port.ICETCP(), Advertise: config.Advertise, Workers: config.SFU.Workers,
		Slots: config.Limits.Slots, Tracks: config.Limits.Tracks, Voices: config.Limits.Voices,
		Logger: log, LoggerFactory: pionlog.Factory{Logger: log}, Registerer: registry,
	}
	for _, u := range s.port.UDP() {
		mediaConfig.UDP = append(mediaConfig.UDP, u.ICE())
	}
	var err error
	if s.sfu, err = sfu.New(mediaConfig); err != nil {
		return err
	}
	if err := s.startWebhooks(config, log, registry); err != nil {
		return err
	}
	if config.TURN.Enabled {
		if s.turn, err = s.startTURN(config, log, registry); err != nil {
			return err
		}
	} else if err := s.refuseTURN(); err != nil {
		return err
	}
	keys, err := accessKeys(config)
	if err != nil {
		return err
	}
	s.rooms = room.NewRooms(s.roomConfig(config, keys))
	ice := iceServers(config, s.port.Port(), s.secret.signing)
	s.service = signaling.NewService(signaling.Config{
		Limits:     limits(config.Limits),
		Keys:       keys,
		Anonymous:  anonymous(config),
		Heartbeat:  config.Heartbeat,
		Detached:   config.Session.Detached,
		ICEServers: ice,
		Rooms:      s.rooms,
		Tracks:     config.Limits.Tracks,
		Media:      media{s.sfu},
		Logger:     log,
		Registerer: registry,
	})
	s.signal = websocket.New(s.service, log)
	s.polling = signalhttp.New(s.service, s.signal)
	s.calls = rpc.New(s.service)
	s.api = api.New(api.Config{
		Rooms: s.rooms, Keys: keys, Open: isForOwnMachine(config), Data: media{s.sfu}, Relay: s.relayed(),
		ICEServers:   func(host, user string) []*protocol.IceServer { return ice(signaling.Caller{Host: host}, user) },
		MessageBytes: config.Limits.MessageBytes, RequestsPerSecond: config.Limits.RequestsPerSecond,
		Logger: log, Registerer: registry,
	})
	s.http = httpServer(s.overTLS(config, routes(config, registry, s.polling, s.calls, s.api, &s.ready)), log)
	return nil
}

func (s *server) startWebhooks(config configs.Config, log *slog.Logger, registry *prometheus.Registry) (err error) {
	s.webhooks = len(config.Webhook.URLs) > 0
	s.hooks, err = webhook.New(webhook.Config{
		URLs: config.Webhook.URLs, Secret: []byte(config.Webhook.Secret.Reveal()), AllowPrivate: config.Webhook.AllowPrivate,
		Logger: log, Registerer: registry,
	})
	return err
}

func httpServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols(),
		HTTP2:             http2Bounds(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// startTURN relays for this server's clients: to its SFU, and to public
// addresses.
func (s *server) startTURN(config configs.Config, log *slog.Logger, registry *prometheus.Registry) (*turn.Server, error) {
	secret := s.secret.of(config.TURN)
	s.secret.sign(secret)
	out := turn.Config{
		Listeners: []turn.Listener{
			{Listener: s.port.TURNTCP(), Transport: turn.TCP},
			{Listener: s.port.TURNTLS(), Transport: turn.TLS},
		},
		DTLS:        s.port.TURNDTLS(),
		Credentials: relayCredentials(config.TURN, secret), Grace: relayGrace(config.TURN), Advertise: config.Advertise,
		RelayPortLow: config.TURN.RelayPorts.Low, RelayPortHigh: config.TURN.RelayPorts.High,
		Rules: relayRules(config.TURN), Limits: relayLimits(config.TURN),
		Logger: log, Registerer: registry,
	}
	if s.webhooks {
		events := newRelayEvents(s.hooks.Send, time.Now())
		out.Began, out.Ended = events.began, events.ended
	}
	for i, u := range s.port.UDP() {
		out.UDP = append(out.UDP, u.TURN())
		if s.sfu != nil {
			out.Self = append(out.Self, u.Addr())
			out.Inside = append(out.Inside, inside{u.ICE(), s.sfu, i})
		}
	}
	for _, u := range s.port.ExtraUDP() {
		out.UDP = append(out.UDP, u.TURN())
	}
	return turn.New(out)
}

// inside is a socket of the SFU, for the relay beside it.
type inside struct {
	*port.ICEConn
	sfu    *sfu.SFU
	number int
}

// Take has the SFU take datagrams that came from relayed addresses.
func (i inside) Take(datagrams []udp.Datagram) { i.sfu.Take(i.number, datagrams) }

// refuseTURN closes the ways to a relay that is not wanted, so that strangers
// do not wait there.
func (s *server) refuseTURN() error {
	errs := []error{s.port.TURNTCP().Close(), s.port.TURNTLS().Close()}
	if secure := s.port.TURNDTLS(); secure != nil {
		errs = append(errs, secure.Close())
	}
	for _, u := range s.port.UDP() {
		errs = append(errs, u.TURN().Close())
	}
	return errors.Join(errs...)
}

// roomConfig is how rooms are run unless somebody says otherwise.
func (s *server) roomConfig(config configs.Config, keys auth.Keys) room.Config {
	l := config.Limits
	return room.Config{
		Limits: room.Limits{Rooms: l.Rooms, PeersPerRoom: l.PeersPerRoom, TracksPerPeer: l.Tracks},
		Defaults: &protocol.RoomSettings{
			MaxPeers:        uint32(l.PeersPerRoom),
			HistoryMessages: uint32(config.Rooms.HistoryMessages),
			HistorySeconds:  uint32(config.Rooms.HistoryAge.Seconds()),
			EmptySeconds:    uint32(config.Rooms.Empty.Seconds()),
			Topology:        topologies[config.Rooms.Topology],
		},
		Cooldown: config.Rooms.P2PCooldown,
		// Without tokens nobody could moderate otherwise.
		FirstModerates: keys.Len() == 0,
		OnEvent:        s.hooks.Send,
	}
}

var topologies = map[configs.Topology]protocol.TopologyPolicy{
	configs.TopologyAuto: protocol.TopologyPolicy_TOPOLOGY_AUTO,
	configs.TopologySFU:  protocol.TopologyPolicy_TOPOLOGY_SFU,
	configs.TopologyP2P:  protocol.TopologyPolicy_TOPOLOGY_P2P,
}

// anonymous is what somebody without a token may do.
func anonymous(config configs.Config) auth.Grants {
	if config.Anonymous() {
		return auth.DefaultGrants
	}
	return 0
}

func limits(l configs.Limits) signaling.Limits {
	return signaling.Limits{
		Outbox:             session.Bounds{Messages: l.OutboxMessages, Bytes: l.OutboxBytes},
		Sessions:           l.Sessions,
		SessionsPerAddress: l.SessionsPerAddress,
		SessionsPerUser:    l.SessionsPerUser,
		JoinsPerMinute:     l.JoinsPerMinute,
		RequestsPerSecond:  l.RequestsPerSecond,
		MessageBytes:       l.MessageBytes,
		DescriptionBytes:   l.DescriptionBytes,
		MessagesPerSecond:  l.MessagesPerSecond,
		Slots:              l.Slots,
		Voices:             l.Voices,
	}
}

// close tells everybody and ends all parts, the ones that others build on
// last. What takes longer than the context is left behind and named. Only the
// first call does something; all return its error.
func (s *server) close(ctx context.Context) error {
	s.closing.Do(func() { s.closeErr = s.end(ctx) })
	return s.closeErr
}

func (s *server) end(ctx context.Context) error {
	s.ready.Store(false)
	var drained <-chan struct{}
	if s.turn != nil {
		drained = s.turn.Drain()
	}
	ended := make(chan error, 1)
	go func() {
		if s.service == nil { // elsewhere it is the calls that end
			awaitDrained(ctx, drained, s.webhooks)
		}
		// Not every deadline reaches a client whose connection is stuck: over
		// HTTP/2 those are of streams.
		cut := time.AfterFunc(cutAfter, func() { _ = s.http.Close() })
		defer cut.Stop()
		err := s.endCalls(ctx)
		err = errors.Join(err, s.http.Shutdown(ctx), s.closeRelay())
		if s.hooks != nil {
			s.hooks.Close(ctx) // which has heard of all that ended
		}
		ended <- errors.Join(err, s.closeMedia())
	}()
	select {
	case err := <-ended:
		s.loops.Wait()
		return err
	case <-ctx.Done():
		return fmt.Errorf("some parts did not end in time: %w", ctx.Err())
	}
}

// endCalls ends the API, and tells everybody in a room; a relay alone has none.
func (s *server) endCalls(ctx context.Context) error {
	// The API first, so that nobody makes rooms when the others have left.
	err := s.api.Close(ctx)
	if s.service == nil {
		return err
	}
	err = errors.Join(err, s.service.Close(ctx))
	s.signal.Wait()
	s.polling.Wait()
	s.calls.Wait()
	return err
}

func (s *server) closeRelay() error {
	if s.turn == nil {
		return nil
	}
	return s.turn.Close()
}

// closeMedia ends what was started of the SFU, and the port.
func (s *server) closeMedia() error {
	var errs []error
	if s.sfu != nil {
		errs = append(errs, s.sfu.Close())
	}
	s.closeCertificates()
	return errors.Join(append(errs, s.port.Close())...)
}
