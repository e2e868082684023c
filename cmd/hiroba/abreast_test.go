package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// beside holds the tests that run beside each other now. That no goroutine is left
// over can be seen when the last of them has ended.
var beside struct {
	mu     sync.Mutex // guards all below
	names  map[string]bool
	before goleak.Option
}

// abreast lets a test run beside others, after all that want the machine for
// themselves: those with browsers, and those that look at the time. Most others
// do little but wait for each other's packets. It is called first.
func abreast(t *testing.T) {
	t.Helper()
	t.Parallel()
	beside.mu.Lock()
	defer beside.mu.Unlock()
	if len(beside.names) == 0 {
		beside.names, beside.before = map[string]bool{}, goleak.IgnoreCurrent()
	}
	beside.names[t.Name()] = true
	t.Cleanup(func() {
		beside.mu.Lock()
		defer beside.mu.Unlock()
		if delete(beside.names, t.Name()); len(beside.names) == 0 {
			http.DefaultClient.CloseIdleConnections()
			noneLeft(t, beside.before, goleak.IgnoreAnyFunction(drains))
		}
	})
}

// leftNothing is to be called before a test starts something, and what it
// returns after that has ended: it looks for goroutines left over.
func leftNothing(t testing.TB) (check func()) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	beside.mu.Lock()
	defer beside.mu.Unlock()
	if beside.names[name] {
		return func() {} // the last one looks
	}
	before := goleak.IgnoreCurrent()
	return func() {
		t.Helper()
		http.DefaultClient.CloseIdleConnections()
		noneLeft(t, before, goleak.IgnoreAnyFunction(drains))
	}
}

// noneLeft waits until no goroutine is left over. goleak alone waits for half a
// second, in which those that are about to end may not get to run.
func noneLeft(t testing.TB, besides ...goleak.Option) {
	t.Helper()
	begin, err := time.Now(), goleak.Find(besides...)
	for err != nil && time.Since(begin) < patience {
		err = goleak.Find(besides...)
	}
	if err != nil {
		t.Error(err)
	}
}
