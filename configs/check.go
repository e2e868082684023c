package configs

import (
	"fmt"
	"slices"
)

// check compares settings with each other. Those that already have a problem
// of their own are left out.
func (l *loader) check(relay bool) {
	c := l.config
	if relay {
		l.checkRelay()
	} else {
		l.checkAccess()
	}
	if l.sound("webhook.urls", "webhook.secret") && len(c.Webhook.URLs) > 0 && c.Webhook.Secret == "" {
		l.problem(&Problem{l.source("webhook.urls"), "webhook.urls", fmt.Sprintf(
			"webhook.urls are set, but there is no webhook.secret to sign with; set it (%s) to 32 characters or more",
			envPrefix+"WEBHOOK_SECRET")})
	}
	if l.sound("tls.certificate", "tls.key") && (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		l.problem(&Problem{l.source("tls.certificate", "tls.key"), "tls.certificate",
			"of tls.certificate and tls.key only one is set; a certificate is of no use without its key, so set both"})
	}
	if l.sound("lan", "domain") && c.LAN && len(c.Domains) > 0 {
		l.problem(&Problem{l.source("lan"), "lan",
			"lan and domain are both set; lan is for a network without names, so leave one of them out"})
	}
	if l.sound("listen", "port") && slices.ContainsFunc(c.Listeners, func(listener Listener) bool { return listener.Port == c.Port }) {
		l.problem(&Problem{l.source("listen"), "listen", fmt.Sprintf(
			"listen names %d, which is port already; leave it out of listen", c.Port)})
	}
	l.notLess("limits.description_bytes", c.Limits.DescriptionBytes, "limits.message_bytes", c.Limits.MessageBytes)
	l.notLess("limits.outbox_bytes", c.Limits.OutboxBytes, "limits.description_bytes", c.Limits.DescriptionBytes)
}

// checkAccess wants to know who may use a server that others can reach.
func (l *loader) checkAccess() {
	c := l.config
	if l.sound("host", "access", "keys") && !c.Host.IsLoopback() && c.Access == AccessUnset && c.Keys == "" {
		l.problem(&Problem{l.source("host", "domain"), "access", fmt.Sprintf(
			"host is %s, which others can reach, but nothing says who may use the server; "+
				"set keys (%s) to let in those with an access token (docs/access.md), "+
				"say access: open (%s=open, --access=open) to let in everybody, or keep host: 127.0.0.1",
			c.Host, envPrefix+"KEYS", envPrefix+"ACCESS")})
	}
}

// checkRelay wants a secret or users of a relay that others can reach: with a
// random secret alone nobody could use it.
func (l *loader) checkRelay() {
	c := l.config
	if l.sound("host", "turn.secret", "turn.users") && !c.Host.IsLoopback() && c.TURN.Secret == "" && c.TURN.Users == "" {
		l.problem(&Problem{l.source("host", "domain"), "turn.secret", fmt.Sprintf(
			"host is %s, which others can reach, but there are neither turn.secret nor turn.users; set turn.secret (%s) to 16 characters or more "+
				"that whoever hands out credentials has as well (openssl rand -hex 32 makes a good one), name turn.users, or keep host: 127.0.0.1",
			c.Host, envPrefix+"TURN_SECRET")})
	}
}

// notLess wants one size to be no less than another.
func (l *loader) notLess(name string, n int, floorName string, floor int) {
	if l.sound(name, floorName) && n < floor {
		l.problem(&Problem{l.source(name, floorName), name, fmt.Sprintf(
			"%s is %s; it must be no less than %s, which is %s",
			name, writeSize(n), floorName, writeSize(floor))})
	}
}

// sound tells whether none of the keys has a problem.
func (l *loader) sound(names ...string) bool {
	for _, name := range names {
		if l.broken[name] {
			return false
		}
	}
	return true
}

// source returns who set the first of the keys that somebody set: of two
// settings that do not go together, at least one is not a default.
func (l *loader) source(names ...string) string {
	for _, name := range names {
		if origin := l.origin[name]; origin != "" {
			return origin
		}
	}
	return "default"
}
