package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	// requestTimeout is for connecting, sending and the answer together.
	requestTimeout = 10 * time.Second
	// answerBytes of an answer's body are read, so that a short one leaves
	// the connection usable; what it says does not matter.
	answerBytes = 4 << 10
	// headerBytes are the most that an answer's header may have.
	headerBytes = 16 << 10
)

// body is what is posted. docs/webhooks.md describes it.
type body struct {
	ID      string            `json:"id"`
	Dropped int               `json:"dropped"`
	Events  []json.RawMessage `json:"events"`
}

// encode writes the body of a delivery. An event that cannot be written counts
// as dropped, and how many those are is returned: it would stop all that
// follow it.
func encode(id string, dropped int, events []*protocol.RoomEvent) (encoded []byte, lost int) {
	b := body{ID: id, Dropped: dropped, Events: []json.RawMessage{}}
	for _, event := range events {
		written, err := protojson.Marshal(event)
		if err != nil { // a string that is not UTF-8
			lost++
			continue
		}
		b.Events = append(b.Events, written)
	}
	b.Dropped += lost
	encoded, err := json.Marshal(b)
	if err != nil {
		panic("webhook: protojson wrote what is not JSON: " + err.Error())
	}
	return encoded, lost
}

// sign makes the value of Hiroba-Signature.
func sign(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, timestamp+".")
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// result is how an attempt went.
type result struct {
	verdict verdict
	// why it was not accepted, for a person.
	why string
	// forbidden: the target has an address where webhooks do not go.
	forbidden bool
	// asked is how long the target wants to be left alone.
	asked time.Duration
}

// post makes one attempt. It takes requestTimeout at most.
func (t *target) post(d *delivery) result {
	ctx, cancel := context.WithTimeout(t.ended, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url.String(), bytes.NewReader(d.body))
	if err != nil {
		return result{verdict: refused, why: "no request can be made for the URL"}
	}
	// Each attempt has its own time and signature, so that one an hour later
	// is not taken for a replay.
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "hiroba")
	request.Header.Set("Hiroba-Event-Id", d.id)
	request.Header.Set("Hiroba-Timestamp", timestamp)
	request.Header.Set("Hiroba-Signature", sign(t.secret, timestamp, d.body))

	// A RoundTripper, unlike a Client, follows no redirects.
	answer, err := t.transport.RoundTrip(request)
	if err != nil {
		if _, forbidden := errors.AsType[*forbiddenError](err); forbidden {
			return result{verdict: refused, why: err.Error(), forbidden: true}
		}
		if t.ended.Err() != nil {
			return result{verdict: retry, why: "no answer until the stop"}
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return result{verdict: retry, why: fmt.Sprintf("no answer within %v", requestTimeout)}
		}
		return result{verdict: retry, why: clip(err.Error())}
	}
	_, _ = io.CopyN(io.Discard, answer.Body, answerBytes)
	_ = answer.Body.Close()

	r := result{verdict: judge(answer.StatusCode)}
	switch {
	case r.verdict == accepted:
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		r.why = fmt.Sprintf("answered %d, a redirect, which is not followed; set webhook.urls to where it leads", answer.StatusCode)
	default:
		r.why = fmt.Sprintf("answered %d", answer.StatusCode)
		r.asked = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return r
}

// clip shortens an error that may quote what the target sent.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
