package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// withKeys is a server that wants tokens, and does not count how often a test
// knocks.
func withKeys(c *configs.Config) {
	generous(c)
	c.Keys = apiKeys
}

// askingWays are those that differ in how they ask the server: plain polls are
// polls that do not wait.
func askingWays() []way {
	return slices.DeleteFunc(ways(), func(w way) bool { return w.transport == client.PlainPoll })
}

// bringing gives a client an access token.
func bringing(token string) func(*client.Options) {
	return func(o *client.Options) {
		o.NoReconnect = true
		o.Token = func(context.Context) (string, error) { return token, nil }
	}
}

// returning has a client come back to a session.
func returning(ticket client.Ticket) func(*client.Options) {
	return func(o *client.Options) { o.NoReconnect, o.Ticket = true, &ticket }
}

// allowed is a token of somebody for every room.
func allowed(t *testing.T, user string) string {
	return apiTokenFor(t, auth.Access{Room: "*", Grants: auth.DefaultGrants, User: user}, time.Hour)
}

// refusedWith checks that somebody was refused for a reason, and that this was
// counted once.
func refusedWith(t *testing.T, url string, want protocol.Error_Code, try func() error) {
	t.Helper()
	before := refusals(t, url, want)
	err := try()
	var reason *protocol.Error
	if !errors.As(err, &reason) || reason.GetCode() != want || reason.GetMessage() == "" {
		t.Fatalf("answered %v, want %v", err, want)
	}
	if n := refusals(t, url, want) - before; n != 1 {
		t.Fatalf("it was counted %v times", n)
	}
}

// No access token that is not good here, now and for this room lets anybody in,
// whichever way it is shown.
func TestStrangersTokens(t *testing.T) {
	abreast(t)
	_, url := runServer(t, withKeys)
	good := allowed(t, "ann")
	text := base64.RawURLEncoding.EncodeToString
	unsigned := text([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(good, ".")[1] + "."
	signature := good[strings.LastIndexByte(good, '.')+1:]
	otherKey := tokenBy(t, "main=another secret of thirty-two bytes!!", "main", auth.Access{Room: "tea", Grants: auth.AllGrants}, time.Hour)
	unknownKey := tokenBy(t, "old=another secret of thirty-two bytes!!", "old", auth.Access{Room: "tea", Grants: auth.AllGrants}, time.Hour)
	richer := strings.Split(good, ".")
	richer[1] = text([]byte(`{"room":"*","exp":4102444800,"grants":["admin"]}`))
	for _, w := range askingWays() {
		t.Run(w.name, func(t *testing.T) {
			ann := talk(t, url, w, bringing(good))
			for _, tc := range []struct {
				name, token string
				want        protocol.Error_Code
			}{
				{"invented", "nonsense", protocol.Error_ACCESS_DENIED},
				{"signed by another", otherKey, protocol.Error_ACCESS_DENIED},
				{"signed by a key that was never here", unknownKey, protocol.Error_ACCESS_DENIED},
				{"not signed", unsigned, protocol.Error_ACCESS_DENIED},
				{"another's signature", otherKey[:strings.LastIndexByte(otherKey, '.')+1] + signature, protocol.Error_ACCESS_DENIED},
				{"with more in it than was signed", strings.Join(richer, "."), protocol.Error_ACCESS_DENIED},
				{"of nine kilobytes", good + strings.Repeat("x", 9<<10), protocol.Error_ACCESS_DENIED},
				{"expired", apiTokenFor(t, auth.Access{Room: "tea", Grants: auth.DefaultGrants}, -time.Minute), protocol.Error_ACCESS_EXPIRED},
				{"for another room", apiTokenFor(t, auth.Access{Room: "coffee", Grants: auth.AllGrants}, time.Hour), protocol.Error_ACCESS_DENIED},
				{"a stolen resume token", ann.Ticket().Resume, protocol.Error_ACCESS_DENIED},
			} {
				t.Run(tc.name, func(t *testing.T) {
					refusedWith(t, url, tc.want, func() error {
						_, err := tryTalk(t, url, w, bringing(tc.token))
						return err
					})
				})
			}
			ann.request(joinRoom("coffee"), protocol.Error_ALREADY_JOINED) // still here
		})
	}
}

// request asks something, and checks what it is refused with; 0 is not at all.
func (p *talker) request(m *protocol.ClientMessage, want protocol.Error_Code) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	_, err := p.Request(ctx, m)
	var reason *protocol.Error
	if errors.As(err, &reason); reason.GetCode() != want || err != nil && reason == nil {
		p.t.Fatalf("it was answered %v, want %v", err, want)
	}
}

// Nobody comes into a session but with its own resume token, and with that only
// once: as soon as the next one was used, it opens nothing.
func TestStrangersResumeTokens(t *testing.T) {
	abreast(t)
	_, url := runServer(t, withKeys)
	for _, w := range askingWays() {
		t.Run(w.name, func(t *testing.T) {
			ann, bob := talk(t, url, w, bringing(allowed(t, "ann"))), talk(t, url, w, bringing(allowed(t, "bob")))
			gone := talk(t, url, w, bringing(allowed(t, "gone")))
			gone.request(&protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}}, 0)
			left := gone.Ticket()
			used := ann.Ticket()
			_ = ann.Close()
			ann = talk(t, url, w, returning(used))
			ann.request(chat("it is me"), 0)

			ticket, other := ann.Ticket(), bob.Ticket()
			change := func(c func(*client.Ticket)) client.Ticket {
				changed := ticket
				c(&changed)
				return changed
			}
			expired := apiTokenFor(t, auth.Access{Room: "tea", Grants: auth.DefaultGrants, User: "ann"}, -time.Minute)
			for _, tc := range []struct {
				name   string
				ticket client.Ticket
				access string
				want   protocol.Error_Code
			}{
				{"replayed", used, "", protocol.Error_NO_SUCH_SESSION},
				{"none", change(func(c *client.Ticket) { c.Resume = "" }), "", protocol.Error_NO_SUCH_SESSION},
				{"guessed", change(func(c *client.Ticket) { c.Resume = strings.Repeat("A", 26) }), "", protocol.Error_NO_SUCH_SESSION},
				{"another's", change(func(c *client.Ticket) { c.Resume = other.Resume }), "", protocol.Error_NO_SUCH_SESSION},
				{"one's own for another's session", change(func(c *client.Ticket) { c.Session = other.Session }), "", protocol.Error_NO_SUCH_SESSION},
				{"an access token", change(func(c *client.Ticket) { c.Resume = allowed(t, "ann") }), "", protocol.Error_NO_SUCH_SESSION},
				{"of nobody's session", change(func(c *client.Ticket) { c.Session = "ghost" }), "", protocol.Error_NO_SUCH_SESSION},
				{"of a session that has ended", left, "", protocol.Error_NO_SUCH_SESSION},
				{"after a number from the future", change(func(c *client.Ticket) { c.Handled = 1 << 40 }), "", protocol.Error_BAD_FIELD},
				{"with another user's access", ticket, allowed(t, "bob"), protocol.Error_ACCESS_DENIED},
				{"with access to another room", ticket, apiTokenFor(t, auth.Access{Room: "coffee", Grants: auth.DefaultGrants, User: "ann"}, time.Hour), protocol.Error_ACCESS_DENIED},
				{"with access that has expired", ticket, expired, protocol.Error_ACCESS_EXPIRED},
			} {
				t.Run(tc.name, func(t *testing.T) {
					refusedWith(t, url, tc.want, func() error {
						_, err := tryTalk(t, url, w, func(o *client.Options) {
							returning(tc.ticket)(o)
							if tc.access != "" {
								bringing(tc.access)(o)
							}
						})
						return err
					})
				})
			}
			ann.request(chat("still me"), 0)

			// The latest token is as good as the session. But its owner learns
			// that somebody has it.
			thief := talk(t, url, w, returning(ann.Ticket()))
			select {
			case <-ann.Done():
			case <-time.After(2 * patience):
				t.Fatal("its owner noticed nothing")
			}
			var reason *protocol.Error
			if !errors.As(ann.Err(), &reason) || reason.GetCode() != protocol.Error_FENCED && reason.GetCode() != protocol.Error_NO_SUCH_SESSION {
				t.Errorf("its owner was told %v", ann.Err())
			}
			thief.request(chat("mine"), 0)
		})
	}
}

