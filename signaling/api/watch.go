package api

import (
	"context"
	"net/netip"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/internal/limit"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// WatchRoom tells what happens in a room until the caller goes. When nothing
// happens, nothing is sent: HTTP/2 has pings of its own.
func (s service) WatchRoom(ctx context.Context, req *connect.Request[protocol.WatchRoomRequest], stream *connect.ServerStream[protocol.RoomEvent]) error {
	who, name := callerOf(ctx), req.Msg.GetRoom()
	if err := who.may(name, moderating); err != nil {
		return failed(err)
	}
	// The headers alone: who comes back may have nothing to hear for long.
	if err := stream.Send(nil); err != nil {
		return gone(ctx, err)
	}
	lineOf(ctx).endRead()
	reason, err := s.follow(ctx, who, watch{name: name, after: req.Msg.GetAfter(), send: stream.Send})
	if reason != nil {
		return failed(reason)
	}
	return gone(ctx, err)
}

// watch is what somebody wants to see of a room.
type watch struct {
	name  string
	after uint64
	send  func(*protocol.RoomEvent) error
	// beat is called every so often, so that the caller and proxies see that
	// the stream is alive; nil for never.
	beat  func() error
	every time.Duration
}

// follow tells what happens in a room until the caller goes, which is the
// error, or until there is another reason.
func (a *API) follow(ctx context.Context, who caller, want watch) (reason *protocol.Error, err error) {
	if reason := a.take(a.watching, who); reason != nil {
		return reason, nil
	}
	defer a.watching.Give(limit.Network(who.addr))
	watcher := a.config.Rooms.Watch(want.name, want.after)
	defer watcher.Close()

	var beats, ends <-chan time.Time
	if want.beat != nil {
		ticker := time.NewTicker(want.every)
		defer ticker.Stop()
		beats = ticker.C
	}
	if !who.Expires.IsZero() {
		timer := time.NewTimer(time.Until(who.Expires))
		defer timer.Stop()
		ends = timer.C
	}
	for {
		select {
		case <-watcher.Ready():
			for _, event := range watcher.Read() {
				// The caller may take long for each.
				if reason := a.over(who); reason != nil {
					return reason, nil
				}
				if err := want.send(event); err != nil {
					return nil, err
				}
			}
		case <-beats:
			if err := want.beat(); err != nil {
				return nil, err
			}
		case <-ends:
			return expired(), nil
		case <-a.life.Done():
		case <-ctx.Done():
			return a.over(who), ctx.Err()
		}
		if reason := a.over(who); reason != nil {
			return reason, nil
		}
	}
}

// take counts one more stream of the caller's. What it takes is given back by
// the network of the caller's address.
func (a *API) take(counter *limit.Counter[netip.Addr], who caller) *protocol.Error {
	if counter.Take(limit.Network(who.addr)) == nil {
		return nil
	}
	return protocol.Errorf(protocol.Error_TOO_MANY_SESSIONS,
		"Too many streams are open: %d in all and %d from one address are allowed. Close some.", streams, streamsPerAddress)
}
