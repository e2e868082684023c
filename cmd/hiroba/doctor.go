package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/doctor"
)

// doctorCommand is `hiroba doctor`.
type doctorCommand struct {
	URL        *string       `arg:"" optional:"" help:"The server, as https://host; or STUN and TURN alone, as turn:host:port or turns:host:port. Left out, this machine is looked at."`
	Token      string        `help:"An access token, on a server with keys." env:"HIROBA_TOKEN" placeholder:"TOKEN"`
	Room       string        `help:"Where media is tried; left out, in the room of the token, or one that nobody else is in." placeholder:"ROOM"`
	TURNSecret string        `name:"turn-secret" help:"Makes TURN credentials, in the place of those that the server hands out." env:"HIROBA_TURN_SECRET" placeholder:"SECRET"`
	Username   string        `help:"A TURN user, in their place." placeholder:"USER"`
	Password   string        `help:"The TURN user's password." env:"HIROBA_TURN_PASSWORD" placeholder:"PASSWORD"`
	Insecure   bool          `help:"Take whatever certificate there is, such as one of --lan."`
	Timeout    time.Duration `default:"5s" help:"How long each leg may take."`
	Local      bool          `help:"Look at this machine as well: buffers, limits."`
	JSON       bool          `name:"json" help:"Print the report as JSON."`
}

// Exit codes of the program, beside 0.
const (
	exitFailure = 1
	exitUsage   = 2
)

// exitError ends the program with a code of its own, and with nothing more to
// say when it has no error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Run tries all legs and prints the report.
func (c *doctorCommand) Run(ctx context.Context) error {
	info, err := os.Stderr.Stat()
	return c.run(ctx, os.Stdout, os.Stderr, err == nil && info.Mode()&os.ModeCharDevice != 0)
}

func (c *doctorCommand) run(ctx context.Context, out, progress io.Writer, terminal bool) error {
	var url string // "" is this machine
	if c.URL != nil {
		if url = *c.URL; url == "" {
			return &exitError{exitUsage, errors.New("the address is empty; https://host or turn:host:port was expected, or nothing at all, for this machine")}
		}
	}
	plan := doctor.Plan{
		URL: url, Token: c.Token, Room: c.Room, TURNSecret: c.TURNSecret, Username: c.Username, Password: c.Password, Insecure: c.Insecure,
		Timeout: c.Timeout, Local: c.Local || url == "",
	}
	before, after := "", "\n"
	if terminal { // one line that changes, above where the table will be
		before, after = "\r\x1b[K", ""
	}
	report, err := doctor.Run(ctx, plan, func(r doctor.Result) { fmt.Fprint(progress, before, r.Line(), after) })
	fmt.Fprint(progress, before)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := c.print(out, report); err != nil {
		return err
	}
	if !report.OK {
		return &exitError{code: exitFailure}
	}
	return nil
}

func (c *doctorCommand) print(out io.Writer, report *doctor.Report) error {
	if !c.JSON {
		if _, err := fmt.Fprintln(out); err != nil {
			return err
		}
		return report.Write(out)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// exit is what the program ends with, after what there is to say.
func exit(err error, notes io.Writer) (code int) {
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(notes, "hiroba:", text)
	}
	var own *exitError
	if errors.As(err, &own) {
		return own.code
	}
	return exitFailure
}
