package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseURL checks one of the configured URLs; place is where it stands in the
// list, from 1. A URL that does not parse is named by its place alone, because
// what cannot be read may hold a password anywhere.
func parseURL(place int, text string, allowPrivate bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("number %d of webhook.urls is not a URL; one looks like https://example.com/hiroba", place)
	}
	wrong := func(what string) error {
		return fmt.Errorf("number %d of webhook.urls, %s, %s", place, shown(u), what)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrong("must begin with https:// or http://")
	}
	if u.User != nil {
		return nil, wrong("holds a user name or password; leave them out, the signature shows who sends")
	}
	host := u.Hostname()
	if host == "" {
		return nil, wrong("names no host")
	}
	if port := u.Port(); port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return nil, wrong("has no possible port; ports go from 1 to 65535")
		}
	}
	if !allowPrivate {
		if err := publicHost(host); err != nil {
			return nil, wrong("is refused: " + err.Error())
		}
	}
	return u, nil
}

// publicHost refuses what can be told without resolving a name: addresses, and
// the names that mean this machine (RFC 6761, section 6.3).
func publicHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return public(addr)
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return errors.New("it is this machine itself; webhooks go to public addresses only, unless webhook.allow_private is true")
	}
	return nil
}

// shown is a URL as it may be logged: without credentials, query and fragment,
// any of which may be a secret.
func shown(u *url.URL) string {
	if u.Host == "" {
		return "(not shown)" // who knows what it is
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
