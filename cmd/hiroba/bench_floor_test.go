package main

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/load"
	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// The floor is what a machine takes for forwarding at least: a process that
// reads a packet, seals it with AES-GCM for each receiver, and sends it to all in
// as few system calls as the system lets it, with no protocol at all. Its
// receivers are another process, which reads all that comes: what is not read
// fills memory, and is dearer to send.
const (
	envFloor = "HIROBA_BENCH_FLOOR" // the receivers' addresses
	envSinks = "HIROBA_BENCH_SINKS" // how many receivers
)

// camera is what one publisher sends: bursts of so many packets, so many a second.
type camera struct{ bursts, packets, bytes int }

// floorCost is the floor's CPU time in µs per packet that was sent, one stream to
// so many receivers.
func floorCost(tb testing.TB, s camera, receivers int, run time.Duration) float64 {
	tb.Helper()
	sinks := startTask(tb, envSinks, strconv.Itoa(receivers))
	defer sinks.end()
	floor := startTask(tb, envFloor, sinks.said)
	defer floor.end()

	to, err := net.Dial("udp", floor.said)
	if err != nil {
		tb.Fatal(err)
	}
	defer to.Close()
	payload := make([]byte, s.bytes)
	ticker := time.NewTicker(time.Second / time.Duration(s.bursts))
	defer ticker.Stop()
	send := func(bursts int) {
		for range bursts {
			<-ticker.C
			for range s.packets {
				if _, err := to.Write(payload); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
	send(s.bursts / 2) // what is new is dear
	bursts := int(run.Seconds() * float64(s.bursts))
	before := processTime(tb, floor.command.Process.Pid)
	send(bursts)
	used := processTime(tb, floor.command.Process.Pid) - before
	return float64(used.Nanoseconds()) / 1000 / float64(bursts*s.packets*receivers)
}

// task is this test binary again, which says one line when it is ready, and ends
// with its standard input.
type task struct {
	tb      testing.TB
	command *exec.Cmd
	input   io.Closer
	said    string
}

func startTask(tb testing.TB, name, value string) *task {
	tb.Helper()
	t := &task{tb: tb, command: exec.Command(os.Args[0])}
	t.command.Env = append(os.Environ(), name+"="+value)
	t.command.Stderr = os.Stderr
	input, err := t.command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	output, err := t.command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	t.input = input
	if err := t.command.Start(); err != nil {
		tb.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.end()
		tb.Fatalf("%s said %q: %v", name, line, err)
	}
	t.said = strings.TrimSpace(line)
	return t
}

func (t *task) end() {
	_ = t.input.Close()
	if err := t.command.Wait(); err != nil {
		t.tb.Errorf("a task ended with %v", err)
	}
}

// processTime is the CPU time that a process has taken.
func processTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	gauge := load.Process(pid)
	used, err := gauge.Read(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return used.CPU
}

// floorMain is the floor.
func floorMain(receivers string) error {
	var to []netip.AddrPort
	for addr := range strings.FieldsSeq(receivers) {
		at, err := netip.ParseAddrPort(addr)
		if err != nil {
			return err
		}
		to = append(to, at)
	}
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	socket, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		return err
	}
	fmt.Println(socket.Addr())
	ended := make(chan error, 1)
	go func() {
		reader, batch, nonce := socket.NewReader(), socket.NewBatch(), make([]byte, 12)
		for {
			datagrams, err := reader.Read()
			if err != nil {
				ended <- err
				return
			}
			for _, at := range to {
				for _, d := range datagrams {
					nonce[0]++
					room := batch.Room(len(d.Bytes) + seal.Overhead())
					batch.Add(len(seal.Seal(room[:0], nonce, d.Bytes, nil)), at)
				}
			}
			batch.Flush()
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	if closed := socket.Close(); closed != nil {
		return closed
	}
	if why := <-ended; !errors.Is(why, net.ErrClosed) {
		return why
	}
	return err
}

// sinksMain is the receivers.
func sinksMain(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	var addrs []string
	for range n {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		addrs = append(addrs, conn.LocalAddr().String())
		go func() {
			for buf := make([]byte, 1500); err == nil; {
				_, _, err = conn.ReadFromUDPAddrPort(buf)
			}
		}()
	}
	fmt.Println(strings.Join(addrs, " "))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
