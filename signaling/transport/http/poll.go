package http

import (
	"context"
	"errors"
	nethttp "net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

const (
	// longestWait is how long a poll may wait: less than proxies do.
	longestWait = 25 * time.Second
	// pollBytes is how much one poll is told, in bytes of the binary form, if
	// that is more than one message.
	pollBytes = 1 << 20
)

// pollOf is after which number a poll reads on, and how long it waits.
func pollOf(r *nethttp.Request) (after uint64, wait time.Duration, err *protocol.Error) {
	after, ok := transport.After(r)
	if !ok {
		return 0, 0, transport.BadAfter()
	}
	wait, ok = parseWait(r.URL.Query().Get("wait"))
	if !ok {
		return 0, 0, protocol.Errorf(protocol.Error_BAD_FIELD,
			"wait is no time; give seconds, or something like 25s, or 0 for not at all.")
	}
	return after, wait, nil
}

// parseWait takes a duration as Go writes it, or seconds.
func parseWait(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(longestWait/time.Second))) * time.Second, true
	}
	wait, err := time.ParseDuration(text)
	return min(wait, longestWait), err == nil && wait >= 0
}

// poll answers with what there is, or with what comes first before the wait
// is over.
func (q *request) poll(visitor *signaling.Visitor, hold *signaling.Attachment, after uint64, wait time.Duration) {
	welcome := hold.Welcome()
	ctx := q.r.Context()
	plain := wait == 0
	if welcome != nil {
		wait = 0
	}
	entries, err := collect(ctx, hold, wait)
	// The answer may take its time; the session needs nobody for that.
	hold.Detach()
	switch reason := visitor.Session().Reason(); {
	case ctx.Err() != nil:
		return
	case errors.Is(err, session.ErrFenced):
		q.refuse(transport.Fenced())
		return
	case err != nil && reason == nil:
		q.refuse(protocol.Errorf(protocol.Error_NO_SUCH_SESSION, "The session has ended. Open a new one."))
		return
	case err != nil: // something was too much for the outbox
		entries = append(entries, session.Entry{Event: reason.Event()})
	case plain:
		if len(entries) > 0 {
			after = entries[len(entries)-1].Seq
		}
		tag := `"` + q.id + "-" + strconv.FormatUint(after, 10) + `"`
		q.w.Header().Set("ETag", tag)
		if welcome == nil && matches(q.r, tag) {
			q.w.Header().Set("Cache-Control", "no-store")
			q.w.WriteHeader(nethttp.StatusNotModified)
			return
		}
	}

	out := answer{w: q.w, line: q.line, status: nethttp.StatusOK}
	out.text(`{"messages":[`)
	separator := ""
	if welcome != nil {
		out.add(welcome, 0, "")
		separator = ","
	}
	for _, entry := range entries {
		out.text(separator)
		out.add(entry.Event, entry.Seq, entry.Re)
		separator = ","
	}
	out.text("]}\n")
	_ = out.end() // what did not arrive is asked for again
}

// collect takes what there is to read; when that is nothing, it waits for it.
// An error comes without entries.
func collect(ctx context.Context, hold *signaling.Attachment, wait time.Duration) ([]session.Entry, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		entries, err := readAll(hold)
		if err != nil || len(entries) > 0 || wait == 0 {
			return entries, err
		}
		select {
		case <-hold.Ready():
		case <-over.C:
			wait = 0 // one last look
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// readAll reads as much as goes into one answer.
func readAll(hold *signaling.Attachment) (entries []session.Entry, err error) {
	bytes := 0
	for {
		had := len(entries)
		if entries, err = hold.Read(entries); err != nil {
			if errors.Is(err, session.ErrEnded) && had > 0 {
				err = nil // the next poll is told that there is no more
			}
			return entries, err
		}
		if len(entries) == had {
			return entries, nil
		}
		for i := had; i < len(entries); i++ {
			bytes += entries[i].Event.Size() + len(entries[i].Re)
			if bytes > pollBytes && i > 0 {
				return entries[:i], nil
			}
		}
	}
}

// matches says whether the client has what the tag stands for (RFC 9110,
// 13.1.2); a proxy may have made the tag a weak one.
func matches(r *nethttp.Request, tag string) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		for known := range strings.SplitSeq(line, ",") {
			if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
				return true
			}
		}
	}
	return false
}
