package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// verdict is what an answer means for a delivery.
type verdict int

const (
	accepted verdict = iota
	retry            // the same may succeed later
	refused          // the same would be refused again
)

// judge reads a status code (RFC 9110, section 15). A redirect is refused: it
// would take the events where the operator has not said.
func judge(status int) verdict {
	switch {
	case status >= 200 && status < 300:
		return accepted
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return retry
	default:
		return refused
	}
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3), seconds or
// a date. What it does not understand, and what has passed, is 0; it is an hour
// at most.
func retryAfter(header string, now time.Time) time.Duration {
	const most = time.Hour
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), most)
	}
	return 0
}
