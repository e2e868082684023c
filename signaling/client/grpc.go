package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// incoming is messages on their way from a stream to read, which waits for
// them only so long.
type incoming struct {
	messages chan *protocol.ServerMessage
	err      error // set before messages is closed
	silence  time.Duration
}

// pump reads a stream to its end.
func pump(silence time.Duration, next func() (*protocol.ServerMessage, error), ended <-chan struct{}) *incoming {
	in := &incoming{messages: make(chan *protocol.ServerMessage), silence: silence}
	go func() {
		defer close(in.messages)
		for {
			message, err := next()
			if err != nil {
				in.err = err
				return
			}
			select {
			case in.messages <- message:
			case <-ended:
				in.err = context.Canceled
				return
			}
		}
	}()
	return in
}

func (in *incoming) read() (*protocol.ServerMessage, error) {
	timer := time.NewTimer(in.silence)
	defer timer.Stop()
	select {
	case message, ok := <-in.messages:
		if !ok {
			return nil, said(in.err)
		}
		return message, nil
	case <-timer.C:
		return nil, fmt.Errorf("%w (%v)", errSilent, in.silence)
	}
}

func (in *incoming) patience(d time.Duration) { in.silence = d }

// drain waits for the end of the pump.
func (in *incoming) drain() {
	for range in.messages {
		continue
	}
}

// said finds the server's own words in an error of a call.
func said(err error) error {
	var failed *connect.Error
	if errors.As(err, &failed) {
		for _, detail := range failed.Details() {
			if value, err := detail.Value(); err == nil {
				if reason, ok := value.(*protocol.Error); ok {
					return reason
				}
			}
		}
	}
	return err
}

// duplex carries a session over SignalService.Connect.
type duplex struct {
	*incoming
	stream *connect.BidiStreamForClient[protocol.ClientMessage, protocol.ServerMessage]
	end    context.CancelFunc
}

func dialGRPC(ctx context.Context, p place) (carrier, error) {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	stream := protocolconnect.NewSignalServiceClient(p.http, p.base.String(), connect.WithGRPC()).Connect(ctx)
	setAll(stream.RequestHeader(), p)
	// The request goes out with its first message, or without one.
	if err := stream.Send(nil); err != nil {
		if errors.Is(err, io.EOF) { // the answer says why
			_, err = stream.Receive()
		}
		end()
		return nil, said(err)
	}
	return &duplex{pump(p.silence, stream.Receive, ctx.Done()), stream, end}, nil
}

func setAll(h http.Header, p place) {
	for name, values := range p.credentials() {
		h[name] = values
	}
	if p.session != "" {
		h.Set("Hiroba-Session", p.session)
		h.Set("Hiroba-After", strconv.FormatUint(p.after, 10))
	}
}

func (d *duplex) write(messages []*protocol.ClientMessage) (received uint64, err error) {
	for _, message := range messages {
		if err := d.stream.Send(message); err != nil {
			return 0, said(err)
		}
	}
	return 0, nil
}

// abort ends the request's body, too: an idle stream would not notice the end
// of its context.
func (d *duplex) abort() {
	d.end()
	_ = d.stream.CloseRequest()
}

func (d *duplex) close() {
	d.abort()
	d.drain()
}

// halves carries a session over SignalService.Attach, and Send.
type halves struct {
	*incoming
	client protocolconnect.SignalServiceClient
	end    context.CancelFunc
	life   context.Context

	mu      sync.Mutex // guards all below
	session string
	resume  string
}

func dialGRPCWeb(ctx context.Context, p place) (carrier, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	h := &halves{
		client: protocolconnect.NewSignalServiceClient(p.http, p.base.String(), connect.WithGRPCWeb()),
		end:    end, life: life,
	}
	request := connect.NewRequest(&protocol.AttachRequest{Session: p.session, After: p.after})
	setAll(request.Header(), p)
	stream, err := h.client.Attach(life, request)
	if err != nil {
		end()
		return nil, said(err)
	}
	h.incoming = pump(p.silence, func() (*protocol.ServerMessage, error) {
		if !stream.Receive() {
			return nil, errors.Join(errors.New("the stream has ended"), stream.Err())
		}
		return stream.Msg(), nil
	}, life.Done())
	return h, nil
}

func (h *halves) read() (*protocol.ServerMessage, error) {
	message, err := h.incoming.read()
	if welcome := message.GetWelcome(); welcome != nil {
		h.mu.Lock()
		h.session, h.resume = welcome.GetSession(), welcome.GetResume()
		h.mu.Unlock()
	}
	return message, err
}

func (h *halves) write(messages []*protocol.ClientMessage) (received uint64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	request := connect.NewRequest(&protocol.SendRequest{Session: h.session, Messages: messages})
	request.Header().Set("Authorization", "Bearer "+h.resume)
	ctx, cancel := context.WithTimeout(h.life, writeTimeout)
	defer cancel()
	response, err := h.client.Send(ctx, request)
	if err != nil {
		return 0, said(err)
	}
	return response.Msg.GetReceived(), nil
}

func (h *halves) abort() { h.end() }

func (h *halves) close() {
	h.end()
	h.drain()
}
