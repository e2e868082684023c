package configs

import (
	"strconv"
	"strings"
)

// Listener is a further port to listen on: for TCP, for UDP, or for both.
type Listener struct {
	Port     int
	TCP, UDP bool
}

// String writes the listener as the configuration has it: 3478, 443/tcp.
func (l Listener) String() string {
	text := strconv.Itoa(l.Port)
	switch {
	case !l.UDP:
		return text + "/tcp"
	case !l.TCP:
		return text + "/udp"
	}
	return text
}

func parseListener(text string) (Listener, bool) {
	number, network, limited := strings.Cut(text, "/")
	port, ok := parseWhole(number)
	l := Listener{Port: port, TCP: network != "udp", UDP: network != "tcp"}
	return l, ok && 1 <= port && port <= 65535 && (!limited || network == "tcp" || network == "udp")
}
