package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/internal/lab"
)

// envLab asks for the network lab, which needs root; `make lab` sets it.
const envLab = "HIROBA_LAB"

const labRoom = "lab"

// stage is a server, one publisher and some receivers, each behind a link of
// its own.
type stage struct {
	t         *testing.T
	network   *lab.Network
	url       string
	publisher *published
	receivers []*receiver
	metrics   string // the server's, at the end

	mu     sync.Mutex // guards what is noted of the wires
	noting sync.WaitGroup
	ended  chan struct{}
}

// published is the publisher, in Chromium with a noisy camera.
type published struct {
	link    *lab.Client
	page    *tab
	notes   []wireNote // on its way to the server
	samples []sent
}

// receiver is a client that shows the publisher's camera.
type receiver struct {
	name    string
	link    *lab.Client
	joined  time.Time
	inGo    bool       // it does not decode and has no jitter buffer
	notes   []wireNote // on its way from the server
	samples []heard
	collect func() []heard
}

// openStage starts the server, or skips the test when nobody asked for the lab.
func openStage(t *testing.T) *stage {
	t.Helper()
	if os.Getenv(envLab) != "1" {
		t.Skip("the network lab needs root and some minutes: `make lab` runs it")
	}
	network, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	command := program(t, []string{
		"HIROBA_HOST=" + lab.ServerAddr.String(), "HIROBA_PORT=8080", "HIROBA_ACCESS=open", "HIROBA_ROOMS_TOPOLOGY=sfu",
		"HIROBA_METRICS_PUBLIC=true",
	}, "serve")
	network.Server.Enter(command)
	command.Stderr = t.Output()
	url := startProgram(t, command)
	t.Cleanup(func() { stopProgram(t, command) })
	s := &stage{t: t, network: network, url: url, ended: make(chan struct{})}
	t.Cleanup(func() { s.end() })
	return s
}

// stopProgram has a program end, and waits for it.
func stopProgram(t testing.TB, command *exec.Cmd) {
	t.Helper()
	_ = command.Process.Signal(syscall.SIGTERM) // it may have ended
	killing := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	defer killing.Stop()
	if err := command.Wait(); err != nil {
		t.Errorf("%v ended with %v", command.Args, err)
	}
}

// join adds a client and takes notes of what one of its wires does.
func (s *stage) join(down, up lab.Shape, wire func(*lab.Client) *lab.Wire, notes *[]wireNote) *lab.Client {
	s.t.Helper()
	link, err := s.network.Join(down, up)
	if err != nil {
		s.t.Fatal(err)
	}
	s.noting.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			counts := wire(link).Counts()
			s.mu.Lock()
			*notes = append(*notes, wireNote{time.Now(), counts})
			s.mu.Unlock()
			select {
			case <-ticker.C:
			case <-s.ended:
				return
			}
		}
	})
	return link
}

// end has the notes on the wires end.
func (s *stage) end() {
	select {
	case <-s.ended:
	default:
		close(s.ended)
	}
	s.noting.Wait()
}

// publish brings in the publisher, over a link that has room and loses what it
// is told to.
func (s *stage) publish(loss float64) { s.publishOver(link(20_000_000, 10*time.Millisecond, loss)) }

// publishOver brings in the publisher over a link that is the same both ways.
func (s *stage) publishOver(wide lab.Shape) {
	s.t.Helper()
	p := &published{}
	p.link = s.join(wide, wide, func(c *lab.Client) *lab.Wire { return c.Up }, &p.notes)
	p.page = s.browse("the publisher", p.link, map[string]any{
		"use-file-for-fake-video-capture": film(s.t), "use-file-for-fake-audio-capture": tape(s.t),
	})
	evaluate[any](p.page, fmt.Sprintf(labPublish, labRoom, cameraWidth, cameraHeight, cameraFPS))
	s.publisher = p
}

// browse opens the server's page for scripts in a Chromium of its own behind a
// link.
func (s *stage) browse(name string, link *lab.Client, flags map[string]any) *tab {
	s.t.Helper()
	options := append(browserOptions(s.t, s.url), chromedp.ModifyCmdFunc(func(command *exec.Cmd) {
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		link.Enter(command)
	}))
	for flag, value := range flags {
		options = append(options, chromedp.Flag(flag, value))
	}
	b := launchBrowser(s.t, options)
	// Of all pages this one has nothing on it.
	return b.open(name, s.url+"/healthz", "")
}

// receiveInChromium adds a receiver that decodes and shows a picture of the
// size given.
func (s *stage) receiveInChromium(name string, down, up lab.Shape, width, height int) *receiver {
	s.t.Helper()
	r := &receiver{name: name}
	r.link = s.join(down, up, func(c *lab.Client) *lab.Wire { return c.Down }, &r.notes)
	page := s.browse(name, r.link, nil)
	evaluate[any](page, fmt.Sprintf(labReceive, labRoom, name, width, height))
	r.joined = time.Now()
	r.collect = func() []heard { return evaluate[[]heard](page, `lab.samples`) }
	s.receivers = append(s.receivers, r)
	return r
}

