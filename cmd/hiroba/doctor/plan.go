package doctor

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// Plan is what to look at, and with which credentials.
type Plan struct {
	// URL is a server as https://host, or a STUN and TURN server alone as
	// turn:host:port or turns:host:port; empty for nothing but this machine.
	URL string
	// Token is an access token, for servers that need one.
	Token string
	// Room is where media is tried; empty for that of the token, or one that
	// nobody else is in.
	Room string
	// TURNSecret makes credentials by the REST convention, in the place of those
	// that the server hands out. Username and Password are such in the place of both.
	TURNSecret, Username, Password string
	// Insecure takes whatever certificate there is, to see whether the rest works.
	Insecure bool
	// Timeout bounds each leg.
	Timeout time.Duration
	// Local looks at this machine, too.
	Local bool
}

// server is where a plan leads.
type server struct {
	// web is the address of the page; nil for a TURN server alone.
	web *url.URL
	// host is a name or an address, without brackets.
	host, port string
	// secure is for what begins with TLS or DTLS.
	secure bool
}

// Check says what is wrong with the plan, for who wrote it.
func (p Plan) Check() error {
	if p.Timeout <= 0 {
		return fmt.Errorf("a leg may take %v; more than nothing was expected", p.Timeout)
	}
	if p.Username != "" && p.Password == "" {
		return errors.New("--username has no password; give it by --password, or HIROBA_TURN_PASSWORD")
	}
	if p.URL == "" {
		if !p.Local {
			return errors.New("there is neither a server to try nor this machine to look at")
		}
		return nil
	}
	_, err := p.server()
	return err
}

func (p Plan) server() (server, error) {
	scheme, rest, _ := strings.Cut(p.URL, ":")
	switch scheme {
	case "http", "https":
		return webServer(p.URL)
	case "stun", "turn":
		return relayServer(rest, "3478", false)
	case "turns":
		return relayServer(rest, "5349", true)
	}
	return server{}, fmt.Errorf("%q is no server; https://host, http://host:port, turn:host:port or turns:host:port was expected", p.URL)
}

func webServer(text string) (server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return server{}, fmt.Errorf("%q is no address of a server; one such as https://meet.example was expected", text)
	}
	s := server{web: u, host: u.Hostname(), port: u.Port(), secure: u.Scheme == "https"}
	if s.port == "" {
		s.port = map[bool]string{false: "80", true: "443"}[s.secure]
	}
	return s, checkPort(s.port)
}

func relayServer(text, port string, secure bool) (server, error) {
	text, query, _ := strings.Cut(text, "?")
	switch query {
	case "", "transport=udp", "transport=tcp":
	default:
		return server{}, fmt.Errorf("%q is no transport of TURN; leave it out, all are tried", query)
	}
	s := server{host: strings.Trim(text, "[]"), port: port, secure: secure}
	if host, port, err := net.SplitHostPort(text); err == nil {
		s.host, s.port = host, port
	}
	if _, err := netip.ParseAddr(s.host); s.host == "" || strings.ContainsAny(s.host, "/@ ") || strings.Contains(s.host, ":") && err != nil {
		return server{}, fmt.Errorf("%q is no address of a TURN server; host:port was expected", text)
	}
	return s, checkPort(s.port)
}

func checkPort(port string) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q is no port; a number from 1 to 65535 was expected", port)
	}
	return nil
}

// ended is when the credentials of Username ended by the REST convention; zero
// when they have not, or no end.
func (p Plan) ended(now time.Time) time.Time {
	text, _, ok := strings.Cut(p.Username, ":")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if end := time.Unix(seconds, 0); ok && err == nil && end.Before(now) {
		return end
	}
	return time.Time{}
}

// address is host and port as they are dialled.
func (s server) address() string { return net.JoinHostPort(s.host, s.port) }

// room is where media is tried.
func (p Plan) room(random string) string {
	if p.Room != "" {
		return p.Room
	}
	if room := roomOf(p.Token); room != "" && room != auth.EveryRoom {
		return room
	}
	return "doctor-" + random
}

// roomOf is the room that a token is for; empty when it does not say. Whether the
// token is good, the server will tell.
func roomOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Room string `json:"room"`
	}
	_ = json.Unmarshal(payload, &claims) // then it has no room
	return claims.Room
}
