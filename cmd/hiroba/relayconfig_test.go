package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	pion "github.com/pion/turn/v5"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// What the relay's rules and credentials say can be changed while it runs.
func TestRelayReloads(t *testing.T) {
	const before, after = "the secret of the start", "the secret that came later"
	config := configs.Default()
	config.Port, config.TURN.Secret, config.TURN.Users = 0, before, "bench:word"
	config.TURN.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	log := slog.New(slog.DiscardHandler)
	s, err := startRelay(config, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(t.Context()); err != nil {
			t.Log(err)
		}
	})
	s.read = func() (configs.Config, error) { return config, nil }

	old, word := auth.TURN{Secret: []byte(before), TTL: time.Hour}.Issue("ann", time.Now())
	relayed := relayAs(t, s, old, word)
	if relayed == nil || relayAs(t, s, "bench", "word") == nil {
		t.Fatal("a good credential does not log in")
	}
	peer := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	if _, err := relayed.WriteTo([]byte("hello"), peer); err != nil {
		t.Fatalf("an allowed peer is denied: %v", err)
	}

	config.TURN.Secret, config.TURN.Users, config.TURN.Allow = after, "", nil
	s.reload(log)
	now, its := auth.TURN{Secret: []byte(after), TTL: time.Hour}.Issue("ann", time.Now())
	if relayAs(t, s, now, its) == nil {
		t.Error("a credential of the new secret does not log in")
	}
	if relayAs(t, s, old, word) != nil || relayAs(t, s, "bench", "word") != nil {
		t.Error("a credential that is not good any more logs in")
	}
	if got := s.turn.Allocations(); len(got) == 0 || got[0].User != "ann" {
		t.Errorf("the relays are %v; want that from before to go on", got)
	}
	if _, err := relayed.WriteTo([]byte("hello"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 9}); err == nil {
		t.Error("a peer is allowed that is denied now")
	}

	config.TURN.PreviousSecret = before
	s.reload(log)
	if relayAs(t, s, old, word) == nil {
		t.Error("a credential of the previous secret does not log in")
	}
}

// A server signs what it hands out with the secret of now, and forgets the one
// before.
func TestAServerSignsWithItsNewSecret(t *testing.T) {
	abreast(t)
	config := configs.Default()
	s, url := runServer(t, func(c *configs.Config) { c.TURN.Secret = "the secret of the start" })
	s.read = func() (configs.Config, error) { return config, nil }
	log := slog.New(slog.DiscardHandler)
	var username, password string
	for _, step := range []struct {
		secret configs.Secret
		before bool // whether what was handed out before is still good
	}{{secret: "the secret that came later"}, {}, {before: true}} {
		username, password = handedOut(t, url)
		config.TURN.Secret = step.secret
		s.reload(log)
		if good := relayAs(t, s, username, password) != nil; good != step.before {
			t.Errorf("after a reload with the secret %q, a credential from before is good: %v", step.secret.Reveal(), good)
		}
		username, password = handedOut(t, url)
		if relayAs(t, s, username, password) == nil {
			t.Errorf("after a reload with the secret %q, what the server hands out does not log in", step.secret.Reveal())
		}
	}
}

// handedOut are credentials that a server for its own machine hands out.
func handedOut(t *testing.T, url string) (username, password string) {
	t.Helper()
	response, err := http.Get(url + "/v1/ice")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		ICEServers []struct{ Username, Credential string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || len(answer.ICEServers) != 2 {
		t.Fatalf("it was answered %v, %v", answer, err)
	}
	return answer.ICEServers[1].Username, answer.ICEServers[1].Credential
}

// A relay alone that stops refuses new clients, and waits for those it has.
func TestARelayAloneDrains(t *testing.T) {
	s := runRelay(t, nil)
	username, password := auth.TURN{Secret: []byte("sixteen letters at least"), TTL: time.Hour}.Issue("ann", time.Now())
	relayed := relayAs(t, s, username, password)
	if relayed == nil {
		t.Fatal("there is no relay")
	}
	closed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { closed <- s.close(ctx) }()
	for again := relayAs(t, s, username, password); again != nil; again = relayAs(t, s, username, password) {
		if err := again.Close(); err != nil { // it was faster
			t.Fatal(err)
		}
	}
	if err := relayed.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the relay goes on without clients")
	}
}

// One whose clients stay ends them in time.
func TestARelayAloneDoesNotWaitForEver(t *testing.T) {
	s := runRelay(t, nil)
	username, password := auth.TURN{Secret: []byte("sixteen letters at least"), TTL: time.Hour}.Issue("ann", time.Now())
	if relayAs(t, s, username, password) == nil {
		t.Fatal("there is no relay")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.close(ctx); err != nil {
		t.Errorf("it did not end cleanly: %v", err)
	}
}

// relayAs gets a relayed address over UDP, or nil.
func relayAs(t *testing.T, s *server, username, password string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.port.Port())).String()
	client, err := pion.NewClient(&pion.ClientConfig{TURNServerAddr: at, Username: username, Password: password, Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		return nil
	}
	t.Cleanup(func() { _ = relayed.Close() }) // its timers; some were closed before
	return relayed
}

// A reload says what it took, what waits for a restart, and what it cannot read;
// none of it costs the relay its clients.
func TestAReloadSaysWhatItTakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hiroba.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte("port: 0\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("turn:\n  users: ann:word\n")
	command := program(t, nil, "turn", "--config", file)
	said, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	greeting, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	if _, err := greeting.Read(make([]byte, 1)); err != nil { // it takes signals from then on
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for _, step := range []struct{ text, want string }{
		{"turn:\n  users: ann:word, bob:other\n", `msg="TURN credentials taken" secrets=1 users=2`},
		{"turn:\n  allocations: 9\nlisten: 3478\n", `next start" settings="listen turn.allocations"`},
		{"turn:\n  deny: 9.9.9.0/99\n", `goes on with what it had.*hiroba.yaml:3: turn.deny`},
		{"turn: [\n", `goes on with what it had.*hiroba.yaml:2: this is not YAML`},
	} {
		write(step.text)
		if err := command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for want := regexp.MustCompile(step.want); ; {
			if !lines.Scan() {
				t.Fatalf("%q was never said", step.want)
			}
			if want.MatchString(lines.Text()) {
				break
			}
		}
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, said)
	if err := command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
