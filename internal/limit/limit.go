// Package limit bounds how many of something there are at a time, in all and
// for each key (an address, a user), so that no single one takes everything.
package limit

import (
	"errors"
	"net/netip"
	"sync"
)

// ErrTotal means that there are as many as there may be in all.
var ErrTotal = errors.New("the limit for all together is reached")

// ErrKey means that this key holds as many as one may.
var ErrKey = errors.New("the limit for a single one is reached")

// Counter counts what is held. It is safe for concurrent use, and takes memory
// only for keys that hold something.
type Counter[K comparable] struct {
	total, perKey int

	mu   sync.Mutex // guards the fields below
	held int
	by   map[K]int
}

// New returns a Counter that allows total in all and perKey for each key.
func New[K comparable](total, perKey int) *Counter[K] {
	return &Counter[K]{total: total, perKey: perKey, by: make(map[K]int)}
}

// Take counts one more for the key, or returns ErrKey or ErrTotal and counts
// nothing. Each Take that succeeds needs one Give.
func (c *Counter[K]) Take(key K) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.full(key); err != nil {
		return err
	}
	c.held++
	c.by[key]++
	return nil
}

// Full returns what Take would refuse with, and counts nothing.
func (c *Counter[K]) Full(key K) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full(key)
}

func (c *Counter[K]) full(key K) error {
	switch {
	case c.by[key] >= c.perKey:
		return ErrKey
	case c.held >= c.total:
		return ErrTotal
	}
	return nil
}

// Give takes back one Take of the key.
func (c *Counter[K]) Give(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held--
	if c.by[key]--; c.by[key] == 0 {
		delete(c.by, key)
	}
}

// Network is the key to count an address by: an IPv4 address itself, for IPv6
// its /64, since a single host has a whole one to choose addresses from.
func Network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	prefix, err := addr.Prefix(64)
	if err != nil { // only the zero Addr
		return netip.Addr{}
	}
	return prefix.Addr()
}
