package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const getRoom = "http://hiroba.test/hiroba.v1.RoomService/GetRoom"

// What no client of ours would send is answered, and harms nobody.
func TestRawRequests(t *testing.T) {
	l := newLab(t, nil)
	token := "Bearer " + l.token("tea", protocol.Grant_ADMIN)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(w, `{"room":"tea"}`); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		status             int
		says               string
	}{
		{"a good one", "POST", "GetRoom", nil, `{"room":"tea"}`, 200, `"name"`},
		{"fields of a later version", "POST", "GetRoom", nil, `{"room":"tea","colour":"green"}`, 200, `"name"`},
		{"no JSON", "POST", "GetRoom", nil, `room=tea`, 400, "invalid_argument"},
		{"a field of the wrong type", "POST", "GetRoom", nil, `{"room":["tea"]}`, 400, "invalid_argument"},
		{"no UTF-8", "POST", "GetRoom", nil, "{\"room\":\"\xff\"}", 400, "invalid_argument"},
		{"deep JSON", "POST", "GetRoom", nil, `{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", 400, "invalid_argument"},
		{"too much", "POST", "GetRoom", nil, `{"room":"` + strings.Repeat("x", 300<<10) + `"}`, 429, "resource_exhausted"},
		{"nothing", "POST", "GetRoom", nil, "", 400, "invalid_argument"},
		{"protobuf that is none", "POST", "GetRoom", map[string]string{"Content-Type": "application/proto"}, "\xff\xff", 400, "invalid_argument"},
		{"compressed", "POST", "GetRoom", map[string]string{"Content-Encoding": "gzip"}, zipped.String(), 501, "unimplemented"},
		{"another content type", "POST", "GetRoom", map[string]string{"Content-Type": "text/plain"}, `{"room":"tea"}`, 415, ""},
		{"GET", "GET", "GetRoom?encoding=json&message=%7B%22room%22%3A%22tea%22%7D", nil, "", 405, ""},
		{"no method of ours", "POST", "GetRich", nil, "{}", 404, ""},
		{"no token", "POST", "GetRoom", map[string]string{"Authorization": ""}, `{"room":"tea"}`, 401, "unauthenticated"},
		{"a name and password", "POST", "GetRoom", map[string]string{"Authorization": "Basic YTpi"}, `{"room":"tea"}`, 401, "unauthenticated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tc.method, "http://hiroba.test/hiroba.v1.RoomService/"+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", token)
			request.Header.Set("Content-Type", "application/json")
			for name, value := range tc.header {
				request.Header.Set(name, value)
			}
			answer, err := l.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != tc.status || !strings.Contains(string(body), tc.says) {
				t.Errorf("it was answered %d: %s (%v)", answer.StatusCode, body, err)
			}
			if (answer.StatusCode == 401) != (answer.Header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("the header says %q", answer.Header)
			}
		})
	}
}

// A body that does not come is not waited for: not for long, and not at all
// from who may not call.
func TestSlowBodies(t *testing.T) {
	for _, tc := range []struct {
		name  string
		token func(*lab) string
		most  time.Duration
	}{
		{"with a token", func(l *lab) string { return l.token("tea", protocol.Grant_ADMIN) }, 31 * time.Second},
		{"without", func(*lab) string { return "x" }, 2 * time.Second},
	} {
		for _, path := range []string{"GetRoom", "WatchRoom"} {
			t.Run(tc.name+"/"+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, nil)
					body, never := io.Pipe()
					defer never.Close() //nolint:errcheck // it has no error
					request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(getRoom, "GetRoom", path, 1), body)
					if err != nil {
						t.Fatal(err)
					}
					request.Header.Set("Authorization", "Bearer "+tc.token(l))
					request.Header.Set("Content-Type", map[string]string{"GetRoom": "application/json", "WatchRoom": "application/connect+json"}[path])
					go never.Write([]byte("{")) //nolint:errcheck // it ends with the pipe
					began := time.Now()
					answer, err := l.http.Do(request)
					if err == nil {
						_, _ = io.Copy(io.Discard, answer.Body) // it ends in some way
						_ = answer.Body.Close()
					}
					if took := time.Since(began); took > tc.most {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}
