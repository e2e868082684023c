package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/configs"
)

// tab is one page.
type tab struct {
	ctx   context.Context
	close context.CancelFunc
	t     testing.TB
	name  string
}

// watch notes every PeerConnection of a page and how often it offered, for
// tests to look at; the SDK keeps them to itself. With the name of a transport
// in relay, the connection has TURN over that, as the server's welcome offers
// it, and nothing else.
const watch = `
	window.connections = [];
	window.WebSocket = class extends window.WebSocket {
		constructor(...args) {
			super(...args);
			this.addEventListener('message', (m) => { window.welcome = JSON.parse(m.data).welcome; }, { once: true });
		}
	};
	window.RTCPeerConnection = class extends window.RTCPeerConnection {
		offers = 0;
		constructor(settings = {}) {
			const relay = %q;
			if (relay) {
				const servers = window.welcome.iceServers.flatMap((s) => s.urls.map((urls) => ({ ...s, urls })));
				settings = { ...settings, iceTransportPolicy: 'relay', iceServers: servers.filter((s) =>
					relay === 'tls' ? /^turns:.*=tcp$/.test(s.urls) : s.urls.startsWith('turn:') && s.urls.endsWith('transport=' + relay)) };
			}
			super(settings);
			window.connections.push(this);
		}
		setLocalDescription(...args) { this.offers++; return super.setLocalDescription(...args); }
	};`

// open opens a page in a new tab; relay is "", "udp", "tcp" or
// "tls".
func (b *browser) open(name, url, relay string) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithExistingBrowserContext(b.own))
	p := &tab{ctx: ctx, close: cancel, t: b.t, name: name}
	b.t.Cleanup(cancel)
	err := chromedp.Do(ctx,
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(watch, relay)})
			return err
		}),
		chromedp.Navigate(url),
	)
	if err != nil {
		b.t.Fatalf("%s: opening %s: %v", name, url, err)
	}
	return p
}

// evaluate runs JavaScript in a page and decodes what it, or the promise it
// returns, comes to.
func evaluate[T any](p *tab, script string) T {
	p.t.Helper()
	value, err := tryEvaluate[T](p, script)
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, script, err)
	}
	return value
}

func tryEvaluate[T any](p *tab, script string) (T, error) {
	return tryEvaluateFor[T](p, patience, script)
}

// tryEvaluateFor is tryEvaluate for what may take that long.
func tryEvaluateFor[T any](p *tab, longest time.Duration, script string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, longest+5*time.Second)
	defer cancel()
	var value T
	encoded, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](
		`Promise.resolve((async () => (`+script+`))()).then((v) => JSON.stringify(v ?? null))`, chromedp.EvalAwaitPromise))
	if err != nil {
		return value, err
	}
	var text string
	if err := json.Unmarshal(encoded, &text); err != nil {
		return value, err
	}
	return value, json.Unmarshal([]byte(text), &value)
}

// waits until a JavaScript expression, which may be a promise, is true.
func (p *tab) waits(what, expression string) {
	p.t.Helper()
	p.waitsFor(patience, what, expression)
}

// waitsFor is waits for what may take that long.
func (p *tab) waitsFor(longest time.Duration, what, expression string) {
	p.t.Helper()
	script := fmt.Sprintf(`new Promise((resolve) => {
		const end = performance.now() + %d;
		const look = async () => {
			let holds = false;
			try { holds = await (%s); } catch (error) { window.lastError = String(error); }
			if (holds || performance.now() > end) resolve(Boolean(holds));
			else setTimeout(look, 50);
		};
		look();
	})`, longest.Milliseconds(), expression)
	if ok, err := tryEvaluateFor[bool](p, longest, script); err != nil || !ok {
		p.t.Fatalf("%s: nothing came of %s (%v)\n%s", p.name, what, err, p.describe())
	}
}

// describe tells what the page shows, for a test that fails.
func (p *tab) describe() string {
	text, err := tryEvaluate[string](p, `document.body.innerText.slice(0, 500) + "\n" + (window.lastError ?? "") + "\n" +
		connections.map((c) => c.connectionState + " " + c.iceConnectionState).join()`)
	return errors.Join(errors.New(text), err).Error()
}

