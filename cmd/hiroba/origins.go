package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// origins keeps pages of other sites from using the server in the name of who
// looks at them, and lets those of the list do so by CORS (Fetch standard,
// section 3.2). Tokens travel in headers, never in cookies: no page is allowed
// credentials.
type origins struct {
	allowed []string // as browsers write them; "*" is all
	refused prometheus.Counter
}

// Headers of the transports that scripts of another origin may send, and may
// read in answers: our own, those of HTTP itself that a browser would hide,
// and those of gRPC-Web and Connect.
var (
	corsRequestHeaders = strings.Join([]string{
		"Authorization", "Content-Type", "If-None-Match", "Last-Event-ID",
		"Hiroba-Access", "Hiroba-After", "Hiroba-Session",
		"Connect-Protocol-Version", "Connect-Timeout-Ms", "Connect-Accept-Encoding", "Connect-Content-Encoding",
		"Grpc-Timeout", "X-Grpc-Web", "X-User-Agent",
	}, ", ")
	corsResponseHeaders = strings.Join([]string{
		"ETag", "Location", "Retry-After",
		"Hiroba-Session",
		"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin",
	}, ", ")
)

// corsMaxAge is how long a browser remembers what is allowed, in seconds:
// longer than two hours none does.
const corsMaxAge = "7200"

// guard answers for the API, and lets everything else through: pages and the
// SDK may be loaded from anywhere.
func (o origins) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") && !strings.HasPrefix(r.URL.Path, "/hiroba.v1.") {
			answerSoon(w, r)
			next.ServeHTTP(w, r)
			return
		}
		header := w.Header()
		header.Add("Vary", "Origin")
		said := r.Header["Origin"]
		if len(said) == 0 || len(said) == 1 && isOwnOrigin(said[0], r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		if len(said) > 1 || !o.allows(said[0]) {
			o.refused.Inc()
			answerSoon(w, r)
			http.Error(w, "This server takes no requests from pages of other origins; its operator can add yours to the setting origins. "+
				"Behind a proxy, the proxy must pass the Host header on.", http.StatusForbidden)
			return
		}
		header.Set("Access-Control-Allow-Origin", said[0])
		header.Set("Access-Control-Expose-Headers", corsResponseHeaders)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			answerSoon(w, r)
			header.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			header.Set("Access-Control-Allow-Headers", corsRequestHeaders)
			header.Set("Access-Control-Max-Age", corsMaxAge)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (o origins) allows(origin string) bool {
	return slices.Contains(o.allowed, "*") || slices.Contains(o.allowed, strings.ToLower(origin))
}

// isOwnOrigin says whether an origin is the host that was asked. The scheme is
// not compared: behind a proxy that does the TLS, it differs.
func isOwnOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && withoutUsualPort(u.Host) == withoutUsualPort(host)
}

// withoutUsualPort brings a host to the form that browsers write.
func withoutUsualPort(host string) string {
	host = strings.ToLower(host)
	for _, port := range []string{":80", ":443"} {
		// Not in an IPv6 address, where it may be a part of it.
		if name, found := strings.CutSuffix(host, port); found && (!strings.Contains(name, ":") || strings.HasSuffix(name, "]")) {
			return name
		}
	}
	return host
}
