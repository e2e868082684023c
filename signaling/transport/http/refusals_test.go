package http

import (
	"bufio"
	"fmt"
	"io"
	nethttp "net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Whatever is asked wrong has its answer, and does nothing to the session.
func TestRequestsThatAreRefused(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		ann.poll("")
		used := ann.resume
		e := ann.stream()
		e.next()
		e.stop()
		synctest.Wait()
		ann.say(`"ping":{}`) // with the new token
		gone := l.enter()
		gone.ask("DELETE", gone.path, "", gone.with()...)
		bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
		sse := func(headers ...string) []string { return append(headers, "Accept", "text/event-stream") }
		big := strings.Repeat("x", 400<<10)
		for _, tc := range []struct {
			name, method, path, body string
			headers                  []string
			status                   int
			code                     protocol.Error_Code
		}{
			{"no token", "GET", ann.path, "", nil, 410, protocol.Error_NO_SUCH_SESSION},
			{"an empty token", "GET", ann.path, "", bearer(""), 410, protocol.Error_NO_SUCH_SESSION},
			{"a token of another kind", "GET", ann.path, "", []string{"Authorization", "Basic " + ann.resume}, 410, protocol.Error_NO_SUCH_SESSION},
			{"a token in the address", "GET", ann.path + "?token=" + ann.resume, "", nil, 410, protocol.Error_NO_SUCH_SESSION},
			{"an invented token", "GET", ann.path, "", bearer("nonsense"), 410, protocol.Error_NO_SUCH_SESSION},
			{"a replayed token", "GET", ann.path, "", bearer(used), 410, protocol.Error_NO_SUCH_SESSION},
			{"a replayed token for a stream", "GET", ann.path, "", sse(bearer(used)...), 410, protocol.Error_NO_SUCH_SESSION},
			{"a replayed token for a message", "POST", ann.path, `{}`, bearer(used), 410, protocol.Error_NO_SUCH_SESSION},
			{"reading another's session", "GET", ann.path, "", bearer(bob.resume), 410, protocol.Error_NO_SUCH_SESSION},
			{"writing into another's session", "POST", ann.path, `{"seq":"2","leave":{}}`, bearer(bob.resume), 410, protocol.Error_NO_SUCH_SESSION},
			{"ending another's session", "DELETE", ann.path, "", bearer(bob.resume), 410, protocol.Error_NO_SUCH_SESSION},
			{"no such session", "GET", "/v1/signal/ghost", "", bearer(ann.resume), 410, protocol.Error_NO_SUCH_SESSION},
			{"a session that has ended", "GET", gone.path, "", bearer(gone.resume), 410, protocol.Error_NO_SUCH_SESSION},
			{"an access token that is none", "GET", ann.path, "", ann.with("Hiroba-Access", "nonsense"), 403, protocol.Error_ACCESS_DENIED},
			{"an access token that is none, to open", "POST", "/v1/signal", "", bearer("nonsense"), 403, protocol.Error_ACCESS_DENIED},
			{"a number from the future", "GET", ann.path + "?after=99", "", ann.with(), 400, protocol.Error_BAD_FIELD},
			{"a stream from the future", "GET", ann.path + "?after=99", "", ann.with(sse()...), 400, protocol.Error_BAD_FIELD},
			{"a last event of the future", "GET", ann.path, "", ann.with(sse("Last-Event-ID", "99")...), 400, protocol.Error_BAD_FIELD},
			{"no number", "GET", ann.path + "?after=x", "", ann.with(), 400, protocol.Error_BAD_FIELD},
			{"a negative number", "GET", ann.path + "?after=-1", "", ann.with(), 400, protocol.Error_BAD_FIELD},
			{"a last event that is no number", "GET", ann.path, "", ann.with(sse("Last-Event-ID", "x")...), 400, protocol.Error_BAD_FIELD},
			{"a wait that is none", "GET", ann.path + "?wait=long", "", ann.with(), 400, protocol.Error_BAD_FIELD},
			{"a negative wait", "GET", ann.path + "?wait=-1s", "", ann.with(), 400, protocol.Error_BAD_FIELD},
			{"a body too large", "POST", ann.path, big, ann.with(), 413, protocol.Error_MESSAGE_TOO_LARGE},
			{"ten megabytes of brackets", "POST", ann.path, strings.Repeat("[", 10<<20), ann.with(), 413, protocol.Error_MESSAGE_TOO_LARGE},
			{"too many messages", "POST", ann.path, strings.Repeat(`{"ping":{}}`, 65), ann.with(), 413, protocol.Error_MESSAGE_TOO_LARGE},
			{"opening with a large body", "POST", "/v1/signal", big, nil, 413, protocol.Error_MESSAGE_TOO_LARGE},
			{"reading with a large body", "GET", ann.path, big, ann.with(), 413, protocol.Error_MESSAGE_TOO_LARGE},
			{"a GET with neither", "GET", "/v1/signal", "", nil, 426, 0},
			{"a wrong method", "PUT", "/v1/signal", "", nil, 405, 0},
			{"a wrong method for a session", "PATCH", ann.path, "{}", ann.with(), 405, 0},
			{"only the head", "HEAD", ann.path, "", ann.with(), 405, 0},
		} {
			response, body := l.ask(tc.method, tc.path, tc.body, tc.headers...)
			if tc.code != 0 {
				l.refused(tc.name, tc.status, tc.code, response, body)
			} else if response.StatusCode != tc.status || len(body) == 0 && tc.method != "HEAD" {
				t.Errorf("%s: %s %s", tc.name, response.Status, body)
			}
			if tc.status == 405 && !strings.Contains(response.Header.Get("Allow"), "GET, POST") {
				t.Errorf("%s: it allows %q", tc.name, response.Header.Get("Allow"))
			}
		}
		if got := ann.say(`"message":{"text":"still here"}`); got.Received != "3" {
			t.Errorf("the session has taken %v", got)
		}
		bob.poll("")
	})
}

