package configs_test

import (
	"maps"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/hiroba-rtc/hiroba/configs"
)

func TestFlagsAreReadByKong(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		want      map[string]string
	}{
		"none":       {nil, map[string]string{}},
		"values":     {[]string{"--port=0", "--log-level", "debug"}, map[string]string{"port": "0", "log-level": "debug"}},
		"empty":      {[]string{"--turn-secret="}, map[string]string{"turn-secret": ""}},
		"switch on":  {[]string{"--metrics-public"}, map[string]string{"metrics-public": "true"}},
		"switch off": {[]string{"--no-turn-enabled", "--metrics-enabled=false"}, map[string]string{"turn-enabled": "false", "metrics-enabled": "false"}},
	} {
		t.Run(name, func(t *testing.T) {
			flags := configs.NewFlags()
			parser, err := kong.New(&struct{ kong.Plugins }{kong.Plugins{flags.Struct()}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(test.arguments); err != nil {
				t.Fatal(err)
			}
			given := flags.Given()
			if !maps.Equal(given, test.want) {
				t.Errorf("got %v, want %v", given, test.want)
			}
		})
	}
}
