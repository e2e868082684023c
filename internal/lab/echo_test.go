package lab

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"
)

// envRole makes this test binary one of the programs that run in namespaces.
const envRole = "HIROBA_LAB_ROLE" // "echo", "ping", "mirror" or "knock"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "echo":
		fmt.Println(echo())
	case "ping":
		if err := ping(); err != nil {
			fmt.Println(err)
		}
	case "mirror":
		fmt.Println(mirror())
	case "knock":
		if err := knock(); err != nil {
			fmt.Println(err)
		}
	default:
		os.Exit(m.Run())
	}
}

var echoAddr = netip.AddrPortFrom(ServerAddr, 7)

// echo says "ready", and answers each datagram by itself.
func echo() error {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(echoAddr))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	buffer := make([]byte, 1500)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		_, _ = socket.WriteToUDPAddrPort(buffer[:n], from) // it may be cut off meanwhile
	}
}

// pings is what came of a hundred datagrams.
type pings struct {
	Lost int
	Mean time.Duration
}

// ping sends a hundred datagrams and prints what came of them, in JSON.
func ping() error {
	socket, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(echoAddr))
	if err != nil {
		return err
	}
	const count, pause = 100, 10 * time.Millisecond
	if err := socket.SetReadDeadline(time.Now().Add(count*pause + time.Second)); err != nil {
		return err
	}
	go func() {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for range count {
			_, _ = socket.Write(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())))
			<-ticker.C
		}
	}()
	out := pings{Lost: count}
	var sum time.Duration
	for buffer := make([]byte, 1500); out.Lost > 0; out.Lost-- {
		if _, err := socket.Read(buffer); err != nil {
			break
		}
		sum += time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(buffer))))
	}
	if got := count - out.Lost; got > 0 {
		out.Mean = sum / time.Duration(got)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// startProgram has a program run in a namespace until the test ends.
func startProgram(t *testing.T, at *Namespace, role string) {
	t.Helper()
	command := program(at, role)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the %s said %q, %v", role, line, err)
	}
}

// pingFrom is what a client finds.
func pingFrom(t *testing.T, c *Client) (got pings) {
	t.Helper()
	out, err := program(c.Namespace, "ping").Output()
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil {
		t.Fatalf("ping: %v: %s", err, out)
	}
	return got
}

// program is this binary in a namespace.
func program(at *Namespace, role string) *exec.Cmd {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), envRole+"="+role)
	at.Enter(command)
	return command
}
