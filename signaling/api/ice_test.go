package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Whoever has an access token is told of STUN and TURN by the name that it
// called, as one user however often it asks.
func TestICEServers(t *testing.T) {
	l := newLab(t, func(c *api.Config) {
		c.ICEServers = func(host, user string) []*protocol.IceServer {
			return []*protocol.IceServer{{Urls: []string{"stun:" + host}}, {Urls: []string{"turn:" + host}, Username: user, Credential: "secret"}}
		}
	})
	ask := func(token string) (user string) {
		t.Helper()
		answer := l.feed("/v1/ice", "Authorization", "Bearer "+token)
		var got struct {
			ICEServers []struct {
				URLs                 []string
				Username, Credential string
			}
		}
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("answered %s, %v", answer.Status, answer.Header)
		}
		if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if len(got.ICEServers) != 2 || !slices.Equal(got.ICEServers[0].URLs, []string{"stun:hiroba.test"}) || got.ICEServers[1].Credential != "secret" {
			t.Errorf("got %+v", got)
		}
		return got.ICEServers[1].Username
	}
	of := func(user string) string { return l.sign(auth.Access{Room: "tea", User: user}, time.Hour) }
	ann, again, bob := ask(of("ann:x")), ask(of("ann:x")), ask(of("bob"))
	if ann != again || ann == bob || ann == "ann:x" {
		t.Errorf("the users are %q, %q and %q", ann, again, bob)
	}
	if one, other := ask(of("")), ask(of("")); one == other {
		t.Error("two without a name are one user")
	}
	for name, token := range map[string]string{"no token": "", "a wrong one": "x"} {
		if answer := l.feed("/v1/ice", "Authorization", "Bearer "+token); answer.StatusCode != http.StatusUnauthorized && answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s is answered %s", name, answer.Status)
		}
	}
}
