package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

// envMain makes this test binary the program itself.
const envMain = "HIROBA_TEST_MAIN"

// program is `hiroba` with arguments, as a process of its own.
func program(t testing.TB, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), append(environ, envMain+"=1")...)
	command.Dir = t.TempDir()
	return command
}

// serveProgram starts `hiroba serve` and returns the address of its page.
func serveProgram(t *testing.T, environ ...string) (command *exec.Cmd, url string) {
	t.Helper()
	command = program(t, environ, "serve")
	return command, startProgram(t, command)
}

// startProgram starts a command that serves and returns the address of its
// page.
func startProgram(t testing.TB, command *exec.Cmd) (url string) {
	t.Helper()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() }) // it has ended if all went well
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		url = strings.TrimSuffix(regexp.MustCompile(`https?://\S+`).FindString(lines.Text()), "/")
	}
	if url == "" {
		t.Fatal("it did not say where the page is")
	}
	return url
}

// A server that stands still for a while, as a machine without memory does,
// costs nobody their place: all the connections that were tried meanwhile come
// in at once, and the last one holds.
func TestAServerThatStandsStillCostsNobodyTheirPlace(t *testing.T) {
	command, url := serveProgram(t, "HIROBA_PORT=0", "HIROBA_HEARTBEAT=1s", "HIROBA_ROOMS_TOPOLOGY=sfu")
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")
	ids := evaluate[string](ann, `hiroba.room.self.id`) + evaluate[string](bob, `hiroba.room.self.id`)
	if err := command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ann.waits("the loss of the server", `hiroba.room.state === 'reconnecting'`)
	ann.waits("several tries to reach it", `(window.since ??= performance.now()) + 6000 < performance.now()`)
	if err := command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*tab{ann, bob} {
		p.waits("the server again", `hiroba.room.state === 'connected'`)
	}
	evaluate[any](bob, `void hiroba.room.on('message:test', (m) => { window.got = m.data; })`)
	evaluate[any](ann, `hiroba.room.emit('test', 'still here', { timeoutMs: 15000 })`)
	bob.waits("what Ann says", `window.got === 'still here'`)
	if again := evaluate[string](ann, `hiroba.room.self.id`) + evaluate[string](bob, `hiroba.room.self.id`); again != ids {
		t.Error("they had to join again")
	}
	_ = command.Process.Signal(syscall.SIGTERM)
	_ = command.Wait()
}

// The program says where to open the page, and ends within five seconds of a
// signal with everybody told and exit code 0.
func TestTheProgramStartsAndStops(t *testing.T) {
	abreast(t)
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sent.String(), func(t *testing.T) {
			command, url := serveProgram(t, "HIROBA_PORT=0")
			ann := enter(t, url, "tea", func(c *client.Config) { c.Name = "Ann" })
			<-ann.Connected()

			began := time.Now()
			if err := command.Process.Signal(sent); err != nil {
				t.Fatal(err)
			}
			<-ann.Link().Done()
			if err := ann.Link().Err(); err == nil || !strings.Contains(err.Error(), "SHUTTING_DOWN") {
				t.Errorf("a peer was told %v", err)
			}
			if err := command.Wait(); err != nil {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// What cannot be served is refused before anything starts, by key, value and
// what would be right.
func TestTheProgramRefusesWhatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hiroba.yaml")
	if err := os.WriteFile(file, []byte("prot: 8080\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		want    []string
	}{
		{"an unknown key", nil, []string{"--config", file}, []string{"prot", "port"}},
		{"an impossible value", nil, []string{"--port", "99999"}, []string{"--port", "99999", "65535"}},
		{"an impossible variable", []string{"HIROBA_PORT=x"}, nil, []string{"HIROBA_PORT", `"x"`}},
		{"open to the world without a word", nil, []string{"--host", "0.0.0.0"}, []string{"host", "access", "open"}},
		{"an unknown flag", nil, []string{"--prot", "1"}, []string{"--prot"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			command := program(t, tc.environ, tc.args...)
			out, err := command.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() == 0 {
				t.Fatalf("it ended with %v:\n%s", err, out)
			}
			for _, part := range tc.want {
				if !bytes.Contains(out, []byte(part)) {
					t.Errorf("it does not say %s:\n%s", part, out)
				}
			}
		})
	}
}

func TestHealthCommand(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	if out, err := program(t, nil, "health", url).CombinedOutput(); err != nil {
		t.Errorf("a server that is well: %v\n%s", err, out)
	}
	if out, err := program(t, nil, "health", "http://127.0.0.1:1").CombinedOutput(); err == nil {
		t.Errorf("no server at all: %s", out)
	}
}
