package main

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/api"
	"github.com/hiroba-rtc/hiroba/signaling/transport/rpc"
	"github.com/hiroba-rtc/hiroba/web"
)

// routes puts all HTTP of the server together.
func routes(config configs.Config, registry *prometheus.Registry, signal, calls http.Handler, backEnd *api.API, ready *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", soon(web.Handler()))
	mux.Handle("/v1/signal", signal)
	mux.Handle("/v1/signal/{session}", signal)
	mux.Handle(rpc.Path, calls)
	backEnd.Register(mux)
	state(mux, config, registry, ready)
	return guarded(config, registry, mux)
}

// guarded refuses what comes from where it should not.
func guarded(config configs.Config, registry *prometheus.Registry, next http.Handler) http.Handler {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hiroba_http_refusals_total", Help: "HTTP requests that were refused for where they come from, by reason.",
	}, []string{"reason"})
	registry.MustRegister(refused)
	handler := origins{config.Origins, refused.WithLabelValues("origin")}.guard(next)
	if isForOwnMachine(config) {
		handler = localNamesOnly(handler, refused.WithLabelValues("host"))
	}
	return behindProxies(config.TrustedProxies, handler)
}

// state serves what machines ask of a server: whether it is well, and its
// metrics.
func state(mux *http.ServeMux, config configs.Config, registry *prometheus.Registry, ready *atomic.Bool) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			answer(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	if config.Metrics.Enabled {
		metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry})
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
			if !config.Metrics.Public && !isLocal(r) {
				http.Error(w, "Metrics are for this machine only; set metrics.public to change that.", http.StatusForbidden)
				return
			}
			metrics.ServeHTTP(w, r)
		})
	}
}

const (
	// pageTimeout bounds the sending of a page.
	pageTimeout = time.Minute
	// unreadTimeout bounds what still comes of a body that nobody reads.
	unreadTimeout = time.Second
)

// soon is for what answers without reading a body.
func soon(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerSoon(w, r)
		next.ServeHTTP(w, r)
	})
}

// answerSoon has the server wait neither for a body that nobody reads nor for
// a client that does not read the answer. By itself it would, for ever: what
// comes over a long time is for some handlers to time, and not for a server.
func answerSoon(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(pageTimeout))
	if r.Body == http.NoBody {
		return
	}
	_ = control.SetReadDeadline(time.Now().Add(unreadTimeout))
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // the answer comes first
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// isForOwnMachine says whether the server is open because only its own machine
// reaches it.
func isForOwnMachine(config configs.Config) bool {
	return config.Host.IsLoopback() && config.Access != configs.AccessOpen && config.Keys == ""
}

// isLocal says whether a request comes from this machine and not through a
// proxy, on it or elsewhere.
func isLocal(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback() && !isForwarded(r)
}

// localNamesOnly refuses requests for other names than this machine's own. A
// server that is open because only this machine reaches it must not be reached
// by a page of somebody else's whose name resolves to 127.0.0.1, nor from
// everywhere through a proxy.
func localNamesOnly(next http.Handler, refused prometheus.Counter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostName(r.Host)
		addr, err := netip.ParseAddr(host)
		if host != "localhost" && !strings.HasSuffix(host, ".localhost") && (err != nil || !addr.IsLoopback()) {
			refused.Inc()
			answerSoon(w, r)
			http.Error(w, "This server is for its own machine only. To let others in, through a proxy or directly, give it keys, or start it with --access=open.",
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
