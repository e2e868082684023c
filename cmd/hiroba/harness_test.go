package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// runServer starts a whole server on a free port and stops it with the test.
// After that no goroutine may be left over.
func runServer(t testing.TB, change func(*configs.Config)) (s *server, url string) {
	t.Helper()
	return runServerLogging(t, t.Output(), change)
}

// runServerLogging is runServer for a test that reads the log.
func runServerLogging(t testing.TB, log io.Writer, change func(*configs.Config)) (s *server, url string) {
	t.Helper()
	check := leftNothing(t)
	config := configs.Default()
	config.Port = 0
	if change != nil {
		change(&config)
	}
	s, err := start(config, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: config.Log.Level})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.close(ctx); err != nil {
			t.Errorf("the server did not end cleanly: %v", err)
		}
		check()
	})
	return s, fmt.Sprintf("http://localhost:%d", s.port.Port())
}

// loopbackAPI is pion's default API with loopback candidates, so that tests
// need no network.
func loopbackAPI(t testing.TB) *webrtc.API {
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings))
}

// bounded is a context that no call of a client may outlast.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
