package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// example is a program that runs.
type example struct {
	t       *testing.T
	command *exec.Cmd
	in      io.WriteCloser
	lines   chan string
}

func runExample(t *testing.T, path string, arguments ...string) *example {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	e := &example{t: t, command: exec.CommandContext(ctx, path, arguments...), lines: make(chan string, 1000)}
	e.command.Stderr = t.Output()
	out, err := e.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if e.in, err = e.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := e.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			e.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		cancel() // kills it, should it run still
		for range e.lines {
			continue
		}
		_ = e.command.Wait()
	})
	return e
}

// prints waits for a line that holds a text, and returns what follows that.
func (e *example) prints(text string) (after string) {
	e.t.Helper()
	for line := range e.lines {
		if _, after, ok := strings.Cut(line, text); ok {
			return after
		}
	}
	e.t.Fatalf("it ended without saying %q", text)
	return ""
}

func (e *example) interrupt() {
	e.t.Helper()
	if err := e.command.Process.Signal(os.Interrupt); err != nil {
		e.t.Fatal(err)
	}
}

// ends waits for the program's end, which is a good one.
func (e *example) ends() {
	e.t.Helper()
	for line := range e.lines {
		e.t.Log(line)
	}
	if err := e.command.Wait(); err != nil {
		e.t.Errorf("it ended with %v", err)
	}
}
