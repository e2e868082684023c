package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// get asks a handler for a path, as a browser without gzip would.
func get(t *testing.T, handler http.Handler, path string, header ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPathsAndTypes(t *testing.T) {
	handler := Handler()
	for _, test := range []struct {
		name, path  string
		status      int
		contentType string
	}{
		{"lobby", "/", 200, "text/html; charset=utf-8"},
		{"room", "/r/tea", 200, "text/html; charset=utf-8"},
		{"room with a name to fill in", "/r/tea?name=Ann", 200, "text/html; charset=utf-8"},
		{"room with a slash at its end", "/r/tea/", 200, "text/html; charset=utf-8"},
		{"room in another script", "/r/%E5%BA%83%E5%A0%B4", 200, "text/html; charset=utf-8"},
		{"script", "/app/app.js", 200, "text/javascript; charset=utf-8"},
		{"style", "/app/call/stage.css", 200, "text/css; charset=utf-8"},
		{"icon", "/app/icon.svg", 200, "image/svg+xml"},
		{"SDK", "/sdk/hiroba.js", 200, "text/javascript; charset=utf-8"},
		{"SDK types", "/sdk/messages.d.ts", 200, "text/plain; charset=utf-8"},
		{"no room", "/r/", 404, "text/plain; charset=utf-8"},
		{"below a room", "/r/tea/pot", 404, "text/plain; charset=utf-8"},
		{"folder", "/app/", 404, "text/plain; charset=utf-8"},
		{"folder without a slash", "/app/call", 404, "text/plain; charset=utf-8"},
		{"way out of the folder", "/app/%2e%2e/web.go", 404, "text/plain; charset=utf-8"},
		{"tests", "/app/test/layout.test.js", 404, "text/plain; charset=utf-8"},
		{"packages", "/package.json", 404, "text/plain; charset=utf-8"},
		{"anything else", "/wp-login.php", 404, "text/plain; charset=utf-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := get(t, handler, test.path)
			if response.StatusCode == http.StatusTemporaryRedirect {
				t.Fatalf("redirected to %s", response.Header.Get("Location"))
			}
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
			if got := response.Header.Get("Content-Type"); got != test.contentType {
				t.Errorf("Content-Type %q, want %q", got, test.contentType)
			}
			if len(body(t, response)) == 0 {
				t.Error("the answer is empty")
			}
		})
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	recorder := httptest.NewRecorder()
	Handler().ServeHTTP(recorder, request)
	if recorder.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST / is answered %d", recorder.Code)
	}
}

func TestEveryAnswerIsSecured(t *testing.T) {
	handler := Handler()
	for _, path := range []string{"/", "/r/tea", "/app/app.js", "/sdk/hiroba.js", "/nothing"} {
		header := get(t, handler, path).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		for _, want := range []string{"camera=(self)", "microphone=(self)", "display-capture=(self)"} {
			if !strings.Contains(header.Get("Permissions-Policy"), want) {
				t.Errorf("%s: Permissions-Policy lacks %s", path, want)
			}
		}
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "style-src 'self';", "base-uri 'none'", "form-action 'none'",
			"frame-ancestors 'none'", "connect-src 'self' ws://example.com wss://example.com;",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: Content-Security-Policy lacks %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy allows something unsafe: %s", path, policy)
		}
	}
}

func TestHostInPolicy(t *testing.T) {
	for _, test := range []struct{ name, host, want string }{
		{"name", "call.example.org", "connect-src 'self' ws://call.example.org wss://call.example.org;"},
		{"port", "localhost:8080", "connect-src 'self' ws://localhost:8080 wss://localhost:8080;"},
		{"IPv6", "[::1]:8080", "connect-src 'self' ws://[::1]:8080 wss://[::1]:8080;"},
		{"none", "", "connect-src 'self';"},
		{"a directive of its own", "a;script-src *", "connect-src 'self';"},
		{"a second source", "a *", "connect-src 'self';"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if policy := contentSecurityPolicy(test.host); !strings.Contains(policy, test.want) {
				t.Errorf("%q lacks %q", policy, test.want)
			}
		})
	}
}

