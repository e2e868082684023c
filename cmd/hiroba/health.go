package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
)

// healthCommand is `hiroba health`.
type healthCommand struct {
	URL string `arg:"" optional:"" help:"The server; when left out, the one that the configuration of this machine describes."`
}

// Run fails unless the server answers that it is well.
func (c *healthCommand) Run(ctx context.Context) error {
	url := c.URL
	if url == "" {
		config, err := configs.Load(configs.Sources{Environ: os.Environ()})
		if err != nil { // it may be a relay alone, which needs less
			var relay error
			if config, relay = configs.Load(configs.Sources{Environ: os.Environ(), Relay: true}); relay == nil {
				err = nil
			}
		}
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		host := config.Host
		if host.IsUnspecified() {
			host = netip.MustParseAddr("127.0.0.1")
		}
		url = "http://" + netip.AddrPortFrom(host, uint16(config.Port)).String()
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("%q is no URL of a server: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	fmt.Println("well")
	return nil
}
