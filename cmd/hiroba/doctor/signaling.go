package doctor

import (
	"context"
	"sync"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// signaled are the transports of signaling that browsers use.
var signaled = []struct {
	leg       Leg
	transport client.Transport
}{{WebSocket, client.WebSocket}, {SSE, client.SSE}, {LongPoll, client.Poll}}

// signaling opens a session over each transport at once. The first that is open
// is in the channel, which is closed when there are no more; all are tried when
// the group is done.
func (e *exam) signaling(ctx context.Context) (<-chan session, *sync.WaitGroup) {
	opened := make(chan session, len(signaled))
	var tries, all sync.WaitGroup
	for _, s := range signaled {
		tries.Go(func() {
			e.try(ctx, s.leg, e.server.web.JoinPath("v1/signal").String(), func(ctx context.Context) (finding, error) {
				welcome, err := e.exchange(ctx, s.transport)
				if err != nil {
					return finding{}, err
				}
				opened <- session{s.transport, welcome}
				return finding{detail: "a session, and a message each way"}, nil
			})
		})
	}
	all.Go(func() {
		tries.Wait()
		close(opened)
	})
	return opened, &all
}

// exchange opens a session, sends a message and waits for its answer.
func (e *exam) exchange(ctx context.Context, transport client.Transport) (*protocol.Welcome, error) {
	link, err := e.dial(ctx, transport)
	if err != nil {
		return nil, err
	}
	defer e.hangUp(ctx, link)
	if _, err := link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}}); err != nil {
		return nil, err
	}
	return link.Welcome(), nil
}

func (e *exam) dial(ctx context.Context, transport client.Transport) (*client.Link, error) {
	options := client.Options{URL: e.server.web.String(), Transport: transport, HTTP: e.requests, TLS: e.secure, NoReconnect: true}
	if e.plan.Token != "" {
		options.Token = func(context.Context) (string, error) { return e.plan.Token, nil }
	}
	return client.Dial(ctx, options)
}

// hangUp ends a session so that the server need not wait for its client to come
// back.
func (e *exam) hangUp(ctx context.Context, link *client.Link) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	_, _ = link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
	_ = link.Close() // an error says that it was closed already
}
