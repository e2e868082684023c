package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/webhook"
)

// dialWith opens a WebSocket with these headers; what refuses it is an error.
func dialWith(t *testing.T, url string, headers ...string) (*raw, *http.Response, error) {
	t.Helper()
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON.Subprotocol()}}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http"), header)
	if err != nil {
		return nil, response, err
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{conn, t}, response, nil
}

// A server that others reach starts once it has keys, and does nothing for who
// comes without a token.
func TestStrangersWithoutAToken(t *testing.T) {
	t.Chdir(t.TempDir()) // where there is no configuration
	if _, err := configs.Load(configs.Sources{Flags: map[string]string{"host": "0.0.0.0"}}); err == nil || !strings.Contains(err.Error(), "access") {
		t.Fatalf("without keys it starts: %v", err)
	}
	loaded, err := configs.Load(configs.Sources{Flags: map[string]string{"host": "0.0.0.0", "port": "0", "keys": apiKeys}})
	if err != nil {
		t.Fatal(err)
	}
	_, url := runServer(t, func(c *configs.Config) { *c = loaded; generous(c) })
	required := func(name string, try func(t *testing.T) error) {
		t.Run(name, func(t *testing.T) {
			refusedWith(t, url, protocol.Error_ACCESS_REQUIRED, func() error { return try(t) })
		})
	}
	required("websocket", func(t *testing.T) error {
		r, _, err := dialWith(t, url+"/v1/signal")
		if err != nil {
			return err
		}
		r.say(joinTea)
		reason := r.next().GetError()
		if closed := r.closes(); closed.Code != 4022 {
			t.Errorf("closed with %v", closed)
		}
		return reason
	})
	required("grpc", func(t *testing.T) error {
		p, say := stream(t, http2Client(t), url, nil)
		say(joinRoom("tea"))
		return p.next().GetError()
	})
	for _, transport := range []client.Transport{client.GRPCWeb, client.SSE, client.Poll, client.PlainPoll} {
		required(string(transport), func(t *testing.T) error {
			_, err := tryTalk(t, url, way{string(transport), transport, protocol.JSON}, func(o *client.Options) { o.NoReconnect = true })
			return err
		})
	}

	body := func(method string) (kind, text string) {
		if method == "WatchRoom" || method == "PublishData" {
			return "application/connect+json", "\x00\x00\x00\x00\x0e" + `{"room":"tea"}`
		}
		return "application/json", `{"room":"tea"}`
	}
	for _, service := range []protoreflect.ServiceDescriptor{
		protocol.File_hiroba_v1_rooms_proto.Services().ByName("RoomService"),
		protocol.File_hiroba_v1_relay_proto.Services().ByName("RelayService"),
	} {
		for i := range service.Methods().Len() {
			name := string(service.Methods().Get(i).Name())
			t.Run(name, func(t *testing.T) {
				kind, text := body(name)
				_, answer := (&poller{t: t, url: url + "/" + string(service.FullName()) + "/" + name}).ask("POST", "", text, "Content-Type", kind)
				if !strings.Contains(string(answer), `"unauthenticated"`) {
					t.Errorf("answered %s", answer)
				}
				if n := metric(t, url, fmt.Sprintf(`hiroba_api_calls_total{code="unauthenticated",method=%q}`, name)); n != 1 {
					t.Errorf("it was counted %v times", n)
				}
			})
		}
	}
	response, answer := (&poller{t: t, url: url + "/v1/rooms/tea/events"}).ask("GET", "", "")
	if response.StatusCode != http.StatusUnauthorized || !strings.Contains(string(answer), "ACCESS_REQUIRED") {
		t.Errorf("events: %s %s", response.Status, answer)
	}
	for _, series := range []string{"hiroba_signaling_peers", "hiroba_signaling_rooms"} {
		if n := metric(t, url, series); n != 0 {
			t.Errorf("%s is %v", series, n)
		}
	}
}

// To change keys, both are good for a while; when the old one is taken out, so
// are its tokens, to come and to come back.
func TestKeysAreChanged(t *testing.T) {
	abreast(t)
	const old, fresh = "old=0123456789abcdef0123456789abcdef", "new=fedcba9876543210fedcba9876543210"
	access := auth.Access{Room: "*", Grants: auth.AllGrants, User: "ann"}
	byOld, byNew := tokenBy(t, old, "old", access, time.Hour), tokenBy(t, fresh, "new", access, time.Hour)
	list := func(url, token string) string {
		_, answer := (&poller{t: t, url: url + "/hiroba.v1.RoomService/ListRooms", resume: token}).ask("POST", "", "{}", "Content-Type", "application/json")
		return string(answer)
	}
	var before *client.Ticket
	t.Run("both are there", func(t *testing.T) {
		_, url := runServer(t, func(c *configs.Config) { generous(c); c.Keys = old + "," + fresh })
		for _, w := range askingWays() {
			for _, token := range []string{byOld, byNew} {
				p := talk(t, url, w, bringing(token))
				p.request(chat("hello"), 0)
				ticket := p.Ticket()
				before = &ticket
			}
		}
		for _, token := range []string{byOld, byNew} {
			if answer := list(url, token); strings.Contains(answer, "code") {
				t.Errorf("the server API answers %s", answer)
			}
		}
	})
	t.Run("the old one is gone", func(t *testing.T) {
		_, url := runServer(t, func(c *configs.Config) { generous(c); c.Keys = fresh })
		for _, w := range askingWays() {
			refusedWith(t, url, protocol.Error_ACCESS_DENIED, func() error {
				_, err := tryTalk(t, url, w, bringing(byOld))
				return err
			})
			refusedWith(t, url, protocol.Error_NO_SUCH_SESSION, func() error {
				_, err := tryTalk(t, url, w, returning(*before))
				return err
			})
			p := talk(t, url, w, bringing(byNew))
			refusedWith(t, url, protocol.Error_ACCESS_DENIED, func() error {
				_, err := tryTalk(t, url, w, func(o *client.Options) { returning(p.Ticket())(o); bringing(byOld)(o) })
				return err
			})
			p.request(chat("hello"), 0)
		}
		if answer := list(url, byOld); !strings.Contains(answer, `"permission_denied"`) && !strings.Contains(answer, `"unauthenticated"`) {
			t.Errorf("the server API answers %s", answer)
		}
	})
}

