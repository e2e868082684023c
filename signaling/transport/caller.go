// Package transport is what all transports share: what an HTTP request says
// of its caller, and which HTTP status tells it why it was refused.
package transport

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// AccessHeader carries a fresh access token along with a resume token.
	AccessHeader = "Hiroba-Access"
	// SessionHeader and AfterHeader name the session to go on with, and the
	// last message handled, where a path and a query have no place.
	SessionHeader = "Hiroba-Session"
	AfterHeader   = "Hiroba-After"
)

// Caller is what a request tells of who sent it; name is the transport's. The
// token is not set: what the Authorization header holds depends on the place.
func Caller(r *http.Request, name string) signaling.Caller {
	return CallerAt(r.RemoteAddr, r.Host, name)
}

// CallerAt is Caller from a remote address and a Host header.
func CallerAt(remote, host, name string) signaling.Caller {
	c := signaling.Caller{Transport: name, Host: strings.Trim(host, "[]")}
	if addr, err := netip.ParseAddrPort(remote); err == nil {
		c.Addr = addr.Addr().Unmap()
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		c.Host = name
	}
	return c
}

// Bearer is the token of an Authorization header (RFC 6750, 2.1), or "".
func Bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// After is the number in a request's query after which it wants to read on, 0
// when there is none. It reports false for what is no number.
func After(r *http.Request) (after uint64, ok bool) {
	text := r.URL.Query().Get("after")
	if text == "" {
		return 0, true
	}
	after, err := strconv.ParseUint(text, 10, 64)
	return after, err == nil
}

// BadAfter is the refusal for an After that is no number.
func BadAfter() *protocol.Error {
	return protocol.Errorf(protocol.Error_BAD_FIELD, "after is no number; give that of the last message that was handled.")
}

// Status is the HTTP status for a refusal.
func Status(err *protocol.Error) int {
	switch err.GetCode() {
	case protocol.Error_ACCESS_REQUIRED, protocol.Error_ACCESS_EXPIRED:
		return http.StatusUnauthorized
	case protocol.Error_ACCESS_DENIED, protocol.Error_NOT_GRANTED, protocol.Error_BANNED, protocol.Error_REFUSED:
		return http.StatusForbidden
	case protocol.Error_NO_SUCH_SESSION:
		return http.StatusGone
	case protocol.Error_NO_SUCH_ROOM, protocol.Error_NO_SUCH_PEER, protocol.Error_NO_SUCH_TRACK:
		return http.StatusNotFound
	case protocol.Error_FENCED:
		return http.StatusConflict
	case protocol.Error_TOO_MANY_MESSAGES:
		return http.StatusTooManyRequests
	case protocol.Error_TOO_MANY_SESSIONS, protocol.Error_TOO_MANY_ROOMS, protocol.Error_SHUTTING_DOWN:
		return http.StatusServiceUnavailable
	case protocol.Error_MESSAGE_TOO_LARGE:
		return http.StatusRequestEntityTooLarge
	case protocol.Error_INTERNAL:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// Refuse answers a request with the status and, as a ServerMessage in JSON,
// the words of a refusal.
func Refuse(w http.ResponseWriter, err *protocol.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	status := Status(err)
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", "1")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "10")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(err.Event().Append(nil, protocol.JSON, 0, ""), '\n'))
}

// Fenced is the refusal for a connection whose place another one took.
func Fenced() *protocol.Error {
	return protocol.Errorf(protocol.Error_FENCED, "Another connection has taken over this session.")
}
