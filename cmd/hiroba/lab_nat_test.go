package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/internal/lab"
)

// envNATLab asks for calls through NATs, which need root; `make nat-lab` sets
// it.
const envNATLab = "HIROBA_NAT_LAB"

// natCall is a call of two, each in a Chromium behind a router of its own, and
// the way that its media has to take.
type natCall struct {
	name   string
	router lab.Router
	// topology is the room's; "auto" has the two connect directly if they can.
	topology string
	// relayOnly is whether the pages take nothing but a relay.
	relayOnly bool
	// relay is what carries a page to the relay: "udp", "tcp" or "tls"; "" is
	// without one.
	relay string
	// oneSuffices says that the relay of one page is enough, since the other one
	// reaches that by itself.
	oneSuffices bool
}

// Two pages see each other whatever their routers let through: directly where
// that works, and over the best relay that there is where it does not. The
// server stands as one on the Internet does, with 443 and 80 beside its port.
func TestCallsThroughNATs(t *testing.T) {
	if os.Getenv(envNATLab) != "1" {
		t.Skip("calls through NATs need root and a minute: `make nat-lab` runs them")
	}
	rows := []string{"call\trouters\tseen by\tits candidate\tthe other's\tframes\ttook"}
	for _, call := range []natCall{
		{name: "cone and cone", router: lab.Cone, topology: "auto"},
		{name: "symmetric and symmetric", router: lab.Symmetric, topology: "auto", relay: "udp", oneSuffices: true},
		{name: "without UDP", router: lab.NoUDP, topology: "auto", relay: "tcp"},
		{name: "with TCP 443 alone", router: lab.OnlyHTTPS, topology: "auto", relay: "tls"},
		{name: "over the SFU", router: lab.Symmetric, topology: "sfu"},
		{name: "over the SFU without UDP", router: lab.NoUDP, topology: "sfu"}, // by ICE-TCP
		{name: "relayed to the SFU", router: lab.Symmetric, topology: "sfu", relayOnly: true, relay: "udp"},
		{name: "relayed to the SFU without UDP", router: lab.NoUDP, topology: "sfu", relayOnly: true, relay: "tcp"},
		{name: "relayed to the SFU with TCP 443 alone", router: lab.OnlyHTTPS, topology: "sfu", relayOnly: true, relay: "tls"},
	} {
		t.Run(call.name, func(t *testing.T) {
			began := time.Now()
			for _, way := range call.run(t) {
				own := way.Own
				if way.Relay != "" {
					own += " over " + way.Relay
				}
				rows = append(rows, fmt.Sprintf("%s\t%v\t%s\t%s\t%s\t%d\t%.0f s",
					call.name, call.router, way.page, own, way.Other, way.Frames, time.Since(began).Seconds()))
			}
		})
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(rows, "\n"))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.String())
}

// run makes the network, has the call, and returns the way of each page.
func (c natCall) run(t *testing.T) (ways []natWay) {
	n := openNATLab(t, c.topology)
	policy := "all"
	if c.relayOnly {
		policy = "relay"
	}
	var pages []*tab
	for _, name := range []string{"Ann", "Bob"} {
		p := n.browse(name, c.router, n.url+"/healthz", n.trusted())
		evaluate[any](p, fmt.Sprintf(natJoin, labRoom, name, policy))
		pages = append(pages, p)
	}
	for _, p := range pages {
		if c.topology == "auto" {
			p.waits("a direct connection", `lab.room.topology.mode === 'p2p' && lab.room.topology.moved`)
		}
		// The first pair that works need not be the one that stays.
		p.waits("pictures by the right way", fmt.Sprintf(`(async () => {
			const way = await %s;
			window.lastError = JSON.stringify(way); // is shown by a test that fails
			return %s && way.Frames > (window.before ??= way.Frames) + 10;
		})()`, natRoute, c.right()))
	}
	for _, p := range pages {
		way := evaluate[natWay](p, natRoute)
		way.page = p.name
		ways = append(ways, way)
	}
	if c.oneSuffices && ways[0].Relay == "" && ways[1].Relay == "" {
		t.Errorf("neither page has a relay of its own: %+v", ways)
	}
	return ways
}

// right is true in a page whose way is the one of this call.
func (c natCall) right() string {
	switch {
	case c.relay == "":
		return `way.Own && way.Own !== 'relay' && way.Other !== 'relay'`
	case c.oneSuffices:
		return fmt.Sprintf(`(way.Own === 'relay' ? way.Relay === %q : way.Other === 'relay')`, c.relay)
	}
	return fmt.Sprintf(`way.Own === 'relay' && way.Relay === %q`, c.relay)
}

// natLab is a server on a network of homes.
type natLab struct {
	t       *testing.T
	network *lab.Network
	url     string // over TLS, on port 443
	pin     string // of the server's certificate
}

// openNATLab starts the server, with a certificate of its own making, for rooms
// of a topology.
func openNATLab(t *testing.T, topology string) *natLab {
	t.Helper()
	network, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	directory := t.TempDir()
	command := program(t, []string{
		"HIROBA_HOST=" + lab.ServerAddr.String(), "HIROBA_PORT=8080", "HIROBA_LISTEN=443,80/tcp",
		"HIROBA_LAN=true", "HIROBA_TLS_DIRECTORY=" + directory, "HIROBA_ROOMS_TOPOLOGY=" + topology,
		"HIROBA_TURN_SECRET=" + relaySecret,
		// The routers' addresses, which are none of the Internet's.
		"HIROBA_TURN_ALLOW=198.18.0.2/31",
	}, "serve")
	network.Server.Enter(command)
	command.Stderr = t.Output()
	startProgram(t, command)
	t.Cleanup(func() { stopProgram(t, command) })
	return &natLab{t: t, network: network, url: "https://" + lab.ServerAddr.String(), pin: pinOf(t, filepath.Join(directory, "lan", "self-signed.pem"))}
}

// pinOf is the SHA-256 of a certificate's public key, as Chromium wants it.
func pinOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	t.Fatalf("there is no certificate in %s", path)
	return ""
}

// trusted has Chromium take the server's certificate, of which nobody vouches.
// It verifies that of a relay (turns:) as it does that of a page, and this flag
// is for both; TestChromiumVerifiesTheRelay has what becomes of the relay
// without. --ignore-certificate-errors would do, too, but take any.
func (n *natLab) trusted() chromedp.ExecAllocatorOption {
	return chromedp.Flag("ignore-certificate-errors-spki-list", n.pin)
}

// browse opens a page for scripts in a Chromium of its own in a home behind a
// router, 10 ms from the server.
func (n *natLab) browse(name string, router lab.Router, url string, options ...chromedp.ExecAllocatorOption) *tab {
	n.t.Helper()
	way := lab.Shape{Delay: 10 * time.Millisecond}
	home, err := n.network.JoinHome(router, way, way)
	if err != nil {
		n.t.Fatal(err)
	}
	b := launchBrowser(n.t, slices.Concat(browserOptions(n.t), options, []chromedp.ExecAllocatorOption{
		chromedp.Flag("allow-loopback-in-peer-connection", false),
		chromedp.ModifyCmdFunc(func(command *exec.Cmd) {
			command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			home.Enter(command)
		}),
	}))
	return b.open(name, url, "")
}
