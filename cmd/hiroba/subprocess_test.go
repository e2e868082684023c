package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// answered is what a subprocess says to an order.
type answered[Answer any] struct {
	Answer Answer
	Err    string // why it was not carried out; empty if it was
}

// startSubprocess starts this test binary again, as a process that obeys: one
// variable in its environment says as what. give gives it an order and waits for
// the answer, leave ends it; the benchmark's end does so, too.
func startSubprocess[Order, Answer any](b *testing.B, variable, value string) (give func(Order) Answer, leave func()) {
	b.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), variable+"="+value)
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	leave = sync.OnceFunc(func() {
		if err := errors.Join(stdin.Close(), process.Wait()); err != nil {
			b.Errorf("the process of %s: %v", variable, err)
		}
	})
	b.Cleanup(leave)
	orders, answers := json.NewEncoder(stdin), json.NewDecoder(stdout)
	return func(o Order) Answer {
		b.Helper()
		if err := orders.Encode(o); err != nil {
			b.Fatalf("ordering %+v: %v", o, err)
		}
		var a answered[Answer]
		if err := answers.Decode(&a); err != nil {
			b.Fatalf("%+v: %v", o, err)
		}
		if a.Err != "" {
			b.Fatalf("%+v: %s", o, a.Err)
		}
		return a.Answer
	}, leave
}

// obey is what such a process does: it carries out what comes by its standard
// input, line by line, and answers each, until the input ends.
func obey[Order, Answer any](carryOut func(Order) (Answer, error)) error {
	orders, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o Order
		if err := orders.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var a answered[Answer]
		var err error
		if a.Answer, err = carryOut(o); err != nil {
			a.Err = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}
