package webhook

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestURLs(t *testing.T) {
	const private = "unless webhook.allow_private is true"
	for _, c := range []struct {
		name, url string
		want      string // in the error; empty: none
	}{
		{"https", "https://example.com/hiroba", ""},
		{"http, a port and a query", "http://example.com:8080/a/b?key=hush", ""},
		{"a public address", "https://1.1.1.1/", ""},
		{"a public IPv6 address", "https://[2606:4700::1111]:443/", ""},

		{"nothing", "", "must begin with https:// or http://"},
		{"no scheme", "example.com/hush", "must begin with https:// or http://"},
		{"another scheme", "ftp://example.com/", "ftp://example.com/, must begin with"},
		{"a file", "file:///etc/hush", "must begin with"},
		{"no host", "http:///path", "names no host"},
		{"only a port", "http://:80/", "names no host"},
		{"port 0", "http://example.com:0/", "ports go from 1 to 65535"},
		{"a port too high", "http://example.com:65536/", "ports go from 1 to 65535"},
		{"not a URL", "http://example.com:hush/", "number 1 of webhook.urls is not a URL"},
		{"control characters", "http://example.com/\nhush", "is not a URL"},
		{"a name and password", "https://ann:hush@example.com/x", "https://example.com/x, holds a user name or password"},
		{"a name", "https://hush@example.com/", "holds a user name or password"},

		{"loopback", "http://127.0.0.1:8080/hook?key=hush", "http://127.0.0.1:8080/hook, is refused: 127.0.0.1 is a loopback address"},
		{"all of loopback", "http://127.1.2.3/", private},
		{"localhost", "http://localhost/", private},
		{"LOCALHOST with a dot", "http://LOCALHOST./", private},
		{"below localhost", "http://a.localhost/", private},
		{"private, class A", "http://10.0.0.1/", private},
		{"private, class B", "http://172.31.255.255/", private},
		{"private, class C", "http://192.168.1.1/", private},
		{"carrier-grade NAT", "http://100.64.0.1/", private},
		{"metadata", "http://169.254.169.254/latest/meta-data", private},
		{"Azure's metadata", "http://168.63.129.16/", private},
		{"unspecified", "http://0.0.0.0/", private},
		{"multicast", "http://224.0.0.1/", private},
		{"broadcast", "http://255.255.255.255/", private},
		{"IPv6 loopback", "http://[::1]/", private},
		{"IPv6 unspecified", "http://[::]/", private},
		{"IPv6 link-local with a zone", "http://[fe80::1%25eth0]/", private},
		{"unique local", "http://[fd00:ec2::254]/", private},
		{"IPv6 multicast", "http://[ff02::1]/", private},
		{"site-local, of old", "http://[fec0::1]/", private},
		{"v4-mapped", "http://[::ffff:127.0.0.1]/", private},
		{"v4-mapped in hex", "http://[::ffff:a9fe:a9fe]/", private},
		{"v4-compatible", "http://[::10.0.0.1]/", private},
		{"NAT64", "http://[64:ff9b::169.254.169.254]/", private},
		{"local NAT64", "http://[64:ff9b:1::1]/", private},
		{"6to4", "http://[2002:7f00:1::]/", private},
		{"Teredo, the client inside", "http://[2001:0:808:808::80ff:fffe]/", private},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{URLs: []string{c.url}, Secret: key, Logger: quiet, Registerer: prometheus.NewRegistry()}
			s, err := New(config)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = s.Close(t.Context())
				return
			}
			if err == nil {
				t.Fatal("it is taken")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, without %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error tells a secret: %q", err)
			}
			if c.want != private {
				return
			}
			config.AllowPrivate = true
			if s, err = New(config); err != nil {
				t.Fatalf("refused though private addresses are allowed: %v", err)
			}
			_ = s.Close(t.Context())
		})
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	const url = "https://example.com/"
	for _, c := range []struct {
		name   string
		urls   []string
		secret string
		want   string
	}{
		{"no secret", []string{url}, "", "webhook.secret has 0 bytes"},
		{"a short secret", []string{url}, "hunter2", "it needs 16 or more"},
		{"a URL twice", []string{url, "https://example.org/", url}, string(key), "numbers 1 and 3 of webhook.urls are the same"},
		{"one of two is wrong", []string{url, "http://10.0.0.1/"}, string(key), "number 2 of webhook.urls, http://10.0.0.1/,"},
	} {
		_, err := New(Config{URLs: c.urls, Secret: []byte(c.secret), Logger: quiet, Registerer: prometheus.NewRegistry()})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, without %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the secret: %v", c.name, err)
		}
	}
}

func TestWithoutURLsNothingIsSent(t *testing.T) {
	s, err := New(Config{Logger: quiet, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	s.Send(event("tea", 1))
	if unsent := s.Close(t.Context()); unsent > 0 {
		t.Fatalf("%d events are unsent", unsent)
	}
}

func TestAnEmptyAddressIsNotPublic(t *testing.T) {
	if public(netip.Addr{}) == nil {
		t.Fatal("it is")
	}
}
