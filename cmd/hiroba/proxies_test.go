package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/api"
)

func networks(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestWhoIsBehindAProxy(t *testing.T) {
	trusted := networks("10.0.0.0/8", "2001:db8::/32")
	for _, tc := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"a stranger's word", "203.0.113.1", []string{"198.51.100.1"}, "203.0.113.1"},
		{"a proxy that says nothing", "10.0.0.1", nil, "10.0.0.1"},
		{"one proxy", "10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"one proxy, over IPv6", "2001:db8::1", []string{"2001:470::1"}, "2001:470::1"},
		{"a client that invents one before", "10.0.0.1", []string{"8.8.8.8, 198.51.100.1"}, "198.51.100.1"},
		{"a client that invents a proxy", "10.0.0.1", []string{"8.8.8.8, 10.0.0.9, 198.51.100.1"}, "198.51.100.1"},
		{"a client that invents nonsense", "10.0.0.1", []string{"nonsense, 198.51.100.1"}, "198.51.100.1"},
		{"a line of the client's and one of the proxy's", "10.0.0.1", []string{"8.8.8.8", "198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"nobody but proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"an address with a port", "10.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"an IPv6 address with a port", "10.0.0.1", []string{"[2001:470::1]:4711"}, "2001:470::1"},
		{"an IPv6 address in brackets", "10.0.0.1", []string{"[2001:470::1]"}, "2001:470::1"},
		{"an IPv6 address with a zone", "10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"an IPv4 address in IPv6", "10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"nonsense", "10.0.0.1", []string{"unknown"}, "10.0.0.1"},
		{"nonsense behind two proxies", "10.0.0.1", []string{"unknown, 10.0.0.2"}, "10.0.0.1"},
		{"an empty header", "10.0.0.1", []string{""}, "10.0.0.1"},
		{"a comma at the end", "10.0.0.1", []string{"198.51.100.1,"}, "10.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := clientOf(trusted, netip.MustParseAddr(tc.peer), tc.forwarded); got.String() != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// serveRoutes serves all HTTP of a server, with a stand-in for signaling that
// answers with the address it was called from.
func serveRoutes(t *testing.T, change func(*configs.Config)) (url string) {
	t.Helper()
	config := configs.Default()
	change(&config)
	signal := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	registry := prometheus.NewRegistry()
	server := httptest.NewServer(routes(config, registry, signal, http.NotFoundHandler(), api.New(api.Config{Registerer: registry}), new(atomic.Bool)))
	t.Cleanup(server.Close)
	return server.URL
}

// request asks with these headers, given in pairs, and returns the answer with
// its body.
func request(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestTheClientBehindATrustedProxyIsSeen(t *testing.T) {
	abreast(t)
	trusting := serveRoutes(t, func(c *configs.Config) { c.TrustedProxies = networks("127.0.0.0/8") })
	if _, got := request(t, "GET", trusting+"/v1/signal", "X-Forwarded-For", "198.51.100.1"); got != "198.51.100.1:0" {
		t.Errorf("behind a proxy, the client is %s", got)
	}
	if _, got := request(t, "GET", trusting+"/v1/signal"); !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("without a word of the proxy's, the client is %s", got)
	}
	for name, trusted := range map[string][]netip.Prefix{"nobody": nil, "another": networks("192.0.2.1/32")} {
		url := serveRoutes(t, func(c *configs.Config) { c.TrustedProxies = trusted })
		if _, got := request(t, "GET", url+"/v1/signal", "X-Forwarded-For", "198.51.100.1"); !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("where %s is trusted, the client is %s", name, got)
		}
	}
}

// Who comes through a proxy on this machine is not on this machine, whatever
// the headers say.
func TestMetricsAreNotForThoseBehindAProxy(t *testing.T) {
	abreast(t)
	for name, trusted := range map[string][]netip.Prefix{"trusted": networks("127.0.0.1/32"), "not trusted": nil} {
		url := serveRoutes(t, func(c *configs.Config) { c.TrustedProxies = trusted })
		if response, _ := request(t, "GET", url+"/metrics"); response.StatusCode != http.StatusOK {
			t.Errorf("on this machine: %s", response.Status)
		}
		for header, values := range map[string][]string{
			"X-Forwarded-For": {"198.51.100.1", "127.0.0.1", "::1", "", "nonsense"}, "Forwarded": {"for=127.0.0.1", ""},
			"X-Real-Ip": {"127.0.0.1"}, "Via": {"1.1 proxy"},
		} {
			for _, value := range values {
				if response, _ := request(t, "GET", url+"/metrics", header, value); response.StatusCode != http.StatusForbidden {
					t.Errorf("through a proxy that is %s, with %s %q: %s", name, header, value, response.Status)
				}
			}
		}
		if response, _ := request(t, "GET", url+"/metrics", "X-Forwarded-For", "", "X-Forwarded-For", "198.51.100.1"); response.StatusCode != http.StatusForbidden {
			t.Errorf("through a proxy that is %s, with an empty header before its own: %s", name, response.Status)
		}
	}
}

// FuzzClientOf holds that no header makes it fail, and that only what the
// proxy wrote itself counts.
func FuzzClientOf(f *testing.F) {
	trusted := networks("10.0.0.0/8")
	proxy, client := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.1")
	f.Add("8.8.8.8")
	f.Add("[::1]:80, 10.0.0.2,,")
	f.Fuzz(func(t *testing.T, invented string) {
		if got := clientOf(trusted, proxy, []string{invented}); !got.IsValid() {
			t.Errorf("%q gives no address", invented)
		}
		if got := clientOf(trusted, proxy, []string{invented, client.String()}); got != client {
			t.Errorf("%q makes the client %s", invented, got)
		}
		if got := clientOf(trusted, client, []string{invented}); got != client {
			t.Errorf("%q makes a stranger %s", invented, got)
		}
	})
}
