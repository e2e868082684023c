package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestEveryDefaultIsPossible(t *testing.T) {
	for _, setting := range table {
		config := Default()
		if !setting.read(&config, setting.Default) {
			t.Errorf("the default of %s is %q; it must be %s", setting.Name, setting.Default, setting.Values)
		}
		if !reflect.DeepEqual(config, Default()) {
			t.Errorf("%s: %q reads back as %q", setting.Name, setting.Default, setting.write(config))
		}
	}
}

// TestEveryFieldHasASetting finds a field of Config that the table forgot: it
// would keep its zero value whatever the operator says.
func TestEveryFieldHasASetting(t *testing.T) {
	if got, want := len(table), countFields(reflect.TypeFor[Config]())-1; got != want { // File is no setting
		t.Errorf("the table has %d settings, Config has %d fields for them", got, want)
	}
}

func countFields(of reflect.Type) int {
	n := 0
	for field := range of.Fields() {
		if field.Type.Kind() == reflect.Struct && field.Type.PkgPath() == of.PkgPath() && field.Type != reflect.TypeFor[PortRange]() {
			n += countFields(field.Type)
		} else {
			n++
		}
	}
	return n
}

func TestNamesAreUniqueInEverySpelling(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range others {
		seen[name] = true
	}
	for _, setting := range table {
		for _, name := range []string{setting.Name, setting.Env(), "--" + setting.Flag(), "folded " + fold(setting.Name)} {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if head := group(setting.Name); head != "" && groupDocs[head] == "" {
			t.Errorf("%s is in a group without a description", setting.Name)
		}
	}
}

func TestEverySettingCanBeSetFromEverySource(t *testing.T) {
	t.Chdir(t.TempDir())
	other := map[string]string{ // a possible value that is not the default
		"host": "127.0.0.2", "access": "open", "advertise": "192.0.2.1", "log.level": "debug", "log.format": "json",
		"turn.secret": "0123456789abcdef", "turn.relay_ports": "50000-50100", "turn.enabled": "false",
		"metrics.enabled": "false", "metrics.public": "true",
		"limits.message_bytes": "2KiB", "limits.description_bytes": "512KiB", "limits.outbox_bytes": "2MiB",
		"keys": "a=0123456789abcdef0123456789abcdef", "origins": "https://a.example", "trusted_proxies": "10.0.0.0/8",
		"session.detached": "11s", "rooms.empty": "11s", "rooms.history_age": "11s", "rooms.topology": "sfu", "rooms.p2p_cooldown": "11s",
		"webhook.urls": "https://a.example/", "webhook.secret": "0123456789abcdef0123456789abcdef", "webhook.allow_private": "true",
		"listen": "3478,5349/udp,443/tcp", "domain": "a.example,b.example", "lan": "true",
		"tls.acme_url": "https://a.example/dir", "tls.acme_email": "a@a.example",
		"heartbeat": "11s", "shutdown_timeout": "11s", "turn.credential_ttl": "11m", "turn.grace": "11m",
		"turn.previous_secret": "0123456789abcdef", "turn.users": "ann:word,bob:other", "turn.allow": "10.0.0.0/8", "turn.deny": "0.0.0.0/0",
	}
	others := map[string]string{ // settings that need another one
		"webhook.urls":    "HIROBA_WEBHOOK_SECRET=" + other["webhook.secret"],
		"domain":          "HIROBA_ACCESS=open",
		"tls.certificate": "HIROBA_TLS_KEY=key.pem",
		"tls.key":         "HIROBA_TLS_CERTIFICATE=certificate.pem",
	}
	for _, setting := range table {
		value, ok := other[setting.Name]
		if !ok {
			value = "17"
		}
		if err := os.WriteFile("set.yaml", fmt.Appendf(nil, "%s: %s\n", setting.Name, value), 0o600); err != nil {
			t.Fatal(err)
		}
		for source, sources := range map[string]Sources{
			"file":        {File: "set.yaml"},
			"environment": {Environ: []string{setting.Env() + "=" + value}},
			"flag":        {Flags: map[string]string{setting.Flag(): value}},
		} {
			if needs := others[setting.Name]; needs != "" {
				sources.Environ = append(sources.Environ, needs)
			}
			config, err := Load(sources)
			if err != nil {
				t.Errorf("%s from the %s: %v", setting.Name, source, err)
			} else if got := setting.write(config); got != value {
				t.Errorf("%s from the %s is %q, want %q", setting.Name, source, got, value)
			}
		}
	}
}

func TestGeneratedFilesAreFresh(t *testing.T) {
	for path, write := range map[string]func(io.Writer) error{
		"hiroba.yaml":              WriteSample,
		"../docs/configuration.md": WriteReference,
	} {
		var want bytes.Buffer
		if err := write(&want); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not what the table says; run: go generate ./configs", path)
		}
	}
}

func TestSampleIsTheDefault(t *testing.T) {
	config, err := Load(Sources{File: "hiroba.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	config.File = ""
	if want := Default(); !reflect.DeepEqual(config, want) {
		t.Errorf("got %+v, want %+v", config, want)
	}
	sample, err := os.ReadFile("hiroba.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(sample), "\n") {
		if len(line) > 80 {
			t.Errorf("line %d of the sample is %d columns wide", i+1, len(line))
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2hunter2hunter2"
	config := Default()
	config.TURN.Secret, config.Keys, config.Webhook.Secret = text, "id="+text, text
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&printed, verb+verb, config, config.TURN.Secret)
	}
	marshalled, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(marshalled)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("text", "config", config, "secret", config.TURN.Secret)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("json", "config", config, "secret", config.TURN.Secret)
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text))} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("the secret is in\n%s", printed.String())
		}
	}
	if !strings.Contains(printed.String(), "(set)") {
		t.Error("nothing says that the secret is set")
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"prot": "port", "hsot": "host", "secret": "turn.secret", "turn-secret": "turn.secret", "loglevel": "log.level",
		"limits.room": "limits.rooms", "limit.rooms": "limits.rooms", "room": "limits.rooms", "": "", "z": "", "banana": "",
	} {
		if got := nearest(name, false); got != want {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"port", "port", 0}, {"prot", "port", 1},
		{"port", "ports", 1}, {"port", "part", 1}, {"abcd", "badc", 2}, {"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q to %q is %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("%q to %q is %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func TestGroupsStandTogether(t *testing.T) {
	var order []string
	for _, setting := range table {
		order = append(order, group(setting.Name))
	}
	order = slices.Compact(order)
	if order[0] != "" || len(order) != len(groupDocs)+1 {
		t.Errorf("the groups of the table are torn apart: %q", order)
	}
}
