package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/internal/lab"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// Chromium verifies the certificate of a relay over TLS by itself, page or no
// page: with a relay whose certificate it would not take from a page it does not
// speak, and there is no candidate. This is what people see who run a server
// of their own without a certificate that somebody vouches for.
func TestChromiumVerifiesTheRelay(t *testing.T) {
	if os.Getenv(envNATLab) != "1" {
		t.Skip("this needs root: `make nat-lab` runs it")
	}
	n := openNATLab(t, "auto")
	relay := fmt.Sprintf("turns:%v:443?transport=tcp", lab.ServerAddr)
	username, password := auth.TURN{Secret: []byte(relaySecret), TTL: time.Hour}.Issue("ann", time.Now())
	for _, tc := range []struct {
		name    string
		options []chromedp.ExecAllocatorOption
		relayed bool
	}{
		{"as it comes", nil, false},
		{"with the key pinned", []chromedp.ExecAllocatorOption{n.trusted()}, true},
		{"with all errors ignored", []chromedp.ExecAllocatorOption{chromedp.Flag("ignore-certificate-errors", true)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := &natLab{t: t, network: n.network}
			p := n.browse("Ann", lab.Cone, "about:blank", tc.options...) // no page of the server's would open in all cases
			got := evaluate[struct{ Relayed, Errors []string }](p, fmt.Sprintf(natGather, relay, username, password))
			t.Logf("candidates %q, errors %q", got.Relayed, got.Errors)
			if (len(got.Relayed) > 0) != tc.relayed || (len(got.Errors) > 0) == tc.relayed {
				t.Errorf("candidates %q, errors %q; that it has a relay is to be %v", got.Relayed, got.Errors, tc.relayed)
			}
		})
	}
}
