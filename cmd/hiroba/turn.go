package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// turnCommand is `hiroba turn`.
type turnCommand struct {
	Serve       relayCommand       `cmd:"" default:"withargs" help:"Serve STUN and TURN alone, for somebody else's calls (the default)."`
	Credentials credentialsCommand `cmd:"" help:"Make time-limited TURN credentials with the server's secret."`
}

// credentialsCommand is `hiroba turn credentials`.
type credentialsCommand struct {
	User   string        `help:"Who they are for: a word for limits and logs, without a colon." default:"user"`
	TTL    time.Duration `name:"ttl" help:"How long they open new relays; left out, turn.credential_ttl." placeholder:"24h"`
	Host   string        `help:"The server's name or address, for the URLs; left out, the first of advertise, or host." placeholder:"HOST"`
	JSON   bool          `name:"json" help:"Print them as one of the iceServers of an RTCPeerConnection."`
	Config string        `help:"The YAML file to read instead of /etc/hiroba/hiroba.yaml or ./hiroba.yaml." placeholder:"FILE"`
}

// longestTTL is how long credentials may be good: who got some keeps them.
const longestTTL = 366 * 24 * time.Hour

// Run prints credentials that the server's secret signs.
func (c *credentialsCommand) Run() error {
	config, err := configs.Load(configs.Sources{File: c.Config, Environ: os.Environ(), Relay: true})
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	return c.write(os.Stdout, config, time.Now())
}

func (c *credentialsCommand) write(out io.Writer, config configs.Config, now time.Time) error {
	ttl := c.TTL
	if ttl == 0 {
		ttl = config.TURN.CredentialTTL
	}
	secret := config.TURN.Secret.Reveal()
	switch {
	case secret == "":
		return errors.New("there is no secret to make credentials with; set turn.secret in the configuration, " +
			"or HIROBA_TURN_SECRET, to what the server has (openssl rand -hex 32 makes a good secret)")
	case ttl < 0 || ttl > longestTTL:
		return fmt.Errorf("--ttl is %v; something up to %v was expected", ttl, longestTTL)
	case c.User == "" || strings.ContainsAny(c.User, ":\n\r"):
		return fmt.Errorf("--user is %q; a word without a colon was expected", c.User)
	}
	username, password := auth.TURN{Secret: []byte(secret), TTL: ttl}.Issue(c.User, now)
	host := c.Host
	switch {
	case host != "":
	case len(config.Advertise) > 0:
		host = config.Advertise[0].String()
	default:
		host = config.Host.String()
	}
	host = strings.Trim(host, "[]")
	urls := relayURLs(config, config.Port, host, certifiedHost(config, host))
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"urls": urls, "username": username, "credential": password})
	}
	_, err := fmt.Fprintf(out, "username: %s\npassword: %s\nurls:     %s\ngood until %s\n",
		username, password, strings.Join(urls, " "), now.Add(ttl).Format(time.DateTime+" MST"))
	return err
}
