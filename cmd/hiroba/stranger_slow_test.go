package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// longestWait is after how long nobody waits for a slow client any more. The
// longest of the server's own times is half a minute.
const longestWait = 45 * time.Second

// sloth is a client that takes its time: it says something, and then one more
// byte now and then.
type sloth struct {
	net.Conn
	drops string // what comes drop by drop, again and again; "" for silence
}

// outlasts waits until the server has had enough, and returns what it said.
func (s sloth) outlasts() (said string, err error) {
	defer s.Close()
	done := make(chan struct{})
	var dripping sync.WaitGroup
	defer dripping.Wait()
	defer close(done)
	if s.drops != "" {
		dripping.Go(func() {
			ticker := time.NewTicker(500 * time.Millisecond)
			defer ticker.Stop()
			for i := 0; ; i++ {
				select {
				case <-ticker.C:
					if _, err := io.WriteString(s, s.drops[i%len(s.drops):][:1]); err != nil {
						return
					}
				case <-done:
					return
				}
			}
		})
	}
	_ = s.SetReadDeadline(time.Now().Add(longestWait))
	answer, err := io.ReadAll(s)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return string(answer), err
	}
	return string(answer), nil // reset is as good as closed
}

// Whoever says what it has to say slowly, or half of it, is let go of, at every
// address that there is and in every way to get there.
func TestSlowClientsAreNotWaitedFor(t *testing.T) {
	abreast(t)
	s, url := runServer(t, func(c *configs.Config) {
		withKeys(c)
		c.Limits.OutboxBytes = 128 << 10
	})
	admin := apiToken(t, auth.Access{Room: "*", Grants: auth.AllGrants, User: "slow"})
	short := apiTokenFor(t, auth.Access{Room: "*", Grants: auth.AllGrants, User: "brief"}, 3*time.Second)
	ann := openByRequest(t, url, admin).join()

	const grpc, json = "Content-Type: application/grpc\r\n", "Content-Type: application/json\r\n"
	rpc := func(service, method string) string { return "POST /hiroba.v1." + service + "Service/" + method }
	bearer := func(token string) string { return "Authorization: Bearer " + token + "\r\n" }
	const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	type attack struct {
		name, first, drops string
		// want begins the answer, or is empty.
		want string
	}
	attacks := []attack{
		{"nothing at all", "", "", ""},
		{"half a method", "GE", "", ""},
		{"half a line", "GET /v1/sig", "x", ""},
		{"half a header", "GET /v1/signal HTTP/1.1\r\nHost: localhost\r\nX: ", "x", ""},
		{"half the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM", "", ""},
		{"a WebSocket and no token", "GET /v1/signal HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: hiroba.v1.json\r\n" + upgrade + "\r\n", "", "HTTP/1.1 101"},
		{"a WebSocket and no join", "GET /v1/signal HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: hiroba.v1.json\r\n" + upgrade + bearer(admin) + "\r\n", "", "HTTP/1.1 101"},
		// A text frame of 120 bytes, of which one comes now and then.
		{"half a frame", "GET /v1/signal HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: hiroba.v1.json\r\n" + upgrade + bearer(admin) + "\r\n", "\x81\xf8aaaaxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "HTTP/1.1 101"},
	}
	for _, tc := range []struct{ head, more, want string }{
		{"POST /", "", "HTTP/1.1 405"},
		{"GET /r/tea", "", "HTTP/1.1 200"},
		{"GET /sdk/hiroba.js", "", "HTTP/1.1 200"},
		{"POST /healthz", "", "HTTP/1.1 405"},
		{"GET /readyz", "", "HTTP/1.1 200"},
		{"GET /metrics", "", "HTTP/1.1 200"},
		{"GET /nowhere", "", "HTTP/1.1 404"},
		{"POST //v1/signal", "", "HTTP/1.1 307"},
		{"POST /v1/nowhere", "", "HTTP/1.1 405"},
		{"POST /v1/signal", bearer(admin), "HTTP/1.1 408"},
		{"POST /v1/signal", "Origin: https://evil.example\r\n", "HTTP/1.1 403"},
		{"OPTIONS /v1/signal", "Origin: https://evil.example\r\n", "HTTP/1.1 403"},
		{"GET /v1/signal", "", "HTTP/1.1 426"},
		{"GET /v1/signal", upgrade, "HTTP/1.1 400"},
		{"GET /v1/signal", upgrade + "Sec-WebSocket-Protocol: hiroba.v1.json\r\n" + bearer("x"), "HTTP/1.1 403"},
		{"PUT /v1/signal", "", "HTTP/1.1 405"},
		{"GET /v1/signal/" + ann.id, bearer(ann.resume), "HTTP/1.1 408"},
		{"GET /v1/signal/" + ann.id, bearer(ann.resume) + "Accept: text/event-stream\r\n", "HTTP/1.1 408"},
		{"POST /v1/signal/" + ann.id, bearer(ann.resume), "HTTP/1.1 408"},
		{"POST /v1/signal/" + ann.id, bearer("x"), "HTTP/1.1 410"},
		{"DELETE /v1/signal/" + ann.id, bearer(ann.resume), "HTTP/1.1 408"},
		{"GET /v1/rooms/tea/events", bearer("x"), "HTTP/1.1 403"},
		{rpc("Signal", "Send"), json, "HTTP/1.1 504"},
		{rpc("Signal", "Attach"), "Content-Type: application/grpc-web+proto\r\n", "HTTP/1.1 200"},
		{rpc("Signal", "Connect"), grpc, "HTTP/1.1 505"},
		{rpc("Signal", "Nowhere"), grpc, "HTTP/1.1 404"},
		{rpc("Room", "GetRoom"), json, "HTTP/1.1 401"},
		{rpc("Room", "GetRoom"), json + bearer(admin), "HTTP/1.1 "},
		{rpc("Room", "WatchRoom"), "Content-Type: application/connect+json\r\n" + bearer(admin), "HTTP/1.1 200"},
		{rpc("Room", "PublishData"), "Content-Type: application/connect+json\r\n", "HTTP/1.1 200"},
		// Who may publish may take its time, for as long as its token lasts.
		{rpc("Room", "PublishData"), "Content-Type: application/connect+json\r\n" + bearer(short), "HTTP/1.1 200"},
		{rpc("Room", "Nowhere"), grpc, "HTTP/1.1 404"},
	} {
		what := tc.head
		if tc.more != "" {
			what += ", " + strings.ReplaceAll(strings.TrimSpace(tc.more), "\r\n", ", ")
		}
		attacks = append(attacks,
			attack{"a slow body for " + what, tc.head + " HTTP/1.1\r\nHost: localhost\r\n" + tc.more + "Content-Length: 1000\r\n\r\n", " ", tc.want},
			attack{"a slow chunk for " + what, tc.head + " HTTP/1.1\r\nHost: localhost\r\n" + tc.more + "Transfer-Encoding: chunked\r\n\r\n400\r\n", " ", tc.want})
	}

	var all sync.WaitGroup
	defer all.Wait()
	check := func(name string, run func() error) {
		all.Go(func() {
			began := time.Now()
			if err := run(); err != nil {
				t.Errorf("%s: after %v: %v", name, time.Since(began).Round(time.Second), err)
			}
		})
	}
	for i, a := range attacks {
		if i%32 == 0 { // 64 connections of one address may wait to be told apart
			eventually(t, "the connections to be told apart", func() bool {
				return metric(t, url, `hiroba_port_tcp_connections_total{protocol="http"}`) >= float64(i)-2
			})
		}
		conn, err := net.Dial("tcp", s.address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, a.first); err != nil {
			t.Fatal(err)
		}
		check(a.name, func() error {
			said, err := sloth{conn, a.drops}.outlasts()
			if err != nil {
				return fmt.Errorf("%w; the answer is %.200q", err, said)
			}
			if !strings.HasPrefix(said, a.want) {
				return fmt.Errorf("the answer is %.200q, want %q", said, a.want)
			}
			return nil
		})
	}
	for name, say := range slowHTTP2 {
		check(name, func() error {
			conn, err := net.Dial("tcp", s.address())
			if err != nil {
				return err
			}
			if _, err := io.WriteString(conn, http2Preface+say); err != nil {
				return err
			}
			_, err = sloth{conn, ""}.outlasts()
			return err
		})
	}
	client := http2Client(t)
	for _, tc := range []struct{ method, path, header, value string }{
		{"POST", "/", "", ""}, {"POST", "/healthz", "", ""}, {"POST", "/v1/signal", "Authorization", "Bearer " + admin},
		{"POST", "/v1/signal/" + ann.id, "Authorization", "Bearer " + ann.resume},
		{"GET", "/v1/signal/" + ann.id, "Authorization", "Bearer " + ann.resume},
		{"GET", "/v1/rooms/tea/events", "", ""},
		{"POST", "/hiroba.v1.SignalService/Connect", "Content-Type", "application/grpc"},
		{"POST", "/hiroba.v1.SignalService/Attach", "Content-Type", "application/grpc-web+proto"},
		{"POST", "/hiroba.v1.SignalService/Send", "Content-Type", "application/json"},
		{"POST", "/hiroba.v1.RoomService/GetRoom", "Content-Type", "application/json"},
	} {
		check("a stream on which nothing comes for "+tc.path, func() error { return slowStream(t.Context(), client, url, tc.method, tc.path, tc.header, tc.value) })
	}
	unreadStreams(t, url, admin)
	all.Wait()

	for series, want := range map[string]float64{
		`hiroba_port_tcp_refusals_total{reason="silent"}`:       1,
		`hiroba_signaling_endings_total{reason="SILENT"}`:       2,
		`hiroba_signaling_refusals_total{code="SILENT"}`:        10,
		`hiroba_signaling_sessions`:                             3,
		`hiroba_api_streams{method="WatchRoom"}`:                0,
		`hiroba_api_streams{method="PublishData"}`:              0,
		`hiroba_signaling_refusals_total{code="ACCESS_DENIED"}`: 1,
	} {
		// A connection is closed a moment before it is counted.
		eventually(t, fmt.Sprintf("%s to be %v", series, want), func() bool {
			got := metric(t, url, series)
			return got >= want && (want != 0 || got == 0)
		})
	}
	ann.say(`"message":{"text":"still here"}`)
}

// slowStream makes a request over HTTP/2 whose body never comes, on a
// connection that is well otherwise.
func slowStream(ctx context.Context, client *http.Client, url, method, path, header, value string) error {
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	body, never := io.Pipe()
	defer never.Close()
	r, err := http.NewRequestWithContext(ctx, method, url+path, body)
	if err != nil {
		return err
	}
	if header != "" {
		r.Header.Set(header, value)
	}
	response, err := client.Do(r)
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	return ctx.Err() // that it ended is enough
}

// http2Preface is how a client begins (RFC 9113, section 3.4).
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// slowHTTP2 is what a client may begin over HTTP/2 and not go on with.
var slowHTTP2 = map[string]string{
	"HTTP/2's preface and nothing else":     "",
	"HTTP/2 and no request":                 frame(4, 0, 0, ""),
	"HTTP/2 and half a request":             frame(4, 0, 0, "") + frame(1, 0, 1, headersOf("GET", "/")),
	"HTTP/2 and a request that is not read": frame(4, 0, 0, "\x00\x04\x00\x00\x00\x01") + frame(1, 5, 1, headersOf("GET", "/sdk/hiroba.js")),
}

// frame is a frame of HTTP/2 (RFC 9113, section 4.1).
func frame(kind, flags, stream byte, payload string) string {
	return string([]byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, stream}) + payload
}

// headersOf are the headers of a request, as literals (RFC 7541, section 6.2.2).
func headersOf(method, path string) (block string) {
	for _, text := range []string{":method", method, ":scheme", "http", ":authority", "localhost", ":path", path} {
		if text[0] == ':' {
			block += "\x00"
		}
		block += string([]byte{byte(len(text))}) + text
	}
	return block
}
