package rpc

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// attach is SignalService.Attach, for clients whose streams go one way. A pong
// shows them, once in a heartbeat, that the stream is alive.
func (h *Handler) attach(ctx context.Context, r *connect.Request[request[protocol.AttachRequest]], stream *connect.ServerStream[heard]) error {
	c := callOf(ctx)
	c.arrived()
	defer c.endWithin(writeTimeout)
	visitor, hold, refusal := h.attached(c.caller(r.Peer()), r)
	if refusal != nil {
		return refuse(refusal)
	}
	l, refusal := newLink(c, visitor, hold, stream.Send)
	if refusal != nil {
		return refuse(refusal)
	}
	defer l.hold.Detach()
	stop := visitor.Session().OnEnd(func() { c.endWithin(closeTimeout) })
	defer stop()
	beat := time.NewTicker(h.service.Heartbeat())
	defer beat.Stop()
	l.beat = beat.C
	return l.write(ctx)
}

// attached opens a session for a request, or finds the one that it names.
func (h *Handler) attached(caller signaling.Caller, r *connect.Request[request[protocol.AttachRequest]]) (*signaling.Visitor, signaling.Hold, *protocol.Error) {
	hold := signaling.Hold{Transport: caller.Transport, After: r.Msg.message.GetAfter()}
	if refusal := r.Msg.malformed(); refusal != nil {
		h.service.Count(refusal)
		return nil, hold, refusal
	}
	if id := r.Msg.message.GetSession(); id != "" {
		visitor, err := h.resume(&hold, id, caller, r.Header())
		return visitor, hold, err
	}
	hold.After = 0 // nothing was sent to a new one
	caller.Token = transport.Bearer(r.Header())
	visitor, err := h.service.Open(caller, false)
	return visitor, hold, err
}

// send is SignalService.Send. The answers come over the stream that reads the
// session, whichever transport carries that.
func (h *Handler) send(ctx context.Context, r *connect.Request[request[protocol.SendRequest]]) (*connect.Response[protocol.SendResponse], error) {
	c := callOf(ctx)
	c.arrived()
	defer c.endWithin(writeTimeout)
	if refusal := r.Msg.malformed(); refusal != nil {
		h.service.Count(refusal)
		return nil, refuse(refusal)
	}
	body := &r.Msg.message
	caller := c.caller(r.Peer())
	caller.Token = r.Header().Get(transport.AccessHeader)
	visitor, refusal := h.service.Resume(body.GetSession(), transport.Bearer(r.Header()), caller)
	if refusal != nil {
		return nil, refuse(refusal)
	}
	ctx, done := untilEnd(ctx, visitor)
	defer done()
	answer := &protocol.SendResponse{}
	for _, message := range body.GetMessages() {
		if !visitor.Session().Open() {
			break // the rest would find nobody
		}
		if event := visitor.Receive(ctx, message, proto.Size(message)); event != nil {
			answer.Messages = append(answer.Messages, event.Message())
		}
	}
	answer.Received = visitor.Session().Received()
	return connect.NewResponse(answer), nil
}
