package turn

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/internal/records"
)

// Config says what a Server serves.
type Config struct {
	// UDP are sockets bound to one specific address each; relays for a client
	// sit at the address that it reached. The server reads and closes them.
	UDP []Socket
	// Listeners have the connections of clients over TCP and TLS. The server
	// closes them.
	Listeners []Listener
	// DTLS has the connections over DTLS on the sockets of UDP, or is nil. The
	// server closes it.
	DTLS records.Listener

	Credentials Credentials
	// Realm is "hiroba" when empty.
	Realm string
	// Grace is how long after a credential's expiry it keeps the allocations
	// alive that it opened before; 24 hours when 0, none when negative.
	Grace time.Duration

	// Self are the UDP sockets of this server's own SFU: the one exception,
	// port and all, from the addresses that no client reaches as a peer.
	Self []netip.AddrPort
	// Inside are those of them in this process: nothing that goes there or comes
	// from there passes the kernel.
	Inside []Inside
	// Advertise are the addresses by which the world knows this machine when
	// they are not its own, at most one for each address family. Relayed
	// addresses are announced there, and clients reach Self there.
	Advertise []netip.Addr
	// Rules are about peers; they can be changed, see Server.SetRules.
	Rules Rules

	// RelayPortLow to RelayPortHigh are the UDP ports of relayed addresses;
	// both 0 for any.
	RelayPortLow, RelayPortHigh uint16

	Limits Limits

	// Began and Ended are told of allocations, by goroutines that others wait
	// for, so they must not block. Why an allocation ended is one of the
	// constants EndedBy….
	Began func(Allocation)
	Ended func(a Allocation, why string)

	Logger     *slog.Logger          // nil: slog.Default
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// Credentials are what clients log in with.
type Credentials struct {
	// Secrets are shared with whoever issues time-limited credentials; see
	// authenticator. Each of them is good, so that one can take the place of
	// another.
	Secrets [][]byte
	// Users are the passwords of users without an end.
	Users map[string]string
}

// Listener has connections of clients.
type Listener struct {
	net.Listener
	Transport Transport // how clients come here: TCP or TLS
}

// Transport is how a client reaches the server; as a string, a label of
// metrics.
type Transport string

// The transports of RFC 8656, section 3.1.
const (
	UDP  Transport = "udp"
	TCP  Transport = "tcp"
	TLS  Transport = "tls"
	DTLS Transport = "dtls"
)

// Limits bound what clients can make the server hold or do. Each 0 is its
// default.
type Limits struct {
	AllocationsPerUser   int // 16
	Allocations          int // in all; 4096
	AllocationsPerSecond int // that one IPv4 address or IPv6 /64 begins, on average; 50
	Permissions          int // of one allocation; 128
	Channels             int // of one allocation; 128
	Connections          int // over TCP, TLS and DTLS, in all; 4096
	ConnectionsPerSource int // of one IPv4 address or IPv6 /64; 256
	// AnswersPerSecond bounds answers to one IPv4 address or IPv6 /64 of who has
	// no allocation: over UDP its source can be forged; 100.
	AnswersPerSecond int
	// StrangersPerSecond bounds answers over UDP to all together who neither have
	// an allocation nor have logged in; 10,000.
	StrangersPerSecond int
	// Bits per second that are relayed, both directions together: of one
	// allocation, of all of a user, and in all. 0 is without bound.
	BitsPerAllocation, BitsPerUser, Bits int64
}

// complete fills in defaults and says what is wrong.
func (c *Config) complete() error {
	if len(c.UDP) == 0 && len(c.Listeners) == 0 {
		return errors.New("turn: neither UDP nor TCP to serve")
	}
	for _, l := range c.Listeners {
		if l.Transport != TCP && l.Transport != TLS {
			return fmt.Errorf("turn: %q is no transport of a listener; it can be tcp or tls", l.Transport)
		}
	}
	for _, socket := range c.UDP {
		if at := socket.Addr(); !at.IsValid() || at.Addr().IsUnspecified() {
			return fmt.Errorf("turn: UDP %v is not at one specific address, where relays could sit", at)
		}
	}
	if err := c.checkCredentials(); err != nil {
		return err
	}
	if c.RelayPortLow > c.RelayPortHigh || c.RelayPortLow == 0 && c.RelayPortHigh != 0 {
		return fmt.Errorf("turn: %d-%d is no range of relay ports; give the lower one first, from 1 on, or 0 twice for any",
			c.RelayPortLow, c.RelayPortHigh)
	}
	for _, n := range slices.Concat(c.Rules.Allow, c.Rules.Deny) {
		if !n.IsValid() {
			return fmt.Errorf("turn: %v among the rules about peers is no network; write it like 192.0.2.0/24", n)
		}
	}
	c.Self = slices.Clone(c.Self)
	for i, addr := range c.Self {
		c.Self[i] = canonical(addr)
	}
	c.Advertise = slices.Clone(c.Advertise)
	for i, addr := range c.Advertise {
		c.Advertise[i] = addr.Unmap()
	}
	setDefault(&c.Realm, "hiroba")
	setDefault(&c.Grace, 24*time.Hour)
	setDefault(&c.Limits.AllocationsPerUser, 16)
	setDefault(&c.Limits.Allocations, 4096)
	setDefault(&c.Limits.AllocationsPerSecond, 50)
	setDefault(&c.Limits.Permissions, 128)
	setDefault(&c.Limits.Channels, 128)
	setDefault(&c.Limits.Connections, 4096)
	setDefault(&c.Limits.ConnectionsPerSource, 256)
	setDefault(&c.Limits.AnswersPerSecond, 100)
	setDefault(&c.Limits.StrangersPerSecond, 10_000)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

func (c *Config) checkCredentials() error {
	if len(c.Credentials.Secrets) == 0 && len(c.Credentials.Users) == 0 {
		return errors.New("turn: no secret and no users, so nobody could log in; set one, or make a random secret")
	}
	for _, secret := range c.Credentials.Secrets {
		if len(secret) == 0 {
			return errors.New("turn: a secret is empty, so anybody could log in")
		}
	}
	for name, password := range c.Credentials.Users {
		if name == "" || password == "" {
			return fmt.Errorf("turn: the user %q has no name or no password, so anybody could log in", name)
		}
	}
	return nil
}

func (c *Config) authenticator() *authenticator {
	return &authenticator{
		secrets: c.Credentials.Secrets, users: c.Credentials.Users, realm: c.Realm, grace: max(0, c.Grace),
	}
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}
