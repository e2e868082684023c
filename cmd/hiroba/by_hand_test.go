package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// step is one command of a page, and what the page says comes of it.
type step struct{ command, answer string }

// steps are a page's commands, each with the block that follows it, if one does.
func steps(text string) (out []step) {
	for _, found := range regexp.MustCompile("(?s)```(sh|json|text)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		if found[1] == "sh" {
			out = append(out, step{command: found[2]})
		} else {
			out[len(out)-1].answer += found[2]
		}
	}
	return out
}

// masks are what differs from one time to the next.
var masks = []struct{ pattern, word string }{
	{`\s`, ``}, // the encoder puts spaces in by chance
	{`localhost:\d+`, `localhost`},
	{`"\d{10}:[a-z2-7]{12}"`, `"USER"`},
	{`"[a-z2-7]{12}"`, `"ID"`},
	{`"[A-Z2-7]{26}"`, `"TOKEN"`},
	{`"[\w+/]{27}="`, `"CREDENTIAL"`},
	{`"\d{13}"`, `"TIME"`},
}

// fits says whether an answer is that of the page, in which … stands for
// anything.
func (s step) fits(answer string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(masked(s.answer)), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(masked(answer))
}

func masked(text string) string {
	for _, m := range masks {
		text = regexp.MustCompile(m.pattern).ReplaceAllString(text, m.word)
	}
	return text
}

// Whoever types what docs/protocol/by-hand.md says gets the answers that it
// says.
func TestTheSessionsByHand(t *testing.T) {
	abreast(t)
	for _, needed := range []string{"bash", "curl", "timeout"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Fatalf("%v: run make setup", err)
		}
	}
	s, url := runServer(t, nil)
	tea := s.rooms.Watch("tea", 0)
	t.Cleanup(tea.Close)
	tea.Read() // what there is: nothing yet
	shell := startShell(t, "PATH="+pathWithWebsocat(t))
	text := strings.ReplaceAll(docPage(t, "protocol/by-hand.md"), "http://localhost:8080", url)
	for _, step := range steps(text) {
		said := shell.run(step.command)
		if !step.fits(said) {
			t.Fatalf("%s\nsays\n%s\nthe page says\n%s", step.command, said, step.answer)
		}
		if strings.Contains(step.command, `"Bob"`) {
			// His connection is closed a moment before the others are told.
			left(t, tea)
		}
	}
}

// left waits until somebody has left a room.
func left(t *testing.T, watcher interface {
	Ready() <-chan struct{}
	Read() []*protocol.RoomEvent
}) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case <-watcher.Ready():
			for _, event := range watcher.Read() {
				if event.GetPeerLeft() != nil {
					return
				}
			}
		case <-timeout:
			t.Fatal("nobody left")
		}
	}
}

// shell runs commands one after the other, as in a terminal.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startShell(t *testing.T, environ ...string) *shell {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-eu")
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), environ...)
	command.Stderr = t.Output()
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
	t.Cleanup(func() {
		in.Close()
		_ = command.Wait() // what it says has been looked at
	})
	return &shell{t, in, bufio.NewReader(out)}
}

// run returns what a command writes.
func (s *shell) run(command string) string {
	s.t.Helper()
	const end = "that was all"
	// In braces it is read as a whole before it runs: what it runs finds nothing
	// of the next command on the standard input.
	if _, err := fmt.Fprintf(s.in, "{\n%s\n} </dev/null\necho\necho '%s'\n", command, end); err != nil {
		s.t.Fatal(err)
	}
	var said strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if strings.TrimSuffix(line, "\n") == end {
			return said.String()
		}
		said.WriteString(line)
		if err != nil {
			s.t.Fatalf("%s\nsays %q and ends the shell: %v", command, said.String(), err)
		}
	}
}
