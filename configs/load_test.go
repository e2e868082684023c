package configs_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
)

// write puts text into a file of its own and returns the path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hiroba.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// problems returns the lines of an error, with the folder of path cut off.
func problems(err error, path string) []string {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), filepath.Dir(path)+string(filepath.Separator), "")
	return strings.Split(text, "\n")
}

func TestLoadOfNothingIsTheDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	config, err := configs.Load(configs.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if want := configs.Default(); !reflect.DeepEqual(config, want) {
		t.Errorf("got %+v, want %+v", config, want)
	}
	if got, want := config.Listen().String(), "127.0.0.1:8080"; got != want {
		t.Errorf("listens on %s, want %s", got, want)
	}
}

func TestFileInTheWorkingDirectoryIsRead(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("hiroba.yaml", []byte("port: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := configs.Load(configs.Sources{})
	if err != nil || config.Port != 1 || config.File != "hiroba.yaml" {
		t.Errorf("got port %d from %q, %v", config.Port, config.File, err)
	}
}

func TestEnvironmentNamesTheFile(t *testing.T) {
	named, other := write(t, "port: 1\n"), write(t, "port: 2\n")
	environ := []string{"HIROBA_CONFIG=" + named}
	config, err := configs.Load(configs.Sources{Environ: environ})
	if err != nil || config.Port != 1 {
		t.Errorf("got port %d, %v; want 1 from the file that HIROBA_CONFIG names", config.Port, err)
	}
	config, err = configs.Load(configs.Sources{File: other, Environ: environ})
	if err != nil || config.Port != 2 {
		t.Errorf("got port %d, %v; want 2 from the file that the flag names", config.Port, err)
	}
}

func TestLaterSourcesOverrideEarlierOnes(t *testing.T) {
	file := write(t, "port: 1\nheartbeat: 11s\nlog:\n  level: warn\n")
	config, err := configs.Load(configs.Sources{
		File:    file,
		Environ: []string{"PATH=/bin", "HIROBA_PORT=2", "HIROBA_HEARTBEAT=12s", "HIROBA_SFU_WORKERS=", "HIROBA_CHROMIUM=/bin/true", "HIROBA_TOKEN=a.b.c"},
		Flags:   map[string]string{"port": "3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if config.Port != 3 {
		t.Errorf("port is %d, want the flag's 3", config.Port)
	}
	if config.Heartbeat != 12*time.Second {
		t.Errorf("heartbeat is %s, want the environment's 12s", config.Heartbeat)
	}
	if config.Log.Level != slog.LevelWarn {
		t.Errorf("log level is %s, want the file's WARN", config.Log.Level)
	}
	if config.Log.Format != "text" || config.SFU.Workers != 0 {
		t.Errorf("log format %q and %d workers are not the defaults", config.Log.Format, config.SFU.Workers)
	}
}

func TestFileForms(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want func(*configs.Config)
	}{
		"empty":             {"", func(*configs.Config) {}},
		"comments only":     {"# nothing here\n", func(*configs.Config) {}},
		"empty document":    {"---\n", func(*configs.Config) {}},
		"null":              {"~\n", func(*configs.Config) {}},
		"directive":         {"%YAML 1.2\n---\nport: 1\n", func(c *configs.Config) { c.Port = 1 }},
		"byte order mark":   {"\ufeffport: 1\n", func(c *configs.Config) { c.Port = 1 }},
		"carriage returns":  {"port: 1\r\nlog:\r\n  format: json\r\n", func(c *configs.Config) { c.Port = 1; c.Log.Format = "json" }},
		"flow style":        {"{port: 1, log: {format: json}}", func(c *configs.Config) { c.Port = 1; c.Log.Format = "json" }},
		"dotted key":        {"log.format: json\n", func(c *configs.Config) { c.Log.Format = "json" }},
		"quoted":            {"\"port\": '1'\n", func(c *configs.Config) { c.Port = 1 }},
		"group of comments": {"limits:\n  # rooms: 5\nport: 1\n", func(c *configs.Config) { c.Port = 1 }},
		"no value":          {"access:\n", func(*configs.Config) {}},
		"block text":        {"log:\n  format: |\n    json\n", func(c *configs.Config) { c.Log.Format = "json" }},
		"list":              {"advertise:\n  - 192.0.2.1\n  - 2001:db8::1\n", func(c *configs.Config) { c.Advertise = addrs("192.0.2.1", "2001:db8::1") }},
		"list in one line":  {"advertise: 192.0.2.1, 192.0.2.2\n", func(c *configs.Config) { c.Advertise = addrs("192.0.2.1", "192.0.2.2") }},
		"localhost":         {"host: localhost\n", func(*configs.Config) {}},
		"IPv6 loopback":     {"host: \"::1\"\n", func(c *configs.Config) { c.Host = netip.IPv6Loopback() }},
		"all interfaces":    {"host: 0.0.0.0\naccess: open\n", func(c *configs.Config) { c.Host = netip.IPv4Unspecified(); c.Access = configs.AccessOpen }},
		"sizes": {"limits:\n  message_bytes: 2 KiB\n  outbox_bytes: 2MiB\n  description_bytes: 65536\n", func(c *configs.Config) {
			l := &c.Limits
			l.MessageBytes, l.OutboxBytes, l.DescriptionBytes = 2048, 2<<20, 65536
		}},
		"port range": {"turn:\n  relay_ports: 50000-50100\n", func(c *configs.Config) { c.TURN.RelayPorts = configs.PortRange{Low: 50000, High: 50100} }},
		"secret":     {"turn:\n  secret: sixteen letters!\n", func(c *configs.Config) { c.TURN.Secret = "sixteen letters!" }},
		"keys": {"keys:\n  - new=0123456789abcdef0123456789abcdef\n  - old=@/etc/hiroba/old.pem\n", func(c *configs.Config) {
			c.Keys = "new=0123456789abcdef0123456789abcdef,old=@/etc/hiroba/old.pem"
		}},
		"further ports": {"listen: [3478, 5349/udp, 443/tcp]\n", func(c *configs.Config) {
			c.Listeners = []configs.Listener{{Port: 3478, TCP: true, UDP: true}, {Port: 5349, UDP: true}, {Port: 443, TCP: true}}
		}},
		"a local network": {"lan: true\n", func(c *configs.Config) {
			c.LAN, c.Host, c.Access = true, netip.IPv4Unspecified(), configs.AccessOpen
		}},
		"a local network with keys": {"lan: true\nhost: 192.0.2.1\nkeys: a=@a.pem\n", func(c *configs.Config) {
			c.LAN, c.Host, c.Keys = true, netip.MustParseAddr("192.0.2.1"), "a=@a.pem"
		}},
		"a domain": {"domain: Call.example.org\naccess: open\n", func(c *configs.Config) {
			c.Domains, c.Host, c.Access = []string{"call.example.org"}, netip.IPv4Unspecified(), configs.AccessOpen
			c.Listeners = []configs.Listener{{Port: 443, TCP: true, UDP: true}, {Port: 80, TCP: true}}
		}},
		"a domain on its own port": {"domain: call.example.org\naccess: open\nport: 443\n", func(c *configs.Config) {
			c.Domains, c.Host, c.Access = []string{"call.example.org"}, netip.IPv4Unspecified(), configs.AccessOpen
			c.Port, c.Listeners = 443, []configs.Listener{{Port: 80, TCP: true}}
		}},
		"a domain behind forwarded ports": {"domain: call.example.org\naccess: open\nlisten: []\n", func(c *configs.Config) {
			c.Domains, c.Host, c.Access = []string{"call.example.org"}, netip.IPv4Unspecified(), configs.AccessOpen
		}},
		"keys for others": {"host: 0.0.0.0\nkeys: a=@a.pem\n", func(c *configs.Config) { c.Host = netip.IPv4Unspecified(); c.Keys = "a=@a.pem" }},
		"keys for those who have one": {"host: 0.0.0.0\naccess: open\nkeys: a=@a.pem\n", func(c *configs.Config) {
			c.Host, c.Keys, c.Access = netip.IPv4Unspecified(), "a=@a.pem", configs.AccessOpen
		}},
		"origins": {"origins:\n  - https://App.example:443\n  - http://app.example:80\n  - http://[2001:db8::1]:8080\n  - capacitor://localhost\n", func(c *configs.Config) {
			c.Origins = []string{"https://app.example", "http://app.example", "http://[2001:db8::1]:8080", "capacitor://localhost"}
		}},
		"every origin": {"origins: '*'\n", func(c *configs.Config) { c.Origins = []string{"*"} }},
		"proxies": {"trusted_proxies: [192.0.2.1, 10.1.2.3/8, \"2001:db8::/32\", \"::ffff:192.0.2.2\"]\n", func(c *configs.Config) {
			c.TrustedProxies = []netip.Prefix{
				netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("10.0.0.0/8"),
				netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.2/32"),
			}
		}},
		"webhook": {"webhook:\n  urls:\n    - https://a.example/x?y=z\n    - http://10.0.0.1:99\n  secret: 0123456789abcdef0123456789abcdef\n", func(c *configs.Config) {
			c.Webhook.URLs, c.Webhook.Secret = []string{"https://a.example/x?y=z", "http://10.0.0.1:99"}, "0123456789abcdef0123456789abcdef"
		}},
		"rooms":    {"rooms:\n  empty: 0s\n  topology: sfu\n", func(c *configs.Config) { c.Rooms.Empty, c.Rooms.Topology = 0, configs.TopologySFU }},
		"switches": {"turn:\n  enabled: false\nmetrics:\n  public: true\n", func(c *configs.Config) { c.TURN.Enabled, c.Metrics.Public = false, true }},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.text)
			want := configs.Default()
			want.File = path
			test.want(&want)
			got, err := configs.Load(configs.Sources{File: path})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func addrs(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func badListen(value string) string {
	return `hiroba.yaml:1: listen is "` + value + `"; it must be ports from 1 to 65535, each once, 16 at most, separated by commas, with /tcp or /udp behind those that are for one of the two only, or empty`
}

func badDomain(value string) string {
	return `hiroba.yaml:1: domain is "` + value + `"; it must be names such as call.example.org, without https:// and *, 16 at most, separated by commas, or empty`
}

func badOrigins(value string) string {
	return `hiroba.yaml:1: origins is "` + value + `"; it must be origins such as https://app.example, without a path and separated by commas, or * alone, or empty`
}

func badProxies(value string) string {
	return `hiroba.yaml:1: trusted_proxies is "` + value + `"; it must be IP addresses and networks such as 10.0.0.0/8, separated by commas, or empty`
}

const badWebhook = `hiroba.yaml:1: webhook.urls is (set); it must be http or https URLs without a user and password, separated by commas and 16 at most, or empty`

func TestBadFiles(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"unknown key": {"prot: 80\n", []string{
			`hiroba.yaml:1: there is no key "prot"; did you mean port?`}},
		"unknown key in a group": {"port: 1\nturn:\n  secert: x\n", []string{
			`hiroba.yaml:3: there is no key "turn.secert"; did you mean turn.secret?`}},
		"unknown group": {"limit:\n  rooms: 1\n", []string{
			`hiroba.yaml:1: there is no key "limit"; did you mean limits?`}},
		"key without its group": {"tracks: 1\n", []string{
			`hiroba.yaml:1: there is no key "tracks"; did you mean limits.tracks?`}},
		"capitals": {"Port: 1\n", []string{
			`hiroba.yaml:1: there is no key "Port"; did you mean port?`}},
		"unknown key like no other": {"favourite_colour: blue\n", []string{
			`hiroba.yaml:1: there is no key "favourite_colour"; docs/configuration.md lists them all`}},
		"key of a thousand letters": {strings.Repeat("x", 1000) + ": 1\n", []string{
			`hiroba.yaml:1: there is no key "` + strings.Repeat("x", 64) + `"…; docs/configuration.md lists them all`}},
		"duplicate": {"port: 1\nhost: ::1\nport: 2\n", []string{
			`hiroba.yaml:3: port was set on line 1 already; keep one of the two`}},
		"duplicate in two spellings": {"log:\n  level: info\nlog.level: warn\n", []string{
			`hiroba.yaml:3: log.level was set on line 2 already; keep one of the two`}},
		"text for a number":       {"port: http\n", []string{`hiroba.yaml:1: port is "http"; it must be a whole number from 0 to 65535`}},
		"fraction":                {"port: 80.5\n", []string{`hiroba.yaml:1: port is "80.5"; it must be a whole number from 0 to 65535`}},
		"octal":                   {"port: 010\n", []string{`hiroba.yaml:1: port is "010"; it must be a whole number from 0 to 65535`}},
		"infinity":                {"port: .inf\n", []string{`hiroba.yaml:1: port is ".inf"; it must be a whole number from 0 to 65535`}},
		"number without a value":  {"port:\n", []string{`hiroba.yaml:1: port is ""; it must be a whole number from 0 to 65535`}},
		"port too large":          {"port: 65536\n", []string{`hiroba.yaml:1: port is "65536"; it must be a whole number from 0 to 65535`}},
		"negative port":           {"port: -1\n", []string{`hiroba.yaml:1: port is "-1"; it must be a whole number from 0 to 65535`}},
		"number past all bounds":  {"port: 99999999999999999999999\n", []string{`hiroba.yaml:1: port is "99999999999999999999999"; it must be a whole number from 0 to 65535`}},
		"group for a value":       {"port: {a: 1}\n", []string{`hiroba.yaml:1: port is a group of keys; it must be a whole number from 0 to 65535`}},
		"list for a value":        {"port: [1, 2]\n", []string{`hiroba.yaml:1: port is "1,2"; it must be a whole number from 0 to 65535`}},
		"list of lists":           {"advertise: [[192.0.2.1]]\n", []string{`hiroba.yaml:1: advertise is a list; it must be IP addresses that clients can reach, separated by commas, or empty`}},
		"value for a group":       {"metrics: true\n", []string{`hiroba.yaml:1: metrics is a single value; it must be a group of keys: enabled, public`}},
		"unspecified address":     {"advertise: 0.0.0.0\n", []string{`hiroba.yaml:1: advertise is "0.0.0.0"; it must be IP addresses that clients can reach, separated by commas, or empty`}},
		"duration without a unit": {"heartbeat: 10\n", []string{`hiroba.yaml:1: heartbeat is "10"; it must be a duration from 1s to 5m`}},
		"duration too long":       {"heartbeat: 6m\n", []string{`hiroba.yaml:1: heartbeat is "6m"; it must be a duration from 1s to 5m`}},
		"unit that is not ours":   {"limits: {message_bytes: 64k}\n", []string{`hiroba.yaml:1: limits.message_bytes is "64k"; it must be a size from 1KiB to 16MiB`}},
		"size that overflows":     {"limits: {message_bytes: 9999999999GiB}\n", []string{`hiroba.yaml:1: limits.message_bytes is "9999999999GiB"; it must be a size from 1KiB to 16MiB`}},
		"yes for true":            {"metrics: {enabled: yes}\n", []string{`hiroba.yaml:1: metrics.enabled is "yes"; it must be true or false`}},
		"unknown level":           {"log: {level: loud}\n", []string{`hiroba.yaml:1: log.level is "loud"; it must be debug, info, warn or error`}},
		"unknown access":          {"access: closed\n", []string{`hiroba.yaml:1: access is "closed"; it must be empty or open`}},
		"half a port range":       {"turn: {relay_ports: 50000}\n", []string{`hiroba.yaml:1: turn.relay_ports is "50000"; it must be a range of ports such as 49152-65535, or empty for any`}},
		"port range upside down":  {"turn: {relay_ports: 2-1}\n", []string{`hiroba.yaml:1: turn.relay_ports is "2-1"; it must be a range of ports such as 49152-65535, or empty for any`}},
		"short secret, not shown": {"turn: {secret: hunter2}\n", []string{`hiroba.yaml:1: turn.secret is (set); it must be at least 16 characters, or empty`}},
		"anchor":                  {"port: &p 80\n", []string{`hiroba.yaml:1: port is an anchor or alias; it must be a whole number from 0 to 65535`}},
		"merge key":               {"<<: {port: 80}\n", []string{`hiroba.yaml:1: here is an anchor or alias; a key must be a plain word`}},
		"tag":                     {"access: !!str open\n", []string{`hiroba.yaml:1: access is a tag; it must be empty or open`}},
		"number for a key":        {"8080: port\n", []string{`hiroba.yaml:1: here is a single value; a key must be a plain word`}},
		"list for the file":       {"- port\n- 80\n", []string{`hiroba.yaml:1: here is a list; the file must be keys with values, such as port: 8080`}},
		"text for the file":       {"8080\n", []string{`hiroba.yaml:1: here is a single value; the file must be keys with values, such as port: 8080`}},
		"two documents":           {"port: 1\n---\nport: 2\n", []string{`hiroba.yaml:3: a second document begins here; the file must be a single one`}},
		"not YAML":                {"host: ::1\nport: [1\n", []string{`hiroba.yaml:2: this is not YAML: sequence end token ']' not found`}},
		"description smaller than a message": {"limits:\n  message_bytes: 1MiB\n", []string{
			`hiroba.yaml:2: limits.description_bytes is 256KiB; it must be no less than limits.message_bytes, which is 1MiB`}},
		"outbox smaller than a description": {"limits:\n  outbox_bytes: 64KiB\n", []string{
			`hiroba.yaml:2: limits.outbox_bytes is 64KiB; it must be no less than limits.description_bytes, which is 256KiB`}},
		"no comparison with a broken value": {"limits:\n  message_bytes: lots\n  outbox_bytes: 64KiB\n  description_bytes: lots\n", []string{
			`hiroba.yaml:2: limits.message_bytes is "lots"; it must be a size from 1KiB to 16MiB`,
			`hiroba.yaml:4: limits.description_bytes is "lots"; it must be a size from 1KiB to 16MiB`}},
		"keys without an id":      {"keys: s3cr3t\n", []string{`hiroba.yaml:1: keys is (set); it must be id=secret or id=@/path/to/public.pem, separated by commas, or empty`}},
		"a key with an empty id":  {"keys: a=@a.pem,=s3cr3t\n", []string{`hiroba.yaml:1: keys is (set); it must be id=secret or id=@/path/to/public.pem, separated by commas, or empty`}},
		"a port twice":            {"listen: 443, 443/udp\n", []string{badListen("443, 443/udp")}},
		"a port of something":     {"listen: 443/tls\n", []string{badListen("443/tls")}},
		"port 0 beside":           {"listen: 0\n", []string{badListen("0")}},
		"the port again":          {"listen: 8080/tcp\n", []string{"hiroba.yaml:1: listen names 8080, which is port already; leave it out of listen"}},
		"a URL for a domain":      {"domain: https://a.example\n", []string{badDomain("https://a.example")}},
		"an address for a domain": {"domain: 192.0.2.1\n", []string{badDomain("192.0.2.1")}},
		"a domain without access": {"domain: a.example\n", []string{"hiroba.yaml:1: host is 0.0.0.0, which others can reach, but nothing says who may use the server; " +
			"set keys (HIROBA_KEYS) to let in those with an access token (docs/access.md), say access: open (HIROBA_ACCESS=open, --access=open) to let in everybody, or keep host: 127.0.0.1"}},
		"a certificate without key":   {"tls:\n  certificate: a.pem\n", []string{"hiroba.yaml:2: of tls.certificate and tls.key only one is set; a certificate is of no use without its key, so set both"}},
		"a domain in a local network": {"lan: true\ndomain: a.example\naccess: open\n", []string{"hiroba.yaml:1: lan and domain are both set; lan is for a network without names, so leave one of them out"}},
		"a star without quotes":       {"origins: *\n", []string{`hiroba.yaml:1: this is not YAML: undefined alias name`}},
		"a star among origins":        {"origins: ['*', https://a.example]\n", []string{badOrigins("*,https://a.example")}},
		"an origin with a path":       {"origins: https://a.example/\n", []string{badOrigins("https://a.example/")}},
		"an origin without a scheme":  {"origins: a.example\n", []string{badOrigins("a.example")}},
		"an origin with a star in it": {"origins: https://*.example\n", []string{badOrigins("https://*.example")}},
		"the origin of files":         {"origins: 'null'\n", []string{badOrigins("null")}},
		"everybody as a proxy":        {"trusted_proxies: 0.0.0.0/0\n", []string{badProxies("0.0.0.0/0")}},
		"a name as a proxy":           {"trusted_proxies: nginx\n", []string{badProxies("nginx")}},
		"a webhook with a password":   {"webhook: {urls: 'https://a:s3cr3t@a.example', secret: 0123456789abcdef0123456789abcdef}\n", []string{badWebhook}},
		"a webhook of another kind":   {"webhook: {urls: 'ftp://a.example', secret: 0123456789abcdef0123456789abcdef}\n", []string{badWebhook}},
		"a webhook without a secret": {"webhook: {urls: 'https://a.example'}\n", []string{
			`hiroba.yaml:1: webhook.urls are set, but there is no webhook.secret to sign with; set it (HIROBA_WEBHOOK_SECRET) to 32 characters or more`}},
		"a short webhook secret": {"webhook:\n  urls: https://a.example\n  secret: s3cr3t s3cr3t s3cr3t\n", []string{
			`hiroba.yaml:3: webhook.secret is (set); it must be at least 32 characters, or empty`}},
		"open to others without saying so": {"host: 192.0.2.1\n", []string{
			`hiroba.yaml:1: host is 192.0.2.1, which others can reach, but nothing says who may use the server; ` +
				`set keys (HIROBA_KEYS) to let in those with an access token (docs/access.md), say access: open (HIROBA_ACCESS=open, --access=open) to let in everybody, or keep host: 127.0.0.1`}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.text)
			_, err := configs.Load(configs.Sources{File: path})
			if got := problems(err, path); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

func TestAllProblemsOfAllSourcesAreListed(t *testing.T) {
	path := write(t, "port: 70000\nlog:\n  level: loud\nhosts: ::1\n")
	_, err := configs.Load(configs.Sources{
		File:    path,
		Environ: []string{"HIROBA_TURN_SECERT=do-not-print-this", "HIROBA_PORT=tcp://10.0.0.1:80", "HIROBA_HOST=0.0.0.0"},
		Flags:   map[string]string{"heart-beat": "1s", "sfu-workers": "-1"},
	})
	want := []string{
		`hiroba.yaml:1: port is "70000"; it must be a whole number from 0 to 65535`,
		`hiroba.yaml:3: log.level is "loud"; it must be debug, info, warn or error`,
		`hiroba.yaml:4: there is no key "hosts"; did you mean host?`,
		`HIROBA_PORT: port is "tcp://10.0.0.1:80"; it must be a whole number from 0 to 65535`,
		`HIROBA_TURN_SECERT: there is no setting "HIROBA_TURN_SECERT"; did you mean HIROBA_TURN_SECRET?`,
		`--heart-beat: there is no flag "--heart-beat"; did you mean --heartbeat?`,
		`--sfu-workers: sfu.workers is "-1"; it must be a whole number from 0 to 1024`,
		`HIROBA_HOST: host is 0.0.0.0, which others can reach, but nothing says who may use the server; ` +
			`set keys (HIROBA_KEYS) to let in those with an access token (docs/access.md), say access: open (HIROBA_ACCESS=open, --access=open) to let in everybody, or keep host: 127.0.0.1`,
	}
	if got := problems(err, path); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	problem, ok := errors.AsType[*configs.Problem](err)
	if !ok || problem.Key != "port" {
		t.Errorf("the error does not hold its problems: %#v", problem)
	}
}

func TestUnreadableFiles(t *testing.T) {
	folder := t.TempDir()
	huge := write(t, "#"+strings.Repeat("x", 64<<10))
	deep := write(t, strings.Repeat("[", 60_000))
	for name, test := range map[string]struct{ path, want string }{
		"missing":    {filepath.Join(folder, "hiroba.yaml"), "hiroba.yaml: the configuration cannot be read: no such file or directory"},
		"a folder":   {folder, "the configuration cannot be read: it is not a regular file"},
		"huge":       {huge, "hiroba.yaml: the configuration cannot be read: it has 65537 bytes; at most 64KiB are read"},
		"deep":       {deep, "hiroba.yaml: it is made of 60000 words and signs; at most 5000 are read"},
		"a terminal": {"/dev/null", "/dev/null: the configuration cannot be read: it is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configs.Load(configs.Sources{File: test.path})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWhoGetsInWithoutAToken(t *testing.T) {
	for name, test := range map[string]struct {
		flags map[string]string
		want  bool
	}{
		"nothing said":  {nil, true},
		"keys":          {map[string]string{"keys": "a=@a.pem"}, false},
		"open":          {map[string]string{"access": "open"}, true},
		"keys and open": {map[string]string{"keys": "a=@a.pem", "access": "open"}, true},
	} {
		t.Chdir(t.TempDir())
		config, err := configs.Load(configs.Sources{Flags: test.flags})
		if err != nil || config.Anonymous() != test.want {
			t.Errorf("%s: %v, %v; want %v", name, config.Anonymous(), err, test.want)
		}
	}
}

// FuzzLoad holds that no file makes Load panic, and that what it accepts is
// within the bounds of the table.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("port: 1 # one\nlog:\n  level: debug\nadvertise:\n- ::1\n"))
	f.Add([]byte("limits: {message_bytes: 2KiB, \"rooms\": 5}\nturn.secret: 'x'\n"))
	f.Add([]byte("port: 1\n---\nport: 2\n"))
	f.Add([]byte("? [a]\n: &b *c\n<<: !!x {y: |\n z}\n"))
	path := filepath.Join(f.TempDir(), "hiroba.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := configs.Load(configs.Sources{File: path})
		if err != nil {
			if _, ok := errors.AsType[*configs.Problem](err); !ok {
				t.Errorf("the error holds no problem: %v", err)
			}
			return
		}
		if config.Port < 0 || config.Port > 65535 || config.Heartbeat < time.Second || config.Limits.DescriptionBytes < config.Limits.MessageBytes {
			t.Errorf("an impossible configuration was accepted: %+v", config)
		}
	})
}
