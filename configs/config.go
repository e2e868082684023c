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
	"strings"
	"time"
)

// Config is a whole, checked configuration. Load makes one; a Config is a
// plain value, read-only by custom once the server runs.
type Config struct {
	// File is the YAML file that was read; empty when there was none.
	File string

	Host            netip.Addr     // the address to listen on
	Port            int            // one number for TCP and UDP; 0 takes any free one
	Listeners       []Listener     // further ports
	Domains         []string       // the server's names; by them it has a certificate
	LAN             bool           // for a local network: every address, a certificate of its own
	Access          Access         // who may use the server
	Keys            Secret         // check access tokens; the text form of auth.ParseKeys
	Origins         []string       // pages elsewhere that may use the server; "*" is all
	TrustedProxies  []netip.Prefix // whose X-Forwarded-For is believed
	Advertise       []netip.Addr   // addresses to offer as ICE candidates; empty: those of Host
	DSCP            int            // of what leaves over UDP, 0 to 63
	Heartbeat       time.Duration  // how often a client is asked for a sign of life
	ShutdownTimeout time.Duration  // how long a stop may take

	Log     Log
	TLS     TLS
	TURN    TURN
	SFU     SFU
	Session Session
	Rooms   Rooms
	Limits  Limits
	Webhook Webhook
	Metrics Metrics
}

// Access says who may use the server.
type Access string

const (
	// AccessUnset lets in who has an access token. A server without keys, which
	// must be on a loopback address, lets in everybody on its machine.
	AccessUnset Access = ""
	// AccessOpen lets in everybody who reaches the server, with a token or
	// without.
	AccessOpen Access = "open"
)

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// TLS is where certificates come from, besides Config.Domains and Config.LAN.
type TLS struct {
	Certificate string // a file with the chain, in PEM; empty: none
	Key         string // a file with its private key, in PEM
	Directory   string // keeps what the server got or made itself; empty: see docs/tls.md
	ACMEURL     string // the authority's directory; empty: Let's Encrypt
	ACMEEmail   string // told to the authority; may be empty
}

// TURN is the relay for clients whose network lets nothing else through.
type TURN struct {
	Enabled              bool
	Secret               Secret         // signs credentials; empty: random at every start
	PreviousSecret       Secret         // signed credentials that are still in use; empty: there is none
	Users                Secret         // names and passwords without an end, as UserList reads them
	CredentialTTL        time.Duration  // how long handed-out credentials work
	Grace                time.Duration  // how long after that they keep what they opened
	RelayPorts           PortRange      // ports of relayed addresses; zero: any
	Allow, Deny          []netip.Prefix // peers
	AllocationsPerUser   int
	Allocations          int // on the whole server
	AllocationsPerSecond int // of one address
	Permissions          int // of one allocation
	Channels             int // of one allocation
	AllocationBits       int // per second, 0: no bound
	UserBits             int
	TotalBits            int
}

// UserList is Users by name.
func (t TURN) UserList() map[string]string {
	list := make(map[string]string)
	for field := range strings.SplitSeq(t.Users.Reveal(), ",") {
		if name, password, ok := strings.Cut(strings.TrimSpace(field), ":"); ok {
			list[name] = password
		}
	}
	return list
}

// SFU is the media path.
type SFU struct {
	Workers int // goroutines that forward packets; 0: one per CPU
}

// Session is about the signaling links of peers.
type Session struct {
	Detached time.Duration // how long one lives without a connection
}

// Rooms says how rooms are run that nobody said anything else about.
type Rooms struct {
	Empty           time.Duration // how long a room stays when nobody is there
	HistoryMessages int           // how many messages newcomers get; 0: none
	HistoryAge      time.Duration // how old these may be
	Topology        Topology
	P2PCooldown     time.Duration // how long after a change two peers may connect directly
}

// Topology says whether the media of two peers may go directly.
type Topology string

const (
	TopologyAuto Topology = "auto" // directly while exactly two suited peers are there
	TopologySFU  Topology = "sfu"  // never
	TopologyP2P  Topology = "p2p"  // as auto, and a room takes two peers at most
)

// Limits bound what strangers can make the server hold or do.
type Limits struct {
	MessageBytes       int // one signaling message
	DescriptionBytes   int // one message that carries SDP
	MessagesPerSecond  int // from one session
	PeersPerRoom       int
	Rooms              int
	Sessions           int
	SessionsPerAddress int // from one IP address
	SessionsPerUser    int // of one user, as access tokens name them
	JoinsPerMinute     int // from one IP address
	RequestsPerSecond  int // HTTP signaling requests from one IP address
	Tracks             int // published by one peer
	Slots              int // of one kind, opened by one peer
	Voices             int // heard at once in a room
	OutboxMessages     int // waiting for one session to read them
	OutboxBytes        int // the same, in bytes
}

// Webhook is where the server tells of rooms, peers and tracks.
type Webhook struct {
	URLs         []string
	Secret       Secret // signs what is sent
	AllowPrivate bool   // whether the URLs may lead to private addresses
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

// Anonymous says whether somebody without an access token gets in.
func (c Config) Anonymous() bool { return c.Access == AccessOpen || c.Keys == "" }

// Certified says whether the server has, or will have, a certificate.
func (c Config) Certified() bool {
	return c.TLS.Certificate != "" || len(c.Domains) > 0 || c.LAN
}

// Listen returns the address and port to listen on, for TCP and UDP alike.
func (c Config) Listen() netip.AddrPort {
	return netip.AddrPortFrom(c.Host, uint16(c.Port))
}
