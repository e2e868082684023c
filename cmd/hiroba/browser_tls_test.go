package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/configs"
)

// A page that comes over HTTPS is a secure place, so that its camera works, and
// calls go over it directly and over a relay inside of TLS.
func TestThePageOverTLS(t *testing.T) {
	_, url, _ := runSecureServer(t, func(c *configs.Config) {
		overSFU(c)
		c.Access = configs.AccessOpen
	})
	// Browsers take localhost for secure whatever it comes over, but not a name.
	url = strings.Replace(url, "localhost", "first.example", 1)
	b := launchBrowser(t, append(browserOptions(t),
		chromedp.Flag("host-resolver-rules", "MAP first.example 127.0.0.1"),
		chromedp.Flag("ignore-certificate-errors", true)))
	for _, relay := range []string{"", "tls"} {
		t.Run("relay "+relay, func(t *testing.T) {
			b := &browser{ctx: b.ctx, t: t}
			var pages []*tab
			for _, name := range []string{"Ann", "Bob"} {
				p := b.open(name, url+"/r/tea"+relay, relay)
				if !evaluate[bool](p, `isSecureContext`) {
					t.Error("the page is no secure place")
				}
				p.join(name)
				pages = append(pages, p)
			}
			for _, p := range pages {
				p.sees(1)
				if got := evaluate[string](p, route); relay != "" && got != "relay "+relay {
					t.Errorf("%s's media goes over %q", p.name, got)
				}
				if got := evaluate[string](p, `performance.getEntriesByType('navigation')[0].nextHopProtocol`); got != "h2" {
					t.Errorf("the page came over %q", got)
				}
			}
		})
	}
}
