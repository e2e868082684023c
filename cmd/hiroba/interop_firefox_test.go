package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// firefox is a Firefox with fake devices and one page, driven by WebDriver
// BiDi (https://w3c.github.io/webdriver-bidi).
type firefox struct {
	t       *testing.T
	conn    *websocket.Conn
	last    int
	context string
}

// firefoxPreferences give pages a camera and a microphone without asking, and
// leave the network alone.
const firefoxPreferences = `
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.auto", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
`

// startFirefox starts Firefox for one test.
func startFirefox(t *testing.T) *firefox {
	t.Helper()
	path := os.Getenv("HIROBA_FIREFOX")
	for _, name := range []string{"firefox-esr", "firefox"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		t.Fatal("there is no Firefox: install it (apt-get install firefox-esr), run make interop, or name one in HIROBA_FIREFOX")
	}
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	if err := errors.Join(os.Mkdir(profile, 0o700),
		os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPreferences), 0o600)); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0")
	command.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	out, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("Firefox does not start: %v", err)
	}
	listening := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		address := regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if found := address.FindStringSubmatch(lines.Text()); found != nil {
				listening <- found[1]
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	f := &firefox{t: t}
	t.Cleanup(func() {
		if f.conn != nil {
			_ = f.conn.WriteJSON(map[string]any{"id": f.last + 1, "method": "browser.close", "params": map[string]any{}})
			f.conn.Close()
		}
		kill := time.AfterFunc(10*time.Second, func() { _ = command.Process.Kill() })
		<-read // its other processes have the pipe, too
		kill.Stop()
		_ = command.Wait() // how it ended is its own matter
	})
	select {
	case address := <-listening:
		if f.conn, _, err = websocket.DefaultDialer.Dial(address+"/session", nil); err != nil {
			t.Fatalf("driving Firefox: %v", err)
		}
	case <-read:
		t.Fatal("Firefox ended at once")
	case <-time.After(time.Minute):
		t.Fatal("Firefox did not say where it can be driven")
	}
	f.call("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
	var tree struct {
		Contexts []struct{ Context string }
	}
	f.call("browsingContext.getTree", map[string]any{}, &tree)
	f.context = tree.Contexts[0].Context
	return f
}

// call runs a command and decodes its result.
func (f *firefox) call(method string, params any, result any) {
	f.t.Helper()
	f.last++
	if err := f.conn.WriteJSON(map[string]any{"id": f.last, "method": method, "params": params}); err != nil {
		f.t.Fatal(err)
	}
	for {
		_ = f.conn.SetReadDeadline(time.Now().Add(2 * patience))
		var answer struct {
			ID             int
			Type           string
			Error, Message string
			Result         json.RawMessage
		}
		if err := f.conn.ReadJSON(&answer); err != nil {
			f.t.Fatalf("%s: %v", method, err)
		}
		switch {
		case answer.ID != f.last: // an event
		case answer.Type == "error":
			f.t.Fatalf("%s: %s: %s", method, answer.Error, answer.Message)
		case result == nil:
			return
		default:
			if err := json.Unmarshal(answer.Result, result); err != nil {
				f.t.Fatalf("%s: %v", method, err)
			}
			return
		}
	}
}

// open loads a page, whose connections are watched as those of a tab.
func (f *firefox) open(url string) {
	f.t.Helper()
	f.call("script.addPreloadScript", map[string]any{"functionDeclaration": "() => {" + fmt.Sprintf(watch, "") + "}"}, nil)
	f.call("browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"}, nil)
}

// evaluate returns what a JavaScript expression, or the promise that it is,
// comes to, as JSON.
func (f *firefox) evaluate(expression string) string {
	f.t.Helper()
	var out struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	f.call("script.evaluate", map[string]any{
		"expression": "(async () => JSON.stringify((await (" + expression + ")) ?? null))()",
		"target":     map[string]any{"context": f.context}, "awaitPromise": true,
	}, &out)
	if out.Type != "success" {
		f.t.Fatalf("%s: %s", expression, out.ExceptionDetails.Text)
	}
	return out.Result.Value
}

// waits until a JavaScript expression, which may be a promise, is true.
func (f *firefox) waits(what, expression string) {
	f.t.Helper()
	if f.evaluate(fmt.Sprintf(`new Promise((resolve) => {
		const end = performance.now() + %d;
		const look = async () => {
			let holds = false;
			try { holds = await (%s); } catch (error) { window.lastError = String(error); }
			if (holds || performance.now() > end) resolve(Boolean(holds));
			else setTimeout(look, 50);
		};
		look();
	})`, patience.Milliseconds(), expression)) != "true" {
		f.t.Fatalf("nothing came of %s: %s", what, f.evaluate(`document.body.innerText.slice(0, 500) + "\n" + (window.lastError ?? "") + "\n" +
			connections.map((c) => c.connectionState + " " + c.iceConnectionState).join()`))
	}
}

// A page in Firefox and one in Chromium see and hear each other over the SFU.
func TestFirefox(t *testing.T) {
	needInterop(t)
	_, url := runServer(t, overSFU)
	f := startFirefox(t)
	f.open(url + "/r/tea")
	f.waits("the lobby", `document.querySelector('[data-testid=join]') && !document.querySelector('[data-testid=join]').disabled`)
	f.evaluate(`(() => {
		const name = document.querySelector('[data-testid=name]');
		name.value = 'Fox';
		name.dispatchEvent(new Event('input', { bubbles: true }));
		document.querySelector('[data-testid=join]').click();
	})()`)
	f.waits("the room", `window.hiroba?.room?.state === 'connected'`)
	ann := startBrowser(t).open("Ann", url+"/r/tea", "")
	ann.join("Ann")
	ann.sees(1)
	f.waits("Ann's picture, and sound", inboundScript+`.then((s) => s.Frames.some((f) => f > 5) && s.Energy > 0)`)

	// Data, both ways.
	f.evaluate(`void hiroba.room.on('data', (d) => { window.got = new TextDecoder().decode(d.payload); })`)
	evaluate[any](ann, `void hiroba.room.on('data', (d) => { window.got = new TextDecoder().decode(d.payload); })`)
	evaluate[any](ann, `hiroba.room.send('to the fox', { topic: 'test', channel: 'reliable' })`)
	f.waits("Ann's data", `window.got === 'to the fox'`)
	f.evaluate(`hiroba.room.send('from the fox', { topic: 'test', channel: 'reliable' })`)
	ann.waits("Fox's data", `window.got === 'from the fox'`)
}