// What is no message is answered as one, and what comes before it is carried
// out.
func TestMessagesThatAreRefused(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		for _, tc := range []struct {
			name, body string
			code       protocol.Error_Code
			received   string
		}{
			{"no JSON", `hello`, protocol.Error_MALFORMED, "1"},
			{"JSON that breaks off", `{"seq":"2","message":{"text":"`, protocol.Error_MALFORMED, "1"},
			{"a list", `[{"seq":"2","leave":{}}]`, protocol.Error_MALFORMED, "1"},
			{"a number", `2`, protocol.Error_MALFORMED, "1"},
			{"the wrong type", `{"seq":"2","message":5}`, protocol.Error_MALFORMED, "1"},
			{"no message that there is", `{"seq":"2","dance":{}}`, protocol.Error_MALFORMED, "2"},
			{"deep nesting", `{"x":` + strings.Repeat(`[`, 300<<10), protocol.Error_MALFORMED, "1"},
			{"deep nesting that ends", `{"x":` + strings.Repeat(`[`, 100<<10) + strings.Repeat(`]`, 100<<10) + `}`, protocol.Error_MALFORMED, "1"},
			{"nesting just short of too deep", `{"x":` + strings.Repeat(`[`, 9990) + strings.Repeat(`]`, 9990) + `}`, protocol.Error_MALFORMED, "1"},
			{"no UTF-8", "{\"seq\":\"2\",\"message\":{\"text\":\"\xff\xfe\"}}", protocol.Error_MALFORMED, "1"},
			{"no UTF-8 where nobody looks", "{\"seq\":\"2\",\"leave\":{},\"x\":\"\xff\"}", protocol.Error_MALFORMED, "1"},
			{"half a surrogate", `{"seq":"2","message":{"text":"\ud800"}}`, protocol.Error_MALFORMED, "1"},
			{"another way to write", "\xfe\xff\x00{\x00}", protocol.Error_MALFORMED, "1"},
			{"one message too large", `{"seq":"2","message":{"text":"` + strings.Repeat("x", 100<<10) + `"}}`, protocol.Error_MESSAGE_TOO_LARGE, "2"},
			{"a number too far", `{"seq":"9","message":{"text":"x"}}`, protocol.Error_OUT_OF_ORDER, "1"},
			{"no number at all", `{"message":{"text":"x"}}`, protocol.Error_MALFORMED, "1"},
			{"an acknowledgement of the future", `{"seq":"2","ack":"99","message":{"text":"x"}}`, protocol.Error_BAD_FIELD, "2"},
			{"nonsense after a good one", `{"seq":"2","message":{"text":"x"}} x {"seq":"3","leave":{}}`, protocol.Error_MALFORMED, "2"},
			{"a bad one before a good one", `{"seq":true} {"seq":"2","leave":{}}`, protocol.Error_MALFORMED, "1"},
		} {
			ann := l.enter()
			if got := ann.post(tc.body); got.Received != tc.received {
				t.Errorf("%s: taken as %v", tc.name, got)
			}
			got := ann.poll("")
			if len(got) != 1 || got[0].GetError().GetCode() != tc.code || got[0].GetError().GetMessage() == "" {
				t.Errorf("%s: answered %v", tc.name, got)
			}
			ann.ask("DELETE", ann.path, "", ann.with()...)
			synctest.Wait() // nothing of this is heard by the next
		}
	})
}

