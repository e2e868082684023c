package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
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
	report, code := examined(t, doctorCommand{URL: "turn:" + at, Username: ice.Username, Password: ice.Credential})
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
