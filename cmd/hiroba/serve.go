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
	"strconv"

	"github.com/alecthomas/kong"

	"github.com/hiroba-rtc/hiroba/configs"
)

// serveCommand is `hiroba serve`.
type serveCommand struct {
	Config string `help:"The YAML file to read instead of /etc/hiroba/hiroba.yaml or ./hiroba.yaml." placeholder:"FILE"`
	// Plugins holds one flag per setting.
	kong.Plugins
}

// Run serves until the context ends.
func (c *serveCommand) Run(ctx context.Context, flags *configs.Flags) error {
	config, err := configs.Load(configs.Sources{File: c.Config, Environ: os.Environ(), Flags: flags.Given()})
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	log := newLogger(os.Stderr, config.Log)
	server, err := start(config, log)
	if err != nil {
		return err
	}
	fmt.Println("Hiroba is open. The call page:")
	for _, url := range pages(config.Host, server.port.Port(), machineAddrs()) {
		fmt.Println("  " + url)
	}

	select {
	case <-ctx.Done():
		log.Info("stopping: telling everybody", "timeout", config.ShutdownTimeout)
	case err = <-server.failed:
		log.Error("the server failed", "err", err)
	}
	closing, cancel := context.WithTimeout(context.Background(), config.ShutdownTimeout)
	defer cancel()
	return errors.Join(err, server.close(closing))
}

func newLogger(w io.Writer, config configs.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: config.Level}
	if config.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// pages are the addresses of the call page: by the host listened on, or, when
// that is every address, by each of the machine's.
func pages(host netip.Addr, port int, machine []netip.Addr) []string {
	hosts := []string{host.String()}
	switch {
	case host.IsLoopback():
		// Browsers take localhost for a secure place, which cameras need.
		hosts = []string{"localhost"}
	case host.IsUnspecified():
		hosts = []string{"localhost"}
		for _, addr := range machine {
			hosts = append(hosts, addr.String())
		}
	}
	var out []string
	for _, h := range hosts {
		out = append(out, "http://"+net.JoinHostPort(h, strconv.Itoa(port))+"/")
	}
	return out
}

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
