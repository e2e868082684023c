package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

// healthCommand is `hiroba health`.
type healthCommand struct {
	URL string `arg:"" optional:"" help:"The server; http://127.0.0.1:PORT, with PORT from HIROBA_PORT or 8080, when left out."`
}

// Run fails unless the server answers that it is well.
func (c *healthCommand) Run(ctx context.Context) error {
	url := cmp.Or(c.URL, "http://127.0.0.1:"+cmp.Or(os.Getenv("HIROBA_PORT"), "8080"))
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