// The policy forbids inline script and style: what the page has of them would
// silently not work.
func TestPageHasNothingInline(t *testing.T) {
	html := body(t, get(t, Handler(), "/"))
	for name, pattern := range map[string]string{
		"a script without src": `<script(?:\s+type="[^"]*")?\s*>`,
		"a style element":      `<style`,
		"a style attribute":    `\sstyle=`,
		"an event attribute":   `\son[a-z]+=`,
		"a foreign address":    `(?:src|href)="(?:https?:)?//`,
	} {
		if found := regexp.MustCompile(pattern).FindString(html); found != "" {
			t.Errorf("index.html has %s: %s", name, found)
		}
	}
}

func TestEverythingThePageNamesIsServed(t *testing.T) {
	handler := Handler()
	html := body(t, get(t, handler, "/"))
	named := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1)
	if len(named) < 10 {
		t.Fatalf("index.html names %d files", len(named))
	}
	for _, match := range named {
		if response := get(t, handler, match[1]); response.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %d", match[1], response.StatusCode)
		}
	}
}

// Every module is reachable by the imports of the ones before it, and every
// style sheet is named by the page: a file nobody loads has been forgotten.
func TestNoFileIsForgotten(t *testing.T) {
	handler := Handler()
	loaded := map[string]bool{"/app/index.html": true}
	imports := regexp.MustCompile(`(?m)^(?:import|export)[^;'"]*['"]([^'"]+\.js)['"]`)
	var follow func(path string)
	follow = func(path string) {
		if loaded[path] {
			return
		}
		loaded[path] = true
		response := get(t, handler, path)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s is imported and answered %d", path, response.StatusCode)
			return
		}
		for _, match := range imports.FindAllStringSubmatch(body(t, response), -1) {
			follow(resolve(path, match[1]))
		}
	}
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(body(t, get(t, handler, "/")), -1) {
		follow(match[1])
	}
	for name := range load(files) {
		if strings.HasPrefix(name, "app/") && !loaded["/"+name] {
			t.Errorf("%s is served but never loaded", name)
		}
	}
}

// resolve follows an import as a browser does.
func resolve(from, to string) string {
	if strings.HasPrefix(to, "/") {
		return to
	}
	request := httptest.NewRequest(http.MethodGet, from, nil)
	return request.URL.JoinPath("..", to).Path
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	handler := Handler()
	first := get(t, handler, "/app/app.js")
	etag := first.Header.Get("ETag")
	if etag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", etag, first.Header.Get("Cache-Control"))
	}
	again := get(t, handler, "/app/app.js", "If-None-Match", etag)
	if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
		t.Errorf("asked again with its ETag, the answer is %d", again.StatusCode)
	}
	if other := get(t, handler, "/app/component.js"); other.Header.Get("ETag") == etag {
		t.Error("two files have one ETag")
	}
}

func TestChangedFileHasAnotherETag(t *testing.T) {
	etag := func(content string) string {
		source := fstest.MapFS{page: {Data: []byte("page")}, "app/app.js": {Data: []byte(content)}}
		return get(t, newHandler(source), "/app/app.js").Header.Get("ETag")
	}
	if etag("one") == etag("two") {
		t.Error("the ETag does not follow the content")
	}
}

func TestCompression(t *testing.T) {
	handler := Handler()
	plain := body(t, get(t, handler, "/app/app.js"))
	for _, test := range []struct {
		name, accept string
		gzip         bool
	}{
		{"none", "", false},
		{"a browser's", "gzip, deflate, br", true},
		{"weighted", "br;q=1.0, gzip; q=0.8", true},
		{"refused", "gzip;q=0", false},
		{"refused with decimals", "gzip;q=0.000", false},
		{"another", "br", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := get(t, handler, "/app/app.js", "Accept-Encoding", test.accept)
			if got := response.Header.Get("Content-Encoding") == "gzip"; got != test.gzip {
				t.Fatalf("gzip %v, want %v", got, test.gzip)
			}
			if response.Header.Get("Vary") != "Accept-Encoding" {
				t.Error("caches are not told that the answer depends on Accept-Encoding")
			}
			if !test.gzip {
				return
			}
			reader, err := gzip.NewReader(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(reader)
			if err != nil || string(text) != plain {
				t.Errorf("decompressed, it is another file (%v)", err)
			}
		})
	}
}

func TestSDKMayBeImportedElsewhere(t *testing.T) {
	handler := Handler()
	if got := get(t, handler, "/sdk/hiroba.js").Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin of the SDK is %q", got)
	}
	if got := get(t, handler, "/app/app.js").Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin of the page is %q", got)
	}
}
