package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/load"
)

// loadCommand is `hiroba load`.
type loadCommand struct {
	URL         string        `arg:"" help:"The server, as http://host:port."`
	Rooms       int           `default:"1" help:"How many rooms there are."`
	Publishers  int           `default:"1" help:"How many peers send in each room."`
	Subscribers int           `default:"10" help:"How many peers receive all that is sent in each room."`
	Video       *load.Video   `help:"What each publisher's camera sends: codec:bitrate:fps, with vp8, vp9 or h264; none for none. Left out: vp8:1.5M:30, unless --audio or --data is there." placeholder:"VIDEO"`
	Simulcast   bool          `help:"Send the video in three sizes, and have subscribers ask for each of them."`
	Even        bool          `help:"Space packets evenly, in the place of a burst for each frame; all frames have one size."`
	Idle        bool          `help:"Have publishers fall silent before it is measured, for what a call costs in which nobody sends."`
	Steady      bool          `help:"Give all frames one size, and send them as bursts."`
	Audio       bool          `help:"Have each publisher send sound: 50 packets a second of 160 bytes."`
	Data        load.Data     `help:"Have each publisher send messages over the reliable DataChannel: how many a second, and their bytes, such as 10:200." placeholder:"RATE:SIZE"`
	Duration    time.Duration `default:"10s" help:"How long is measured, once all are in."`
	Ramp        float64       `help:"How many join a second at most; 0 for as fast as the server lets them." placeholder:"N"`
	Churn       float64       `help:"How many subscribers a second leave, and are replaced, while it is measured." placeholder:"N"`
	Loss        float64       `help:"How many percent of the packets subscribers pretend to lose, and ask for again." placeholder:"PERCENT"`
	Open        string        `default:"50" help:"Every how many packets a subscriber opens one to look inside; all for each." placeholder:"N"`
	Token       string        `help:"An access token for all rooms, on a server with keys." placeholder:"TOKEN"`
	PID         int           `name:"pid" help:"The server's process on this machine, whose CPU time and memory are read; left out, they are read from its /metrics."`
	JSON        bool          `name:"json" help:"Print the report as JSON."`
	Plot        string        `help:"Draw the run over time, as .svg or .html." placeholder:"FILE"`
	Seed        *uint64       `help:"Of all that is random; left out, another one each time." placeholder:"N"`
}

// quietEvery is after how long a line of progress is due when nobody looks.
const quietEvery = 10 * time.Second

// Run loads the server until the time is over or ctx ends, and prints the report.
func (c *loadCommand) Run(ctx context.Context) error {
	every := time.Duration(0)
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		every = quietEvery
	}
	return c.run(ctx, os.Stdout, os.Stderr, every)
}

func (c *loadCommand) run(ctx context.Context, out, progress io.Writer, every time.Duration) error {
	plan, err := c.plan()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if extension := filepath.Ext(c.Plot); c.Plot != "" && extension != ".svg" && extension != ".html" {
		return &exitError{exitUsage, fmt.Errorf("--plot %s ends in neither .svg nor .html", c.Plot)}
	}
	if info, err := os.Stat(filepath.Dir(c.Plot)); c.Plot != "" && (err != nil || !info.IsDir()) {
		return &exitError{exitUsage, fmt.Errorf("--plot %s: there is no folder %s", c.Plot, filepath.Dir(c.Plot))}
	}
	gauge, err := c.gauge(ctx, plan, progress)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var told time.Time
	report, err := load.Run(ctx, plan, gauge, func(s load.Sample) {
		if time.Since(told) >= every {
			told = time.Now()
			fmt.Fprintln(progress, s.Line())
		}
	})
	if err != nil {
		return err
	}
	if err := errors.Join(c.print(out, report), c.draw(report)); err != nil {
		return err
	}
	if report.Clients.Lost > 0 || report.Clients.Failed > 0 || report.Server.Unread != "" {
		return &exitError{code: exitFailure}
	}
	return nil
}

// plan is what the flags say.
func (c *loadCommand) plan() (load.Plan, error) {
	plan := load.Plan{
		URL: c.URL, Token: c.Token, Rooms: c.Rooms, Publishers: c.Publishers, Subscribers: c.Subscribers,
		Simulcast: c.Simulcast, Even: c.Even, Steady: c.Steady, Idle: c.Idle, Audio: c.Audio, Data: c.Data, Loss: c.Loss / 100,
		Duration: c.Duration, Ramp: c.Ramp, Churn: c.Churn, Open: 1,
	}
	switch {
	case c.Video != nil:
		plan.Video = *c.Video
	case !c.Audio && c.Data == load.Data{}:
		plan.Video = load.Video{Codec: "vp8", Bitrate: 1.5e6, FPS: 30}
	}
	if c.Open != "all" {
		n, err := strconv.Atoi(c.Open)
		if err != nil {
			return plan, fmt.Errorf("--open is %q; a number or all was expected", c.Open)
		}
		plan.Open = n
	}
	plan.Seed = rand.Uint64() >> 32
	if c.Seed != nil {
		plan.Seed = *c.Seed
	}
	return plan, plan.Check()
}

// gauge is where the server's use of the machine is read; nil if nowhere. A
// process that was named has to be there.
func (c *loadCommand) gauge(ctx context.Context, plan load.Plan, progress io.Writer) (*load.Gauge, error) {
	if c.PID != 0 {
		gauge := load.Process(c.PID)
		if _, err := gauge.Read(ctx); err != nil {
			return nil, fmt.Errorf("--pid: %w", err)
		}
		return &gauge, nil
	}
	gauge := load.Metrics(plan.URL)
	if _, err := gauge.Read(ctx); err != nil {
		fmt.Fprintf(progress, "What the server uses is not known: %v\n", err)
		return nil, nil
	}
	return &gauge, nil
}

func (c *loadCommand) print(out io.Writer, report *load.Report) error {
	if !c.JSON {
		return report.Write(out)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

func (c *loadCommand) draw(report *load.Report) error {
	if c.Plot == "" {
		return nil
	}
	file, err := os.Create(c.Plot)
	if err != nil {
		return fmt.Errorf("--plot: %w", err)
	}
	write := report.WriteSVG
	if filepath.Ext(c.Plot) == ".html" {
		write = report.WriteHTML
	}
	return errors.Join(write(file), file.Close())
}
