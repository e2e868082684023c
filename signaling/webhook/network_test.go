package webhook

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/dns/dnsmessage"
)

// drain closes a sender after all it has is delivered.
func (l *lab) drain() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l.within = time.Minute
	if unsent := l.Close(ctx); unsent > 0 {
		l.t.Errorf("%d events are unsent", unsent)
	}
}

// real opens a sender with real sockets.
func real(t *testing.T, allowPrivate bool, resolver *net.Resolver, urls ...string) *lab {
	t.Helper()
	l := &lab{t: t, registry: prometheus.NewRegistry()}
	d := dialer(allowPrivate)
	d.Resolver = resolver
	s, err := newSender(Config{URLs: urls, Secret: key, AllowPrivate: allowPrivate, Logger: quiet, Registerer: l.registry}, d.DialContext)
	if err != nil {
		t.Fatal(err)
	}
	l.Sender = s
	return l
}

// names is a resolver for which every name has these addresses.
func names(t *testing.T, addresses ...net.IP) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer func() { _ = there.Close() }()
			if err := answerName(there, addresses); err != nil {
				t.Errorf("answering a name: %v", err)
			}
		}()
		return here, nil
	}}
}

// answerName answers one question, framed as over TCP (RFC 1035, 4.2.2).
func answerName(conn net.Conn, addresses []net.IP) error {
	length := make([]byte, 2)
	if _, err := io.ReadFull(conn, length); err != nil {
		return err
	}
	packet := make([]byte, binary.BigEndian.Uint16(length))
	if _, err := io.ReadFull(conn, packet); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	question := m.Questions[0]
	for _, address := range addresses {
		resource := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class}}
		if v4 := address.To4(); v4 != nil && question.Type == dnsmessage.TypeA {
			resource.Body = &dnsmessage.AResource{A: [4]byte(v4)}
		} else if v4 == nil && question.Type == dnsmessage.TypeAAAA {
			resource.Body = &dnsmessage.AAAAResource{AAAA: [16]byte(address)}
		} else {
			continue
		}
		m.Answers = append(m.Answers, resource)
	}
	packet, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...))
	return err
}

func TestANameThatLeadsInsideIsRefused(t *testing.T) {
	s := &site{t: t}
	server := httptest.NewServer(s)
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	url := "http://hooks.example:" + port + "/"

	for name, address := range map[string]string{
		"loopback": "127.0.0.1", "IPv6 loopback": "::1", "metadata": "169.254.169.254", "private": "10.0.0.1",
		"v4-mapped": "::ffff:127.0.0.1", "NAT64": "64:ff9b::7f00:1",
	} {
		t.Run(name, func(t *testing.T) {
			l := real(t, false, names(t, net.ParseIP(address)), url)
			l.Send(event("tea", 1))
			l.drain()
			l.expect(map[string]int{"deliveries_total forbidden": 1, "events_dropped_total forbidden": 1})
		})
	}
	if got := len(s.got()); got != 0 {
		t.Fatalf("%d requests came through", got)
	}

	l := real(t, true, names(t, net.ParseIP("127.0.0.1")), url)
	l.Send(event("tea", 1))
	l.drain()
	if got := s.seqs("tea"); !slices.Equal(got, upTo(1)) {
		t.Fatalf("where it is allowed came %v", got)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	inside := &site{t: t}
	server := httptest.NewServer(inside)
	defer server.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		outside := httptest.NewServer(http.RedirectHandler(server.URL, code))
		l := real(t, true, nil, outside.URL)
		l.Send(event("tea", 1))
		l.drain()
		l.expect(map[string]int{"deliveries_total refused": 1})
		outside.Close()
	}
	if got := len(inside.got()); got != 0 {
		t.Fatalf("%d requests came to where the redirect leads", got)
	}
}

func TestAProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := &site{t: t}
	server := httptest.NewServer(proxy)
	defer server.Close()
	t.Setenv("HTTP_PROXY", server.URL)
	t.Setenv("http_proxy", server.URL)
	l := real(t, false, names(t, net.ParseIP("10.0.0.1")), "http://hooks.example/")
	l.Send(event("tea", 1))
	l.drain()
	l.expect(map[string]int{"deliveries_total forbidden": 1})
	if len(proxy.got()) != 0 {
		t.Fatal("the proxy was asked")
	}
}

func TestACertificateIsChecked(t *testing.T) {
	s := &site{t: t}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	defer server.Close()
	l := real(t, true, nil, server.URL)
	l.Send(event("tea", 1))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if unsent := l.Close(ctx); unsent != 1 {
		t.Errorf("Close says that %d events are unsent", unsent)
	}
	if len(s.got()) != 0 {
		t.Fatal("a server that nobody vouches for got events")
	}
}

// Many senders and rooms at once, for the race detector.
func TestManyRoomsAtOnce(t *testing.T) {
	const rooms, each = 40, 200
	a, b := &site{t: t}, &site{t: t}
	mux := http.NewServeMux()
	mux.Handle("/a", a)
	mux.Handle("/b", b)
	server := httptest.NewServer(mux)
	defer server.Close()
	l := real(t, true, nil, server.URL+"/a", server.URL+"/b")
	var senders sync.WaitGroup
	for room := range rooms {
		senders.Go(func() {
			for seq := range each {
				l.Send(event(fmt.Sprint(room), seq+1))
			}
		})
	}
	senders.Wait()
	l.drain()
	for _, s := range []*site{a, b} {
		for room := range rooms {
			if got := s.seqs(fmt.Sprint(room)); !slices.Equal(got, upTo(each)) {
				t.Fatalf("room %d got %v", room, got)
			}
		}
	}
}
