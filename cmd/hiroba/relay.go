package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// relayCommand is `hiroba turn`: STUN and TURN without SFU, signaling and page.
type relayCommand struct {
	Config string `help:"The YAML file to read instead of /etc/hiroba/hiroba.yaml or ./hiroba.yaml." placeholder:"FILE"`
	// Plugins holds one flag per setting.
	kong.Plugins

	flags *configs.Flags
}

func newRelayCommand() relayCommand {
	flags := configs.NewFlags()
	return relayCommand{Plugins: kong.Plugins{flags.Struct()}, flags: flags}
}

// Run serves until the context ends.
func (c *relayCommand) Run(ctx context.Context) error {
	read := func() (configs.Config, error) {
		return configs.Load(configs.Sources{File: c.Config, Environ: os.Environ(), Flags: c.flags.Given(), Relay: true})
	}
	config, err := read()
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	log := newLogger(os.Stderr, config.Log)
	server, err := startRelay(config, log)
	if err != nil {
		return err
	}
	server.read, server.began = read, config
	return server.run(ctx, config.ShutdownTimeout, log, func() {
		var own []byte
		if config.TURN.Secret == "" && config.Host.IsLoopback() { // elsewhere there are users
			own = server.secret.signing()
		}
		greetRelay(os.Stdout, config, server.port.Port(), own, time.Now())
	})
}

// startRelay starts a STUN and TURN server alone.
func startRelay(config configs.Config, log *slog.Logger) (*server, error) {
	config.TURN.Enabled = true
	return startWith(config, log, (*server).assembleRelay)
}

// assembleRelay makes the parts of a relay: the SFU's side of the port is
// closed, and over HTTP there is only how it is, and the API about allocations.
func (s *server) assembleRelay(config configs.Config, log *slog.Logger, registry *prometheus.Registry) error {
	errs := []error{s.port.ICETCP().Close()}
	for _, u := range s.port.UDP() {
		errs = append(errs, u.ICE().Close())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	err := s.startWebhooks(config, log, registry)
	if err != nil {
		return err
	}
	if s.turn, err = s.startTURN(config, log, registry); err != nil {
		return err
	}
	keys, err := accessKeys(config)
	if err != nil {
		return err
	}
	s.api = api.New(api.Config{
		Keys: keys, Open: isForOwnMachine(config), Relay: s.relayed(), RequestsPerSecond: config.Limits.RequestsPerSecond,
		Logger: log, Registerer: registry,
	})
	states, mux := http.NewServeMux(), http.NewServeMux()
	state(states, config, registry, &s.ready)
	mux.Handle("/", soon(states))
	s.api.Register(mux)
	s.http = httpServer(s.overTLS(config, guarded(config, registry, mux)), log)
	return nil
}

// awaitDrained waits until a relay alone has no allocation left, or little more
// time than it takes to end the rest, and to tell webhooks of it if there are
// some.
func awaitDrained(ctx context.Context, drained <-chan struct{}, webhooks bool) {
	var late <-chan time.Time
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		rest := min(time.Second, left/4)
		if webhooks {
			rest = min(3*time.Second, left/2)
		}
		late = time.After(left - rest)
	}
	select {
	case <-drained:
	case <-late:
	case <-ctx.Done():
	}
}

// greetRelay says where the relay is, and makes credentials to try it with where
// nobody else could: with the secret that the server made for itself, if it did.
func greetRelay(w io.Writer, config configs.Config, port int, own []byte, now time.Time) {
	host := config.Host.String()
	switch {
	case len(config.Advertise) > 0:
		host = config.Advertise[0].String()
	case config.Host.IsUnspecified():
		host = "the.address.of.this.machine"
		if addrs := machineAddrs(); len(addrs) > 0 {
			host = addrs[0].String()
		}
	}
	fmt.Fprintln(w, "STUN and TURN are open:")
	for _, url := range relayURLs(config, port, host, certifiedHost(config, host)) {
		fmt.Fprintln(w, "  "+url)
	}
	if own != nil {
		username, password := auth.TURN{Secret: own, TTL: config.TURN.CredentialTTL}.Issue("you", now)
		fmt.Fprintf(w, "There is no turn.secret, so it made one for itself. To try it, until %s:\n  username %s\n  password %s\n",
			now.Add(config.TURN.CredentialTTL).Format(time.DateTime), username, strings.TrimSpace(password))
	}
}
