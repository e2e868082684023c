package limit_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/limit"
)

func TestCounter(t *testing.T) {
	c := limit.New[string](3, 2)
	steps := []struct {
		name string
		do   func() error
		want error
	}{
		{"first of a", func() error { return c.Take("a") }, nil},
		{"second of a", func() error { return c.Take("a") }, nil},
		{"third of a", func() error { return c.Take("a") }, limit.ErrKey},
		{"a is full", func() error { return c.Full("a") }, limit.ErrKey},
		{"b is not", func() error { return c.Full("b") }, nil},
		{"first of b", func() error { return c.Take("b") }, nil},
		{"all are taken", func() error { return c.Take("c") }, limit.ErrTotal},
		{"a gives one", func() error { c.Give("a"); return nil }, nil},
		{"c has it", func() error { return c.Take("c") }, nil},
		{"a comes too late", func() error { return c.Take("a") }, limit.ErrTotal},
	}
	for _, step := range steps {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Fatalf("%s: got %v, want %v", step.name, err, step.want)
		}
	}
}

func TestCounterInParallel(t *testing.T) {
	c := limit.New[int](100, 10)
	var wg sync.WaitGroup
	for key := range 8 {
		wg.Go(func() {
			for range 1000 {
				if c.Take(key) == nil {
					c.Give(key)
				}
			}
		})
	}
	wg.Wait()
	for key := range 10 {
		for range 10 {
			if err := c.Take(key); err != nil {
				t.Fatalf("something was not given back: %v", err)
			}
		}
	}
}

func TestNetwork(t *testing.T) {
	cases := map[string]string{
		"192.0.2.1":           "192.0.2.1",
		"::ffff:192.0.2.1":    "192.0.2.1",
		"2001:db8::1":         "2001:db8::",
		"2001:db8:0:0:ff::1":  "2001:db8::",
		"2001:db8:0:1::1":     "2001:db8:0:1::",
		"fe80::1%eth0":        "fe80::",
		"::1":                 "::",
		"2001:db8:1:2:3:4::5": "2001:db8:1:2::",
	}
	for addr, want := range cases {
		if got := limit.Network(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("Network(%s) = %v, want %s", addr, got, want)
		}
	}
	if got := limit.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("Network of no address = %v, want none", got)
	}
}
