package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/load"
	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// loaded runs a load against a server in this process and returns its report.
func loaded(t *testing.T, url string, change func(*loadCommand)) *load.Report {
	t.Helper()
	seed := uint64(1)
	c := &loadCommand{URL: url, Rooms: 1, Publishers: 1, Subscribers: 2, Duration: time.Second, Open: "50", JSON: true, Seed: &seed}
	change(c)
	var out bytes.Buffer
	if err := c.run(t.Context(), &out, t.Output(), 0); err != nil {
		t.Fatal(err)
	}
	report := &load.Report{}
	if err := json.Unmarshal(out.Bytes(), report); err != nil {
		t.Fatalf("%v in\n%s", err, out.Bytes())
	}
	return report
}

// arrives holds that all streams of a kind came, and nothing of them was lost,
// twice here, or something else than was sent.
func arrives(t *testing.T, r *load.Report, kind string, streams int) load.Flow {
	t.Helper()
	f := r.Flows[kind]
	if f.Expected != streams || f.Streams != streams {
		t.Errorf("%s: %d streams of %d came; %d were expected", kind, f.Streams, f.Expected, streams)
	}
	if f.Received == 0 || f.Rate == 0 || f.Lost != 0 || f.Doubled != 0 || f.Delay.Count == 0 {
		t.Errorf("%s: %+v", kind, f)
	}
	if r.Broken != 0 || r.Foreign != 0 || r.Unknown != 0 || r.Opened == 0 {
		t.Errorf("of %d packets that were opened, %d were broken and %d of another room; %d were of no stream", r.Opened, r.Broken, r.Foreign, r.Unknown)
	}
	return f
}

func TestALoadArrives(t *testing.T) {
	_, url := runServer(t, nil)
	r := loaded(t, url, func(c *loadCommand) {
		c.Rooms, c.Subscribers, c.Duration, c.Audio = 2, 3, 2*time.Second, true
		c.Video = &load.Video{Codec: "vp8", Bitrate: 300e3, FPS: 30}
	})
	arrives(t, r, "video", 6)
	// Of each publisher, 50 packets a second go to three subscribers.
	if f := arrives(t, r, "audio", 6); f.Rate < 285 || f.Rate > 315 || f.Received > 3*f.Sent {
		t.Errorf("%.0f packets of sound came a second, %d of %d in all; 300, and no more than thrice as many as were sent, were expected", f.Rate, f.Received, f.Sent)
	}
	if c := r.Clients; c.Publishers != 2 || c.Subscribers != 6 || c.Playing != 6 || c.Lost != 0 || c.Failed != 0 {
		t.Errorf("the clients are %+v", c)
	}
	if r.Answered.Count != 8 || r.Connected.Count != 8 || r.FirstFrame.Count != 6 || r.Connected.P50 < r.Answered.P50 {
		t.Errorf("joining took %+v, %+v and %+v", r.Answered, r.Connected, r.FirstFrame)
	}
	if r.Server.Resident == 0 || r.Generator.CPUSeconds == 0 || len(r.Samples) == 0 || r.Seconds < 1.9 {
		t.Errorf("the server used %+v, the generator %+v, in %.1f s with %d samples", r.Server, r.Generator, r.Seconds, len(r.Samples))
	}
}

// What clients take for lost is asked for, and comes again.
func TestALoadLosesAndAsksAgain(t *testing.T) {
	_, url := runServer(t, nil)
	r := loaded(t, url, func(c *loadCommand) {
		c.Loss, c.Open = 5, "all"
		c.Video = &load.Video{Codec: "h264", Bitrate: 250e3, FPS: 30}
	})
	if f := arrives(t, r, "video", 2); f.Pretended == 0 || f.Recovered < f.Pretended/2 {
		t.Errorf("of %d packets that were taken for lost, %d came again", f.Pretended, f.Recovered)
	}
}

func TestALoadOfSeveralSizesAndData(t *testing.T) {
	_, url := runServer(t, nil)
	r := loaded(t, url, func(c *loadCommand) {
		c.Publishers, c.Subscribers, c.Simulcast, c.Churn = 2, 3, true, 3
		c.Video = &load.Video{Codec: "vp9", Bitrate: 1e6, FPS: 25}
		c.Data = load.Data{Rate: 20, Size: 300}
	})
	arrives(t, r, "video", 6)
	arrives(t, r, "data", 8) // publishers hear each other
	if c := r.Clients; c.Replaced == 0 || c.Failed != 0 || c.Subscribers != 3 {
		t.Errorf("the clients are %+v", c)
	}
}

