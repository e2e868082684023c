// Package configs is the configuration of a Hiroba server: what can be set,
// what each setting is when nothing is said, and what is refused.
//
// One table (table.go) says for every key its type, default, bounds and
// meaning. The YAML file, the environment, the flags, the annotated sample
// hiroba.yaml and docs/configuration.md are all read from or made from it.
package configs

//go:generate go run ./generate

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is a whole, checked configuration. Load makes one; a Config is a
// plain value, read-only by custom once the server runs.
type Config struct {
	// File is the YAML file that was read; empty when there was none.
	File string

	Host            netip.Addr    // the address to listen on
	Port            int           // one number for TCP and UDP; 0 takes any free one
	Access          Access        // who may use the server
	Advertise       []netip.Addr  // addresses to offer as ICE candidates; empty: those of Host
	Heartbeat       time.Duration // how often a client is asked for a sign of life
	ShutdownTimeout time.Duration // how long a stop may take

	Log     Log
	TURN    TURN
	SFU     SFU
	Limits  Limits
	Metrics Metrics
}

// Access says who may use the server.
type Access string

const (
	// AccessUnset allows a server on a loopback address only.
	AccessUnset Access = ""
	// AccessOpen lets in everybody who reaches the server.
	AccessOpen Access = "open"
)

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// TURN is the relay for clients whose network lets nothing else through.
type TURN struct {
	Enabled            bool
	Secret             Secret        // signs credentials; empty: random at every start
	CredentialTTL      time.Duration // how long handed-out credentials work
	RelayPorts         PortRange     // UDP ports of relayed addresses; zero: any
	AllocationsPerUser int
	Allocations        int // on the whole server
}

// SFU is the media path.
type SFU struct {
	Workers int // goroutines that forward packets; 0: one per CPU
}

// Limits bound what strangers can make the server hold or do.
type Limits struct {
	MessageBytes       int // one signaling message
	DescriptionBytes   int // one message that carries SDP
	MessagesPerSecond  int // from one session
	PeersPerRoom       int
	Rooms              int
	Sessions           int
	SessionsPerAddress int // from one IP address
	Tracks             int // published by one peer
	Slots              int // of one kind, opened by one peer
	OutboxMessages     int // waiting for one session to read them
	OutboxBytes        int // the same, in bytes
}

// Metrics says who may read /metrics.
type Metrics struct {
	Enabled bool
	Public  bool // otherwise only clients on a loopback address
}

// Default returns the configuration of a server that was told nothing.
func Default() Config {
	var config Config
	for _, setting := range table {
		setting.reset(&config)
	}
	return config
}

// Listen returns the address and port to listen on, for TCP and UDP alike.
func (c Config) Listen() netip.AddrPort {
	return netip.AddrPortFrom(c.Host, uint16(c.Port))
}
