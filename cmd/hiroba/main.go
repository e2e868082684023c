// Command hiroba is a WebRTC server: signaling, STUN and TURN, an SFU for
// audio, video and data, and the call page, on one port.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hiroba-rtc/hiroba/configs"
)

// version is set by the linker.
var version = "unknown"

// commands is the command line.
type commands struct {
	Serve   serveCommand     `cmd:"" default:"withargs" help:"Serve calls (the default)."`
	Health  healthCommand    `cmd:"" help:"Ask a running server whether it is well; for container health checks."`
	Token   tokenCommand     `cmd:"" help:"Make an access token with one of the server's keys."`
	Load    loadCommand      `cmd:"" help:"Load a server with many clients, and report how it fares."`
	Doctor  doctorCommand    `cmd:"" help:"Try each way to reach a server, and say what to open or change."`
	TURN    turnCommand      `cmd:"" name:"turn" help:"The relay alone."`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	if code := exit(run(), os.Stderr); code != 0 {
		os.Exit(code)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	flags := configs.NewFlags()
	cli := commands{Serve: serveCommand{Plugins: kong.Plugins{flags.Struct()}}}
	cli.TURN.Serve = newRelayCommand()
	parser, err := kong.New(&cli,
		kong.Name("hiroba"),
		kong.Description("A WebRTC server in one binary: signaling, TURN, SFU and the call page on one port."),
		kong.Vars{"version": version},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(flags),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return command.Run()
}
