package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/doctor"
	"github.com/hiroba-rtc/hiroba/configs"
)

// What the command prints lets its holder relay.
func TestTURNCredentialsCommand(t *testing.T) {
	const secret = "sixteen letters at least"
	s, _ := runServer(t, func(c *configs.Config) { c.TURN.Secret = secret })
	config := configs.Default()
	config.TURN.Secret, config.Port = secret, s.port.Port()
	var out bytes.Buffer
	if err := (&credentialsCommand{User: "alice", TTL: time.Hour, JSON: true}).write(&out, config, time.Now()); err != nil {
		t.Fatal(err)
	}
	var ice struct {
		URLs                 []string
		Username, Credential string
	}
	if err := json.Unmarshal(out.Bytes(), &ice); err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.port.Port())).String()
	if len(ice.URLs) != 2 || ice.URLs[0] != "turn:"+at+"?transport=udp" || !strings.HasSuffix(ice.Username, ":alice") {
		t.Errorf("the credentials are %+v", ice)
	}
	report, code := examined(t, doctorCommand{URL: new("turn:" + at), Username: ice.Username, Password: ice.Credential})
	if code != 0 {
		t.Errorf("with them, exit code %d of %+v", code, report)
	}
	works(t, report, doctor.TURNUDP, doctor.TURNTCP)
}

func TestTURNCredentialsThatAreNotMade(t *testing.T) {
	good := configs.Default()
	good.TURN.Secret = "sixteen letters at least"
	for _, tc := range []struct {
		name, words string
		config      configs.Config
		command     credentialsCommand
	}{
		{"no secret", "turn.secret", configs.Default(), credentialsCommand{User: "alice"}},
		{"no user", "--user", good, credentialsCommand{}},
		{"a colon", "--user", good, credentialsCommand{User: "a:b"}},
		{"a time too long", "--ttl", good, credentialsCommand{User: "a", TTL: 1e6 * time.Hour}},
		{"a time in the past", "--ttl", good, credentialsCommand{User: "a", TTL: -time.Hour}},
	} {
		err := tc.command.write(&bytes.Buffer{}, tc.config, time.Now())
		if err == nil || !strings.Contains(err.Error(), tc.words) || strings.Contains(err.Error(), "sixteen") {
			t.Errorf("%s: %v; something on %s was expected", tc.name, err, tc.words)
		}
	}
}

// runRelay starts a relay alone and stops it with the test.
func runRelay(t *testing.T, change func(*configs.Config)) *server {
	t.Helper()
	check := leftNothing(t)
	config := configs.Default()
	config.Port, config.TURN.Secret = 0, "sixteen letters at least"
	if change != nil {
		change(&config)
	}
	s, err := startRelay(config, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.close(ctx); err != nil {
			t.Errorf("the relay did not end cleanly: %v", err)
		}
		check()
	})
	return s
}

// A relay alone relays, says how it is, and has nothing of a call server.
func TestARelayAlone(t *testing.T) {
	s := runRelay(t, nil)
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.port.Port())).String()
	report, code := examined(t, doctorCommand{URL: new("turn:" + at), TURNSecret: "sixteen letters at least"})
	if code != 0 {
		t.Errorf("exit code %d of %+v", code, report)
	}
	works(t, report, doctor.STUN, doctor.TURNUDP, doctor.TURNTCP)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 404, "/v1/signal": 404, "/r/tea": 404} {
		response, err := http.Get("http://" + at + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s is answered %d; %d was expected", path, response.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// With a certificate, TLS and DTLS are there on the same port.
func TestARelayAloneWithACertificate(t *testing.T) {
	s := runRelay(t, func(c *configs.Config) {
		c.LAN, c.TLS.Directory = true, t.TempDir()
	})
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.port.Port())).String()
	report, code := examined(t, doctorCommand{URL: new("turns:" + at), TURNSecret: "sixteen letters at least", Insecure: true})
	if code != 0 {
		t.Errorf("exit code %d of %+v", code, report)
	}
	works(t, report, doctor.TURNTLS, doctor.TURNDTLS)

	report, code = examined(t, doctorCommand{URL: new("turns:" + at), TURNSecret: "sixteen letters at least"})
	if code != exitFailure {
		t.Errorf("exit code %d with a certificate that nobody vouches for", code)
	}
	fails(t, report, doctor.TURNTLS, "certificate")
	fails(t, report, doctor.TURNDTLS, "certificate")
}

// A relay that others can reach does not start without a secret, and one on
// loopback hands out credentials of its own.
func TestARelayNeedsASecretInTheOpen(t *testing.T) {
	command := program(t, nil, "turn", "--host=0.0.0.0", "--port=0")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "turn.secret") {
		t.Errorf("it says %s, and ends with %v", out, err)
	}

	// Users will do.
	command = program(t, []string{"HIROBA_TURN_USERS=ann:a word of hers"}, "turn", "--host=0.0.0.0", "--port=0", "--turn-relay-ports=1-2", "--log-level=wrong")
	if out, err := command.CombinedOutput(); err == nil || strings.Contains(string(out), "turn.secret") {
		t.Errorf("with users it says %s, and ends with %v", out, err)
	}

	command = program(t, nil, "turn", "--port=0")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	said := map[string]string{}
	for lines := bufio.NewScanner(stdout); said["password"] == "" && lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), " "); ok {
			said[name] = value
		} else if url, ok := strings.CutPrefix(name, "turn:"); ok && said["at"] == "" {
			said["at"], _, _ = strings.Cut(url, "?")
		}
	}
	report, code := examined(t, doctorCommand{URL: new("turn:" + said["at"]), Username: said["username"], Password: said["password"]})
	if code != 0 {
		t.Errorf("with %v: exit code %d of %+v", said, code, report)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
