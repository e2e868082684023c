package main

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/turn"
)

// signingSecret is what signs the credentials that this server hands out.
type signingSecret struct {
	now atomic.Pointer[[]byte]
	own []byte // made when there is no turn.secret, and kept then
}

// of is turn.secret, or what takes its place. Only who starts or reloads the
// server calls it.
func (r *signingSecret) of(config configs.TURN) []byte {
	if secret := config.Secret.Reveal(); secret != "" {
		return []byte(secret)
	}
	if r.own == nil {
		r.own = []byte(rand.Text())
	}
	return r.own
}

// sign has credentials signed with a secret from now on.
func (r *signingSecret) sign(secret []byte) { r.now.Store(&secret) }

// signing is the secret of now.
func (r *signingSecret) signing() []byte { return *r.now.Load() }

// relayCredentials are what clients of the relay log in with; secret is
// turn.secret, or what was made in its place.
func relayCredentials(config configs.TURN, secret []byte) turn.Credentials {
	out := turn.Credentials{Secrets: [][]byte{secret}, Users: config.UserList()}
	if previous := config.PreviousSecret.Reveal(); previous != "" {
		out.Secrets = append(out.Secrets, []byte(previous))
	}
	return out
}

// relayGrace is turn.grace, where nothing is nothing and not the default.
func relayGrace(config configs.TURN) time.Duration {
	if config.Grace == 0 {
		return -1
	}
	return config.Grace
}

func relayRules(config configs.TURN) turn.Rules {
	return turn.Rules{Allow: config.Allow, Deny: config.Deny}
}

func relayLimits(config configs.TURN) turn.Limits {
	return turn.Limits{
		AllocationsPerUser: config.AllocationsPerUser, Allocations: config.Allocations,
		AllocationsPerSecond: config.AllocationsPerSecond,
		Permissions:          config.Permissions, Channels: config.Channels,
		BitsPerAllocation: int64(config.AllocationBits), BitsPerUser: int64(config.UserBits), Bits: int64(config.TotalBits),
	}
}

// reloadRelay takes credentials and rules from the configuration as it is now,
// and signs with the new secret. If that cannot be used, nothing changes. What
// else has changed in it is named, as it waits for a restart.
func (s *server) reloadRelay(log *slog.Logger) error {
	config, err := s.read()
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	secret := s.secret.of(config.TURN)
	credentials := relayCredentials(config.TURN, secret)
	if err := s.turn.SetCredentials(credentials); err != nil {
		return err
	}
	log.Info("TURN credentials taken", "secrets", len(credentials.Secrets), "users", len(credentials.Users))
	s.secret.sign(secret)
	s.turn.SetRules(relayRules(config.TURN))
	if names := configs.AwaitRestart(s.began, config); len(names) > 0 {
		log.Warn("some settings have changed that are taken only at the next start", "settings", strings.Join(names, " "))
	}
	return nil
}
