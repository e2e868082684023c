package certificate

import (
	"context"
	"io"
	"net/http"
)

// cancelled is a transport whose requests end when its context does: the
// library asks by itself, with contexts of its own.
type cancelled struct {
	ctx  context.Context
	next http.RoundTripper // nil: http.DefaultTransport
}

// RoundTrip implements http.RoundTripper.
func (c cancelled) RoundTrip(r *http.Request) (*http.Response, error) {
	next := c.next
	if next == nil {
		next = http.DefaultTransport
	}
	ctx, cancel := context.WithCancel(r.Context())
	unhook := context.AfterFunc(c.ctx, cancel)
	release := func() { unhook(); cancel() }
	response, err := next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		release()
		return nil, err
	}
	response.Body = released{response.Body, release}
	return response, nil
}

// released is a body that calls release when it is closed.
type released struct {
	io.ReadCloser
	release func()
}

func (r released) Close() error {
	r.release()
	return r.ReadCloser.Close()
}
