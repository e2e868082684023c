package turn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/port"
)

// farm is a server on every transport, for programs that others wrote.
type farm struct {
	*Server
	plain, secure int // ports of UDP and TCP, and of DTLS and TLS
}

// newFarm starts one on all addresses of the machine, beside an SFU.
func newFarm(t testing.TB, change func(*port.Port, *Config)) *farm {
	t.Helper()
	certificate := selfSigned(t)
	p, err := port.Listen(port.Config{
		Host: netip.IPv4Unspecified(), Logger: quiet, TLS: &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Credentials: Credentials{Secrets: [][]byte{secret}, Users: map[string]string{"bench": "bench"}},
		Rules:       Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		Limits:      Limits{AllocationsPerUser: 100_000, Allocations: 100_000, AllocationsPerSecond: 100_000, AnswersPerSecond: 100_000},
		Listeners:   []Listener{{p.TURNTCP(), TCP}, {p.TURNTLS(), TLS}},
		DTLS:        p.TURNDTLS(),
		Logger:      quiet,
	}
	var ice sync.WaitGroup
	for _, u := range p.UDP() {
		config.UDP = append(config.UDP, u.TURN())
		ice.Go(func() { readForOthers(u.ICE()) }) // else TURN would hear nothing
	}
	f := &farm{plain: p.Port(), secure: p.Port()}
	if change != nil {
		change(p, &config)
	}
	if f.Server, err = New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("closing the TURN server: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("closing the port: %v", err)
		}
		ice.Wait()
	})
	return f
}

// readForOthers is an SFU without clients.
func readForOthers(ice *port.ICEConn) {
	for {
		datagrams, err := ice.ReadBatch()
		if err != nil {
			return
		}
		for _, d := range datagrams {
			ice.Stray(d.Bytes, d.From)
		}
	}
}

func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// start runs a program of coturn's until the test ends.
func startProgram(t testing.TB, name string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(name, arguments...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// TestCoturnClients has coturn's own client relay through this server in every
// way there is, and loses nothing. It runs by `make turn-interop`.
func TestCoturnClients(t *testing.T) {
	if os.Getenv("HIROBA_TURN_INTEROP") == "" {
		t.Skip("set HIROBA_TURN_INTEROP=1, and install coturn")
	}
	f := newFarm(t, nil)
	for _, at := range []string{"127.0.0.1", "::1"} {
		startProgram(t, "turnutils_peer", "-p", "3480", "-L", at)
	}
	messages := os.Getenv("HIROBA_TURN_MESSAGES")
	if messages == "" {
		messages = "3000"
	}
	common := []string{"-r", "3480", "-c", "-n", messages, "-m", "10", "-l", "1200", "-z", "1"}
	user := []string{"-u", "bench", "-w", "bench"}
	peer := []string{"-e", "127.0.0.1"}
	for _, c := range []struct {
		name      string
		arguments [][]string
		port      int
	}{
		{"UDP", [][]string{user, peer}, f.plain},
		{"TCP", [][]string{user, peer, {"-t"}}, f.plain},
		{"TLS", [][]string{user, peer, {"-t", "-S"}}, f.secure},
		{"DTLS", [][]string{user, peer, {"-S"}}, f.secure},
		{"REST credentials", [][]string{{"-u", "alice", "-W", string(secret)}, peer}, f.plain},
		{"Send indications", [][]string{user, peer, {"-s"}}, f.plain},
		{"client to client", [][]string{user, {"-y"}}, f.plain},
		{"TCP allocations", [][]string{user, {"-T"}}, f.plain},
		{"IPv6", [][]string{user, {"-e", "::1", "-x"}}, f.plain},
		{"DONT-FRAGMENT", [][]string{user, peer, {"-g"}}, f.plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			arguments := append([]string{}, common...)
			for _, a := range c.arguments {
				arguments = append(arguments, a...)
			}
			runClient(t, append(arguments, "-p", strconv.Itoa(c.port), "127.0.0.1")...)
		})
	}
}

var sentPackets = regexp.MustCompile(`tot_send_msgs=(\d+), tot_recv_msgs=(\d+)`)

// runClient runs coturn's client, and wants no packet to be lost.
func runClient(t testing.TB, arguments ...string) {
	t.Helper()
	sent, came := countClient(t, arguments...)
	if sent == 0 || came != sent {
		t.Errorf("turnutils_uclient %s: %d sent, %d came", strings.Join(arguments, " "), sent, came)
	}
}

// countClient runs coturn's client, and returns how many messages it sent and
// how many came back.
func countClient(t testing.TB, arguments ...string) (sent, came int) {
	t.Helper()
	out, err := exec.Command("timeout", append([]string{"100", "turnutils_uclient"}, arguments...)...).CombinedOutput()
	said := sentPackets.FindAllStringSubmatch(string(out), -1)
	if err != nil || len(said) == 0 {
		t.Fatalf("turnutils_uclient %s: %v\n%s", strings.Join(arguments, " "), err, out[max(0, len(out)-3000):])
	}
	last := said[len(said)-1]
	sent, _ = strconv.Atoi(last[1])
	came, _ = strconv.Atoi(last[2])
	return sent, came
}
