package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// unreadStreams has streams that nobody reads, on connections that are well
// otherwise, end: those of peers as soon as their outbox is full, those that
// watch a room when a write has taken ten seconds. The others in the room do
// not wait. The token is for everything.
func unreadStreams(t *testing.T, url, token string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
	t.Cleanup(transport.CloseIdleConnections)
	web := &http.Client{Transport: transport}
	begun := func(name string, body io.Closer, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { body.Close() })
	}
	bearer := "Bearer " + token
	get := func(name, path, token string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "GET", url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept", "text/event-stream")
		response, err := web.Do(r)
		begun(name, response.Body, err)
	}

	duplex, say := stream(t, web, url, http.Header{"Authorization": {bearer}})
	duplex.begin()
	say(joinRoom("unread"))
	streaming, half := openByRequest(t, url, token), openByRequest(t, url, token)
	for _, p := range []*poller{streaming, half} {
		p.say(`"join":{"room":"unread"}`)
		for p.peer == "" {
			p.poll("25s")
		}
	}
	get("an event stream", "/v1/signal/"+streaming.id, streaming.resume)
	// Compressed, what they say would fit between the two.
	plain := []connect.ClientOption{connect.WithGRPC(), connect.WithAcceptCompression("gzip", nil, nil)}
	attach := connect.NewRequest(&protocol.AttachRequest{Session: half.id, After: half.after})
	attach.Header().Set("Authorization", "Bearer "+half.resume)
	attached, err := protocolconnect.NewSignalServiceClient(web, url, plain...).Attach(ctx, attach)
	begun("Attach", attached, err)
	watch := connect.NewRequest(&protocol.WatchRoomRequest{Room: "unread"})
	watch.Header().Set("Authorization", bearer)
	watched, err := protocolconnect.NewRoomServiceClient(web, url, plain...).WatchRoom(ctx, watch)
	begun("WatchRoom", watched, err)
	get("events", "/v1/rooms/unread/events", token)

	var pair [2]*talker
	for i := range pair {
		p := &talker{t: t, changed: make(chan struct{})}
		var err error
		if p.Link, err = client.Dial(bounded(t), client.Options{URL: url, Handle: p.note, Token: func(context.Context) (string, error) { return token, nil }}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		p.request(joinRoom("unread"), 0)
		pair[i] = p
	}
	ann, bob := pair[0], pair[1]
	filling, n := strings.Repeat("x", 4<<10), 0
	fill := func() { // an event for all peers and for all who watch
		n++
		ann.request(&protocol.ClientMessage{Body: &protocol.ClientMessage_Metadata{Metadata: &protocol.Metadata{Metadata: fmt.Sprint(n, filling)[:4<<10]}}}, 0)
	}
	for range 200 {
		fill()
	}
	eventually(t, "the peers' sessions to end", func() bool {
		fill()
		return metric(t, url, `hiroba_signaling_endings_total{reason="SLOW"}`) == 3
	})
	eventually(t, "the watchers to be cut", func() bool {
		fill()
		return metric(t, url, `hiroba_api_calls_total{code="deadline_exceeded",method="WatchRoom"}`) == 1 &&
			metric(t, url, `hiroba_api_calls_total{code="deadline_exceeded",method="events"}`) == 1
	})
	ann.say("still here")
	bob.hears("the last message", func(heard []*protocol.ServerMessage) bool {
		return last(heard).GetMessage().GetText() == "still here"
	})
}
