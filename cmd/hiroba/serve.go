package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hiroba-rtc/hiroba/configs"
)

// serveCommand is `hiroba serve`.
type serveCommand struct {
	Config string `help:"The YAML file to read instead of /etc/hiroba/hiroba.yaml or ./hiroba.yaml." placeholder:"FILE"`
	// Plugins holds one flag per setting.
	kong.Plugins
}

// garbageShare is how much garbage, in percent of what is in use, may be there
// before it is collected. A server makes little but while clients join: less
// memory for each of them costs next to nothing.
const garbageShare = 50

// Run serves until the context ends.
func (c *serveCommand) Run(ctx context.Context, flags *configs.Flags) error {
	read := func() (configs.Config, error) {
		return configs.Load(configs.Sources{File: c.Config, Environ: os.Environ(), Flags: flags.Given()})
	}
	config, err := read()
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageShare)
	}
	log := newLogger(os.Stderr, config.Log)
	server, err := start(config, log)
	if err != nil {
		return err
	}
	server.read, server.began = read, config
	return server.run(ctx, config.ShutdownTimeout, log, func() {
		greet(os.Stdout, config, server.port.Port(), machineAddrs())
	})
}

// run serves until the context ends, then tells everybody and stops. It calls
// greet when it is ready for signals: one before would end the process.
func (s *server) run(ctx context.Context, timeout time.Duration, log *slog.Logger, greet func()) (err error) {
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	greet()
	for serving := true; serving; {
		select {
		case <-reload:
			log.Info("reloading")
			s.reload(log)
		case <-ctx.Done():
			s.sayStopping(log, timeout)
			serving = false
		case err = <-s.failed:
			log.Error("the server failed", "err", err)
			serving = false
		}
	}
	closing, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return errors.Join(err, s.close(closing))
}

func (s *server) sayStopping(log *slog.Logger, timeout time.Duration) {
	if s.service != nil {
		log.Info("stopping: telling everybody; a second signal ends it at once", "timeout", timeout)
		return
	}
	log.Info("stopping: no new clients, and those that are there may finish; a second signal ends it at once",
		"allocations", len(s.turn.Allocations()), "timeout", timeout)
}

func newLogger(w io.Writer, config configs.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: config.Level}
	if config.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// loopbacks are the addresses of a machine that only itself reaches.
var loopbacks = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// machineAddrs are the addresses by which others may reach this machine.
func machineAddrs() []netip.Addr {
	var out []netip.Addr
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // only the hints on the screen are fewer
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().IsGlobalUnicast() {
			out = append(out, prefix.Addr())
		}
	}
	return out
}
