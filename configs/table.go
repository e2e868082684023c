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

// hidden is a setting whose values are not shown either: a URL to send to may
// be all that it takes to send there.
func hidden(setting Setting) Setting {
	setting.secret = true
	return setting
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
		"The address to listen on. Any other than a loopback address needs `keys` or `access` as well."),
	row("port", func(c *Config) *int { return &c.Port }, 8080, whole(0, 65535),
		"The one port of everything: HTTP, WebSocket, ICE-TCP and TURN over TCP, in the clear and over TLS, and STUN, TURN and ICE on the UDP port of the same number. 0 takes any free one."),
	row("listen", func(c *Config) *[]Listener { return &c.Listeners }, nil, listeners(),
		"Further ports, such as `3478, 443/tcp`, for networks that let only some through. On TCP each has all that `port` has; on UDP, STUN and TURN. With `domain`, and when this is not set, 443 and 80/tcp."),
	row("domain", func(c *Config) *[]string { return &c.Domains }, nil, domains(),
		"The names under which clients know this server. It gets a certificate for them from Let's Encrypt and keeps it fresh, unless `tls.certificate` has one. Then `host` is 0.0.0.0 if it is not set. docs/tls.md has the rest."),
	row("lan", func(c *Config) *bool { return &c.LAN }, false, boolean(),
		"For a local network: listens on all addresses if `host` is not set, lets in everybody if neither `keys` nor `access` are set, makes itself a certificate, and shows links and a QR code. Browsers warn of such a certificate once."),
	row("access", func(c *Config) *Access { return &c.Access }, AccessUnset, oneOf(AccessUnset, AccessOpen),
		"Who may use the server. Empty lets in whoever has an access token by one of the `keys`, or, without keys and on a loopback address only, everybody. `open` lets in everybody who reaches the server; tokens are then checked where they are given."),
	row("keys", func(c *Config) *Secret { return &c.Keys }, "", keys(),
		"The keys that access tokens are signed with, each as `id=secret`, with 32 characters or more that hold no comma, or as `id=@/path/to/public.pem`, with a public key (RSA, ECDSA P-256 or P-384, Ed25519). Several can be there at a time, so that they can be rotated. docs/access.md says how tokens are made. Better in the environment or the file than as a flag, which other users of the machine can see."),
	row("origins", func(c *Config) *[]string { return &c.Origins }, nil, origins(),
		"The origins of pages that may use this server from elsewhere, such as `https://app.example`; `*` is every page there is (in the file with quotes around it). This server's own pages always may."),
	row("trusted_proxies", func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }, nil, networks(),
		"The addresses of proxies in front of this server. What they say in X-Forwarded-For is taken for the client's address; anybody else's is ignored."),
	row("advertise", func(c *Config) *[]netip.Addr { return &c.Advertise }, nil, addresses(),
		"The addresses under which clients reach this server, when they differ from `host`: behind NAT or in a container, its public IPs."),
	row("dscp", func(c *Config) *int { return &c.DSCP }, 0, whole(0, 63),
		"How routers are asked to treat what leaves over UDP (DSCP, RFC 8837): 34 is for interactive video, 46 for voice. 0 asks for nothing, which is right where the network does not heed it."),
	row("heartbeat", func(c *Config) *time.Duration { return &c.Heartbeat }, 10*time.Second, duration(time.Second, 5*time.Minute),
		"How often a connection is asked for a sign of life."),
	row("shutdown_timeout", func(c *Config) *time.Duration { return &c.ShutdownTimeout }, 4*time.Second, duration(100*time.Millisecond, 5*time.Minute),
		"How long a stop may take before what is still open is cut. `hiroba turn` alone takes no new clients meanwhile, and waits for those it has."),

	row("log.level", func(c *Config) *slog.Level { return &c.Log.Level }, 0, logLevel(),
		"The least important messages that are still logged."),
	row("log.format", func(c *Config) *string { return &c.Log.Format }, "text", oneOf("text", "json"),
		"How a log line is written: for people or for machines."),

	row("tls.certificate", func(c *Config) *string { return &c.TLS.Certificate }, "", path(),
		"A file with the certificate and those that lead to its authority, in PEM. When it changes, the new one is used from then on, without a restart. Needs `tls.key`."),
	row("tls.key", func(c *Config) *string { return &c.TLS.Key }, "", path(),
		"A file with the private key of `tls.certificate`, in PEM."),
	row("tls.directory", func(c *Config) *string { return &c.TLS.Directory }, "", path(),
		"Where certificates and keys are kept that the server got or made itself. Empty is what systemd gives it as StateDirectory, or else `hiroba` in the user's folder for configuration."),
	row("tls.acme_url", func(c *Config) *string { return &c.TLS.ACMEURL }, "", httpsURL(),
		"The directory of the authority (ACME) that is asked for the certificate of `domain`. Empty is Let's Encrypt, whose terms are accepted by setting `domain`."),
	row("tls.acme_email", func(c *Config) *string { return &c.TLS.ACMEEmail }, "", email(),
		"An address that the authority may write to."),

	row("turn.enabled", func(c *Config) *bool { return &c.TURN.Enabled }, true, boolean(),
		"Whether clients can relay their media through this server when their network lets nothing else through."),
	row("turn.secret", func(c *Config) *Secret { return &c.TURN.Secret }, "", secret(16),
		"Signs TURN credentials. Empty makes a random one at every start; set it to let another service hand out credentials. Better in the environment or the file than as a flag, which other users of the machine can see."),
	row("turn.previous_secret", func(c *Config) *Secret { return &c.TURN.PreviousSecret }, "", secret(16),
		"Is good for TURN credentials beside `turn.secret`. To change the secret without cutting anybody off, put the old one here until what it signed has run out. Read again on SIGHUP, as are the other secrets, users and rules of this group."),
	row("turn.users", func(c *Config) *Secret { return &c.TURN.Users }, "", users(),
		"Users of the relay whose password has no end, for clients that cannot have credentials made for them. Better in the environment or the file than as a flag, which other users of the machine can see."),
	row("turn.credential_ttl", func(c *Config) *time.Duration { return &c.TURN.CredentialTTL }, 12*time.Hour, duration(time.Minute, 7*24*time.Hour),
		"How long TURN credentials open new relays after they were handed out."),
	row("turn.grace", func(c *Config) *time.Duration { return &c.TURN.Grace }, 24*time.Hour, duration(0, 7*24*time.Hour),
		"How long after the end of its credential a relay that is open can be kept open, so that calls are not cut."),
	row("turn.relay_ports", func(c *Config) *PortRange { return &c.TURN.RelayPorts }, PortRange{}, portRange(),
		"The ports of relayed addresses, of 49152-65535 if empty; a firewall must let them in for peers elsewhere. Calls through this server's own SFU do not need them."),
	row("turn.allow", func(c *Config) *[]netip.Prefix { return &c.TURN.Allow }, nil, peerNetworks(),
		"Where clients may relay to although it is private, loopback, link-local, multicast or otherwise special, which is denied unless it is here. Of the networks in `turn.allow` and `turn.deny` that contain an address the smallest decides. Read again on SIGHUP; what is denied then ends at once."),
	row("turn.deny", func(c *Config) *[]netip.Prefix { return &c.TURN.Deny }, nil, peerNetworks(),
		"Where clients may not relay to. 0.0.0.0/0,::/0 leaves only what `turn.allow` names."),
	row("turn.allocations_per_user", func(c *Config) *int { return &c.TURN.AllocationsPerUser }, 16, whole(1, 100_000),
		"How many relayed addresses one user can hold at a time."),
	row("turn.allocations", func(c *Config) *int { return &c.TURN.Allocations }, 4096, whole(1, 1_000_000),
		"How many relayed addresses there can be at a time."),
	row("turn.allocations_per_second", func(c *Config) *int { return &c.TURN.AllocationsPerSecond }, 50, whole(1, 1_000_000),
		"How many relayed addresses one IP address can open per second, on average."),
	row("turn.permissions", func(c *Config) *int { return &c.TURN.Permissions }, 128, whole(1, 10_000),
		"How many addresses one relayed address can be open for at a time."),
	row("turn.channels", func(c *Config) *int { return &c.TURN.Channels }, 128, whole(1, 16_000),
		"How many channels one relayed address can have at a time."),
	row("turn.allocation_bits", func(c *Config) *int { return &c.TURN.AllocationBits }, 0, whole(0, 1_000_000_000_000),
		"How many bits per second are relayed for one relayed address, both ways together; more is dropped. 0 is no bound."),
	row("turn.user_bits", func(c *Config) *int { return &c.TURN.UserBits }, 0, whole(0, 1_000_000_000_000),
		"The same for all relayed addresses of one user."),
	row("turn.total_bits", func(c *Config) *int { return &c.TURN.TotalBits }, 0, whole(0, 1_000_000_000_000),
		"The same for all together."),

	row("sfu.workers", func(c *Config) *int { return &c.SFU.Workers }, 0, whole(0, 1024),
		"How many workers forward media. 0 means one per CPU."),

	row("session.detached", func(c *Config) *time.Duration { return &c.Session.Detached }, time.Minute, duration(time.Second, 10*time.Minute),
		"How long a session lives without a connection. Its peer stays in the room and can come back meanwhile; then it leaves."),

	row("rooms.empty", func(c *Config) *time.Duration { return &c.Rooms.Empty }, time.Minute, duration(0, 24*time.Hour),
		"How long a room stays when nobody is there, with its settings and its history."),
	row("rooms.history_messages", func(c *Config) *int { return &c.Rooms.HistoryMessages }, 0, whole(0, 1000),
		"How many of a room's latest messages newcomers get. 0 keeps none."),
	row("rooms.history_age", func(c *Config) *time.Duration { return &c.Rooms.HistoryAge }, time.Hour, duration(time.Second, 7*24*time.Hour),
		"How old the messages may be that newcomers get."),
	row("rooms.topology", func(c *Config) *Topology { return &c.Rooms.Topology }, TopologyAuto, oneOf(TopologyAuto, TopologySFU, TopologyP2P),
		"How the media of a room flows. `auto`: directly between two peers that can, otherwise over this server. `sfu`: always over this server. `p2p`: as `auto`, and a room takes two peers at most."),
	row("rooms.p2p_cooldown", func(c *Config) *time.Duration { return &c.Rooms.P2PCooldown }, 5*time.Second, duration(0, 10*time.Minute),
		"How long two peers have to be alone before they connect directly again."),

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
	row("limits.sessions_per_user", func(c *Config) *int { return &c.Limits.SessionsPerUser }, 64, whole(1, 1_000_000),
		"How many sessions one user, as access tokens name them, can hold at a time."),
	row("limits.joins_per_minute", func(c *Config) *int { return &c.Limits.JoinsPerMinute }, 120, whole(1, 1_000_000),
		"How many times one IP address can join rooms per minute."),
	row("limits.requests_per_second", func(c *Config) *int { return &c.Limits.RequestsPerSecond }, 50, whole(1, 1_000_000),
		"How many HTTP signaling requests one IP address can make per second, on average."),
	row("limits.tracks", func(c *Config) *int { return &c.Limits.Tracks }, 8, whole(1, 64),
		"How many tracks one peer can publish at a time."),
	row("limits.slots", func(c *Config) *int { return &c.Limits.Slots }, 64, whole(1, 1024),
		"How many slots of one kind (audio, video) one peer can open."),
	row("limits.voices", func(c *Config) *int { return &c.Limits.Voices }, 6, whole(1, 64),
		"How many voices each peer hears at once; in rooms with more, the loudest."),
	row("limits.outbox_messages", func(c *Config) *int { return &c.Limits.OutboxMessages }, 1024, whole(16, 1_000_000),
		"How many messages can wait for a client that does not read them."),
	row("limits.outbox_bytes", func(c *Config) *int { return &c.Limits.OutboxBytes }, 1*mib, size(64*kib, 1*gib),
		"How many bytes can wait for a client that does not read them; no less than `limits.description_bytes`."),

	hidden(row("webhook.urls", func(c *Config) *[]string { return &c.Webhook.URLs }, nil, webhookURLs(),
		"Where this server tells of rooms, peers and tracks that come and go. Needs `webhook.secret` as well.")),
	row("webhook.secret", func(c *Config) *Secret { return &c.Webhook.Secret }, "", secret(32),
		"Signs what is sent to `webhook.urls`, so that the receiver can tell it from what others send. Better in the environment or the file than as a flag, which other users of the machine can see."),
	row("webhook.allow_private", func(c *Config) *bool { return &c.Webhook.AllowPrivate }, false, boolean(),
		"Whether `webhook.urls` may lead to loopback, private and link-local addresses."),

	row("metrics.enabled", func(c *Config) *bool { return &c.Metrics.Enabled }, true, boolean(),
		"Whether `/metrics` is served."),
	row("metrics.public", func(c *Config) *bool { return &c.Metrics.Public }, false, boolean(),
		"Whether `/metrics` answers everybody. Otherwise it answers only clients on a loopback address."),
}

// groupDocs says what each group of settings is about.
var groupDocs = map[string]string{
	"log":     "What is logged.",
	"tls":     "Where certificates come from.",
	"turn":    "The relay for clients whose network lets nothing else through.",
	"sfu":     "The media path.",
	"session": "The signaling links of peers.",
	"rooms":   "How rooms are run that nobody said anything else about.",
	"webhook": "Telling other services what happens.",
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