// What is right is taken, in order and once, however it is written.
func TestMessagesThatAreTaken(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		ann.poll("")
		for _, tc := range []struct{ name, body, received, heard string }{
			{"nothing", ``, "1", "[]"},
			{"blanks", " \r\n\t", "1", "[]"},
			{"two", "{\"seq\":\"2\",\"message\":{\"text\":\"a\"}}\n{\"seq\":3,\"message\":{\"text\":\"b\"}}\n", "3", "[a b]"},
			{"again", `{"seq":"3","message":{"text":"b"}}{"seq":"4","message":{"text":"c"}}`, "4", "[c]"},
			{"of a newer client", `{"seq":"5","message":{"text":"d","mood":[{}]},"hat":1}`, "5", "[d]"},
		} {
			if got := ann.post(tc.body); got.Received != tc.received || len(got.Messages) != 0 {
				t.Errorf("%s: taken as %v", tc.name, got)
			}
			if got := fmt.Sprint(texts(bob.poll(""))); got != tc.heard {
				t.Errorf("%s: heard as %s", tc.name, got)
			}
		}
		// A pong that nobody waits for is about this request only.
		got := ann.post(`{"ping":{}} {"seq":"6","id":"p","ping":{}} {"ping":{}}`)
		if len(got.Messages) != 2 || !strings.Contains(string(got.Messages[1]), `"pong":{"nowMs":`) || got.Received != "6" {
			t.Errorf("pinged: %s", got)
		}
		if got := ann.poll(""); len(got) != 1 || got[0].GetRe() != "p" || got[0].GetPong() == nil {
			t.Errorf("the ping with an id was answered %v", got)
		}
	})
}

func TestAFloodOfRequests(t *testing.T) {
	inLab(t, func(c *signaling.Config) { c.Limits.RequestsPerSecond = 5 }, func(t *testing.T, l *lab) {
		ann := l.enter()
		floods := map[string]func() (*nethttp.Response, []byte){
			"of polls":    func() (*nethttp.Response, []byte) { return ann.ask("GET", ann.path, "", ann.with()...) },
			"of messages": func() (*nethttp.Response, []byte) { return ann.ask("POST", ann.path, "{}", ann.with()...) },
			"of streams": func() (*nethttp.Response, []byte) {
				return ann.ask("GET", ann.path, "", "Accept", "text/event-stream", "Authorization", "Bearer guess")
			},
			"of sessions": func() (*nethttp.Response, []byte) { return l.ask("POST", "/v1/signal", "") },
		}
		for name, flood := range floods {
			var response *nethttp.Response
			var body []byte
			for range 21 {
				response, body = flood()
			}
			if response.Header.Get("Retry-After") == "" {
				t.Errorf("a flood %s: %v", name, response.Header)
			}
			l.refused("a flood "+name, 429, protocol.Error_TOO_MANY_MESSAGES, response, body)
			pass(10 * time.Second)
		}
		ann.poll("")
	})
	// Messages in few requests are bounded by their own rate.
	inLab(t, func(c *signaling.Config) { c.Limits.MessagesPerSecond = 10 }, func(t *testing.T, l *lab) {
		ann := l.enter()
		flood := func() (*nethttp.Response, []byte) {
			return ann.ask("POST", ann.path, strings.Repeat(`{"ping":{}}`, 60), ann.with()...)
		}
		response, body := flood()
		for n := 0; response.StatusCode == 200 && n < 3; n++ {
			response, body = flood()
		}
		l.refused("after a flood", 410, protocol.Error_NO_SUCH_SESSION, response, body)
	})
}

// Twenty that read one session at once: each is answered, one of them last.
func TestManyThatReadOneSession(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.enter()
		var all sync.WaitGroup
		statuses := make([]int, 20)
		for i := range statuses {
			headers := ann.with()
			if i%2 == 0 {
				headers = ann.with("Accept", "text/event-stream")
			}
			all.Go(func() {
				ctx := t.Context()
				response := l.call(ctx, "GET", ann.path+"?wait=5", "", headers...)
				statuses[i] = response.StatusCode
				if i%2 == 0 {
					pass(6 * time.Second)
				} else {
					_, _ = io.Copy(io.Discard, response.Body)
				}
				response.Body.Close()
			})
		}
		all.Wait()
		for _, status := range statuses {
			// Tokens change at each; who comes with one from before the last is nobody.
			if status != 200 && status != 409 && status != 410 {
				t.Errorf("answered %v", statuses)
			}
		}
	})
}

