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
func program(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), append(environ, envMain+"=1")...)
	command.Dir = t.TempDir()
	return command
}

// The program says where to open the page, and ends within five seconds of a
// signal with everybody told and exit code 0.
func TestTheProgramStartsAndStops(t *testing.T) {
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sent.String(), func(t *testing.T) {
			command := program(t, []string{"HIROBA_PORT=0"}, "serve")
			out, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			defer command.Process.Kill() //nolint:errcheck // it has ended if all went well
			url := ""
			for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
				url = strings.TrimSuffix(regexp.MustCompile(`http://\S+`).FindString(lines.Text()), "/")
			}
			if url == "" {
				t.Fatal("it did not say where the page is")
			}
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
	_, url := runServer(t, nil)
	if out, err := program(t, nil, "health", url).CombinedOutput(); err != nil {
		t.Errorf("a server that is well: %v\n%s", err, out)
	}
	if out, err := program(t, nil, "health", "http://127.0.0.1:1").CombinedOutput(); err == nil {
		t.Errorf("no server at all: %s", out)
	}
}
