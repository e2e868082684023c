package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A proxy between a browser and the server is what company networks have. Each
// of these spoils something else.

// noUpgrades answers upgrades as if they were plain requests, as proxies do
// that know nothing of WebSocket.
func noUpgrades(t *testing.T, target string) string {
	return startProxy(t, target, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" {
				_, _ = io.WriteString(w, "<html>Welcome to the company network</html>")
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// buffering holds back answers until they are whole, so that a stream of
// events never comes, and knows nothing of WebSocket either.
func buffering(t *testing.T, target string) string {
	inner := noUpgrades(t, target)
	return startProxy(t, inner, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			whole := &held{header: http.Header{}, status: http.StatusOK}
			next.ServeHTTP(whole, r)
			for name, values := range whole.header {
				w.Header()[name] = values
			}
			w.WriteHeader(whole.status)
			_, _ = w.Write(whole.body.Bytes())
		})
	})
}

// held is an answer that is held back; it cannot be flushed.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

func startProxy(t *testing.T, target string, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Transport:     &http.Transport{DisableKeepAlives: true},
	}
	server := httptest.NewServer(wrap(proxy))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// dropping cuts each connection after a random while, up to two seconds.
func dropping(t *testing.T, target string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { drop(ctx, in, strings.TrimPrefix(target, "http://")) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		all.Wait()
	})
	return fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
}

// drop carries one connection for a while.
func drop(ctx context.Context, in net.Conn, target string) {
	defer in.Close()
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond+rand.N(1800*time.Millisecond))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = in.Close()
		_ = out.Close()
	})
	defer stop()
	var both sync.WaitGroup
	copying := func(to, from net.Conn) {
		defer cancel()
		_, _ = io.Copy(to, from)
	}
	both.Go(func() { copying(out, in) })
	both.Go(func() { copying(in, out) })
	both.Wait()
}

// chatter has a page note what it hears under the topic count, and say numbers
// there when it is asked to.
const chatter = `(() => {
	window.heard = [];
	hiroba.room.on('message:count', (m) => heard.push(m.data));
	window.say = async () => {
		for (let n = 0; n < 40; n++) {
			await new Promise((resolve) => setTimeout(resolve, 150));
			hiroba.room.emit('count', n, { timeoutMs: 60000 });
		}
	};
})()`

// A call behind a bad proxy: the transport is another one, what is said comes
// once and in order, and the picture does not stop.
func TestACallBehindABadProxy(t *testing.T) {
	for _, tc := range []struct {
		name      string
		proxy     func(*testing.T, string) string
		transport string
	}{
		{"that refuses upgrades", noUpgrades, "sse"},
		{"that buffers", buffering, "poll"},
		{"that drops connections", dropping, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, target := runServer(t, overSFU)
			b := startBrowser(t)
			ann := b.open("Ann", target+"/r/tea", "")
			bob := b.open("Bob", tc.proxy(t, target)+"/r/tea", "")
			ann.join("Ann")
			bob.join("Bob")
			for _, p := range []*tab{ann, bob} {
				p.sees(1)
				evaluate[any](p, meter)
				evaluate[any](p, chatter)
			}
			if tc.transport != "" {
				bob.waits("the transport "+tc.transport, fmt.Sprintf(`hiroba.room.transport === %q`, tc.transport))
			}
			still := math.Inf(1)
			for n := 0; n < triesOfPictures && still > largestGap; n++ {
				for _, p := range []*tab{ann, bob} {
					evaluate[any](p, `void (heard.length = 0)`)
				}
				for _, p := range []*tab{ann, bob} {
					evaluate[any](p, `void say()`)
				}
				for _, p := range []*tab{ann, bob} {
					p.waits("all that was said", `heard.length >= 40`)
					if got := evaluate[string](p, `heard.join()`); got != evaluate[string](p, `[...Array(40).keys()].join()`) {
						t.Errorf("%s heard %s", p.name, got)
					}
				}
				still = min(still, stoodStill("behind a proxy "+tc.name, ann, bob))
			}
			if still > largestGap {
				t.Errorf("a picture stood still for %.0f ms or more, each time", still)
			}
		})
	}
}
