package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/hiroba-rtc/hiroba/configs"
)

func TestWhosePagesMayUseTheServer(t *testing.T) {
	abreast(t)
	named := serveRoutes(t, func(c *configs.Config) { c.Origins = []string{"https://app.example", "capacitor://localhost"} })
	none := serveRoutes(t, func(*configs.Config) {})
	every := serveRoutes(t, func(c *configs.Config) { c.Origins = []string{"*"} })
	host := strings.TrimPrefix(named, "http://")
	hostOf := func(url string) string { return strings.TrimPrefix(url, "http://") }
	for _, tc := range []struct {
		name, url string
		headers   []string
		status    int
		// cors is the origin that is told it may read the answer.
		cors string
	}{
		{"no page at all", none, nil, 200, ""},
		{"the server's own page", none, []string{"Origin", none}, 200, ""},
		{"the same behind a proxy that does the TLS", none, []string{"Origin", "https://" + hostOf(none)}, 200, ""},
		{"another port of this machine", none, []string{"Origin", "http://127.0.0.1:1"}, 403, ""},
		{"a foreign page", none, []string{"Origin", "https://app.example"}, 403, ""},
		{"a page from a file", none, []string{"Origin", "null"}, 403, ""},
		{"an empty origin", none, []string{"Origin", ""}, 403, ""},
		{"nonsense", none, []string{"Origin", "https://%zz"}, 403, ""},
		{"a page on the list", named, []string{"Origin", "https://app.example"}, 200, "https://app.example"},
		{"an app on the list", named, []string{"Origin", "capacitor://localhost"}, 200, "capacitor://localhost"},
		{"the list over plain HTTP", named, []string{"Origin", "http://app.example"}, 403, ""},
		{"the list on another port", named, []string{"Origin", "https://app.example:8443"}, 403, ""},
		{"a name that begins like the list's", named, []string{"Origin", "https://app.example.evil.example"}, 403, ""},
		{"a name that ends like the list's", named, []string{"Origin", "https://evilapp.example"}, 403, ""},
		{"own host as a user name", named, []string{"Origin", "https://" + host + "@evil.example"}, 403, ""},
		{"two origins", named, []string{"Origin", "https://app.example", "Origin", "https://evil.example"}, 403, ""},
		{"any page where all may", every, []string{"Origin", "https://evil.example"}, 200, "https://evil.example"},
		{"a file where all may", every, []string{"Origin", "null"}, 200, "null"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response, body := request(t, "GET", tc.url+"/v1/signal", tc.headers...)
			if response.StatusCode != tc.status {
				t.Fatalf("got %s: %s", response.Status, body)
			}
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != tc.cors {
				t.Errorf("%q may read the answer, want %q", got, tc.cors)
			}
			if response.Header.Get("Vary") != "Origin" || response.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("a cache or a cookie may come in between: %v", response.Header)
			}
			if tc.status == 403 && !strings.Contains(body, "origins") {
				t.Errorf("a person reads %q", body)
			}
		})
	}
}

// A browser asks before it sends what a form could not.
func TestPreflight(t *testing.T) {
	url := serveRoutes(t, func(c *configs.Config) { c.Origins = []string{"https://app.example"} })
	for _, path := range []string{"/v1/signal", "/v1/signal/abc", "/hiroba.v1.SignalService/Send"} {
		ask := func(origin string) *http.Response {
			response, _ := request(t, "OPTIONS", url+path, "Origin", origin,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
			return response
		}
		response := ask("https://app.example")
		allowed := strings.ToLower(response.Header.Get("Access-Control-Allow-Headers"))
		if response.StatusCode != http.StatusNoContent || response.Header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
			response.Header.Get("Access-Control-Max-Age") == "" || !strings.Contains(response.Header.Get("Access-Control-Allow-Methods"), "DELETE") {
			t.Errorf("%s: %s %v", path, response.Status, response.Header)
		}
		for _, header := range []string{
			"authorization", "content-type", "if-none-match", "last-event-id", "hiroba-access", "connect-protocol-version", "x-grpc-web",
		} {
			if !strings.Contains(allowed, header) {
				t.Errorf("%s: %s may not be sent", path, header)
			}
		}
		if response := ask("https://evil.example"); response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: a foreign page is answered %s", path, response.Status)
		}
	}
	response, _ := request(t, "GET", url+"/v1/signal", "Origin", "https://app.example")
	readable := strings.ToLower(response.Header.Get("Access-Control-Expose-Headers"))
	for _, header := range []string{"etag", "location", "retry-after", "grpc-status", "grpc-message"} {
		if !strings.Contains(readable, header) {
			t.Errorf("%s may not be read", header)
		}
	}
}

// Pages, the SDK and health checks are for everybody.
func TestOriginsGuardOnlyTheAPI(t *testing.T) {
	abreast(t)
	url := serveRoutes(t, func(*configs.Config) {})
	for _, path := range []string{"/", "/r/tea", "/sdk/hiroba.js", "/healthz"} {
		if response, _ := request(t, "GET", url+path, "Origin", "https://evil.example"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	// Another spelling of the path is no way around.
	for _, path := range []string{"/%761/signal", "/v1/%73ignal", "//v1/signal", "/x/../v1/signal"} {
		if response, body := request(t, "GET", url+path, "Origin", "https://evil.example"); response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
}

func TestRefusalsAreCounted(t *testing.T) {
	url := serveRoutes(t, func(*configs.Config) {})
	for range 2 {
		request(t, "GET", url+"/v1/signal", "Origin", "https://evil.example")
	}
	if _, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/v1/signal",
		http.Header{"Origin": {"https://evil.example"}}); err == nil {
		t.Error("a WebSocket of a foreign page was opened")
	}
	if got := metric(t, url, `hiroba_http_refusals_total{reason="origin"}`); got != 3 {
		t.Errorf("%v refusals were counted, want 3", got)
	}
	if got := metric(t, url, `hiroba_http_refusals_total{reason="host"}`); got != 0 {
		t.Errorf("%v refusals for the host were counted", got)
	}
}

// Keys say who may use a server as access: open does, so a name of its own and
// a proxy are fine then.
func TestWhoMayCallTheServerByAnotherName(t *testing.T) {
	abreast(t)
	for name, tc := range map[string]struct {
		change func(*configs.Config)
		want   int
	}{
		"open by itself": {func(*configs.Config) {}, http.StatusMisdirectedRequest},
		"with keys":      {func(c *configs.Config) { c.Keys = "main=0123456789abcdef0123456789abcdef" }, http.StatusOK},
		"open outright":  {func(c *configs.Config) { c.Access = configs.AccessOpen }, http.StatusOK},
	} {
		r, err := http.NewRequest("GET", serveRoutes(t, tc.change)+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "meet.example"
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tc.want {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
}
