package webhook

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	for status, want := range map[int]verdict{
		200: accepted, 201: accepted, 204: accepted, 299: accepted,
		101: refused, 301: refused, 302: refused, 304: refused, 307: refused, 308: refused,
		400: refused, 401: refused, 403: refused, 404: refused, 410: refused, 413: refused, 422: refused, 451: refused,
		408: retry, 425: retry, 429: retry, 500: retry, 501: retry, 502: retry, 503: retry, 504: retry, 599: retry,
		999: retry,
	} {
		if got := judge(status); got != want {
			t.Errorf("%d is %d, want %d", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, header string
		want         time.Duration
	}{
		{"nothing", "", 0},
		{"seconds", "120", 2 * time.Minute},
		{"with spaces", " 7 ", 7 * time.Second},
		{"a date", "Thu, 01 Jan 2026 00:00:30 GMT", 30 * time.Second},
		{"a date that has passed", "Wed, 31 Dec 2025 23:59:00 GMT", 0},
		{"a date far away", "Fri, 01 Jan 2100 00:00:00 GMT", time.Hour},
		{"days", "864000", time.Hour},
		{"more than a number holds", "99999999999999999999999999", 0},
		{"less than nothing", "-5", 0},
		{"a fraction", "1.5", 0},
		{"words", "soon", 0},
	} {
		if got := retryAfter(c.header, now); got != c.want {
			t.Errorf("%s: %q is %v, want %v", c.name, c.header, got, c.want)
		}
	}
}
