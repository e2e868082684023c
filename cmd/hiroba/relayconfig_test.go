package main

import (
	"log/slog"
	"net"
	"net/netip"
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
	return relayed
}
