package turn

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/port"
)

// TestCostBesideCoturn has coturn's client relay 10,000 messages a second each
// way (5,000 over TCP and TLS) through this server and through coturn, one after
// the other, and prints what processor time 100,000 relayed packets took each of
// them. It runs by `make turn-bench`, on Linux.
func TestCostBesideCoturn(t *testing.T) {
	if os.Getenv("HIROBA_TURN_BENCH") == "" {
		t.Skip("set HIROBA_TURN_BENCH=1, and install coturn")
	}
	rounds := 3
	if n, err := strconv.Atoi(os.Getenv("HIROBA_TURN_ROUNDS")); err == nil {
		rounds = n
	}
	startProgram(t, "turnutils_peer", "-p", "3480", "-L", "127.0.0.1")
	ours, theirs := startOurs(t), startCoturn(t)
	for _, c := range []struct {
		name      string
		secure    bool
		inside    bool // here to the SFU of the same process; coturn has none
		arguments []string
	}{
		{"UDP", false, false, []string{"-z", "1"}},
		{"UDP to the SFU inside", false, true, []string{"-z", "1"}},
		{"TCP", false, false, []string{"-z", "2", "-t"}},
		{"TLS", true, false, []string{"-z", "2", "-t", "-S"}},
		{"DTLS", true, false, []string{"-z", "1", "-S"}},
	} {
		for _, size := range []string{"1200", "160"} {
			t.Run(c.name+"/"+size, func(t *testing.T) {
				var cost [2][]float64
				var lost [2]int
				for range rounds {
					for i, s := range []*measured{ours, theirs} {
						port := s.plain
						if c.secure {
							port = s.secure
						}
						peer := 3480
						if c.inside && s == ours {
							peer = s.plain
						}
						arguments := slices.Concat([]string{"-e", "127.0.0.1", "-r", strconv.Itoa(peer), "-u", "bench", "-w", "bench",
							"-c", "-n", "3000", "-m", "10", "-l", size, "-p", strconv.Itoa(port)}, c.arguments, []string{"127.0.0.1"})
						before := s.cpu(t)
						sent, came := countClient(t, arguments...)
						// Each message is two packets when it came back, else one.
						cost[i] = append(cost[i], (s.cpu(t)-before).Seconds()/float64(sent+came)*100_000)
						lost[i] += sent - came
					}
				}
				for i := range cost {
					slices.Sort(cost[i])
				}
				a, b := cost[0][rounds/2], cost[1][rounds/2]
				fmt.Printf("%-21s %5s bytes: ours %.3f CPU s (%d lost), coturn %.3f (%d lost), ratio %.2f\n", c.name, size, a, lost[0], b, lost[1], a/b)
			})
		}
	}
}

// measured is a server in a process of its own.
type measured struct {
	process       *os.Process
	plain, secure int
}

// cpu is the processor time that the process has used so far.
func (m *measured) cpu(t testing.TB) time.Duration {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:])) // a name may have spaces
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// startOurs runs TestServe in another process.
func startOurs(t testing.TB) *measured {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run", "^TestServe$", "-test.timeout", "30m")
	command.Env = append(os.Environ(), "HIROBA_TURN_SERVE=1")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // it ends with its input
		_ = in.Close()
		_ = command.Wait()
	})
	m := &measured{process: command.Process}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &m.plain, &m.secure); err != nil {
		t.Fatalf("the server said %q: %v", line, err)
	}
	return m
}

// TestServe is the server of TestCostBesideCoturn.
func TestServe(t *testing.T) {
	if os.Getenv("HIROBA_TURN_SERVE") == "" {
		t.Skip("it is started by TestCostBesideCoturn")
	}
	f := newFarm(t, func(p *port.Port, c *Config) {
		for _, u := range p.UDP() {
			if u.Addr().Addr() == loopback {
				c.Self = append(c.Self, u.Addr())
				c.Inside = append(c.Inside, &keptMirror{ICEConn: u.ICE(), batch: u.ICE().NewBatch()})
			}
		}
	})
	fmt.Println(f.plain, f.secure)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startCoturn runs coturn.
func startCoturn(t testing.TB) *measured {
	t.Helper()
	folder := t.TempDir()
	certificate := selfSigned(t)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"certificate": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		"key":         {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := &measured{plain: freePort(t), secure: freePort(t)}
	m.process = startProgram(t, "turnserver", "-n", "--no-cli", "--lt-cred-mech", "--user", "bench:bench", "--realm", "hiroba",
		"--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--allow-loopback-peers",
		"--listening-port", strconv.Itoa(m.plain), "--tls-listening-port", strconv.Itoa(m.secure),
		"--cert", filepath.Join(folder, "certificate"), "--pkey", filepath.Join(folder, "key"),
		"--log-file", filepath.Join(folder, "log"), "--pidfile", filepath.Join(folder, "pid"), "--userdb", filepath.Join(folder, "db")).Process
	eventually(t, "coturn listens", func() bool {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(loopback, uint16(m.secure)).String())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return m
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
