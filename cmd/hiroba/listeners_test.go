package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/pion/turn/v5"

	"github.com/hiroba-rtc/hiroba/configs"
)

// freePort is one that nobody has a moment before a test takes it.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Every further port tells apart what comes there as the first one does, and
// clients are told of it.
func TestFurtherPorts(t *testing.T) {
	both, streams := freePort(t), freePort(t)
	s, url, p := runSecureServer(t, func(c *configs.Config) {
		c.Listeners = []configs.Listener{{Port: both, TCP: true, UDP: true}, {Port: streams, TCP: true}}
	})
	for _, port := range []int{s.port.Port(), both, streams} {
		t.Run("HTTP", func(t *testing.T) {
			for _, scheme := range []string{"http", "https"} {
				response, err := p.speaking(t, 1).Get(fmt.Sprintf("%s://localhost:%d/healthz", scheme, port))
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("%s at %d answers %s", scheme, port, response.Status)
				}
			}
		})
		t.Run("TURN over TCP", func(t *testing.T) {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			relays(t, s, turn.NewSTUNConn(conn))
		})
		t.Run("TURN over TLS", func(t *testing.T) {
			conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", port), &tls.Config{RootCAs: p.roots})
			if err != nil {
				t.Fatal(err)
			}
			relays(t, s, turn.NewSTUNConn(conn))
		})
	}
	t.Run("TURN over UDP", func(t *testing.T) {
		conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", both))
		if err != nil {
			t.Fatal(err)
		}
		relays(t, s, whole{conn})
	})
	t.Run("TURN over DTLS", func(t *testing.T) { relays(t, s, p.overDTLS(t, both)) })

	peer, _ := stream(t, p.speaking(t, 2), url, nil)
	peer.begin()
	var urls []string
	for _, server := range peer.welcome.GetIceServers() {
		urls = append(urls, server.GetUrls()...)
	}
	for _, want := range []string{
		fmt.Sprintf("turn:localhost:%d?transport=udp", s.port.Port()), fmt.Sprintf("turn:localhost:%d?transport=udp", both),
		fmt.Sprintf("turn:localhost:%d?transport=tcp", both), fmt.Sprintf("turns:localhost:%d?transport=tcp", both),
		fmt.Sprintf("turns:localhost:%d?transport=udp", both),
	} {
		if !strings.Contains(strings.Join(urls, " ")+" ", want+" ") {
			t.Errorf("clients are not told %s: %v", want, urls)
		}
	}
}

// whole is a connection of UDP to one address as a net.PacketConn.
type whole struct{ net.Conn }

func (w whole) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := w.Read(b)
	return n, w.RemoteAddr(), err
}

func (w whole) WriteTo(b []byte, _ net.Addr) (int, error) { return w.Write(b) }

// Which ports clients are told of: the best of those that there are.
func TestRelayURLs(t *testing.T) {
	listen := func(list ...configs.Listener) func(*configs.Config) {
		return func(c *configs.Config) { c.Listeners = list }
	}
	for name, c := range map[string]struct {
		change func(*configs.Config)
		want   string
	}{
		"nothing set": {func(*configs.Config) {}, "turn:h:8080?transport=udp turn:h:8080?transport=tcp"},
		"a certificate": {func(c *configs.Config) { c.TLS.Certificate = "a.pem" },
			"turn:h:8080?transport=udp turn:h:8080?transport=tcp turns:s:8080?transport=tcp turns:s:8080?transport=udp"},
		"the usual ports": {func(c *configs.Config) {
			c.Domains = []string{"s"}
			listen(configs.Listener{Port: 3478, TCP: true, UDP: true}, configs.Listener{Port: 5349, TCP: true, UDP: true},
				configs.Listener{Port: 443, TCP: true, UDP: true}, configs.Listener{Port: 80, TCP: true})(c)
		}, "turn:h:8080?transport=udp turn:h:8080?transport=tcp turn:h:443?transport=udp turn:h:80?transport=tcp turns:s:443?transport=tcp turns:s:443?transport=udp"},
		"only 3478 and 5349": {func(c *configs.Config) {
			c.Domains = []string{"s"}
			listen(configs.Listener{Port: 5349, TCP: true, UDP: true}, configs.Listener{Port: 3478, TCP: true, UDP: true})(c)
		}, "turn:h:8080?transport=udp turn:h:8080?transport=tcp turn:h:3478?transport=udp turn:h:3478?transport=tcp turns:s:5349?transport=tcp turns:s:5349?transport=udp"},
		"another": {listen(configs.Listener{Port: 9000, UDP: true}),
			"turn:h:8080?transport=udp turn:h:8080?transport=tcp turn:h:9000?transport=udp"},
	} {
		t.Run(name, func(t *testing.T) {
			config := configs.Default()
			c.change(&config)
			if got := strings.Join(relayURLs(config, 8080, "h", "s"), " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// `hiroba --lan` shows links over HTTPS with a certificate for its addresses,
// and has the same one after a restart. A hangup ends nothing.
func TestLAN(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "kept")
	var last string
	for range 2 {
		command := program(t, nil, "serve", "--lan", "--port=0", "--tls-directory="+directory)
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = command.Process.Kill() })
		var links []string
		for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), "vouches"); {
			links = append(links, regexp.MustCompile(`https?://\S+`).FindAllString(lines.Text(), -1)...)
		}
		if len(links) == 0 || !strings.HasPrefix(links[0], "http://localhost:") {
			t.Fatalf("the links are %v", links)
		}
		for _, addr := range machineAddrs() {
			if want := "https://" + net.JoinHostPort(addr.String(), regexp.MustCompile(`\d+`).FindString(links[0])) + "/"; !strings.Contains(strings.Join(links, " ")+" ", want+" ") {
				t.Errorf("there is no link %s in %v", want, links)
			}
		}
		file := filepath.Join(directory, "lan", "self-signed.pem")
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && last != string(kept) {
			t.Error("the certificate is another one after a restart")
		}
		last = string(kept)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(kept)
		if err := command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		response, err := pair{roots: roots}.speaking(t, 2).Get("https" + strings.TrimPrefix(links[0], "http") + "readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != "ready\n" {
			t.Errorf("it answers %q, %v", body, err)
		}
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
}
