package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// testConnection runs the test in the settings of a call and returns what
// became of each leg.
func (p *tab) testConnection() map[string]string {
	p.t.Helper()
	p.click("settings")
	p.click("test-connection")
	p.waits("the end of the test", `document.querySelector('[data-testid=test-connection]').disabled === false && document.querySelectorAll('[data-testid=test-table] [data-state]').length >= 10`)
	return evaluate[map[string]string](p, `Object.fromEntries([...document.querySelectorAll('[data-testid=test-table] [data-leg]')].map((row) => [row.dataset.leg, row.dataset.state]))`)
}

func TestPageTestsItsConnection(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann := b.open("Ann", url+"/r/tea", "")
	ann.join("Ann")
	states := ann.testConnection()
	for leg, want := range map[string]string{
		"http": "works", "websocket": "works", "sse": "works", "long-poll": "works", "stun-udp": "works", "media-udp": "works",
		"ice-tcp": "works", "turn-udp": "works", "turn-tcp": "works", "turn-tls": "not-offered",
	} {
		if states[leg] != want {
			t.Errorf("%s: %q; %q was expected", leg, states[leg], want)
		}
	}
	ann.waits("the verdict", shows("test-verdict", "Everything works"))
	// The call goes on, and nothing of the test is left.
	ann.waits("one peer in one room", `hiroba.room.state === 'connected' && hiroba.room.peers.size === 0`)
}

// What fails is said with what to do, in words.
func TestPageSaysWhatToDoAboutItsConnection(t *testing.T) {
	t.Run("without WebSockets", func(t *testing.T) {
		_, url := runServer(t, overSFU)
		b := startBrowser(t)
		ann := b.open("Ann", noUpgrades(t, url)+"/r/tea", "")
		ann.join("Ann")
		states := ann.testConnection()
		if states["websocket"] != "fails" || states["sse"] != "works" || states["media-udp"] != "works" {
			t.Errorf("the legs are %v", states)
		}
		if text := evaluate[string](ann, `document.querySelector('[data-leg=websocket] + .advice').innerText`); !strings.Contains(text, "proxy") {
			t.Errorf("of the WebSocket it says %q", text)
		}
		ann.waits("the verdict", shows("test-verdict", "Calls work well"))
	})
	t.Run("with an invitation", func(t *testing.T) {
		const keys = "main=0123456789abcdef0123456789abcdef"
		_, url := runServer(t, func(c *configs.Config) { overSFU(c); c.Keys = keys })
		b := startBrowser(t)
		ann := b.open("Ann", fmt.Sprintf("%s/r/tea#token=%s", url, tokenBy(t, keys, "main", auth.Access{Room: "tea", Grants: auth.DefaultGrants}, time.Hour)), "")
		ann.join("Ann")
		if states := ann.testConnection(); states["media-udp"] != "works" || states["long-poll"] != "works" {
			t.Errorf("the legs are %v", states)
		}
	})
}

// Over HTTPS, with a relay inside of TLS.
func TestPageTestsItsConnectionOverTLS(t *testing.T) {
	_, url, _ := runSecureServer(t, func(c *configs.Config) {
		overSFU(c)
		c.Access = configs.AccessOpen
	})
	url = strings.Replace(url, "localhost", "first.example", 1)
	b := launchBrowser(t, append(browserOptions(t),
		// For STUN it asks with a dot behind the name.
		chromedp.Flag("host-resolver-rules", "MAP first.example 127.0.0.1, MAP first.example. 127.0.0.1"),
		chromedp.Flag("ignore-certificate-errors", true)))
	ann := b.open("Ann", url+"/r/tea", "")
	ann.join("Ann")
	for leg, state := range ann.testConnection() {
		if state != "works" {
			t.Errorf("%s: %q; that it works was expected", leg, state)
		}
	}
}
