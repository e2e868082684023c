package web

import (
	"net/http"
	"regexp"
	"strings"
)

// plainHost is a Host header that may be repeated in a policy: a name or an
// address, with or without a port, and nothing that could end a directive.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// secure sets what a browser should hold a page of ours to.
func secure(header http.Header, host string) {
	header.Set("Content-Security-Policy", contentSecurityPolicy(host))
	header.Set("Permissions-Policy", permissionsPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	// A room's name is all it takes to come in: it goes to nobody else.
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// share lets pages of other sites import a module: the SDK is there for
// applications, and says nothing that is not public.
func share(header http.Header) {
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	header.Set("Access-Control-Allow-Origin", "*")
}

// permissionsPolicy keeps the devices to this page, and does without the rest.
const permissionsPolicy = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), " +
	"geolocation=(), payment=(), usb=(), serial=()"

// contentSecurityPolicy (CSP level 3) allows what comes from this server and
// nothing else: no inline script or style, and no text that becomes script.
func contentSecurityPolicy(host string) string {
	connect := "'self'"
	if plainHost.MatchString(host) {
		// Not every browser takes a WebSocket to one's own host for 'self'.
		connect += " ws://" + host + " wss://" + host
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data: blob:",
		"media-src 'self' blob:",
		"connect-src " + connect,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
}
