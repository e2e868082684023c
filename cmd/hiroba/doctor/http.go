package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"time"
)

// bodyLimit is how much of an answer is read.
const bodyLimit = 8 << 10

// http asks whether the server is well, and learns where its name leads to and
// what its clock shows.
func (e *exam) http(ctx context.Context) (finding, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if at, err := netip.ParseAddrPort(info.Conn.RemoteAddr().String()); err == nil {
			e.learn(func(f *facts) { f.reached = netip.AddrPortFrom(at.Addr().Unmap(), at.Port()) })
		}
	}})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.server.web.JoinPath("healthz").String(), nil)
	if err != nil {
		return finding{}, err
	}
	asked := time.Now()
	response, err := e.requests.Do(request)
	if err != nil {
		return finding{}, err
	}
	defer response.Body.Close()
	e.clock(response.Header.Get("Date"), asked, time.Now())
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	if err != nil {
		return finding{}, err
	}
	if response.StatusCode != http.StatusOK || string(body) != "ok\n" {
		return finding{}, &failure{Answer, fmt.Errorf("%s was answered %s: %.60q", request.URL.Path, response.Status, body)}
	}
	if to := response.Request.URL; to.Scheme != e.server.web.Scheme { // sent on to HTTPS
		base := *to
		base.Path = strings.TrimSuffix(base.Path, "/healthz")
		if e.server, err = webServer(base.String()); err != nil {
			return finding{}, &failure{Answer, err}
		}
	}
	return finding{detail: fmt.Sprintf("%s at %s (%s)", response.Proto, e.reached(), e.server.web.Scheme)}, nil
}

func (e *exam) reached() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.facts.reached.String()
}
