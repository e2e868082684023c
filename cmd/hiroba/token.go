package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// tokenCommand is `hiroba token`.
type tokenCommand struct {
	Room       string        `required:"" help:"The room that the token is for; * is every room."`
	Name       string        `help:"What others call whoever uses it."`
	User       string        `help:"Who that is in all rooms, for limits and bans; a word of your own."`
	Role       string        `help:"What they are in the room; a word of your own."`
	Metadata   string        `help:"Whatever your application wants others to know of them."`
	Grant      []string      `help:"What they may do: publish, subscribe, data, admin, record. Left out: publish, subscribe and data." placeholder:"GRANT"`
	Source     []string      `help:"What they may publish, such as camera or microphone. Left out: everything." placeholder:"SOURCE"`
	TTL        time.Duration `name:"ttl" default:"2h" help:"How long the token is good."`
	Key        string        `help:"The id of the key that signs it; left out, the first one with a secret." placeholder:"ID"`
	PrivateKey string        `help:"A PEM file that signs it: the private half of one of the server's keys." placeholder:"FILE" xor:"key"`
	URL        string        `name:"url" help:"The server's address, for the link; left out, the one that the configuration describes." placeholder:"URL"`
	Config     string        `help:"The YAML file to read instead of /etc/hiroba/hiroba.yaml or ./hiroba.yaml." placeholder:"FILE"`
}

// Run prints a token on the standard output, and a link with it on the
// standard error, so that a script gets the token alone.
func (c *tokenCommand) Run() error {
	config, err := configs.Load(configs.Sources{File: c.Config, Environ: os.Environ()})
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	return c.write(os.Stdout, os.Stderr, config, time.Now())
}

func (c *tokenCommand) write(out, notes io.Writer, config configs.Config, now time.Time) error {
	access := auth.Access{
		Room: c.Room, User: c.User, Name: c.Name, Role: c.Role, Metadata: c.Metadata, Grants: auth.DefaultGrants, Sources: c.Source,
	}
	if len(c.Grant) > 0 {
		var ok bool
		if access.Grants, ok = auth.ParseGrants(c.Grant); !ok {
			return fmt.Errorf("--grant is %q; it must be some of %s", strings.Join(c.Grant, " "), auth.AllGrants)
		}
	}
	link, err := c.link(config)
	if err != nil {
		return err
	}
	signer, err := c.signer(config)
	if err != nil {
		return err
	}
	token, err := signer.Token(access, now, c.TTL)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, token)
	if link != "" {
		fmt.Fprintf(notes, "Signed with the key %q, good until %s. The link:\n%s#token=%s\n",
			signer.KeyID(), now.Add(c.TTL).Format(time.DateTime+" MST"), link, token)
	}
	return nil
}

// signer finds the key that signs.
func (c *tokenCommand) signer(config configs.Config) (auth.Signer, error) {
	if config.Keys == "" {
		return auth.Signer{}, errors.New("there are no keys to sign with; set keys in the configuration, " +
			"or HIROBA_KEYS=main=SECRET, to what the server has (openssl rand -hex 32 makes a good secret)")
	}
	keys, err := accessKeys(config)
	if err != nil {
		return auth.Signer{}, err
	}
	if c.PrivateKey == "" {
		return keys.Signer(c.Key)
	}
	text, err := os.ReadFile(c.PrivateKey)
	if err != nil {
		return auth.Signer{}, fmt.Errorf("--private-key cannot be read: %w", err)
	}
	signer, err := keys.PrivateSigner(text)
	if err != nil {
		return auth.Signer{}, fmt.Errorf("--private-key %s cannot be used: %w", c.PrivateKey, err)
	}
	return signer, nil
}

// link is the address of the room's page, to which the token is added as a
// fragment: that part never leaves the browser. It is empty when there is no
// one room, or nothing says where the server is.
func (c *tokenCommand) link(config configs.Config) (string, error) {
	base := c.URL
	if base == "" && config.Port != 0 {
		base = pages(config, config.Port, nil)[0]
	}
	if base == "" || c.Room == auth.EveryRoom {
		return "", nil
	}
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("--url is %q; it must be the address of a server, such as https://meet.example", base)
	}
	return u.JoinPath("r", url.PathEscape(c.Room)).String(), nil
}
