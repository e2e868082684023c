package http

import (
	"errors"
	"mime"
	nethttp "net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// commentEvery is how often a comment goes out: proxies cut connections on
// which nothing happens for half a minute or so.
const commentEvery = 15 * time.Second

const eventStream = "text/event-stream"

// wantsEvents says whether a request accepts an event stream.
func wantsEvents(r *nethttp.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for accepted := range strings.SplitSeq(line, ",") {
			if kind, parameters, err := mime.ParseMediaType(accepted); err == nil && kind == eventStream {
				if quality, err := strconv.ParseFloat(parameters["q"], 64); err != nil || quality > 0 {
					return true
				}
			}
		}
	}
	return false
}

// lastEvent is the number after which a stream reads on: what a browser says
// by itself when it comes back, or else the query's.
func lastEvent(r *nethttp.Request) (uint64, *protocol.Error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		after, ok := transport.After(r)
		if !ok {
			return 0, transport.BadAfter()
		}
		return after, nil
	}
	after, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, protocol.Errorf(protocol.Error_BAD_FIELD, "Last-Event-ID is no number; give that of the last event that was handled.")
	}
	return after, nil
}

// stream tells all that comes, as events, until the client goes away, loses
// the session or the session ends.
func (q *request) stream(visitor *signaling.Visitor, hold *signaling.Attachment) {
	header := q.w.Header()
	header.Set("Content-Type", eventStream)
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	out := answer{w: q.w, line: q.line, status: nethttp.StatusOK}
	if welcome := hold.Welcome(); welcome != nil {
		out.event(welcome, 0, "")
	}
	comments := time.NewTicker(commentEvery)
	defer comments.Stop()
	var batch []session.Entry
	told := false // the client has read why the session ends
	for out.flush() == nil {
		select {
		case <-hold.Ready():
		case <-comments.C:
			out.text(": ping\n\n")
			continue
		case <-q.r.Context().Done():
			return
		}
		for {
			var err error
			batch, err = hold.Read(batch[:0])
			for _, entry := range batch {
				out.event(entry.Event, entry.Seq, entry.Re)
				told = entry.Event.Message().GetError().GetFatal()
			}
			switch {
			case errors.Is(err, session.ErrFenced):
				q.line.hurry() // somebody else is served
				out.last(transport.Fenced())
				return
			case err != nil:
				if reason := visitor.Session().Reason(); reason != nil && !told {
					out.last(reason)
				}
				return
			}
			if len(batch) == 0 || out.flush() != nil {
				break
			}
			clear(batch) // what was sent is not for us to keep
		}
	}
}

// event adds an event of the stream. The JSON has no line feeds in it.
func (a *answer) event(event *protocol.Event, seq uint64, re string) {
	if seq != 0 {
		a.text("id: " + strconv.FormatUint(seq, 10) + "\n")
	}
	a.text("data: ")
	a.add(event, seq, re)
	a.text("\n\n")
}

// last tells why the stream ends, when that is no message of the session.
func (a *answer) last(reason *protocol.Error) {
	a.text("event: end\n")
	a.event(reason.Event(), 0, "")
	_ = a.flush()
}
