package configs

import (
	"net/netip"
	"slices"
)

// imply sets what follows from other settings, where nobody said otherwise.
func (l *loader) imply() {
	c := &l.config
	unset := func(name string) bool { return l.origin[name] == "" && l.sound(name) }
	if (c.LAN || len(c.Domains) > 0) && unset("host") {
		c.Host = netip.IPv4Unspecified()
	}
	if c.LAN && unset("access") && unset("keys") {
		c.Access = AccessOpen
	}
	if len(c.Domains) > 0 && unset("listen") {
		// What people type leads there, and so does an authority's question.
		c.Listeners = slices.DeleteFunc([]Listener{{443, true, true}, {80, true, false}},
			func(listener Listener) bool { return listener.Port == c.Port })
	}
}