// receiveInGo adds a receiver that takes frames apart but does not decode: it
// needs no CPU to speak of, and is no judge of freezes.
func (s *stage) receiveInGo(name string, down, up lab.Shape, width, height int) *receiver {
	s.t.Helper()
	r := &receiver{name: name, inGo: true}
	r.link = s.join(down, up, func(c *lab.Client) *lab.Wire { return c.Down }, &r.notes)
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d", envLabReceiver, s.url, labRoom, width, height))
	command.Stderr = s.t.Output()
	r.link.Enter(command)
	in, err := command.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	pipe, err := command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = in.Close()
		if err := command.Wait(); err != nil {
			s.t.Errorf("%s ended with %v", name, err)
		}
	})
	out := bufio.NewReader(pipe)
	if line, err := out.ReadString('\n'); line != "joined\n" {
		s.t.Fatalf("%s said %q, %v", name, line, err)
	}
	r.joined = time.Now()
	r.collect = func() (samples []heard) {
		_, _ = io.WriteString(in, "tell\n")
		if err := json.NewDecoder(out).Decode(&samples); err != nil {
			s.t.Fatalf("%s: %v", name, err)
		}
		return samples
	}
	s.receivers = append(s.receivers, r)
	return r
}

// passes lets so much time go by, in which the scenario goes on.
func (s *stage) passes(d time.Duration) { <-time.After(d) }

// collectAll gets what the clients have noted; nothing is noted after it.
func (s *stage) collectAll() {
	s.t.Helper()
	for _, r := range s.receivers {
		r.samples = r.collect()
	}
	s.publisher.samples = evaluate[[]sent](s.publisher.page, `lab.samples`)
	s.metrics = evaluate[string](s.publisher.page, `fetch('/metrics').then((r) => r.text())`)
	s.end()
}

// report prints what a receiver had of a span, and what went over its link
// after settling for a while.
func (s *stage) report(r *receiver, whole span, settle time.Duration) {
	s.t.Helper()
	p := s.publisher
	steady := whole.after(settle)
	camera, encoded := p.frameRate(whole)
	p50, p95 := r.delays(whole, p.notes)
	first, last := r.ends(whole)
	lost, overflowed, severed := r.dropped(whole)
	got := r.received(steady)
	var b strings.Builder
	if took, ok := r.becomes(since(r.joined), func(h heard) bool { return h.Decoded > 0 }); ok {
		fmt.Fprintf(&b, "\n    first      frame %d ms after joining", took.Milliseconds())
	}
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\n    "+format, args...) }
	line("picture    %s", r.sizes(whole))
	if r.inGo {
		line("freezes    %v, without a jitter buffer", r.freezes(whole))
	} else {
		line("freezes    %v", r.freezes(whole))
	}
	line("frames     %.1f a second of %.1f encoded; the camera has %.1f", r.frameRate(whole), encoded, camera)
	line("delay      p50 %d ms, p95 %d ms", p50.Milliseconds(), p95.Milliseconds())
	line("link       %.0f of %s, after %v", got/1000, kilobits(r.link.Down.Shape().Rate), settle)
	line("           %s", r.seconds(whole))
	line("packets    %d lost, %d overflowed, %d cut off; %d NACKs, %d PLIs", lost, overflowed, severed, last.NACKs-first.NACKs, last.PLIs-first.PLIs)
	line("sound      %.2f %% concealed", 100*r.concealment(whole))
	s.t.Logf("%s, %.0f s:%s", r.name, whole.seconds(), b.String())
}

// reportPublisher prints what the publisher sent and the SFU counted. A camera that stutters is the
// machine's fault, and then nothing else is worth reading.
func (s *stage) reportPublisher(whole span) {
	s.t.Helper()
	p := s.publisher
	if camera, _ := p.frameRate(whole); camera < 0.95*cameraFPS {
		s.t.Errorf("this machine is too slow or too busy: the camera had %.1f frames a second of %d; what follows says little", camera, cameraFPS)
	}
	var layers []string
	for _, l := range p.rids() {
		layers = append(layers, fmt.Sprintf("%s %dx%d %.0f kbit/s", l.RID, l.Width, l.Height, p.bitrate(l.RID, whole)/1000))
	}
	line := strings.Join(layers, "; ")
	if limits := p.limits(whole); limits != "" {
		line += "; limited: " + limits
	}
	var counts []string
	for metric := range strings.Lines(s.metrics) {
		metric, found := strings.CutPrefix(strings.TrimSpace(metric), "hiroba_sfu_")
		if found && !strings.HasSuffix(metric, " 0") && !strings.Contains(metric, "_bucket{") {
			counts = append(counts, metric)
		}
	}
	s.t.Logf("the SFU counted: %s", strings.Join(counts, ", "))
	var last sent
	if len(p.samples) > 0 {
		last = p.samples[len(p.samples)-1]
	}
	s.t.Logf("the publisher: %s; sound %.0f kbit/s; %d NACKs came, %d packets were sent again or to probe",
		line, p.audioRate(whole)/1000, last.NACKs, last.Resent)
}

func kilobits(rate int) string {
	if rate == 0 {
		return "any"
	}
	return fmt.Sprintf("%d kbit/s", rate/1000)
}

// best is the bitrate, with sound, of the largest layer that fits a link.
func (p *published) best(rate int, s span) (layer layerSent, total float64) {
	audio := p.audioRate(s)
	for _, l := range p.rids() {
		if with := p.bitrate(l.RID, s) + audio; with > audio && with <= float64(rate) {
			layer, total = l, with
		}
	}
	return layer, total
}
