package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// chromiumFlags are what every Chromium here is started with. Cameras work on
// pages from this machine, and from the origins given.
func chromiumFlags(origins ...string) map[string]any {
	return map[string]any{
		"headless": true, "no-sandbox": true, "disable-gpu": true, "disable-quic": true, "no-first-run": true,
		"disable-background-networking": true, "disable-component-update": true, "disable-sync": true,
		"disable-background-timer-throttling": true, "disable-renderer-backgrounding": true,
		"disable-backgrounding-occluded-windows": true, "disable-dev-shm-usage": true,
		// What nobody sees here costs half of what it takes to open a window.
		"disable-features": "WebUIOmniboxPopup,WebUIOmniboxAimPopup",
		// Large enough for the page as it is on a desk; each picture is drawn by
		// the CPU.
		"window-size": "1000,660",
		// Ten pictures a second: several pages decode each other on two cores.
		"use-fake-device-for-media-stream": "fps=10", "use-fake-ui-for-media-stream": true,
		"autoplay-policy": "no-user-gesture-required",
		// Without a network, loopback is all there is to meet on.
		"allow-loopback-in-peer-connection": true,
		// Chromium writes much when UDP is slow, and stops when nobody reads.
		"log-level": "3", "disable-logging": true,
		"unsafely-treat-insecure-origin-as-secure": strings.Join(origins, ","),
	}
}

// chromium is where Chromium is on this machine.
func chromium() (string, error) {
	if path := os.Getenv("HIROBA_CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium: install it (apt-get install chromium), run `make setup`, or name one in HIROBA_CHROMIUM")
}

// process is the Chromium that the tests share: to start one takes longer than
// many a test. Each test has a browser context of its own in it, which shares
// nothing with others: no storage, no cache, no connections.
type process struct {
	start func() (url string, err error) // where its debugger listens
	// end is nil before the start.
	end func() error
}

var sharedChromium process

func init() {
	sharedChromium.start = sync.OnceValues(sharedChromium.launch)
}

// launch starts it. It ends with this process, however that ends: with the pipe
// that it gives and takes orders by besides.
func (p *process) launch() (url string, err error) {
	path, err := chromium()
	if err != nil {
		return "", err
	}
	profile, err := os.MkdirTemp("", "hiroba-chromium-")
	if err != nil {
		return "", err
	}
	args := []string{"--remote-debugging-port=0", "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank"}
	for name, value := range chromiumFlags() {
		if value == true {
			args = append(args, "--"+name)
		} else {
			args = append(args, fmt.Sprintf("--%s=%v", name, value))
		}
	}
	command := exec.Command(path, args...)
	theirs, orders, err := os.Pipe()
	if err != nil {
		return "", err
	}
	answers, theirAnswers, err := os.Pipe()
	if err != nil {
		return "", err
	}
	command.ExtraFiles = []*os.File{theirs, theirAnswers} // 3 and 4
	out, err := command.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	_, _ = theirs.Close(), theirAnswers.Close()
	p.end = func() error {
		_, _ = orders.Close(), answers.Close()
		kill := time.AfterFunc(10*time.Second, func() { _ = command.Process.Kill() })
		defer kill.Stop()
		return errors.Join(command.Wait(), os.RemoveAll(profile))
	}
	hanging := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	defer hanging.Stop()
	const listening = "DevTools listening on "
	var said strings.Builder
	for lines := bufio.NewScanner(io.TeeReader(out, &said)); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), listening); ok {
			go p.drain(out)
			return url, nil
		}
	}
	return "", fmt.Errorf("%s does not start: %s", path, said.String())
}

// drain reads what else it says. Where nobody does, it stops, or takes seconds
// over a page that crashes.
func (p *process) drain(out io.Reader) { _, _ = io.Copy(io.Discard, out) }

// drains is the one goroutine that outlives a test.
const drains = "github.com/hiroba-rtc/hiroba/cmd/hiroba.(*process).drain"

// browser is a Chromium with fake devices; each page of it is a tab.
type browser struct {
	ctx context.Context
	own cdp.BrowserContextID // "" in a process of its own
	t   testing.TB
}

// startBrowser gives one to a test. A machine without Chromium fails.
func startBrowser(t testing.TB) *browser {
	t.Helper()
	url, err := sharedChromium.start()
	if err != nil {
		t.Fatal(err)
	}
	allocator, stop := remote.NewAllocator(context.Background(), url, remote.NoModifyURL)
	ctx, cancel := chromedp.NewContext(allocator)
	if _, err := chromedp.Targets(ctx); err != nil { // which connects
		t.Fatalf("Chromium cannot be reached: %v", err)
	}
	wire, own := chromedp.FromContext(ctx).Browser, true
	created, err := cdp.Call(ctx, wire, target.CreateBrowserContext, target.CreateBrowserContextParams{DisposeOnDetach: &own})
	if err != nil {
		t.Fatalf("Chromium makes no browser context: %v", err)
	}
	id := created.BrowserContextID
	t.Cleanup(func() {
		// It fails only when the browser is gone already.
		_, _ = cdp.Call(ctx, wire, target.DisposeBrowserContext, target.DisposeBrowserContextParams{BrowserContextID: id})
		cancel()
		stop()
	})
	return &browser{ctx: ctx, own: id, t: t}
}

// browserOptions are those of a Chromium for one test alone, for which cameras
// work on pages from the origins given.
func browserOptions(t testing.TB, origins ...string) []chromedp.ExecAllocatorOption {
	t.Helper()
	path, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.CombinedOutput(io.Discard),
		chromedp.WSURLReadTimeout(time.Minute),
	}
	for name, value := range chromiumFlags(origins...) {
		options = append(options, chromedp.Flag(name, value))
	}
	return options
}

// launchBrowser starts a Chromium for one test alone.
func launchBrowser(t testing.TB, options []chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		// It fails only when the browser is gone already.
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &browser{ctx: ctx, t: t}
}
