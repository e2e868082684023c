package main

import (
	"fmt"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/turn"
)

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

// reloadRelay takes credentials and rules from the configuration as it is now.
// If that cannot be used, nothing changes. The secret that this server signs
// with itself stays good until it is started again.
func (s *server) reloadRelay() error {
	config, err := s.read()
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	credentials := relayCredentials(config.TURN, s.signs)
	if secret := config.TURN.Secret.Reveal(); secret != "" && secret != string(s.signs) {
		if s.service == nil { // it hands out nothing
			credentials.Secrets = credentials.Secrets[1:]
		}
		credentials.Secrets = append(credentials.Secrets, []byte(secret))
	}
	if err := s.turn.SetCredentials(credentials); err != nil {
		return err
	}
	s.turn.SetRules(relayRules(config.TURN))
	return nil
}
