package configs_test

import (
	"slices"
	"testing"

	"github.com/hiroba-rtc/hiroba/configs"
)

func TestAwaitRestart(t *testing.T) {
	began, err := configs.Load(configs.Sources{Flags: map[string]string{"port": "3478", "turn-deny": "9.9.9.0/24"}})
	if err != nil {
		t.Fatal(err)
	}
	now, err := configs.Load(configs.Sources{Flags: map[string]string{
		"port": "3479", "turn-deny": "", "turn-secret": "sixteen letters!", "turn-users": "ann:word", "turn-allow": "10.0.0.0/8",
		"turn-previous-secret": "sixteen letters?", "turn-allocations": "5", "webhook-urls": "https://example.com/",
		"webhook-secret": "a secret of more than thirty-two bytes",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"port", "turn.allocations", "webhook.secret", "webhook.urls"}
	if got := slices.Sorted(slices.Values(configs.AwaitRestart(began, now))); !slices.Equal(got, want) {
		t.Errorf("%q wait for a restart; %q were expected", got, want)
	}
	if got := configs.AwaitRestart(now, now); len(got) > 0 {
		t.Errorf("%q wait for a restart, though nothing changed", got)
	}
}
