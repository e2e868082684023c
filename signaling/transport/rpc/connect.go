package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// said is what a client says over a stream, heard what it hears.
type (
	said  = request[protocol.ClientMessage]
	heard = response
)

// duplex is SignalService.Connect. Two goroutines serve a stream: the
// handler's own reads, the other writes.
func (h *Handler) duplex(ctx context.Context, stream *connect.BidiStream[said, heard]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := callOf(ctx)
	defer c.endWithin(writeTimeout)
	visitor, hold, refusal := h.visitor(c.caller(stream.Peer()), stream.RequestHeader())
	if refusal != nil {
		return refuse(refusal)
	}
	l, refusal := newLink(c, visitor, hold, stream.Send)
	if refusal != nil {
		return refuse(refusal)
	}
	// A client that does not read must not hold up the end of its stream.
	stop := visitor.Session().OnEnd(func() { c.endWithin(closeTimeout) })
	defer stop()

	written := make(chan error, 1)
	go func() {
		err := l.write(ctx)
		c.stopReading()
		written <- err
	}()
	why := h.read(l, stream.Receive)
	var reason *protocol.Error
	switch {
	case errors.Is(why, io.EOF):
		close(l.finish)
		err := <-written
		l.hold.Detach()
		return err
	case errors.As(why, &reason) && reason.GetFatal():
		visitor.Close(reason)
		return <-written
	case reason != nil:
		why = refuse(reason)
	}
	// Letting go of the session ends the writer.
	l.hold.Detach()
	if err := <-written; why == nil {
		return err
	}
	return why
}

// visitor opens a session for a stream, or finds the one that its header names.
func (h *Handler) visitor(caller signaling.Caller, header http.Header) (*signaling.Visitor, signaling.Hold, *protocol.Error) {
	hold := signaling.Hold{Transport: caller.Transport}
	id := header.Get(transport.SessionHeader)
	if id == "" {
		caller.Token = transport.Bearer(header)
		visitor, err := h.service.Open(caller, true)
		return visitor, hold, err
	}
	if text := header.Get(transport.AfterHeader); text != "" {
		var err error
		if hold.After, err = strconv.ParseUint(text, 10, 64); err != nil {
			refusal := transport.BadAfter()
			h.service.Count(refusal)
			return nil, hold, refusal
		}
	}
	visitor, err := h.resume(&hold, id, caller, header)
	return visitor, hold, err
}

// resume finds the session that a client comes back to, to read.
func (h *Handler) resume(hold *signaling.Hold, id string, caller signaling.Caller, header http.Header) (*signaling.Visitor, *protocol.Error) {
	hold.Token = transport.Bearer(header)
	caller.Token = header.Get(transport.AccessHeader)
	return h.service.Return(id, hold.Token, caller)
}

// read takes messages until the stream or the session ends. It returns io.EOF
// when the client has said its last, a *protocol.Error for what is its fault,
// what is wrong with the stream itself, or nil when the client is gone or the
// writer has ended.
func (h *Handler) read(l *link, receive func() (*said, error)) error {
	ctx, done := untilEnd(l.call.request.Context(), l.visitor)
	defer done()
	var silent atomic.Bool
	silence := h.service.SilenceAfter()
	quiet := time.AfterFunc(silence, func() {
		silent.Store(true)
		l.call.stopReading()
	})
	defer quiet.Stop()
	for {
		l.call.body.refill()
		message, err := receive()
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return io.EOF
		case silent.Load() && l.visitor.Session().Open():
			return protocol.Errorf(protocol.Error_SILENT, "Nothing was heard for %v. Connect again.", silence)
		case connect.CodeOf(err) == connect.CodeResourceExhausted:
			return tooLarge(h.largest).AsFatal()
		case connect.CodeOf(err) == connect.CodeInternal, connect.CodeOf(err) == connect.CodeInvalidArgument:
			return err
		default:
			return nil
		}
		quiet.Stop() // carrying it out may take a while
		if event := l.receive(ctx, message); event != nil {
			select {
			case l.direct <- event:
			default: // a client that does not read its pongs needs no more of them
			}
		}
		quiet.Reset(silence)
	}
}

// untilEnd is what a message is carried out under: the client may go away, the
// message's number is used up.
func untilEnd(ctx context.Context, visitor *signaling.Visitor) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := visitor.Session().OnEnd(cancel)
	return ctx, func() { stop(); cancel() }
}

// receive has one message carried out.
func (l *link) receive(ctx context.Context, message *said) *protocol.Event {
	if refusal := message.malformed(); refusal != nil {
		l.visitor.Malformed(refusal, message.size)
		return nil
	}
	return l.hold.Receive(ctx, &message.message, message.size)
}