// A token that is shown again and again opens as many sessions as its user may
// have.
func TestAReplayedAccessTokenCounts(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) {
		withKeys(c)
		c.Limits.SessionsPerUser = len(askingWays())
	})
	token := allowed(t, "ann")
	for _, w := range askingWays() {
		talk(t, url, w, bringing(token))
	}
	for _, w := range askingWays() {
		refusedWith(t, url, protocol.Error_TOO_MANY_SESSIONS, func() error {
			_, err := tryTalk(t, url, w, bringing(token))
			return err
		})
	}
	talk(t, url, viaWebSocket, bringing(allowed(t, "bob")))
}

// Over plain HTTP nobody reads, writes or ends a session that is not theirs.
func TestAPostToAForeignSession(t *testing.T) {
	_, url := runServer(t, withKeys)
	ann, bob := openByRequest(t, url, allowed(t, "ann")).join(), openByRequest(t, url, allowed(t, "bob")).join()
	send := &poller{t: t, url: url + "/hiroba.v1.SignalService/Send", resume: bob.resume}
	foreign := `{"session":"` + ann.id + `","messages":[{"seq":"2","leave":{}}]}`
	for name, ask := range map[string]func() (*http.Response, []byte){
		"POST": func() (*http.Response, []byte) {
			return (&poller{t: t, url: ann.url, resume: bob.resume}).ask("POST", "", `{"seq":"2","leave":{}}`)
		},
		"GET": func() (*http.Response, []byte) {
			return (&poller{t: t, url: ann.url, resume: bob.resume}).ask("GET", "", "")
		},
		"DELETE": func() (*http.Response, []byte) {
			return (&poller{t: t, url: ann.url, resume: bob.resume}).ask("DELETE", "", "")
		},
		"Send": func() (*http.Response, []byte) {
			return send.ask("POST", "", foreign, "Content-Type", "application/json")
		},
	} {
		t.Run(name, func(t *testing.T) {
			refusedWith(t, url, protocol.Error_NO_SUCH_SESSION, func() error {
				response, body := ask()
				if want := map[bool]int{false: http.StatusGone, true: http.StatusNotFound}[name == "Send"]; response.StatusCode != want {
					t.Errorf("answered %s", response.Status)
				}
				if !strings.Contains(string(body), "NO_SUCH_SESSION") {
					t.Fatalf("answered %s", body)
				}
				return protocol.Errorf(protocol.Error_NO_SUCH_SESSION, "%s", body)
			})
		})
	}
	ann.say(`"id":"still","message":{"text":"still here"}`)
}
