package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/mdp/qrterminal/v3"

	"github.com/hiroba-rtc/hiroba/configs"
)

// greet says where the call page is, and for a local network shows it to
// phones as well.
func greet(w io.Writer, config configs.Config, port int, machine []netip.Addr) {
	links := pages(config, port, machine)
	fmt.Fprintln(w, "Hiroba is open. The call page:")
	for _, link := range links {
		fmt.Fprintln(w, "  "+link)
	}
	if !config.LAN {
		return
	}
	if link, ok := forPhones(config, port, machine); ok && isTerminal(w) {
		fmt.Fprintf(w, "\nPhones and others on this network open %s\n\n", link)
		qrterminal.GenerateHalfBlock(link, qrterminal.L, w)
	}
	fmt.Fprintln(w, "Nobody vouches for this server's certificate, so browsers ask once whether to go on.")
}

// pages are the addresses of the call page: by its names, by the host listened
// on, or, when that is every address, by each of the machine's.
func pages(config configs.Config, port int, machine []netip.Addr) []string {
	var out []string
	if config.Host.IsLoopback() || config.Host.IsUnspecified() {
		// Browsers take localhost for a secure place, which cameras need.
		out = append(out, pageURL("http", "localhost", port))
	}
	scheme := "http"
	if config.Certified() {
		scheme = "https"
	}
	if len(config.Domains) > 0 {
		out = out[:0]
		if slices.ContainsFunc(config.Listeners, func(l configs.Listener) bool { return l.Port == 443 && l.TCP }) {
			port = 443
		}
		for _, name := range config.Domains {
			out = append(out, pageURL(scheme, name, port))
		}
		return out
	}
	switch {
	case config.Host.IsUnspecified():
		for _, addr := range machine {
			out = append(out, pageURL(scheme, addr.String(), port))
		}
	case !config.Host.IsLoopback():
		out = append(out, pageURL(scheme, config.Host.String(), port))
	}
	return out
}

// pageURL leaves out the port that goes without saying.
func pageURL(scheme, host string, port int) string {
	at := net.JoinHostPort(host, strconv.Itoa(port))
	if scheme == "https" && port == 443 || scheme == "http" && port == 80 {
		at = secureHost(host, host, 443)
	}
	return scheme + "://" + at + "/"
}

// forPhones is the link that others on the network most likely reach: by an
// IPv4 address, which has no zones and no rules of its own in home networks.
func forPhones(config configs.Config, port int, machine []netip.Addr) (string, bool) {
	if !config.Host.IsUnspecified() {
		machine = []netip.Addr{config.Host}
	}
	i := slices.IndexFunc(machine, func(a netip.Addr) bool { return a.Is4() && a.IsPrivate() })
	if i < 0 {
		i = slices.IndexFunc(machine, func(a netip.Addr) bool { return !a.IsLoopback() })
	}
	if i < 0 {
		return "", false
	}
	return pageURL("https", machine[i].String(), port), true
}

// isTerminal says whether somebody looks at what is written: in a log, a
// picture of blocks is of no use.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
