package api

import (
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// commentEvery is how often a comment goes out: proxies cut connections on
// which nothing happens for half a minute or so.
const commentEvery = 15 * time.Second

// events is GET /v1/rooms/{room}/events: what WatchRoom tells, as server-sent
// events (HTML standard, section 9.2).
func (a *API) events(w http.ResponseWriter, r *http.Request) {
	if r.Body == http.NoBody {
		lineOf(r.Context()).endRead()
	} else if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // without waiting for what nobody reads
	}
	var failure error
	switch reason, err := a.feed(w, r); {
	case reason != nil:
		failure = refused(reason)
	case err != nil:
		failure = gone(r.Context(), err)
	}
	a.metrics.count("events", failure)
}

// feed returns why it ended: for a reason that the caller was told, or because
// the caller went.
func (a *API) feed(w http.ResponseWriter, r *http.Request) (reason *protocol.Error, err error) {
	name := r.PathValue("room")
	who, reason := a.admit(r.RemoteAddr, r.Header)
	if reason == nil {
		reason = who.may(name, moderating)
	}
	var after uint64
	if reason == nil {
		after, reason = lastEvent(r)
	}
	if reason != nil {
		transport.Refuse(w, reason)
		return reason, nil
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return nil, nil
	}
	defer a.metrics.stream("events")()
	out := sse{w.(*line)}
	// At once, for who waits for the headers.
	if err := out.write([]byte(": here\n\n")); err != nil {
		return nil, err
	}
	reason, err = a.follow(r.Context(), who, watch{
		name: name, after: after, send: out.event, every: commentEvery,
		beat: func() error { return out.write([]byte(": ping\n\n")) },
	})
	if reason != nil {
		_ = out.end(reason) // whoever does not read it is gone
	}
	return reason, err
}

// lastEvent is the number after which a request reads on: what its client says
// by itself when it comes back, or else the query's.
func lastEvent(r *http.Request) (uint64, *protocol.Error) {
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

// sse writes server-sent events.
type sse struct{ line *line }

func (s sse) write(data []byte) error {
	if _, err := s.line.Write(data); err != nil {
		return err
	}
	return s.line.FlushError()
}

// event writes an event of a room under the number to come back with.
func (s sse) event(event *protocol.RoomEvent) error {
	id := max(event.GetSeq(), event.GetSnapshot().GetSeq())
	return s.send("id: "+strconv.FormatUint(id, 10)+"\n", event)
}

// end tells why there is no more, as a message in which sessions are told so.
func (s sse) end(reason *protocol.Error) error {
	return s.send("event: end\n", reason.Event().Message())
}

// send writes a message; its JSON has no line feeds in it.
func (s sse) send(fields string, message proto.Message) error {
	data, err := protocol.JSON.Marshal(message)
	if err != nil {
		return err
	}
	return s.write([]byte(fields + "data: " + string(data) + "\n\n"))
}
