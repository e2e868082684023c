package main

import (
	"fmt"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// accessKeys are the keys of the configuration, with the files read that it
// names.
func accessKeys(config configs.Config) (auth.Keys, error) {
	keys, err := auth.ParseKeys(config.Keys.Reveal())
	if err != nil {
		return auth.Keys{}, fmt.Errorf("the setting keys cannot be used: %w; docs/access.md says how keys are written", err)
	}
	return keys, nil
}