// exitCode is that of a command that ended so.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func TestALoadIsToldWhyItIsRefused(t *testing.T) {
	_, closed := runServer(t, func(c *configs.Config) { c.Keys = configs.Secret("main=" + strings.Repeat("s", 32)) })
	_, narrow := runServer(t, func(c *configs.Config) { c.Limits.PeersPerRoom = 2 })
	_, slow := runServer(t, func(c *configs.Config) { c.Limits.JoinsPerMinute = 2 })
	for name, tc := range map[string]struct {
		arguments []string
		code      int
		want      []string
	}{
		"without a token":     {[]string{closed}, 1, []string{"refused publisher 1", "ACCESS_REQUIRED", "--token"}},
		"by a bad token":      {[]string{closed, "--token", "a.b.c"}, 1, []string{"ACCESS_DENIED"}},
		"a full room":         {[]string{narrow}, 1, []string{"ROOM_FULL", "limits.peers_per_room"}},
		"by nobody":           {[]string{"http://127.0.0.1:1"}, 1, []string{"connection refused"}},
		"an address":          {[]string{"localhost"}, 2, []string{"http://host:port"}},
		"a place for a plot":  {[]string{narrow, "--plot", "run.png"}, 2, []string{".svg"}},
		"a folder for a plot": {[]string{narrow, "--plot", "none/run.svg"}, 2, []string{"--plot", "no folder none"}},
		"a number of packets": {[]string{narrow, "--open", "some"}, 2, []string{"--open"}},
		"a process":           {[]string{narrow, "--pid", "2147483647"}, 2, []string{"--pid", "no process 2147483647"}},
		"a rate of joins":     {[]string{slow}, 1, []string{"joins a minute", "limits.joins_per_minute", "--ramp"}},
	} {
		t.Run(name, func(t *testing.T) {
			command := program(t, nil, append([]string{"load", "--duration", "1s"}, tc.arguments...)...)
			out, err := command.CombinedOutput()
			if exitCode(err) != tc.code {
				t.Errorf("the exit code is %d; %d was expected", exitCode(err), tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

func TestALoadWithATokenGetsIn(t *testing.T) {
	secret := configs.Secret("main=" + strings.Repeat("s", 32))
	_, url := runServer(t, func(c *configs.Config) { c.Keys = secret })
	keys, err := accessKeys(configs.Config{Keys: secret})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Token(auth.Access{Room: auth.EveryRoom, Grants: auth.DefaultGrants}, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	arrives(t, loaded(t, url, func(c *loadCommand) { c.Token, c.Audio = token, true }), "audio", 2)
}

// startLoad starts a load of a process of its own, and waits until its two clients
// are in. end waits until it has ended, and says how, and what it wrote.
func startLoad(t *testing.T, url string, arguments ...string) (command *exec.Cmd, end func() (out []byte, err error)) {
	t.Helper()
	command = program(t, nil, append([]string{"load", url, "--audio", "--subscribers", "1"}, arguments...)...)
	// A terminal would be told more often.
	progress, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	command.Stdout = &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	for lines.Scan() && !strings.Contains(lines.Text(), "2 of 2 in") {
		t.Log(lines.Text())
	}
	return command, func() ([]byte, error) {
		_, _ = io.Copy(io.Discard, progress)
		err := command.Wait()
		return out.Bytes(), err
	}
}

// An interrupted load reports what was until then, and draws it.
func TestALoadCanBeInterrupted(t *testing.T) {
	_, url := runServer(t, nil)
	command, end := startLoad(t, url, "--duration", "1h", "--json", "--plot", "run.html")
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	out, err := end()
	if err != nil {
		t.Errorf("it ended with %v", err)
	}
	var r load.Report
	if err := json.Unmarshal(out, &r); err != nil || !r.Interrupted {
		t.Errorf("the report is %+v, %v", r, err)
	}
	if page, err := os.ReadFile(filepath.Join(command.Dir, "run.html")); err != nil || !strings.Contains(string(page), "<svg") {
		t.Errorf("the drawing: %v", err)
	}
}

// A load whose server ends meanwhile reports what was until then, says so, and fails.
func TestALoadOutlivesItsServer(t *testing.T) {
	for name, signal := range map[string]os.Signal{"stops": syscall.SIGTERM, "dies": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			server, url := serveProgram(t, "HIROBA_PORT=0")
			_, end := startLoad(t, url, "--duration", "4s")
			if err := server.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait()
			out, err := end()
			if code := exitCode(err); code != 1 {
				t.Errorf("the exit code is %d; 1 was expected", code)
			}
			for _, want := range []string{"1 of 1", "it may have ended", "connection refused"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}
