package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// address is where the server can be dialed.
func (s *server) address() string { return fmt.Sprintf("localhost:%d", s.port.Port()) }

// apiTokenFor is an access token that lasts for a while.
func apiTokenFor(t *testing.T, access auth.Access, ttl time.Duration) string {
	t.Helper()
	return tokenBy(t, apiKeys, "main", access, ttl)
}

// tokenBy is an access token that is signed by one of some keys, and lasts for
// a while or, if ttl is negative, has ended that long ago.
func tokenBy(t *testing.T, keys, id string, access auth.Access, ttl time.Duration) string {
	t.Helper()
	parsed, err := auth.ParseKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := parsed.Signer(id)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Now()
	if ttl < 0 {
		made, ttl = made.Add(ttl-time.Minute), time.Minute
	}
	token, err := signer.Token(access, made, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// eventually waits until something holds that nobody tells of.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for timeout := time.After(patience); !holds(); {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("still waiting for %s", what)
		}
	}
}