// join fills in the lobby and enters the room.
func (p *tab) join(name string) {
	p.t.Helper()
	p.waits("the lobby", `document.querySelector('[data-testid=join]') && !document.querySelector('[data-testid=join]').disabled`)
	if err := chromedp.Do(p.ctx,
		chromedp.SetValue(chromedp.CSS(`[data-testid=name]`), name),
		chromedp.Click(chromedp.CSS(`[data-testid=join]`)),
	); err != nil {
		p.t.Fatalf("%s: joining: %v", p.name, err)
	}
	p.waits("the room", `window.hiroba?.room?.state === 'connected' && document.querySelector('[data-testid=leave]')`)
}

// inbound is what a page receives: frames by video track, energy in all.
type inbound struct {
	Frames []int
	Energy float64
}

func (p *tab) inbound() inbound {
	p.t.Helper()
	return evaluate[inbound](p, inboundScript)
}

const inboundScript = `(async () => {
	const out = { Frames: [], Energy: 0 };
	for (const c of connections) {
		if (c.connectionState === 'closed') continue;
		for (const s of (await c.getStats()).values()) {
			if (s.type !== 'inbound-rtp') continue;
			if (s.kind === 'video' && s.framesDecoded) out.Frames.push(s.framesDecoded);
			if (s.kind === 'audio') out.Energy += s.totalAudioEnergy ?? 0;
		}
	}
	return out;
})()`

// sees waits until the page decodes pictures of n others and hears something.
func (p *tab) sees(n int) {
	p.t.Helper()
	p.waits(fmt.Sprintf("pictures of %d others, and sound", n), fmt.Sprintf(
		`%s.then((s) => s.Frames.filter((f) => f > 5).length >= %d && s.Energy > 0)`, inboundScript, n))
}

// descriptions are the SDPs of the page's connection, both ways, and how often
// it offered.
func (p *tab) descriptions() string {
	p.t.Helper()
	return evaluate[string](p, `connections.map((c) => c.offers + c.localDescription.sdp + c.remoteDescription.sdp).join()`)
}

// overSFU keeps the media of two on the SFU.
func overSFU(c *configs.Config) { c.Rooms.Topology = configs.TopologySFU }

// TestThreePagesInOneRoom is the product's main job, from outside: over
// whatever the network lets through.
func TestThreePagesInOneRoom(t *testing.T) {
	for _, tc := range []struct{ name, relay string }{
		{"direct", ""},
		{"relayed over UDP", "udp"},
		{"relayed over TCP", "tcp"},
	} {
		t.Run(tc.name, func(t *testing.T) { threePagesInOneRoom(t, tc.relay) })
	}
}

// route is how a page reaches the SFU: the type of its own candidate in use,
// and what carries a relayed one.
const route = `(async () => {
	for (const c of connections) {
		const stats = await c.getStats();
		for (const s of stats.values()) {
			if (s.type !== 'transport' || !s.selectedCandidatePairId) continue;
			const own = stats.get(stats.get(s.selectedCandidatePairId).localCandidateId);
			return own.candidateType + ' ' + (own.relayProtocol ?? '');
		}
	}
})()`