// Whoever sends a body slowly is not waited for.
func TestASlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, false, nil)
		ann := l.enter()
		for _, tc := range []struct {
			name, head string
			status     int
		}{
			{"of messages", "POST " + ann.path, 408},
			{"to open a session", "POST /v1/signal", 408},
			{"to read", "GET " + ann.path, 408},
			{"where none is wanted", "PUT /v1/signal", 405},
		} {
			conn, err := l.pipes.dial()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: hiroba.example\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", tc.head, ann.resume)
				for {
					pass(time.Second)
					if _, err := conn.Write([]byte(" ")); err != nil {
						return
					}
				}
			}()
			begin := time.Now()
			lines := bufio.NewReader(conn)
			response, err := nethttp.ReadResponse(lines, nil)
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			if response.StatusCode != tc.status {
				t.Errorf("%s: %s", tc.name, response.Status)
			}
			_, _ = io.Copy(io.Discard, lines) // until it is closed
			if since := time.Since(begin); since > readTimeout+hurryTimeout {
				t.Errorf("%s: it took %v", tc.name, since)
			}
			conn.Close()
		}
		// One that is on its way does not hold up the end.
		conn, err := l.pipes.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: hiroba.example\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", ann.path, ann.resume)
		synctest.Wait()
		begin := time.Now()
		ann.ask("DELETE", ann.path, "", ann.with()...)
		response, err := nethttp.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != 408 || time.Since(begin) != hurryTimeout {
			t.Errorf("after the end of the session: %v, %v after %v", response, err, time.Since(begin))
		}
	})
}

func TestAccess(t *testing.T) {
	keys, err := auth.ParseKeys("main=correct horse battery staple twice over")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	closed := func(c *signaling.Config) { c.Keys, c.Anonymous = keys, 0 }
	inLab(t, closed, func(t *testing.T, l *lab) {
		token := func(user, room string, ttl time.Duration) string {
			t.Helper()
			text, err := signer.Token(auth.Access{User: user, Room: room, Grants: auth.DefaultGrants}, time.Now(), ttl)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		old := token("ann", "tea", time.Second)
		pass(10 * time.Minute) // far beyond what clocks may differ
		for name, tc := range map[string]struct {
			headers []string
			status  int
			code    protocol.Error_Code
		}{
			"none":    {nil, 401, protocol.Error_ACCESS_REQUIRED},
			"expired": {[]string{"Authorization", "Bearer " + old}, 401, protocol.Error_ACCESS_EXPIRED},
			"forged":  {[]string{"Authorization", "Bearer " + token("ann", "tea", time.Hour) + "x"}, 403, protocol.Error_ACCESS_DENIED},
		} {
			response, body := l.ask("POST", "/v1/signal", "", tc.headers...)
			if response.Header.Get("WWW-Authenticate") == "" && tc.status == 401 {
				t.Errorf("%s: %v", name, response.Header)
			}
			l.refused(name, tc.status, tc.code, response, body)
		}

		ann := l.open("Authorization", "Bearer "+token("ann", "tea", 2*time.Minute))
		ann.say(`"id":"j","join":{"room":"tea"}`)
		ann.poll("")
		response, body := ann.ask("GET", ann.path, "", ann.with("Hiroba-Access", token("bob", "tea", time.Hour))...)
		l.refused("another user's token", 403, protocol.Error_ACCESS_DENIED, response, body)
		response, body = ann.ask("GET", ann.path, "", ann.with("Hiroba-Access", token("ann", "coffee", time.Hour))...)
		l.refused("a token for another room", 403, protocol.Error_ACCESS_DENIED, response, body)
		// A fresh one keeps the session beyond the end of the first.
		ann.poll("", "Hiroba-Access", token("ann", "tea", 10*time.Minute))
		for range 9 {
			pass(30 * time.Second)
			ann.poll("")
		}
		// A stream that is there is told that the end comes, and ends by it.
		e := ann.stream()
		var told []string
		for {
			got, err := e.tryNext()
			if err != nil {
				break
			}
			switch {
			case got.message.GetAccessExpiring() != nil:
				told = append(told, "expiring")
			case got.message.GetError() != nil:
				told = append(told, got.message.GetError().GetCode().String())
			}
		}
		if fmt.Sprint(told) != "[expiring ACCESS_EXPIRED]" {
			t.Errorf("it was told %v", told)
		}
	})
}

func TestUpgradesAreHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, false, nil)
		for _, path := range []string{"/v1/signal", "/v1/signal/abc"} {
			response, _ := l.ask("GET", path, "", "Connection", "Upgrade", "Upgrade", "websocket")
			if response.StatusCode != nethttp.StatusTeapot {
				t.Errorf("%s: %s", path, response.Status)
			}
		}
	})
}