// Limits per address count clients, also behind a proxy: behind one that is
// named, and nobody else.
func TestLimitsBehindAProxy(t *testing.T) {
	abreast(t)
	type attempt struct {
		name string
		open func(t *testing.T, url, from string) (status int)
	}
	request := func(method, path, kind, body string) func(*testing.T, string, string) int {
		return func(t *testing.T, url, from string) int {
			response := (&poller{t: t, url: url + path}).start(method, "", body, "X-Forwarded-For", from, "Content-Type", kind)
			t.Cleanup(func() { response.Body.Close() }) // a stream goes on until then
			if reason := response.Header.Get("Grpc-Status"); reason == "14" {
				return http.StatusServiceUnavailable
			}
			return response.StatusCode
		}
	}
	attempts := []attempt{
		{"websocket", func(t *testing.T, url, from string) int {
			_, response, _ := dialWith(t, url+"/v1/signal", "X-Forwarded-For", from)
			return response.StatusCode
		}},
		{"request", request("POST", "/v1/signal", "", "")},
		{"grpc-web", request("POST", "/hiroba.v1.SignalService/Attach", "application/grpc-web+json", "\x00\x00\x00\x00\x02{}")},
	}
	for _, tc := range []struct {
		name    string
		trusted []netip.Prefix
		tries   []attempt
	}{
		{"named", networks("127.0.0.0/8", "::1/128"), attempts},
		{"not named", nil, attempts[:1]},
		{"another is named", networks("192.0.2.0/24"), attempts[1:2]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, url := runServer(t, func(c *configs.Config) {
				c.Keys, c.Access = apiKeys, configs.AccessOpen
				c.TrustedProxies, c.Limits.SessionsPerAddress = tc.trusted, 2
			})
			believed := len(tc.tries) > 1
			for i, a := range tc.tries {
				t.Run(a.name, func(t *testing.T) {
					const refused = `hiroba_signaling_sessions_refused_total{limit="sessions_per_address"}`
					before, want := metric(t, url, refused), 2.0
					ann, bob := fmt.Sprintf("2001:470:0:%d::1", i), fmt.Sprintf("198.51.100.%d", i)
					for range 2 {
						if status := a.open(t, url, ann); status >= 400 {
							t.Fatalf("within the limit: %d", status)
						}
					}
					// One IPv6 host has a whole network of addresses.
					if status := a.open(t, url, ann+"7"); status != http.StatusServiceUnavailable {
						t.Errorf("over the limit: %d", status)
					}
					// What a client writes before the proxy's own is not believed.
					if status := a.open(t, url, bob+", "+ann); status != http.StatusServiceUnavailable {
						t.Errorf("with an invented address: %d", status)
					}
					if status := a.open(t, url, bob); (status < 400) != believed {
						t.Errorf("somebody else: %d", status)
					} else if !believed {
						want = 3
					}
					if n := metric(t, url, refused) - before; n != want {
						t.Errorf("%v refusals were counted, want %v", n, want)
					}
				})
			}
		})
	}
}

// Events go to public addresses only: a target that has another one is refused
// before the server starts, and a name that leads to one when it is called.
func TestWebhooksToPrivateAddresses(t *testing.T) {
	for _, target := range []string{
		"http://127.0.0.1/", "http://localhost:8080/", "https://10.1.2.3/hook", "http://169.254.169.254/latest/meta-data",
		"http://[::1]/", "http://[fd00::1]/", "http://[::ffff:192.168.0.1]/", "http://0.0.0.0/",
	} {
		config := configs.Default()
		config.Port, config.Webhook.URLs, config.Webhook.Secret = 0, []string{target}, "a secret of more than thirty-two bytes"
		s, err := start(config, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Errorf("%s: the server starts", target)
			_ = s.close(t.Context())
		} else if !strings.Contains(err.Error(), "webhook.allow_private") {
			t.Errorf("%s: it says %v", target, err)
		}
	}

	// This machine's own name leads to a private address on most machines.
	name, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	addresses, err := net.LookupHost(name)
	if err != nil {
		t.Skip(err)
	}
	for _, address := range addresses {
		sender, err := webhook.New(webhook.Config{
			URLs: []string{"http://" + net.JoinHostPort(address, "1") + "/"}, Secret: []byte("a secret of more than thirty-two bytes"),
			Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		})
		if err == nil {
			_ = sender.Close(t.Context())
			t.Skip("this machine has a public name: " + name)
		}
	}
	called := make(chan struct{}, 1)
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} })}
	served := make(chan error, 1)
	go func() { served <- back.Serve(listener) }()
	defer func() {
		_ = back.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	_, url := runServer(t, func(c *configs.Config) {
		c.Webhook.URLs = []string{fmt.Sprintf("http://%s:%d/", name, listener.Addr().(*net.TCPAddr).Port)}
		c.Webhook.Secret = "a secret of more than thirty-two bytes"
	})
	talk(t, url, viaWebSocket, nil)
	eventually(t, "the delivery to be given up", func() bool {
		return metric(t, url, `hiroba_webhook_deliveries_total{outcome="forbidden"}`) > 0
	})
	select {
	case <-called:
		t.Error("a server on a private address was called")
	default:
	}
}
