package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	nethttp "net/http"
	"strconv"
	"strings"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

const (
	// messagesAtOnce is how many messages one request may bring.
	messagesAtOnce = 64
	// smallBytes is what a request may bring beside the largest message.
	smallBytes = 64 << 10
)

// receive has the messages of a request's body carried out.
func (q *request) receive() {
	visitor, refusal := q.visitor(Poll)
	if refusal != nil {
		transport.Refuse(q.w, refusal)
		return
	}
	defer q.take(use{q.id, nethttp.MethodPost}, q.line)()
	defer visitor.Session().OnEnd(q.line.hurry)()
	limits := q.service.Limits()
	var data bytes.Buffer
	if !q.body(int64(max(limits.DescriptionBytes, limits.MessageBytes)+smallBytes), &data) {
		return
	}
	messages, rest := split(data.Bytes())
	if len(messages) > messagesAtOnce {
		q.refuse(protocol.Errorf(protocol.Error_MESSAGE_TOO_LARGE,
			"The request brought more than %d messages, and none was carried out. Send fewer at once.", messagesAtOnce))
		return
	}

	// What was taken is carried out, whether the client waits for the answer or
	// not: its number is used up.
	ctx, cancel := context.WithCancel(context.WithoutCancel(q.r.Context()))
	defer cancel()
	defer visitor.Session().OnEnd(cancel)()
	answers := carryOut(ctx, visitor, messages, rest)

	out := answer{w: q.w, line: q.line, status: nethttp.StatusOK}
	out.text(`{"received":"` + strconv.FormatUint(visitor.Session().Received(), 10) + `","messages":[`)
	for i, event := range answers {
		if i > 0 {
			out.text(",")
		}
		out.add(event, 0, "")
	}
	out.text("]}\n")
	_ = out.end() // the client asks again, and is told
}

// split cuts a body into JSON values, at most one more than may come at once.
// rest is where it stops to be JSON, and nil when it does not.
func split(body []byte) (values []json.RawMessage, rest *malformed) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	for len(values) <= messagesAtOnce {
		begin := decoder.InputOffset()
		var value json.RawMessage
		err := decoder.Decode(&value)
		switch {
		case errors.Is(err, io.EOF):
			return values, nil
		case err != nil:
			return values, &malformed{bytes: len(body) - int(begin), err: err}
		}
		values = append(values, value)
	}
	return values, nil
}

// malformed is what could not be decoded.
type malformed struct {
	bytes int
	err   error
}

// carryOut has messages carried out one after the other, until one cannot be
// decoded or the session ends, and returns the answers that are about the
// connection only.
func carryOut(ctx context.Context, visitor *signaling.Visitor, messages []json.RawMessage, rest *malformed) []*protocol.Event {
	var answers []*protocol.Event
	for _, data := range messages {
		message := &protocol.ClientMessage{}
		if err := protocol.JSON.Unmarshal(data, message); err != nil {
			rest = &malformed{bytes: len(data), err: err}
			break
		}
		if event := visitor.Receive(ctx, message, len(data)); event != nil {
			answers = append(answers, event)
		}
		if !visitor.Session().Open() {
			return answers
		}
	}
	if rest != nil {
		visitor.Malformed(protocol.Errorf(protocol.Error_MALFORMED, "%.300s", strings.ToValidUTF8(rest.err.Error(), "?")), rest.bytes)
	}
	return answers
}
