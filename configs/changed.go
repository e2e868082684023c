package configs

import "slices"

// live are the settings that a running server reads again on SIGHUP.
var live = []string{"turn.secret", "turn.previous_secret", "turn.users", "turn.allow", "turn.deny"}

// AwaitRestart names the settings in which a configuration that was read again
// differs from the one that a server began with, and which it takes only when it
// is started anew.
func AwaitRestart(began, now Config) (names []string) {
	for _, setting := range table {
		if !slices.Contains(live, setting.Name) && setting.write(began) != setting.write(now) {
			names = append(names, setting.Name)
		}
	}
	return names
}