func threePagesInOneRoom(t *testing.T, relay string) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	var pages []*tab
	for _, name := range []string{"Ann", "Bob", "Cat"} {
		p := b.open(name, url+"/r/tea", relay)
		p.join(name)
		pages = append(pages, p)
	}
	for _, p := range pages {
		p.sees(2)
		if got := evaluate[string](p, route); relay != "" && got != "relay "+relay {
			t.Errorf("%s's media goes over %q", p.name, got)
		}
	}
	ann, bob, cat := pages[0], pages[1], pages[2]

	// Chat.
	ann.click("chat-toggle")
	if err := chromedp.Do(ann.ctx, chromedp.SendKeys(chromedp.CSS(`[data-testid=chat-input]`), "hello, square\r")); err != nil {
		t.Fatal(err)
	}
	bob.click("chat-toggle")
	bob.waits("the message", `document.querySelector('[data-testid=chat-log]').innerText.includes('hello, square')`)

	// Data.
	for _, p := range []*tab{bob, cat} {
		evaluate[any](p, `void hiroba.room.on('data', (d) => { window.got = d.topic + ':' + new TextDecoder().decode(d.payload) + ':' + d.channel; })`)
	}
	evaluate[any](ann, `hiroba.room.send('a frame', { topic: 'test', channel: 'reliable' })`)
	for _, p := range []*tab{bob, cat} {
		p.waits("a frame", `window.got === 'test:a frame:reliable'`)
	}

	// A fourth joins: the others negotiate nothing. Its tab is killed: its
	// tile goes.
	var before []string
	for _, p := range pages {
		// Each candidate that is found is written into the description.
		p.waits("all of its candidates", `connections.every((c) => c.iceGatheringState === 'complete')`)
		before = append(before, p.descriptions())
	}
	dan := b.open("Dan", url+"/r/tea", relay)
	dan.join("Dan")
	dan.sees(3)
	for i, p := range pages {
		p.sees(3)
		if after := p.descriptions(); after != before[i] {
			t.Errorf("%s's SDP changed", p.name)
		}
	}
	dan.crash()
	killed := time.Now()
	for _, p := range pages {
		p.waits("Dan's tile to go", tiles(3))
	}
	if took := time.Since(killed); took > 10*time.Second {
		t.Errorf("Dan's tile went %v after the tab was killed", took)
	}

	// One leaves; the two that stay go on.
	cat.click("leave")
	cat.waits("the goodbye", `document.querySelector('[data-testid=left]')`)
	for _, p := range []*tab{ann, bob} {
		p.waits("Cat's tile to go", tiles(2))
	}
	frames := maxOf(ann.inbound().Frames)
	ann.waits("pictures going on", fmt.Sprintf(`%s.then((s) => Math.max(...s.Frames) > %d)`, inboundScript, frames+5))
}

// A server has one public address, as most have: STUN, TURN and media share it,
// and a browser that lists the first two would not hear the third.
func TestOneAddressForEverything(t *testing.T) {
	host := netip.MustParseAddr("127.0.0.1")
	for _, addr := range machineAddrs() {
		if addr.Is4() {
			host = addr
		}
	}
	if host.IsLoopback() {
		t.Skip("this machine has no address but loopback, on which the server listens on several")
	}
	_, url := runServer(t, func(c *configs.Config) {
		overSFU(c)
		c.Host, c.Access = host, configs.AccessOpen
	})
	url = strings.Replace(url, "localhost", host.String(), 1)
	b := launchBrowser(t, browserOptions(t, url))
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")
	for _, p := range []*tab{ann, bob} {
		p.sees(1)
		if got := evaluate[string](p, route); strings.HasPrefix(got, "relay") {
			t.Errorf("%s's media goes over %q although there is a straight way", p.name, got)
		}
	}
}

// crash kills the process behind a page, as a bug in it would, and returns when
// that is gone.
func (p *tab) crash() {
	p.t.Helper()
	ctx, gone := context.WithTimeout(p.ctx, patience)
	defer gone()
	if err := chromedp.Listen(ctx, func(event any) {
		if _, crashed := event.(*inspector.EventTargetCrashed); crashed {
			gone()
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	_, _ = chromedp.Call(ctx, page.Crash, struct{}{}) // there is nobody left to answer
	if !errors.Is(ctx.Err(), context.Canceled) {
		p.t.Fatalf("%s's page does not crash", p.name)
	}
}

// tiles is true when the page shows n of them.
func tiles(n int) string {
	return fmt.Sprintf(`document.querySelectorAll('[data-testid=tile][data-peer]').length === %d`, n)
}

// click presses a button as a script does: no layout is waited for.
func (p *tab) click(testid string) {
	p.t.Helper()
	evaluate[any](p, fmt.Sprintf(`document.querySelector('[data-testid=%s]').click()`, testid))
}

func maxOf(numbers []int) int {
	out := 0
	for _, n := range numbers {
		out = max(out, n)
	}
	return out
}
