package configs

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// Setting is one row of the table: one thing that can be set.
type Setting struct {
	Name    string // the key in the file, with a dot for each level: turn.secret
	Doc     string // what it is for
	Values  string // what it may be; completes "it must be …"
	Default string // as it would be written in the file

	secret  bool // never shown
	boolean bool // as a flag, may be given without a value
	reset   func(*Config)
	read    func(config *Config, text string) bool
	write   func(Config) string
}

// Env returns the environment variable of the setting: HIROBA_TURN_SECRET.
func (s Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Name, ".", "_"))
}

// Flag returns the command-line flag of the setting, without its dashes:
// turn-secret.
func (s Setting) Flag() string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.Name)
}

// show returns a value of the setting as it may appear in a message.
func (s Setting) show(value string) string {
	if s.secret && value != "" {
		return Secret(value).String()
	}
	return quote(value)
}

func row[T any](name string, field func(*Config) *T, fallback T, form form[T], doc string) Setting {
	_, isSecret := any(fallback).(Secret)
	_, isBoolean := any(fallback).(bool)
	return Setting{
		Name:    name,
		Doc:     doc,
		Values:  form.values,
		Default: form.write(fallback),
		secret:  isSecret,
		boolean: isBoolean,
		reset:   func(config *Config) { *field(config) = fallback },
		read: func(config *Config, text string) bool {
			value, ok := form.read(text)
			if ok {
				*field(config) = value
			}
			return ok
		},
		write: func(config Config) string { return form.write(*field(&config)) },
	}
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// table is every setting there is, in the order of the sample and the
// reference: those without a group first, then each group together.
var table = []Setting{
	row("host", func(c *Config) *netip.Addr { return &c.Host }, netip.AddrFrom4([4]byte{127, 0, 0, 1}), address(),
		"The address to listen on. Any other than a loopback address needs `access` as well."),
	row("port", func(c *Config) *int { return &c.Port }, 8080, whole(0, 65535),
		"The one port of everything: HTTP, WebSocket, ICE-TCP and TURN over TCP, and STUN, TURN and ICE on the UDP port of the same number. 0 takes any free one."),
	row("access", func(c *Config) *Access { return &c.Access }, AccessUnset, oneOf(AccessUnset, AccessOpen),
		"Who may use the server. Empty is enough on a loopback address; on any other, `open` must be said outright: it lets in everybody who reaches the server. Keys and tokens come with a later release."),
	row("advertise", func(c *Config) *[]netip.Addr { return &c.Advertise }, nil, addresses(),
		"The addresses under which clients reach this server, when they differ from `host`: behind NAT or in a container, its public IPs."),
	row("heartbeat", func(c *Config) *time.Duration { return &c.Heartbeat }, 10*time.Second, duration(time.Second, 5*time.Minute),
		"How often a connection is asked for a sign of life."),
	row("shutdown_timeout", func(c *Config) *time.Duration { return &c.ShutdownTimeout }, 4*time.Second, duration(100*time.Millisecond, 5*time.Minute),
		"How long a stop may take before what is still open is cut."),

	row("log.level", func(c *Config) *slog.Level { return &c.Log.Level }, 0, logLevel(),
		"The least important messages that are still logged."),
	row("log.format", func(c *Config) *string { return &c.Log.Format }, "text", oneOf("text", "json"),
		"How a log line is written: for people or for machines."),

	row("turn.enabled", func(c *Config) *bool { return &c.TURN.Enabled }, true, boolean(),
		"Whether clients can relay their media through this server when their network lets nothing else through."),
	row("turn.secret", func(c *Config) *Secret { return &c.TURN.Secret }, "", secret(),
		"Signs TURN credentials. Empty makes a random one at every start; set it to let another service hand out credentials. Better in the environment or the file than as a flag, which other users of the machine can see."),
	row("turn.credential_ttl", func(c *Config) *time.Duration { return &c.TURN.CredentialTTL }, 12*time.Hour, duration(time.Minute, 7*24*time.Hour),
		"How long TURN credentials open new relays after they were handed out. A relay that is open goes on for up to a day more."),
	row("turn.relay_ports", func(c *Config) *PortRange { return &c.TURN.RelayPorts }, PortRange{}, portRange(),
		"The UDP ports of relayed addresses; a firewall must let them in for peers elsewhere. Calls through this server's own SFU do not need them."),
	row("turn.allocations_per_user", func(c *Config) *int { return &c.TURN.AllocationsPerUser }, 16, whole(1, 100_000),
		"How many relayed addresses one user can hold at a time."),
	row("turn.allocations", func(c *Config) *int { return &c.TURN.Allocations }, 4096, whole(1, 1_000_000),
		"How many relayed addresses there can be at a time."),

	row("sfu.workers", func(c *Config) *int { return &c.SFU.Workers }, 0, whole(0, 1024),
		"How many workers forward media. 0 means one per CPU."),

	row("limits.message_bytes", func(c *Config) *int { return &c.Limits.MessageBytes }, 64*kib, size(1*kib, 16*mib),
		"The largest signaling message that does not carry SDP."),
	row("limits.description_bytes", func(c *Config) *int { return &c.Limits.DescriptionBytes }, 256*kib, size(1*kib, 16*mib),
		"The largest signaling message that carries SDP; no less than `limits.message_bytes`."),
	row("limits.messages_per_second", func(c *Config) *int { return &c.Limits.MessagesPerSecond }, 50, whole(1, 100_000),
		"How many signaling messages one session can send per second, on average; twice as many in a burst. Each begun 4 KiB of a message counts as one. Keep 8 KiB times this number, which is a burst, well below `limits.outbox_bytes`: else one session can make others lose theirs."),
	row("limits.peers_per_room", func(c *Config) *int { return &c.Limits.PeersPerRoom }, 200, whole(1, 100_000),
		"How many peers fit into one room."),
	row("limits.rooms", func(c *Config) *int { return &c.Limits.Rooms }, 1000, whole(1, 1_000_000),
		"How many rooms there can be at a time."),
	row("limits.sessions", func(c *Config) *int { return &c.Limits.Sessions }, 4096, whole(1, 1_000_000),
		"How many sessions there can be at a time."),
	row("limits.sessions_per_address", func(c *Config) *int { return &c.Limits.SessionsPerAddress }, 256, whole(1, 1_000_000),
		"How many sessions one IP address can hold at a time."),
	row("limits.tracks", func(c *Config) *int { return &c.Limits.Tracks }, 8, whole(1, 64),
		"How many tracks one peer can publish at a time."),
	row("limits.slots", func(c *Config) *int { return &c.Limits.Slots }, 64, whole(1, 1024),
		"How many slots of one kind (audio, video) one peer can open."),
	row("limits.outbox_messages", func(c *Config) *int { return &c.Limits.OutboxMessages }, 1024, whole(16, 1_000_000),
		"How many messages can wait for a client that does not read them."),
	row("limits.outbox_bytes", func(c *Config) *int { return &c.Limits.OutboxBytes }, 1*mib, size(64*kib, 1*gib),
		"How many bytes can wait for a client that does not read them; no less than `limits.description_bytes`."),

	row("metrics.enabled", func(c *Config) *bool { return &c.Metrics.Enabled }, true, boolean(),
		"Whether `/metrics` is served."),
	row("metrics.public", func(c *Config) *bool { return &c.Metrics.Public }, false, boolean(),
		"Whether `/metrics` answers everybody. Otherwise it answers only clients on a loopback address."),
}

// groupDocs says what each group of settings is about.
var groupDocs = map[string]string{
	"log":     "What is logged.",
	"turn":    "The relay for clients whose network lets nothing else through.",
	"sfu":     "The media path.",
	"limits":  "Bounds on what strangers can make the server hold or do.",
	"metrics": "What Prometheus can read.",
}

// group returns the part of a name before its dot; empty when there is none.
func group(name string) string {
	head, _, nested := strings.Cut(name, ".")
	if !nested {
		return ""
	}
	return head
}

func lookup(match func(Setting) bool) (Setting, bool) {
	for _, setting := range table {
		if match(setting) {
			return setting, true
		}
	}
	return Setting{}, false
}
