package configs_test

import (
	"testing"

	"github.com/hiroba-rtc/hiroba/configs"
)

// A user of the relay has one password, and each has one.
func TestRelayUsers(t *testing.T) {
	for text, good := range map[string]bool{
		"ann:word": true, "ann:word, bob:other:word": true, "": true,
		"ann": false, "ann:": false, ":word": false, "ann:word,": false, "ann:word, ann:other": false,
	} {
		_, err := configs.Load(configs.Sources{Flags: map[string]string{"turn-users": text}})
		if good != (err == nil) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
